//! Disks that were changed to hurt. Whatever they hold: no panic, no hang, nothing read outside of
//! the image, and bounded memory.
//!
//! Ten thousand of them, which take half a minute on two cores. To look further, at ten thousand of
//! each kind: `DISK_MUTATIONS=10000 cargo test -p goldsmith-disk --test zoo hostile`.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use goldsmith_disk::{
    BlockSource, Content, Disk, FileKind, FileSystemKind, Limits, Part, Shared, TreeError, What,
    Why,
};

use crate::make;

/// Kinds of images.
const KINDS: u64 = 9;
/// Images of one kind, if nothing else is asked for.
const MUTATIONS: u64 = 10_000_u64.div_ceil(KINDS);
/// Bytes of memory that the whole test may take.
const MEMORY: u64 = 600 << 20;

/// An image with changes, and with the end that it is cut to.
struct Changed {
    of: Shared,
    changes: BTreeMap<u64, u8>,
    size: u64,
}

impl BlockSource for Changed {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.of.read_at(offset, buffer)?;
        for (at, byte) in self.changes.range(offset..end) {
            buffer[usize::try_from(at - offset).unwrap()] = *byte;
        }
        Ok(())
    }
}

/// Numbers that look random, the same ones for the same seed (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % limit
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }
}

/// Did a reader of a file system panic? Those of others may, behind their fence; ours must not.
fn is_panic(why: &Why) -> bool {
    matches!(why, Why::Failed(_))
}

/// Does all that can be done with an image.
fn exercise(image: Shared) -> Result<(), String> {
    let limits = Limits {
        answer: Duration::from_secs(5),
        time: Duration::from_secs(10),
        files: 5000,
        ..Limits::default()
    };
    let started = Instant::now();
    let mut panics = Vec::new();
    if let Ok(disk) = Disk::of_image(image, &limits) {
        let ours = disk.unreadable().iter().filter(|unreadable| unreadable.what == What::Ext);
        panics.extend(ours.filter(|ours| is_panic(&ours.why)).map(ToString::to_string));
        let is_ours = |part: &Part| part.content == Content::FileSystem(FileSystemKind::Ext);
        let ours = disk.parts().iter().any(is_ours);
        for root in disk.roots().iter().take(4) {
            for entry in root.tree().walk("/").into_iter().flatten() {
                let done = entry.and_then(|entry| match entry.metadata.kind {
                    FileKind::Link => root.tree().resolve(&entry.path).map(drop),
                    _ => entry.copy(1 << 20, |_| {}),
                });
                match done {
                    Err(TreeError::Unreadable { why, .. }) if ours && is_panic(&why) => {
                        panics.push(why.to_string());
                    }
                    _ => {}
                }
            }
        }
    }
    if !panics.is_empty() {
        return Err(panics.join(", "));
    }
    let took = started.elapsed();
    if took > Duration::from_secs(30) { Err(format!("took {took:?}")) } else { Ok(()) }
}

/// Where an image holds something: blocks of 4 KiB that are not zero.
fn used(image: &dyn BlockSource) -> Vec<u64> {
    let mut block = vec![0; 4096];
    let blocks = (0..image.size() / 4096).map(|number| number * 4096);
    blocks
        .filter(|at| {
            image.read_at(*at, &mut block).unwrap();
            block.iter().any(|byte| *byte != 0)
        })
        .collect()
}

/// Changes a few bytes where something is, or cuts the image short. `repair` puts checksums right.
fn change(
    image: &Shared,
    used: &[u64],
    random: &mut Random,
    repair: fn(&dyn BlockSource, &mut BTreeMap<u64, u8>),
) -> Changed {
    let mut changes = BTreeMap::new();
    let mut size = image.size();
    for _ in 0..=random.below(4) {
        let at = random.of(used) + random.below(4096);
        let at = at & !random.of(&[0, 1, 3, 7]);
        let interesting: [u64; 8] = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x8000_0000, u64::MAX, 1 << 63];
        match random.below(4) {
            0 => {
                let mut byte = [0];
                image.read_at(at, &mut byte).unwrap();
                changes.insert(at, byte[0] ^ (1 << random.below(8)));
            }
            1 => drop(changes.insert(at, u8::try_from(random.below(256)).unwrap())),
            2 => {
                let value = random.of(&interesting);
                let width = random.of(&[1, 2, 4, 8]);
                changes.extend((at..).zip(value.to_le_bytes().into_iter().take(width)));
            }
            // What belongs elsewhere: pointers lead to where they should not.
            _ => {
                let mut bytes = [0; 16];
                let from = random.of(used) + random.below(4080);
                image.read_at(from, &mut bytes).unwrap();
                changes.extend((at..).zip(bytes));
            }
        }
    }
    if random.below(20) == 0 {
        size = random.below(size);
    }
    repair(image.as_ref(), &mut changes);
    changes.retain(|at, _| *at < size);
    Changed { of: Arc::clone(image), changes, size }
}

fn no_repair(_: &dyn BlockSource, _: &mut BTreeMap<u64, u8>) {}

