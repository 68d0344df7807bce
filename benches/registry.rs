//! How long a registry takes, and how large it gets: in a folder, and on a branch of a repository in a
//! folder, by the real git.
//!
//! `make bench` prints the figures; benches/README.md keeps them. Nothing here asserts on time. Sizes
//! can be named: `cargo bench --bench registry -- 1000`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::clock::Clock;
use goldsmith::environment::Environment;
use goldsmith::model::{
    ChannelName, Digest, Entry, ImageName, LogEntry, Version, VersionBase, VersionRecord,
};
use goldsmith::process::Launcher;
use goldsmith::registry::{self, Author, Projection, Reach, Registry};
use jiff::civil::{Date, date};
use serde_json::json;

const VERSIONS: i32 = 20;
const DAY: Date = date(2026, 11, 23);

/// Where a registry is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    Folder,
    Branch,
}

/// A registry with a past, and a machine that has not seen it yet.
struct Bench {
    folder: tempfile::TempDir,
    backend: Backend,
    images: Vec<ImageName>,
}

fn main() {
    println!(
        "images           files     size  first open   pasts: logs    index      show   publish"
    );
    let asked: Vec<usize> = std::env::args().filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![1_000, 10_000] } else { asked };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for images in sizes {
        for backend in [Backend::Folder, Backend::Branch] {
            runtime.block_on(measure(backend, images));
        }
    }
}

async fn measure(backend: Backend, count: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let images = (0..count).map(|number| format!("image-{number:05}").parse().unwrap()).collect();
    let bench = Bench { folder, backend, images };
    let name = if backend == Backend::Folder { "folder" } else { "branch" };
    let files = match backend {
        Backend::Folder => in_folder(&bench.root().join("registry"), &bench.images),
        Backend::Branch => on_branch(bench.root(), &bench.images),
    };
    let registry =
        bench.root().join(if backend == Backend::Folder { "registry" } else { "server.git" });
    print!("{count:6}  {name} {files:8} {:5.0} MB", megabytes(size(&registry)));

    let first = Instant::now();
    let registry = bench.open().await;
    print!(" {:8.0} ms", milliseconds(first));
    let without = Instant::now();
    let histories = registry.histories(&bench.images).await.unwrap();
    print!(" {:10.0} ms", milliseconds(without));
    registry::remember(&*registry, &histories).await.unwrap();
    // On a branch, the index comes with the next entry.
    publish(&*registry, &bench.images[0], "first").await;
    let registry = bench.open().await;
    let by_index = Instant::now();
    registry.histories(&bench.images).await.unwrap();
    print!(" {:5.0} ms", milliseconds(by_index));

    print!(" {:6.0} ms", median((0..21).map(|_| bench.show()).collect()));
    let mut taken = Vec::new();
    for (number, image) in bench.images.iter().take(5).enumerate() {
        let registry = bench.open().await;
        let begun = Instant::now();
        publish(&*registry, image, &format!("run-{number}")).await;
        taken.push(milliseconds(begun));
    }
    println!(" {:6.0} ms", median(taken));
}

impl Bench {
    fn root(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    fn address(&self) -> String {
        match self.backend {
            Backend::Folder => format!("file://{}/registry", self.root()),
            Backend::Branch => format!("git+file://{}/server.git", self.root()),
        }
    }

    async fn open(&self) -> Box<dyn Registry> {
        let home = self.root().join("home");
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
        let address = goldsmith::config::registry_address(&self.address(), "/".into()).unwrap();
        registry::open(&address, &reach).await.unwrap()
    }

    /// How many milliseconds `goldsmith show` takes, as a whole process.
    fn show(&self) -> f64 {
        let home = self.root().join("home");
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_goldsmith"))
            .args(["show", "image-00000@candidate", "--registry", &self.address()])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", &home)
            .env("GOLDSMITH_STATE_DIR", home.join("state"))
            .output()
            .unwrap();
        let taken = milliseconds(begun);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        taken
    }
}

/// Takes a version, publishes it, and brings it into the channel: three entries.
async fn publish(registry: &dyn Registry, image: &ImageName, run: &str) {
    let author =
        Author { run: run.parse().unwrap(), run_url: None, by: None, clock: Clock::system() };
    let version = registry::reserve(registry, &author, image, VersionBase::default(), DAY).await;
    let version = version.unwrap();
    let inventory = noise(image, VERSIONS);
    let digest = registry.put_blob(&inventory).await.unwrap();
    let record: VersionRecord = serde_json::from_value(record(version, &digest)).unwrap();
    registry::published(registry, &author, image, record).await.unwrap();
    let channel: ChannelName = "candidate".parse().unwrap();
    registry::enter(registry, &author, image, &channel, version).await.unwrap();
}

fn median(mut taken: Vec<f64>) -> f64 {
    taken.sort_by(f64::total_cmp);
    taken[taken.len() / 2]
}

/// Makes a registry in `folder`.
fn in_folder(folder: &Utf8Path, images: &[ImageName]) -> usize {
    furnish(images, |path, content| {
        let path = folder.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    })
}

/// Makes a branch with all the past of `images` in one commit.
fn on_branch(root: &Utf8Path, images: &[ImageName]) -> usize {
    git(root, &["init", "--quiet", "--bare", "server.git"]);
    let server = root.join("server.git");
    git(&server, &["config", "uploadpack.allowFilter", "true"]);
    let mut import = Command::new("git");
    let import = import.args(["fast-import", "--quiet"]).current_dir(&server);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    let mut stream = BufWriter::new(import.stdin.take().unwrap());
    let branch = "commit refs/heads/goldsmith-registry\ncommitter x <x> 1795428000 +0000\ndata 0\n";
    stream.write_all(branch.as_bytes()).unwrap();
    let files = furnish(images, |path, content| {
        // Blobs lie in folders by their first two digits there.
        let path = match path.strip_prefix("blobs/") {
            Some(name) => format!("blobs/{}/{name}", &name[..2]),
            None => path.to_owned(),
        };
        let head = format!("M 100644 inline {path}\ndata {}\n", content.len());
        stream.write_all(&[head.as_bytes(), content, b"\n"].concat()).unwrap();
    });
    stream.flush().unwrap();
    drop(stream);
    assert!(import.wait().unwrap().success());
    files
}

/// Writes all the past of `images`. How many files that are.
fn furnish(images: &[ImageName], mut write_file: impl FnMut(&str, &[u8])) -> usize {
    let mut files = 0;
    let mut write = |path: &str, content: &[u8]| {
        write_file(path, content);
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
            write(&format!("blobs/{}.zst", digest.hex()), &blob);
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
                Projection::Variables(image) => {
                    format!("images/{image}/goldsmith.auto.tfvars.json")
                }
            };
            write(&path, &projection.render(&log).unwrap());
        }
    }
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
    let mut published = record(version, digest);
    published["entry"] = json!("published");
    [json!({ "entry": "reserved", "version": version }), published, moved]
}

/// What is recorded of a version.
fn record(version: Version, digest: &Digest) -> serde_json::Value {
    json!({
        "version": version, "definition": digest,
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
    })
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
