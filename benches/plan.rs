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
    Act, Address, ArtifactRecord, Catalog, Decision, Definition, Digest, Entry, History, Image,
    LogEntry, Material, OsIdentity, Parent, ParentRecord, Provenance, SCHEMA, Version, VersionBase,
    VersionRecord,
};
use goldsmith::process::Cancellation;
use goldsmith::{config, registry};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::Value;

use measure::watch_memory;

/// That of the program, or reading would take another time here than it does there.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const MATRIX: &str = "matrix.yml";
const LIST: &str = "list.yml";
const NOW: &str = "2026-11-23T10:00:00Z";
const VERSIONS: i32 = 20;
/// The day of the newest version: in the current slot.
const NEWEST: Date = date(2026, 11, 2);

fn main() {
    println!("                 from one matrix          listed one by one");
    println!("images  entries     plan  memory   read     plan  memory   read   without an index");
    let asked: Vec<usize> = std::env::args().filter_map(|size| size.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![100, 1_000, 10_000] } else { asked };
    for images in sizes {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        let desk = Desk { root, shape: Shape::of(images) };
        let entries = desk.furnish();
        print!("{images:6} {entries:8}");
        for config in [MATRIX, LIST] {
            let (wall, peak) = desk.measure(config);
            let read = desk.read(config);
            print!(" {:5.0} ms {peak:4.0} MB {:3.0} ms", milliseconds(wall), milliseconds(read));
        }
        fs_err::remove_dir_all(desk.root.join("registry/index")).unwrap();
        let (without, _) = desk.plan(MATRIX);
        println!(" {:9.0} ms", milliseconds(without));
    }
}

/// How many images there are: of each site a system; upon that the bases of teams, upon each of them
/// the runtimes, and upon each of those the applications. So most images have three levels of
/// parents.
#[derive(Clone, Copy)]
struct Shape {
    sites: usize,
    teams: usize,
    runtimes: usize,
    apps: usize,
}

impl Shape {
    fn of(images: usize) -> Self {
        let shape = match images {
            100 => Self { sites: 1, teams: 3, runtimes: 4, apps: 7 },
            _ => Self { sites: images / 1_000, teams: 9, runtimes: 10, apps: 10 },
        };
        assert_eq!(shape.images(), images, "100, 1000 or thousands");
        shape
    }

    fn images(self) -> usize {
        let Self { sites, teams, runtimes, apps } = self;
        sites * (1 + teams * (1 + runtimes * (1 + apps)))
    }

    /// One in ten applications is due.
    fn due(self) -> usize {
        self.sites * self.teams * self.runtimes * self.apps.div_ceil(10)
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A repository with its registry.
struct Desk {
    root: Utf8PathBuf,
    shape: Shape,
}

impl Desk {
    /// Makes a template, a catalog of so many images in two spellings, and a registry in which each
    /// has twenty versions. Returns the number of its log entries.
    fn furnish(&self) -> usize {
        // A repository of its own: what is around it ignores it.
        fs_err::create_dir(self.root.join(".git")).unwrap();
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
        fs_err::write(self.root.join(MATRIX), of_one_matrix(self.shape)).unwrap();
        fs_err::write(self.root.join(LIST), one_by_one(self.shape)).unwrap();
        let catalog = self.catalog(MATRIX);
        assert_eq!(catalog.images.len(), self.shape.images());
        self.record(&catalog)
    }

    fn catalog(&self, config: &str) -> Catalog {
        let path = self.root.join(config);
        config::read(&path, &fs_err::read(&path).unwrap()).ok().unwrap().catalog
    }

    /// The median time of five times reading and checking the file alone.
    fn read(&self, config: &str) -> Duration {
        self.catalog(config);
        let mut times: Vec<Duration> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                let catalog = self.catalog(config);
                let time = begun.elapsed();
                assert_eq!(catalog.images.len(), self.shape.images());
                time
            })
            .collect();
        times.sort();
        times[2]
    }