/// Puts the checksums of changed btrfs nodes and superblocks right.
fn repair_btrfs(image: &dyn BlockSource, changes: &mut BTreeMap<u64, u8>) {
    let mut id = [0; 16];
    image.read_at(0x1_0000 + 32, &mut id).unwrap();
    for (at, size) in changes.keys().map(|at| (at & !0x3FFF, 16 << 10)).collect::<Vec<_>>() {
        let (at, size) = if at == 0x1_0000 { (at, 4096) } else { (at, size) };
        let mut node = vec![0; size];
        if image.read_at(at, &mut node).is_err() || node[32..48] != id {
            continue;
        }
        for (place, byte) in changes.range(at..at + size as u64) {
            node[usize::try_from(place - at).unwrap()] = *byte;
        }
        changes.extend((at..).zip(crc32c(&node[32..]).to_le_bytes()));
    }
}

/// Bytes of an image with its changes.
fn changed(image: &dyn BlockSource, changes: &BTreeMap<u64, u8>, at: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length.min(image.size() - at)).unwrap()];
    image.read_at(at, &mut bytes).unwrap();
    for (place, byte) in changes.range(at..at + bytes.len() as u64) {
        bytes[usize::try_from(place - at).unwrap()] = *byte;
    }
    bytes
}

/// Puts the checksums of the first GPT right; the second one is left to be found.
fn repair_gpt(image: &dyn BlockSource, changes: &mut BTreeMap<u64, u8>) {
    let head = changed(image, changes, 512, 33 * 512);
    let entries = crc32fast::hash(&head[512..]);
    changes.extend((512 + 88..).zip(entries.to_le_bytes()));
    changes.extend((512 + 16..).zip([0; 4]));
    let header = crc32fast::hash(&changed(image, changes, 512, 92));
    changes.extend((512 + 16..).zip(header.to_le_bytes()));
}

/// Puts the checksums of LVM2's label, area and text right.
fn repair_lvm(image: &dyn BlockSource, changes: &mut BTreeMap<u64, u8>) {
    let checksum = |bytes: &[u8]| {
        let mut crc = crc32fast::Hasher::new_with_initial(!0xF597_A6CF);
        crc.update(bytes);
        (!crc.finalize()).to_le_bytes()
    };
    let area = 4096;
    let header = changed(image, changes, area, 512);
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
    let (offset, length) = (number(40), number(48));
    if offset < 1 << 20 && length < 1 << 20 {
        let text = changed(image, changes, area + offset, length);
        changes.extend((area + 56..).zip(checksum(&text)));
    }
    let header = changed(image, changes, area + 4, 508);
    changes.extend((area..).zip(checksum(&header)));
    let label = changed(image, changes, 532, 492);
    changes.extend((528..).zip(checksum(&label)));
}

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0x82F6_3B78 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// Exercises many changed forms of a base image.
fn mutate(name: &str, repair: fn(&dyn BlockSource, &mut BTreeMap<u64, u8>)) {
    mutate_where(name, u64::MAX, repair);
}

/// The same, with changes only in its first bytes.
fn mutate_where(name: &str, length: u64, repair: fn(&dyn BlockSource, &mut BTreeMap<u64, u8>)) {
    goldsmith_disk::quiet_panics();
    let path = make::zoo().disk(name);
    let image: Shared = Arc::new(fs_err::read(&path).unwrap());
    let mut used = used(image.as_ref());
    used.retain(|at| *at < length);
    let count = std::env::var_os("DISK_MUTATIONS");
    let count = count.map_or(MUTATIONS, |count| count.to_str().unwrap().parse().unwrap());
    exercise(Arc::clone(&image)).unwrap();
    for number in 0..count {
        let mut random = Random::new(number);
        let changed = change(&image, &used, &mut random, repair);
        let told = format!("{:?}, {} bytes", changed.changes, changed.size);
        if let Err(error) = exercise(Arc::new(changed)) {
            panic!("{name}, mutation {number}: {error}: {told}");
        }
    }
    assert!(peak() < MEMORY, "{} bytes of memory", peak());
}

/// The most memory that this process has had.
fn peak() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn hostile_containers_are_survived() {
    mutate("base-zlib", no_repair);
    mutate("base-zstd", no_repair);
}

#[test]
fn hostile_tables_are_survived() {
    mutate_where("base-gpt", 34 * 512, repair_gpt);
    mutate_where("base-mbr", 4096, no_repair);
}

#[test]
fn hostile_lvm_is_survived() {
    mutate_where("base-lvm", 16 << 10, repair_lvm);
}

#[test]
fn hostile_ext_is_survived() {
    mutate("base-ext", no_repair);
    mutate("base-ext3", no_repair);
}

#[test]
fn hostile_xfs_is_survived() {
    mutate("base-xfs", no_repair);
}

#[test]
fn hostile_btrfs_is_survived() {
    mutate("base-btrfs", repair_btrfs);
}

#[test]
fn a_folder_within_itself_is_walked_to_an_end() {
    let image: Shared = Arc::new(fs_err::read(make::zoo().disk("base-loop")).unwrap());
    let disk = Disk::of(&image, &Limits { files: 20_000, ..Limits::default() }).unwrap();
    let errors: Vec<_> =
        disk.roots()[0].tree().walk("/").unwrap().filter_map(Result::err).collect();
    assert!(!errors.is_empty());
    let expected = |error: &TreeError| {
        matches!(
            error,
            TreeError::TooManyFiles { .. }
                | TreeError::TooDeep { .. }
                | TreeError::NotMounted { .. }
        )
    };
    assert!(errors.iter().all(expected), "{errors:?}");
}
