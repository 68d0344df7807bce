//! Registry and store in an object store, over a real S3 server.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use goldsmith::clock::Clock;
use goldsmith::environment::Environment;
use goldsmith::model::{
    Address, Artifact, ArtifactFile, Digest, Document, ObjectsAddress, Publication, StoreAddress,
};
use goldsmith::publish::{self, Manifest, Surroundings};
use goldsmith::registry::{self, Author, Reach};
use regex::Regex;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

use crate::project::{DEBIAN, EMPTY_TEMPLATE, Ended, Project, today};
use crate::s3::{S3, with_key};

/// A project whose registry and store are in the bucket.
fn project(registry: &str, store: &str) -> Project {
    let images = DEBIAN
        .replace("registry: ./registry", &format!("registry: \"{registry}\""))
        .replace("{ dir: { url: ./store } }", &format!("{{ object: {{ url: \"{store}\" }} }}"));
    let project = Project::new(&images);
    project.write("packer/debian.pkr.hcl", EMPTY_TEMPLATE);
    project.disk();
    // Demonstration data would not be believed for a store that others see.
    project.advisories(|_, stamp| stamp.fixture = None);
    project
}

fn goldsmith(project: &Project, arguments: &[&str]) -> Ended {
    let output = with_key(project.goldsmith().args(arguments)).output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Copies the disk of its parent.
const CHILD: &str = r#"
variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "disk" }
variable "base" {}
source "file" "app" {
  source = var.base
  target = "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw"
}
build { sources = ["source.file.app"] }
"#;