    /// Writes the logs as they are documented, and the index through the library.
    fn record(&self, catalog: &Catalog) -> usize {
        let registry = self.root.join("registry");
        fs_err::create_dir(&registry).unwrap();
        let files = FileDigests::new(Clock::system(), Cancellation::new());
        let mut digests = Digests::new(catalog, files);
        let mut histories = BTreeMap::new();
        let mut entries = 0;
        for image in catalog.images.values() {
            let definition = inputs::definition(image, &mut digests).unwrap();
            // One in ten applications is due, since its newest version is of an earlier slot.
            let late = i32::from(image.name.as_str().starts_with("app0-"));
            let log = log(image, &definition, late);
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
            let registry =
                registry::open(&Address::Directory(registry), &registry::Reach::folders())
                    .await
                    .unwrap();
            registry::remember(&*registry, &histories).await.unwrap();
        });
        entries
    }

    /// The median time of five plans, and the memory of a sixth, whose watching takes time.
    fn measure(&self, config: &str) -> (Duration, f64) {
        self.plan(config);
        let mut times: Vec<Duration> = (0..5).map(|_| self.plan(config).0).collect();
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

    fn plan(&self, config: &str) -> (Duration, Value) {
        let begun = Instant::now();
        let output = self.start(config).wait_with_output().unwrap();
        let wall = begun.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |list: &str| plan[list].as_array().unwrap().len();
        let due = self.shape.due();
        assert_eq!((count("build"), count("skip")), (due, self.shape.images() - due));
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

/// What all images say.
const COMMON: &str =
    "template: packer, build: qemu.debian, os: { family: debian, release: \"12\" }";

/// The first system is made from a file, the others from their parent.
fn source(parent: Option<&str>) -> String {
    match parent {
        None => {
            let prepare = "{ run: ./prepare.sh, creates: base/debian-12.qcow2 }";
            format!("source: cloud-image, prepare: {prepare}")
        }
        Some(parent) => format!("source: image, parents: [\"{parent}\"]"),
    }
}

fn of_one_matrix(shape: Shape) -> String {
    let keys = [
        ("app", shape.apps),
        ("runtime", shape.runtimes),
        ("team", shape.teams),
        ("site", shape.sites),
    ];
    let levels = [None, Some("runtime"), Some("base"), Some("system")];
    // `app0-runtime0-team0-site0`, but `base-team0-site0`.
    let name = |level: usize| {
        let keys = keys[level..].iter().map(|(key, _)| format!("${{matrix.{key}}}"));
        let level = levels[level].iter().map(|level| (*level).to_owned());
        level.chain(keys).collect::<Vec<_>>().join("-")
    };
    let mut text = HEAD.to_owned();
    for level in (0..4).rev() {
        let lists = keys[level..].iter().map(|(key, count)| {
            let values: Vec<String> = (0..*count).map(|number| format!("{key}{number}")).collect();
            format!("{key}: [{}]", values.join(", "))
        });
        let lists: Vec<String> = lists.collect();
        let app = if level == 0 { "${matrix.app}" } else { "none" };
        let parent = (level < 3).then(|| name(level + 1));
        let _ = writeln!(
            text,
            "  \"{}\": {{ matrix: {{ {} }}, {COMMON}, {}, \
             vars: {{ disk_size: \"8G\", app: \"{app}\", site: \"${{matrix.site}}\" }} }}",
            name(level),
            lists.join(", "),
            source(parent.as_deref()),
        );
    }
    text
}

fn one_by_one(shape: Shape) -> String {
    let mut text = HEAD.to_owned();
    let mut image = |name: &str, app: &str, site: &str, parent: Option<&str>| {
        let _ = writeln!(
            text,
            "  {name}: {{ {COMMON}, {}, vars: {{ disk_size: \"8G\", app: {app}, site: {site} }} }}",
            source(parent)
        );
    };
    for site in (0..shape.sites).map(|number| format!("site{number}")) {
        let system = format!("system-{site}");
        image(&system, "none", &site, None);
        for team in 0..shape.teams {
            let base = format!("base-team{team}-{site}");
            image(&base, "none", &site, Some(&system));
            for runtime in 0..shape.runtimes {
                let rest = format!("runtime{runtime}-team{team}-{site}");
                let runtime = format!("runtime-{rest}");
                image(&runtime, "none", &site, Some(&base));
                for app in (0..shape.apps).map(|number| format!("app{number}")) {
                    image(&format!("{app}-{rest}"), &app, &site, Some(&runtime));
                }
            }
        }
    }
    text
}

/// The log of an image that was built, published and moved into its channel every month.
fn log(image: &Image, definition: &Definition, late: i32) -> Vec<LogEntry> {
    let mut log: Vec<LogEntry> = Vec::new();
    let mut newest = None;
    for number in 0..VERSIONS {
        let ago = VERSIONS - 1 - number + late;
        let day = NEWEST.checked_sub(ago.months()).unwrap();
        let version = Version::first_of(VersionBase::default(), day);
        let channel = "candidate".parse().unwrap();
        let moved = Entry::Moved {
            channel,
            from: newest,
            to: version,
            act: Act::Entered,
            held: false,
            because: None,
        };
        let published = Entry::Published(Box::new(record(image, version, day, definition)));
        for entry in [Entry::Reserved { version }, published, moved] {
            log.push(LogEntry {
                schema: SCHEMA,
                seq: log.len() as u64 + 1,
                at: day.at(3, 0, 0, 0).in_tz("UTC").unwrap().timestamp(),
                image: image.name.clone(),
                run: format!("{}t020000z-5f3a9c", day.strftime("%Y%m%d")).parse().unwrap(),
                run_url: Some("https://forge.example/golden/images/actions/runs/1".to_owned()),
                by: None,
                entry,
            });
        }
        newest = Some(version);
    }
    log
}

fn record(image: &Image, version: Version, day: Date, definition: &Definition) -> VersionRecord {
    let started_at = day.at(2, 0, 0, 0).in_tz("UTC").unwrap().timestamp();
    let name = &image.name;
    let digest = |what: &str| Digest::of(format!("{what} of {name} {version}").as_bytes());
    // Its parents were built on the same day.
    let parent = |parent: &Parent| ParentRecord { image: parent.image.clone(), version };
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
            parents: image.parents.iter().map(parent).collect(),
            started_at,
            handed_in: false,
            stamped: false,
            tools: [("packer", "1.16.0"), ("trivy", "0.74.0")]
                .map(|(tool, version)| (tool.to_owned(), version.to_owned()))
                .into(),
            plugins: Vec::new(),
            custom_data: BTreeMap::new(),
            built_by: None,
            built_at: None,
        },
        advisories_updated_at: Some(started_at),
        fixture: None,
        os: Some(OsIdentity { family: "debian".to_owned(), release: "12.11".to_owned() }),
        artifacts: vec![ArtifactRecord {
            name: format!("{name}-v{version}.qcow2"),
            size: 184_549_376,
            sha256: digest("disk"),
            locations: vec![format!("file:///srv/images/{name}/{version}")],
        }],
        packages: 208,
        package_set: digest("packages"),
        inventory: digest("inventory"),
        findings: None,
        report: digest("report"),
        verdict: Decision::Passed,
        tests: Vec::new(),
        signature: None,
        configuration: None,
        fresh_until: None,
        further: BTreeMap::new(),
    }
}
