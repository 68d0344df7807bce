//! How long a registry on a branch takes, and how large it gets: the real git, a server in a folder.
//!
//! `make bench` prints the figures; benches/README.md keeps them. Nothing here asserts on time. Sizes
//! can be named: `cargo bench --bench git_registry -- 1000`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::clock::Clock;
use goldsmith::environment::Environment;
use goldsmith::model::{Address, Digest, Entry, ImageName, LogEntry, Version, VersionBase};
use goldsmith::process::Launcher;
use goldsmith::registry::{self, Author, Projection, Reach, Registry};
use jiff::civil::{Date, date};
use serde_json::json;

const VERSIONS: i32 = 20;
const DAY: Date = date(2026, 11, 23);

fn main() {
    println!(
        "images    files   branch   first open  fetched   pasts: logs    index   at hand    entry"
    );
    let asked: Vec<usize> = std::env::args().filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![100, 1_000] } else { asked };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for images in sizes {
        runtime.block_on(measure(images));
    }
}

async fn measure(count: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    let images: Vec<ImageName> =
        (0..count).map(|number| format!("image-{number:05}").parse().unwrap()).collect();
    let files = furnish(root, &images);
    let branch = size(&root.join("server.git"));
    print!("{count:6} {files:8} {:5.0} MB", megabytes(branch));

    let first = Instant::now();
    let registry = open(root, "one").await;
    print!(" {:8.0} ms", milliseconds(first));
    print!(" {:5.1} MB", megabytes(size(&root.join("one"))));
    let without = Instant::now();
    let histories = registry.histories(&images).await.unwrap();
    print!(" {:10.0} ms", milliseconds(without));
    registry::remember(&*registry, &histories).await.unwrap();
    take(&*registry, &images[0], "first").await;

    let registry = open(root, "other").await;
    let by_index = Instant::now();
    registry.histories(&images).await.unwrap();
    print!(" {:5.0} ms", milliseconds(by_index));
    let again = Instant::now();
    let registry = {
        drop(registry);
        open(root, "other").await
    };
    registry.histories(&images).await.unwrap();
    print!(" {:6.0} ms", milliseconds(again));
    let mut entries = Vec::new();
    for (number, image) in images.iter().take(5).enumerate() {
        let entry = Instant::now();
        take(&*registry, image, &format!("run-{number}")).await;
        entries.push(milliseconds(entry));
    }
    entries.sort_by(f64::total_cmp);
    println!(" {:5.0} ms", entries[2]);
}