const RUN: &[&str] = &["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];

#[test]
fn a_run_publishes_to_a_bucket_and_records_it_there() {
    let s3 = S3::start();
    let project = project(&s3.address("registry"), &s3.address("store"));
    goldsmith(&project, RUN).expect(0);
    let version = today();
    let listing = s3.list().join("\n").replace(&version, "VERSION");
    let listing = Regex::new("[0-9a-f]{64}").unwrap().replace_all(&listing, "DIGEST");
    insta::assert_snapshot!(listing, @"
    registry/blobs/DIGEST.zst
    registry/blobs/DIGEST.zst
    registry/blobs/DIGEST.zst
    registry/blobs/DIGEST.zst
    registry/images/debian-12/channels/candidate.json
    registry/images/debian-12/goldsmith.auto.tfvars.json
    registry/images/debian-12/log/00000001.json
    registry/images/debian-12/log/00000002.json
    registry/images/debian-12/log/00000003.json
    registry/images/debian-12/versions/VERSION.json
    registry/index/ca.json
    registry/schema.json
    store/debian-12/VERSION/SHA256SUMS
    store/debian-12/VERSION/debian-12-vVERSION.raw
    store/debian-12/VERSION/inventory.cdx.json
    store/debian-12/VERSION/manifest.json
    store/debian-12/VERSION/report.json
    ");
    assert_eq!(s3.uploads(), Vec::<String>::new());
    assert_eq!(s3.parts().len(), 4);

    let manifest = s3.get(&format!("store/debian-12/{version}/manifest.json"));
    let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    for file in manifest.all() {
        let content = s3.get(&format!("store/debian-12/{version}/{}", file.name));
        assert_eq!(Digest::of(&content), file.sha256, "{}", file.name);
    }
    let channel = s3.get("registry/images/debian-12/channels/candidate.json");
    let channel: Value = serde_json::from_slice(&channel).unwrap();
    let disk = format!("s3://images/store/debian-12/{version}/debian-12-v{version}.raw");
    assert_eq!(channel["artifacts"][0]["locations"][0], disk.as_str());

    // The next one reads what this one has written.
    let plan = goldsmith(&project, &["plan", "--format", "json"]).expect(0);
    assert!(plan.stdout.contains(&format!("\"{version}.2\"")), "{}", plan.stdout);
}

/// A project of somebody else: nothing but what says where things are recorded, and another home.
fn another_machine(project: &Project) -> Project {
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    let other = Project::new(&images);
    for folder in ["packer", "app"] {
        for name in project.list(folder) {
            let path = format!("{folder}/{name}");
            other.write(&path, &fs_err::read_to_string(project.path(&path)).unwrap());
        }
    }
    other
}

#[test]
fn another_machine_pulls_what_a_run_has_published_and_goes_on_where_it_broke_off() {
    let s3 = S3::start();
    let builder = project(&s3.address("registry"), &s3.address("store"));
    goldsmith(&builder, RUN).expect(0);
    let consumer = another_machine(&builder);
    let disk = fs_err::read(builder.path("disk.raw")).unwrap();
    let hex = Digest::of(&disk).hex();
    // As a pull that was killed leaves it.
    let shelf = consumer.path(&format!("home/.cache/goldsmith/images/sha256/{hex}"));
    fs_err::create_dir_all(&shelf).unwrap();
    fs_err::write(shelf.join(".part"), &disk[..disk.len() / 2]).unwrap();
    // Whoever may read may pull.
    s3.deny("s3:PutObject");
    let pulled = goldsmith(&consumer, &["pull", "debian-12@candidate"]).expect(0);
    let path = shelf.join(format!("debian-12-v{}.raw", today()));
    assert_eq!(pulled.stdout, format!("{path}\n"));
    assert!(pulled.stderr.contains("fetching the rest of"), "{}", pulled.stderr);
    assert!(fs_err::read(&path).unwrap() == disk);
    let log = fs_err::read_to_string(s3.log()).unwrap();
    let partial = log.lines().filter(|line| line.contains(".raw") && line.contains("\" 206"));
    assert_eq!(partial.count(), 1, "{log}");
}

#[test]
fn a_child_is_built_on_another_machine_than_its_parent() {
    let s3 = S3::start();
    let builder = project(&s3.address("registry"), &s3.address("store"));
    let images = fs_err::read_to_string(builder.path("images.yml")).unwrap();
    let app = "  app:
    template: app
    os: { family: debian, release: \"12\" }
    source: image
    parents: [debian-12]
    vars: { base: \"${parents.debian-12.path}\" }
";
    builder.write("images.yml", &format!("{images}{app}"));
    builder.write("app/app.pkr.hcl", CHILD);
    goldsmith(&builder, &[RUN, &["debian-12"]].concat()).expect(0);
    let other = another_machine(&builder);
    other.advisories(|_, stamp| stamp.fixture = None);
    let ended = goldsmith(&other, &["run", "app", "--db", "advisories"]).expect(0);
    let version = today();
    assert!(ended.stderr.contains(&format!("fetch: debian-12 {version}")), "{}", ended.stderr);
    let child = s3.get(&format!("store/app/{version}/app-v{version}.raw"));
    assert!(child == fs_err::read(builder.path("disk.raw")).unwrap());
    let record = s3.get("registry/images/app/log/00000002.json");
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["materials"][0]["name"], format!("debian-12 {version}"));
}

#[test]
fn what_a_bucket_refuses_is_said_with_what_to_do() {
    let s3 = S3::start();
    let told = |registry: &str| {
        let ended = goldsmith(&project(registry, &s3.address("store")), RUN).expect(5);
        let all = ended.stdout + &ended.stderr;
        let is_told = |line: &&str| {
            ["error: ", "warning: ", "hint: "].iter().any(|it| line.trim_start().starts_with(it))
        };
        let told = all.lines().filter(is_told);
        told.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(&s3.address_in("elsewhere", "registry")), @"
    error: cannot read `s3://elsewhere/registry/schema.json`: there is no bucket `elsewhere`
    hint: create it, or put its name right in the address
    ");
    s3.deny("s3:PutObject");
    insta::assert_snapshot!(told(&s3.address("registry")), @"
    hint: give the key `s3:PutObject` there; see docs/stores.md for all it needs
    warning: other machines do not know of this run: cannot write `s3://images/registry/schema.json`: access denied: the key may read but not write
    ");
}

#[test]
fn sixteen_processes_that_reserve_at_once_get_sixteen_versions() {
    let s3 = S3::start();
    let address = s3.address("registry");
    let children: Vec<Child> = (0..16)
        .map(|number| {
            child("the_process_that_reserves")
                .env("ADDRESS", &address)
                .env("RUN", format!("20261123t100000z-{number:06x}"))
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let mut versions: Vec<String> = (1..=16)
        .map(|seq| {
            let entry = s3.get(&format!("registry/images/debian-12/log/{seq:08}.json"));
            let entry: Value = serde_json::from_slice(&entry).unwrap();
            entry["version"].as_str().unwrap().to_owned()
        })
        .collect();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 16, "{versions:?}");
}

#[test]
fn an_upload_that_was_killed_goes_on_with_the_rest() {
    const PARTS: usize = 6;
    let s3 = S3::start();
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk.raw");
    // No part is like another.
    let content: Vec<u8> = (0..251).collect::<Vec<u8>>().repeat((PARTS << 24) / 251);
    fs_err::write(&disk, &content).unwrap();
    let store = |log: &str| {
        child("the_process_that_stores")
            .env("ADDRESS", s3.address("store"))
            .env("DISK", &disk)
            .env("KILLED_BY", log)
            .status()
            .unwrap()
    };
    assert_eq!(store(s3.log().as_str()).to_string(), "signal: 9 (SIGKILL)");
    let folder = "store/debian-12/1.0.20261123";
    assert!(!s3.list().contains(&format!("{folder}/manifest.json")), "{:?}", s3.list());
    let file = "debian-12-v1.0.20261123.raw";
    assert_eq!(s3.uploads(), [format!("{folder}/{file}")]);
    let journal = s3.get("store/.incoming/debian-12/1.0.20261123.json");
    let journal: Value = serde_json::from_slice(&journal).unwrap();
    let noted = journal["uploads"][file]["parts"].as_object().unwrap();
    assert!((1..PARTS).contains(&noted.len()), "{noted:?}");

    assert!(store("").success());
    assert_eq!(s3.uploads(), Vec::<String>::new());
    assert!(s3.get(&format!("{folder}/{file}")) == content);
    let all = s3.list();
    assert!(!all.iter().any(|path| path.contains(".incoming")), "{all:?}");
    let sent = s3.parts();
    for number in noted.keys() {
        let number = number.parse::<usize>().unwrap() + 1;
        let times = sent.iter().filter(|part| **part == number).count();
        assert_eq!(times, 1, "part {number} of {sent:?}");
    }

    assert!(store("").success());
    assert_eq!(s3.parts(), sent, "what is there is not sent again");
}

/// This program again, as one of the processes below.
fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", &format!("object_store::{name}")])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    with_key(&mut command);
    command
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
#[ignore = "not a test: one of sixteen processes that another test starts"]
fn the_process_that_reserves() {
    let (Some(address), Some(run)) = (variable("ADDRESS"), variable("RUN")) else { return };
    let address = Address::Objects(address.parse().unwrap());
    let author =
        Author { run: run.parse().unwrap(), run_url: None, by: None, clock: Clock::system() };
    let base = "1.0".parse().unwrap();
    let reach = Reach { environment: Environment::of_process(), ..Reach::folders() };
    runtime().block_on(async {
        let registry = registry::open(&address, &reach).await.unwrap();
        let day = jiff::civil::date(2026, 11, 23);
        let image = "debian-12".parse().unwrap();
        registry::reserve(&*registry, &author, &image, base, day).await.unwrap();
    });
}

#[test]
#[ignore = "not a test: the process that another test starts and kills"]
fn the_process_that_stores() {
    let (Some(address), Some(disk)) = (variable("ADDRESS"), variable("DISK")) else { return };
    let address: ObjectsAddress = address.parse().unwrap();
    let disk = Utf8Path::new(&disk);
    let (digest, size) = Digest::of_reader(fs_err::File::open(disk).unwrap()).unwrap();
    let publication = Publication {
        image: "debian-12".parse().unwrap(),
        version: "1.0.20261123".parse().unwrap(),
        artifact: Artifact {
            builder: None,
            files: vec![ArtifactFile { path: disk.to_owned(), size, digest }],
        },
        documents: vec![Document { name: "report.json".to_owned(), content: b"{}".to_vec() }],
        about: None,
    };
    let environment = Environment::of_process();
    let surroundings = Surroundings { environment: &environment, state: disk.parent().unwrap() };
    let store = publish::open(&StoreAddress::Objects(address), surroundings).unwrap();
    if let Some(log) = variable("KILLED_BY").filter(|log| !log.is_empty()) {
        // The journal was written, then with an upload, then with its first part.
        std::thread::spawn(move || {
            let written = |line: &&str| line.contains("PUT") && line.contains(".incoming");
            while fs_err::read_to_string(&log).unwrap().lines().filter(written).count() < 3 {
                std::thread::sleep(Duration::from_millis(1));
            }
            kill_process(getpid(), Signal::KILL).unwrap();
        });
    }
    runtime().block_on(store.put(&publication)).unwrap();
}
