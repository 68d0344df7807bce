//! How long a plan takes, and how much memory, where the registry is large: whole processes, from
//! `images.yml` to the JSON.
//!
//! `make bench` prints the figures; benches/README.md keeps them. Nothing here asserts on time. Sizes
//! can be named: `cargo bench --bench plan -- 1000`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::clock::Clock;
use goldsmith::inputs::{self, Digests, FileDigests};
use goldsmith::model::{
    Address, ArtifactRecord, Catalog, Decision, Definition, Digest, Entry, History, ImageName,
    LogEntry, Material, OsIdentity, Provenance, SCHEMA, Version, VersionBase, VersionRecord,
};
use goldsmith::process::Cancellation;
use goldsmith::{config, registry};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::Value;

use measure::watch_memory;

const NOW: &str = "2026-11-23T10:00:00Z";
const VERSIONS: i32 = 20;
/// The day of the newest version: in the current slot.
const NEWEST: Date = date(2026, 11, 2);

fn main() {
    println!("images  of one matrix     in the log  listed one by one   without an index");
    let asked: Vec<usize> = std::env::args().filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![100, 1_000, 10_000] } else { asked };
    for images in sizes {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let desk = Desk { root: Utf8Path::from_path(folder.path()).unwrap().to_owned() };
        let entries = desk.furnish(images);
        let (wall, peak) = desk.measure("matrix.yml", images);
        let (listed, listed_peak) = desk.measure("list.yml", images);
        fs_err::remove_dir_all(desk.root.join("registry/index")).unwrap();
        let (without, _) = desk.plan("matrix.yml", images);
        println!(
            "{images:6} {:6.0} ms {peak:5.1} MB {entries:8}   {:6.0} ms {listed_peak:5.1} MB {:9.0} ms",
            milliseconds(wall),
            milliseconds(listed),
            milliseconds(without),
        );
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A repository with its registry.
struct Desk {
    root: Utf8PathBuf,
}

impl Desk {
    /// Makes a template, a catalog of so many images in two spellings, and a registry in which each
    /// has twenty versions. Returns the number of its log entries.
    fn furnish(&self, images: usize) -> usize {
        let template = self.root.join("packer");
        fs_err::create_dir_all(template.join("scripts")).unwrap();
        fs_err::write(template.join("debian.pkr.hcl"), TEMPLATE).unwrap();
        let text = "# What a script does.\n".repeat(100);
        for file in ["user-data", "prepare.sh"] {
            fs_err::write(template.join(file), &text).unwrap();
        }
        for number in 0..8 {
            fs_err::write(template.join(format!("scripts/{number}.sh")), &text).unwrap();
        }
        let matrix = self.root.join("matrix.yml");
        fs_err::write(&matrix, of_one_matrix(images)).unwrap();
        fs_err::write(self.root.join("list.yml"), one_by_one(images)).unwrap();

        let checked = config::read(&matrix, &fs_err::read(&matrix).unwrap()).ok().unwrap();
        assert_eq!(checked.catalog.images.len(), images);
        self.record(&checked.catalog)
    }

    /// Writes the logs as they are documented, and the index through the library.
    fn record(&self, catalog: &Catalog) -> usize {
        let registry = self.root.join("registry");
        fs_err::create_dir(&registry).unwrap();
        let files = FileDigests::new(Clock::system(), Cancellation::new());
        let mut digests = Digests::new(catalog, files);
        let mut histories = BTreeMap::new();
        let mut entries = 0;
        for (number, image) in catalog.images.values().enumerate() {
            let definition = inputs::definition(image, &mut digests).unwrap();
            // One in ten is due, since its newest version is of an earlier slot.
            let late = i32::from(number % 10 == 0);
            let log = log(&image.name, &definition, late);
            let folder = registry.join(format!("images/{}/log", image.name));
            fs_err::create_dir_all(&folder).unwrap();
            for entry in &log {
                let mut json = serde_json::to_vec_pretty(entry).unwrap();
                json.push(b'\n');
                fs_err::write(folder.join(format!("{:08}.json", entry.seq)), json).unwrap();
            }
            entries += log.len();
            histories.insert(image.name.clone(), History::of(&log));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let registry = registry::open(&Address::Directory(registry)).await.unwrap();
            registry::remember(&*registry, &histories).await.unwrap();
        });
        entries
    }

    /// The median time of five plans, and the memory of a sixth, whose watching takes time.
    fn measure(&self, config: &str, images: usize) -> (Duration, f64) {
        self.plan(config, images);
        let mut times: Vec<Duration> = (0..5).map(|_| self.plan(config, images).0).collect();
        times.sort();
        let peak = self.peak(config);
        (times[2], peak)
    }

    fn peak(&self, config: &str) -> f64 {
        let child = self.start(config);
        let peak = watch_memory(&child, Duration::from_micros(200));
        child.wait_with_output().unwrap();
        peak.join().unwrap()
    }

    fn plan(&self, config: &str, images: usize) -> (Duration, Value) {
        let begun = Instant::now();
        let output = self.start(config).wait_with_output().unwrap();
        let wall = begun.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |list: &str| plan[list].as_array().unwrap().len();
        assert_eq!((count("build"), count("skip")), (images / 10, images - images / 10));
        (wall, plan)
    }

    fn start(&self, config: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_goldsmith"))
            .args(["plan", "--format", "json", "--config", config, "--now", NOW])
            .current_dir(&self.root)
            .env("XDG_CACHE_HOME", self.root.join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

const TEMPLATE: &str = r#"
packer {
  required_plugins {
    qemu = { version = "~> 1.0.9", source = "github.com/hashicorp/qemu" }
  }
}

variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "debian-12" }
variable "disk_size" { type = string }
variable "app" { type = string }
variable "site" { type = string }

source "qemu" "debian" {
  iso_url          = "base/debian-12.qcow2"
  iso_checksum     = "none"
  disk_image       = true
  disk_size        = var.disk_size
  output_directory = var.goldsmith_output_dir
  vm_name          = "${var.goldsmith_scratch_name}.qcow2"
  ssh_username     = "debian"
  cd_files         = ["./user-data"]
}

build {
  sources = ["source.qemu.debian"]

  provisioner "shell" {
    environment_vars = ["APP=${var.app}", "SITE=${var.site}"]
    scripts          = ["scripts/0.sh", "scripts/1.sh", "scripts/2.sh", "scripts/3.sh"]
  }
}
"#;

const HEAD: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
";

fn of_one_matrix(images: usize) -> String {
    let list = |prefix: &str, count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}{number:03}")).collect();
        names.join(", ")
    };
    format!(
        r#"{HEAD}  "${{matrix.app}}-debian-12-${{matrix.site}}":
    matrix: {{ app: [{}], site: [{}] }}
    template: packer
    build: qemu.debian
    os: {{ family: debian, release: "12" }}
    source: cloud-image
    prepare: {{ run: ./prepare.sh, creates: base/debian-12.qcow2 }}
    vars: {{ disk_size: "8G", app: "${{matrix.app}}", site: "${{matrix.site}}" }}
"#,
        list("app", images / 10),
        list("site", 10),
    )
}

