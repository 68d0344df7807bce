//! The corpus of each layer, and what becomes of it when bytes of it change: the entries of the fuzzers
//! (`fuzz/fuzz_targets/disk_*.rs`) hold for it. `cargo test -p goldsmith-disk --test zoo -- --ignored
//! corpus` writes it anew, with the tools that make real disks; it is kept without its zeros.
//!
//! `DISK_MUTATIONS=10000` looks further.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use camino::Utf8Path;
use goldsmith_disk::fuzz;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Changed forms of each file, if nothing else is asked for.
const MUTATIONS: u32 = 300;

type Entry = fn(&[u8]) -> usize;

/// The files of a layer, by their names.
fn seeds(layer: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus")).join(layer);
    let mut seeds: Vec<_> = folder
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_owned(), fs_err::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

/// What each file is understood as, after changed forms of it were survived.
fn replay(layer: &str, entry: Entry) -> String {
    goldsmith_disk::quiet_panics();
    let count = std::env::var_os("DISK_MUTATIONS");
    let cases = count.map_or(MUTATIONS, |count| count.to_str().unwrap().parse().unwrap());
    let told = seeds(layer).into_iter().map(|(name, bytes)| {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, random);
        runner
            .run(&changes(bytes.len()), |changes| {
                let mut changed = bytes.clone();
                for (at, new) in changes {
                    let end = bytes.len().min(at + new.len());
                    changed[at..end].copy_from_slice(&new[..end - at]);
                }
                entry(&changed);
                Ok(())
            })
            .unwrap();
        format!("{name}: {}", entry(&bytes))
    });
    told.collect::<Vec<_>>().join("\n")
}

/// New bytes for a few places: those at which limits are, or any.
fn changes(length: usize) -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let number = prop_oneof![
        prop::sample::select(vec![0, 1, 0x7F, 0xFF, 0xFFFF, 0x8000_0000, u64::MAX, 1 << 63]),
        any::<u64>(),
    ];
    let new = (number, prop::sample::select(vec![1, 2, 4, 8]), any::<bool>());
    let new = new.prop_map(|(number, width, little)| {
        if little {
            number.to_le_bytes()[..width].to_vec()
        } else {
            number.to_be_bytes()[8 - width..].to_vec()
        }
    });
    prop::collection::vec((0..length, new), 1..6)
}

#[test]
fn containers_are_understood_and_survived() {
    insta::assert_snapshot!(replay("container", fuzz::container), @"
    small: 4096
    v2: 4096
    v3: 4096
    zlib: 4096
    zstd: 4096
    ");
}

#[test]
fn partition_tables_are_understood_and_survived() {
    insta::assert_snapshot!(replay("partition", fuzz::partition), @"
    gpt: 3
    gpt-4096: 3
    gpt-hybrid: 3
    mbr: 3
    mbr-4096: 3
    ");
}

#[test]
fn volumes_are_understood_and_survived() {
    insta::assert_snapshot!(replay("volume", fuzz::volume), @"two-volumes: 2");
}

#[test]
fn ext_is_understood_and_survived() {
    insta::assert_snapshot!(replay("ext", fuzz::ext), @"
    ext2: 43
    ext3: 43
    ext3-dirty: 43
    ext4: 43
    ext4-groups: 43
    ext4-plain: 43
    ");
}

#[test]
fn xfs_is_understood_and_survived() {
    insta::assert_snapshot!(replay("xfs", fuzz::xfs), @"
    v4: 42
    v5: 42
    ");
}

#[test]
fn btrfs_is_understood_and_survived() {
    insta::assert_snapshot!(replay("btrfs", fuzz::btrfs), @"
    plain: 42
    subvolume: 43
    ");
}
