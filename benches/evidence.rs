//! Looking inside a disk: `goldsmith scan` against what is done without it, `qemu-img convert` and
//! `trivy vm`, in turns on the same disk; on that of the demo, and on a large one that is made here.
//!
//! `make bench` prints the figures; benches/README.md keeps them. Nothing here asserts on time. The disk
//! that the demo has published is taken; without one the demo is run. Another can be named:
//! `cargo bench --bench evidence -- DISK.qcow2`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::evidence::{self, Question};
use goldsmith::model::{Digest, Scope};
use goldsmith::process::Cancellation;
use goldsmith::run::handed_in;
use goldsmith_disk::{Disk, Limits};
use goldsmith_testkit::advisory_db::{Advisories, Stamp};
use goldsmith_testkit::gpt::{self, FIRST_SECTOR, Partition, SECTOR, SECTORS_AT_END};
use goldsmith_testkit::rootfs::{self, Release, debian_packages};
use serde_json::Value;

use measure::{succeed, watch_memory};

/// That of the program, or reading would take another time here than it does there.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo");
const ROUNDS: usize = 3;
const GB: u64 = 1_000_000_000;

/// What the large disk is meant to hold. The disk has four times as much.
const CONTENT: u64 = 10 * GB;
/// What stays free on the machine, whatever is measured.
const SPARE: u64 = 10 * GB;
/// Folders of the large disk, and files in each.
const FOLDERS: usize = 100;
const FILES: usize = 150;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    let stamp = Stamp { updated_at: jiff::Timestamp::now(), fixture: Some("benchmark".to_owned()) };
    Advisories::read(format!("{DEMO}/advisories.json").as_str().into())
        .unwrap()
        .write(&root.join("advisories"), &stamp)
        .unwrap();
    let desk = Desk { root };
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let demo = asked
        .map(Utf8PathBuf::from)
        .or_else(|| published(Utf8Path::new(&format!("{DEMO}/output"))));
    desk.compare("the demo's disk", &demo.unwrap_or_else(|| desk.demo()));

    let stat = rustix::fs::statvfs(root.as_std_path()).unwrap();
    let free = stat.f_bavail * stat.f_frsize;
    // The disk, and a raw copy of it: once as it is made, and once by hand.
    let content = (free.saturating_sub(SPARE) / 2 / GB * GB).clamp(GB, CONTENT);
    if content < CONTENT {
        println!("{} GB are free: too little for {} GB of files", free / GB, CONTENT / GB);
    }
    desk.compare("a large disk", &desk.large(content));
}

/// Where everything is made and measured.
struct Desk<'r> {
    root: &'r Utf8Path,
}

/// The best of some rounds, in seconds.
struct Times {
    scan: f64,
    digest: f64,
    open: f64,
    walk: f64,
    reading: f64,
    convert: f64,
    trivy: f64,
}