async fn open(root: &Utf8Path, machine: &str) -> Box<dyn Registry> {
    let home = root.join(machine);
    fs_err::create_dir_all(&home).unwrap();
    let variables = [
        ("PATH", Environment::of_process().get("PATH").unwrap().to_owned()),
        ("HOME", home.to_string()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let reach = Reach {
        environment: variables.into_iter().collect::<Environment>(),
        launcher: Launcher::new(env!("CARGO_BIN_EXE_goldsmith")),
        state: Some(home.join("state")),
    };
    let address = format!("git+file://{root}/server.git").parse().unwrap();
    registry::open(&Address::Git(address), &reach).await.unwrap()
}

async fn take(registry: &dyn Registry, image: &ImageName, run: &str) {
    let author =
        Author { run: run.parse().unwrap(), run_url: None, by: None, clock: Clock::system() };
    registry::reserve(registry, &author, image, VersionBase::default(), DAY).await.unwrap();
}

/// Makes a branch with all the past of `images` in one commit, and packs it as a server would. How
/// many files it has.
fn furnish(root: &Utf8Path, images: &[ImageName]) -> usize {
    git(root, &["init", "--quiet", "--bare", "server.git"]);
    let server = root.join("server.git");
    git(&server, &["config", "uploadpack.allowFilter", "true"]);
    let mut import = Command::new("git");
    let import = import.args(["fast-import", "--quiet"]).current_dir(&server);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    let mut stream = BufWriter::new(import.stdin.take().unwrap());
    let branch = "commit refs/heads/goldsmith-registry\ncommitter x <x> 1795428000 +0000\ndata 0\n";
    stream.write_all(branch.as_bytes()).unwrap();
    let mut files = 0;
    let mut write = |path: &str, content: &[u8]| {
        let head = format!("M 100644 inline {path}\ndata {}\n", content.len());
        stream.write_all(&[head.as_bytes(), content, b"\n"].concat()).unwrap();
        files += 1;
    };
    write("schema.json", b"{\n  \"schema\": 1\n}\n");
    for image in images {
        let mut log = Vec::new();
        for number in 0..VERSIONS {
            let day = DAY.saturating_sub(jiff::Span::new().days(14 * (VERSIONS - number)));
            let version = Version::first_of(VersionBase::default(), day);
            let blob = noise(image, number);
            let digest = Digest::of(&blob);
            write(&format!("blobs/{}/{}.zst", &digest.hex()[..2], digest.hex()), &blob);
            let before = (number > 0).then(|| log.last().cloned()).flatten();
            for entry in entries(version, &digest, before.as_ref()) {
                let seq = log.len() as u64 + 1;
                let at = day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
                let mut whole = json!({
                    "schema": 1, "seq": seq, "at": at, "image": image, "run": "20261123t100000z-5f3a9c",
                });
                whole.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
                let entry: LogEntry = serde_json::from_value(whole).unwrap();
                assert!(entry.entry != Entry::Unknown);
                let content = serde_json::to_vec_pretty(&entry).unwrap();
                write(&format!("images/{image}/log/{seq:08}.json"), &content);
                log.push(entry);
            }
        }
        for projection in Projection::all(&log) {
            let path = match &projection {
                Projection::Version(image, version) => {
                    format!("images/{image}/versions/{version}.json")
                }
                Projection::Channel(image, channel) => {
                    format!("images/{image}/channels/{channel}.json")
                }
            };
            write(&path, &projection.render(&log).unwrap());
        }
    }
    stream.flush().unwrap();
    drop(stream);
    assert!(import.wait().unwrap().success());
    files
}

/// The entries of a version: reserved, published, entered.
fn entries(version: Version, digest: &Digest, before: Option<&LogEntry>) -> [serde_json::Value; 3] {
    let from = before.and_then(|entry| match &entry.entry {
        Entry::Moved { to, .. } => Some(*to),
        _ => None,
    });
    let mut moved = json!({ "entry": "moved", "channel": "candidate", "to": version });
    if let Some(from) = from {
        moved["from"] = json!(from);
    }
    let published = json!({
        "entry": "published", "version": version, "definition": digest,
        "definition_parts": { "prepare": "0123456789ab", "template": "ba9876543210" },
        "materials": [{ "name": "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12.qcow2", "digest": digest }],
        "parents": [], "started_at": "2026-11-23T09:00:00Z", "handed_in": false, "stamped": true,
        "tools": { "packer": "1.16.0", "trivy": "0.74.0" },
        "os": { "family": "debian", "release": "12.11" },
        "artifacts": [{
            "name": format!("debian-12-v{version}.qcow2"), "size": 536_870_912, "sha256": digest,
            "locations": ["https://images.example.org/debian-12"],
        }],
        "packages": 208, "package_set": digest, "inventory": digest, "findings": digest,
        "report": digest, "verdict": "passed",
    });
    [json!({ "entry": "reserved", "version": version }), published, moved]
}

/// Four kilobytes that cannot be made smaller: what is left of an inventory.
fn noise(image: &ImageName, number: i32) -> Vec<u8> {
    let block = |block: u32| *Digest::of(format!("{image} {number} {block}").as_bytes()).bytes();
    (0..128).flat_map(block).collect()
}

fn git(folder: &Utf8Path, arguments: &[&str]) {
    let status = Command::new("git").args(arguments).current_dir(folder).status().unwrap();
    assert!(status.success());
}

fn size(folder: &Utf8Path) -> u64 {
    let entries = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap());
    let of = |path: Utf8PathBuf| {
        if path.is_dir() { size(&path) } else { path.metadata().unwrap().len() }
    };
    entries.map(|entry| of(entry.into_path())).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
