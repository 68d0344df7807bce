//! Storing a version with a disk of 5 GB in a folder, against `cp` and against its SHA-256 alone.
//!
//! `cargo bench --bench upload`, or with a folder to do it in and a number of GB: `cargo bench --bench
//! upload -- /mnt/scratch 2`. benches/README.md keeps the figures. Nothing here asserts on time.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::io::{BufWriter, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::model::{Artifact, ArtifactFile, Digest, Publication};
use goldsmith::publish::{DirectoryStore, Store as _};
use measure::{succeed, watch_memory};

/// Rounds, of which the median counts.
const ROUNDS: usize = 5;

/// What tells this program to store: then the folder, the disk and its digest.
const PUT: &str = "put";

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let [command, store, disk, digest] = &arguments[..]
        && command == PUT
    {
        return put(store, disk, digest.parse().unwrap());
    }
    let gigabytes: u32 = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let folder = arguments.iter().find(|argument| argument.starts_with('/'));
    let folder = match folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")),
    };
    let folder = folder.unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let disk = folder.join("disk.raw");
    write_disk(&disk, u64::from(gigabytes) * 1_000_000_000);
    let digest = digest(&disk);

    let mut figures: [Vec<f64>; 4] = Default::default();
    let mut memory: f64 = 0.0;
    for _ in 0..ROUNDS {
        figures[0]
            .push(seconds(|| succeed(Command::new("cp").args([&disk, &folder.join("copy")]))));
        figures[1].push(figures[0].last().unwrap() + seconds(|| sync(&folder.join("copy"))));
        fs_err::remove_file(folder.join("copy")).unwrap();
        figures[2].push(seconds(|| assert_eq!(self::digest(&disk), digest)));
        let store = folder.join("store");
        figures[3].push(seconds(|| memory = memory.max(store_in_a_process(&store, &disk, digest))));
        fs_err::remove_dir_all(&store).unwrap();
    }
    let [cp, synced, sha256, stored] = figures.map(median);
    println!("{gigabytes} GB, the median of {ROUNDS}");
    for (what, seconds) in
        [("cp", cp), ("cp and sync", synced), ("SHA-256", sha256), ("stored", stored)]
    {
        println!("{what:12} {seconds:7.2} s {:8.0} MB/s", f64::from(gigabytes) * 1e3 / seconds);
    }
    println!("of the slower of cp and SHA-256:          {:.2}", cp.max(sha256) / stored);
    println!("of the slower of cp and sync and SHA-256: {:.2}", synced.max(sha256) / stored);
    println!("peak memory {memory:.1} MB");
}

/// Writes a file that nothing makes smaller.
fn write_disk(path: &Utf8Path, size: u64) {
    let mut file = BufWriter::with_capacity(1 << 20, fs_err::File::create(path).unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..size / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}

/// The digest of a file, on one core.
fn digest(path: &Utf8Path) -> Digest {
    let mut file = fs_err::File::open(path).unwrap();
    let mut hasher = goldsmith::model::Hasher::default();
    let mut block = vec![0; 256 << 10];
    loop {
        match file.read(&mut block).unwrap() {
            0 => return hasher.finish(),
            read => hasher.update(&block[..read]),
        }
    }
}

fn sync(path: &Utf8Path) {
    fs_err::File::open(path).unwrap().sync_all().unwrap();
}

/// Stores the disk in a process of its own. Gives its peak memory in MB.
fn store_in_a_process(store: &Utf8Path, disk: &Utf8Path, digest: Digest) -> f64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([PUT, store.as_str(), disk.as_str(), &digest.to_string()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let memory = watch_memory(&child, Duration::from_millis(50));
    assert!(child.wait().unwrap().success());
    memory.join().unwrap()
}

fn put(store: &str, disk: &str, digest: Digest) {
    let path = Utf8PathBuf::from(disk);
    let size = path.metadata().unwrap().len();
    let publication = Publication {
        image: "debian-12".parse().unwrap(),
        version: "1.0.20261123".parse().unwrap(),
        artifact: Artifact { builder: None, files: vec![ArtifactFile { path, size, digest }] },
        documents: Vec::new(),
        about: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(DirectoryStore::new(store.into()).put(&publication)).unwrap();
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