fn one_by_one(images: usize) -> String {
    let mut text = HEAD.to_owned();
    for app in 0..images / 10 {
        for site in 0..10 {
            let _ = writeln!(
                text,
                "  app{app:03}-debian-12-site{site:03}: {{ template: packer, build: qemu.debian, \
                 os: {{ family: debian, release: \"12\" }}, source: cloud-image, \
                 prepare: {{ run: ./prepare.sh, creates: base/debian-12.qcow2 }}, \
                 vars: {{ disk_size: \"8G\", app: app{app:03}, site: site{site:03} }} }}"
            );
        }
    }
    text
}

/// The log of an image that was built, published and moved into its channel every month.
fn log(image: &ImageName, definition: &Definition, late: i32) -> Vec<LogEntry> {
    let mut log: Vec<LogEntry> = Vec::new();
    let mut newest = None;
    for number in 0..VERSIONS {
        let ago = VERSIONS - 1 - number + late;
        let day = NEWEST.checked_sub(ago.months()).unwrap();
        let version = Version::first_of(VersionBase::default(), day);
        let channel = "candidate".parse().unwrap();
        let moved = Entry::Moved { channel, from: newest, to: version };
        let published = Entry::Published(Box::new(record(image, version, day, definition)));
        for entry in [Entry::Reserved { version }, published, moved] {
            log.push(LogEntry {
                schema: SCHEMA,
                seq: log.len() as u64 + 1,
                at: day.at(3, 0, 0, 0).in_tz("UTC").unwrap().timestamp(),
                image: image.clone(),
                run: format!("{}t020000z-5f3a9c", day.strftime("%Y%m%d")).parse().unwrap(),
                run_url: Some("https://forge.example/golden/images/actions/runs/1".to_owned()),
                entry,
            });
        }
        newest = Some(version);
    }
    log
}

fn record(
    image: &ImageName,
    version: Version,
    day: Date,
    definition: &Definition,
) -> VersionRecord {
    let started_at = day.at(2, 0, 0, 0).in_tz("UTC").unwrap().timestamp();
    let digest = |what: &str| Digest::of(format!("{what} of {image} {version}").as_bytes());
    VersionRecord {
        version,
        provenance: Provenance {
            commit: None,
            definition: definition.digest,
            definition_parts: definition.parts(),
            materials: vec![Material {
                name: "packer/base/debian-12.qcow2".to_owned(),
                digest: digest("base"),
            }],
            parents: Vec::new(),
            started_at,
            handed_in: false,
            tools: [("packer", "1.16.0"), ("trivy", "0.74.0")]
                .map(|(tool, version)| (tool.to_owned(), version.to_owned()))
                .into(),
        },
        advisories_updated_at: started_at,
        fixture: None,
        os: OsIdentity { family: "debian".to_owned(), release: "12.11".to_owned() },
        artifacts: vec![ArtifactRecord {
            name: format!("{image}-v{version}.qcow2"),
            size: 184_549_376,
            sha256: digest("disk"),
            locations: vec![format!("file:///srv/images/{image}/{version}")],
        }],
        packages: 208,
        package_set: digest("packages"),
        inventory: digest("inventory"),
        report: digest("report"),
        verdict: Decision::Passed,
    }
}