impl Desk<'_> {
    fn compare(&self, name: &str, disk: &Utf8Path) {
        // Brings the disk into the memory of the kernel.
        let artifact = handed_in(disk, &Cancellation::new()).unwrap();
        let digest = artifact.disk().digest;
        let (peak, scratch, packages) = self.watched(disk);
        let mut best = Times {
            scan: f64::MAX,
            digest: f64::MAX,
            open: f64::MAX,
            walk: f64::MAX,
            reading: f64::MAX,
            convert: f64::MAX,
            trivy: f64::MAX,
        };
        let (mut entries, mut size) = (0_u32, 0);
        let keep = |best: &mut f64, work: &mut dyn FnMut()| {
            let begun = Instant::now();
            work();
            *best = best.min(begun.elapsed().as_secs_f64());
        };
        let raw = self.root.join("bare.raw");
        for _ in 0..ROUNDS {
            keep(&mut best.scan, &mut || drop(self.scan(disk).wait_with_output().unwrap()));
            keep(&mut best.convert, &mut || convert(disk, &raw));
            keep(&mut best.trivy, &mut || self.trivy(&raw));
            fs_err::remove_file(&raw).unwrap();
            keep(&mut best.digest, &mut || drop(handed_in(disk, &Cancellation::new()).unwrap()));
            keep(&mut best.reading, &mut || self.reading(disk, digest));
            let mut opened = None;
            keep(&mut best.open, &mut || {
                opened = Some(Disk::open(disk, &Limits::default()).unwrap());
            });
            let opened = opened.unwrap();
            size = opened.size();
            keep(&mut best.walk, &mut || {
                let walk = opened.roots()[0].tree().walk("/").unwrap();
                entries = u32::try_from(walk.map(Result::unwrap).count()).unwrap();
            });
        }
        println!(
            "{name}: {} MB in a file of {} MB, {entries} files, {packages} packages",
            size / 1_000_000,
            artifact.size() / 1_000_000
        );
        let Times { scan, digest, open, walk, reading, convert, trivy } = best;
        let bare = convert + trivy;
        println!("  qemu-img convert, trivy vm         {bare:8.2} s ({convert:.2} + {trivy:.2})");
        let line = |what: &str, seconds: f64| {
            println!("  {what:35}{seconds:7.3} s   ratio {:.4}", seconds / bare);
        };
        line("goldsmith scan, whole", scan);
        line("  less the digest", scan - digest);
        line("the digest", digest);
        line("reading: open, collect, facts", reading);
        line("  of which open", open);
        line("a walk with metadata", walk);
        println!("  a walk of 15,000 files             {:7.3} s", walk * 15e3 / f64::from(entries));
        println!("  goldsmith's peak memory            {peak:7.1} MB");
        println!("  scratch space at its largest       {scratch:7.1} MB");
    }

    fn scan(&self, disk: &Utf8Path) -> std::process::Child {
        for folder in ["state", "tmp"] {
            fs_err::create_dir_all(self.root.join(folder)).unwrap();
        }
        Command::new(env!("CARGO_BIN_EXE_goldsmith"))
            .args(["scan", "--db", "advisories", "--format", "json", disk.as_str()])
            .current_dir(self.root)
            .env("GOLDSMITH_STATE_DIR", self.root.join("state"))
            .env("TMPDIR", self.root.join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A scan that is looked at all the time: the most memory that goldsmith itself held and the most
    /// that lay in its folders, both in MB, and how many packages it found.
    fn watched(&self, disk: &Utf8Path) -> (f64, f64, u64) {
        let child = self.scan(disk);
        let memory = watch_memory(&child, Duration::from_millis(2));
        let done = AtomicBool::new(false);
        let (output, most) = std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let mut most = 0;
                while !done.load(Ordering::Relaxed) {
                    let folders = ["state", "tmp"].map(|name| self.root.join(name));
                    most = most.max(folders.iter().map(|folder| bytes_in(folder)).sum());
                    std::thread::sleep(Duration::from_millis(2));
                }
                most
            });
            let output = child.wait_with_output().unwrap();
            done.store(true, Ordering::Relaxed);
            (output, watching.join().unwrap())
        });
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let packages = report["image"]["packages"].as_u64().unwrap();
        let kilobytes = u32::try_from(most / 1000).unwrap();
        (memory.join().unwrap(), f64::from(kilobytes) / 1e3, packages)
    }

    fn reading(&self, disk: &Utf8Path, digest: Digest) {
        let scratch = tempfile::tempdir_in(self.root).unwrap();
        let question = Question {
            path: disk,
            subject: digest,
            expected: None,
            scope: Scope::Os,
            backing: &[],
            architecture: "amd64",
            scratch: Utf8Path::from_path(scratch.path()).unwrap(),
            cancellation: &Cancellation::new(),
        };
        evidence::disk(&question).unwrap();
    }

    fn trivy(&self, raw: &Utf8Path) {
        succeed(
            Command::new("trivy")
                .args(["vm", "--format", "json", "--list-all-pkgs", "--scanners", "vuln"])
                .args(["--pkg-types", "os", "--cache-backend", "memory", "--skip-db-update"])
                .args(["--skip-java-db-update", "--offline-scan", "--skip-version-check"])
                .args(["--disable-telemetry", "--cache-dir", "advisories", raw.as_str()])
                .current_dir(self.root),
        );
    }

    /// Runs the demo; the disk that it has published.
    fn demo(&self) -> Utf8PathBuf {
        for file in ["images.yml", "debian-12.pkr.hcl", "prepare.sh"] {
            fs_err::copy(format!("{DEMO}/{file}"), self.root.join(file)).unwrap();
        }
        succeed(
            Command::new(env!("CARGO_BIN_EXE_goldsmith"))
                .args(["run", "--db", "advisories"])
                .current_dir(self.root)
                .env("GOLDSMITH_STATE_DIR", self.root.join("state")),
        );
        published(&self.root.join("output")).unwrap()
    }

    /// Makes a disk with `content` bytes in files that cannot be compressed, and a list of packages: one
    /// partition, ext4.
    fn large(&self, content: u64) -> Utf8PathBuf {
        let disk = self.root.join("large.qcow2");
        let made = tempfile::tempdir_in(self.root).unwrap();
        let made = Utf8Path::from_path(made.path()).unwrap();
        let (system, raw) = (made.join("system"), made.join("disk.raw"));
        rootfs::write(&system, &Release::default(), &debian_packages(400)).unwrap();
        fs_err::create_dir(system.join("srv")).unwrap();
        let size = content * 4 / (1 << 20) * (1 << 20);
        fs_err::File::create(&raw).unwrap().set_len(size).unwrap();
        let partition = Partition {
            number: 1,
            kind: gpt::LINUX_ROOT_X86_64,
            name: String::new(),
            first: FIRST_SECTOR,
            sectors: size / SECTOR - FIRST_SECTOR - SECTORS_AT_END,
        };
        let offset = format!("offset={}", FIRST_SECTOR * SECTOR);
        succeed(
            Command::new("/usr/sbin/mkfs.ext4")
                .args(["-q", "-b", "4096", "-d", system.as_str(), "-E", &offset, raw.as_str()])
                .arg(format!("{}K", partition.sectors * SECTOR / 1024)),
        );
        gpt::write(&raw, &[partition]).unwrap();
        // Every folder gets the same files, so that they lie here but once.
        let mut script = String::new();
        let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
        for number in 0..FILES {
            let average = content / (FOLDERS * FILES) as u64;
            let size = average * (2 * number as u64 + 1) / FILES as u64;
            let path = made.join(format!("{number:03}.bin"));
            fs_err::write(path, noise.take(usize::try_from(size).unwrap())).unwrap();
        }
        for folder in 0..FOLDERS {
            writeln!(script, "mkdir /srv/{folder:03}\ncd /srv/{folder:03}").unwrap();
            for number in 0..FILES {
                writeln!(script, "write {made}/{number:03}.bin {number:03}.bin").unwrap();
            }
        }
        fs_err::write(made.join("script"), script).unwrap();
        succeed(
            Command::new("/usr/sbin/debugfs")
                .args(["-w", "-f", made.join("script").as_str()])
                .arg(format!("{raw}?{offset}")),
        );
        succeed(Command::new("qemu-img").args([
            "convert",
            "-O",
            "qcow2",
            raw.as_str(),
            disk.as_str(),
        ]));
        disk
    }
}

/// What cannot be compressed (xorshift64).
struct Noise(u64);

impl Noise {
    fn take(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            bytes.extend(self.0.to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    }
}

fn convert(disk: &Utf8Path, raw: &Utf8Path) {
    succeed(Command::new("qemu-img").args(["convert", "-O", "raw", disk.as_str(), raw.as_str()]));
}

/// The newest disk that the demo has published into the folder `output`.
fn published(output: &Utf8Path) -> Option<Utf8PathBuf> {
    let versions = fs_err::read_dir(output.join("store/debian-12")).ok()?;
    let files = versions.flatten().flat_map(|version| fs_err::read_dir(version.path()));
    let files = files.flatten().flatten().filter_map(|file| file.path().try_into().ok());
    let disks = files.filter(|path: &Utf8PathBuf| path.extension() == Some("qcow2"));
    disks.max()
}

/// Bytes of the files below a folder, which others write to.
fn bytes_in(folder: &Utf8Path) -> u64 {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            Utf8PathBuf::try_from(entry.path()).map_or(0, |path| bytes_in(&path))
        }
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
