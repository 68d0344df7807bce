//! The container action as GitHub's runner runs it: the image is built from the Dockerfile, with
//! the programs of this test run in place of the stages that compile them, and started with
//! GitHub's own mounts, environment and flags.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::environment::Environment;
use goldsmith::model::Digest;
use goldsmith_testkit::advisory_db::{Advisories, Stamp};
use goldsmith_testkit::disk::{DiskOptions, debian_disk};
use goldsmith_testkit::rootfs::debian_packages;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::docker::{Docker, succeed};

const IMAGE: &str = "goldsmith-action";

/// The user that the runner's files belong to; the container is root.
const RUNNER_USER: &str = "1000:1000";

const IMAGES_YML: &str = r#"
version: 1
registry: ./registry
defaults:
  gate: { fail_on: [HIGH, CRITICAL], ignore_unfixed: true }
  stores: [{ dir: { url: ./store } }]
images:
  debian-12:
    description: A disk that was not built here
    template: packer/debian.pkr.hcl
    os: { family: debian, release: "12" }
    source: cloud-image
"#;

const TEMPLATE: &str = r#"
source "null" "debian" {
  communicator = "none"
}

build {
  sources = ["source.null.debian"]
}
"#;

#[test]
fn the_container_action_plans_and_publishes_as_on_githubs_runner() {
    let docker = Docker::start();
    build_image(&docker);
    let job = Job::new();
    job.add_disk_and_advisories();

    let plan = job.run(&docker, &[("COMMAND", "plan"), ("REGISTRY", "file:///srv/registry")]);
    assert_eq!(plan.code, Some(0), "{}", plan.log);
    assert_eq!(plan.outputs["failure_reason"], "none", "{}", plan.log);
    assert!(plan.log.contains("debian-12"), "{}", plan.log);

    let run = job.run(
        &docker,
        &[
            ("COMMAND", "run"),
            ("FROM_ARTIFACT", "debian-12=/srv/disk.raw"),
            ("REGISTRY", "file:///srv/registry"),
            ("STORE", "file:///srv/images"),
            ("DB", "/srv/trivy"),
        ],
    );
    assert_eq!(run.code, Some(0), "{}", run.log);
    assert_eq!(run.outputs["failure_reason"], "none", "{}", run.log);
    assert_eq!(run.outputs["changed"], "true", "{}", run.log);
    let published: Value = serde_json::from_str(&run.outputs["published"]).unwrap();
    assert_eq!(published[0]["image"], "debian-12", "{published}");
    assert!(run.summary.contains("debian-12"), "{}", run.summary);
    assert!(run.summary.contains("DEMO DATA"), "{}", run.summary);
    let log = job.data().join("registry/images/debian-12/log");
    assert!(fs_err::read_dir(log).unwrap().count() > 0);
    assert!(fs_err::read_dir(job.data().join("images")).unwrap().count() > 0);

    let again = job.run(&docker, &[("COMMAND", "plan"), ("REGISTRY", "file:///srv/registry")]);
    assert_eq!(again.code, Some(0), "{}", again.log);
    assert_eq!(again.outputs["changed"], "false", "{}", again.log);
}

/// Builds the final stage of the Dockerfile.
fn build_image(docker: &Docker) {
    docker.import(&base_archive(), "debian:bookworm-slim");
    let programs = programs_archive();
    let archive = programs.path().join("programs.tar");
    docker.import(Utf8Path::from_path(&archive).unwrap(), "goldsmith-programs");
    succeed(
        docker
            .command()
            .args(["build", "--progress", "plain", "--tag", IMAGE])
            .args(["--build-arg", "BINARIES=goldsmith-programs"])
            .arg(env!("CARGO_MANIFEST_DIR")),
    );
}

/// A minimal Debian 12, made once a machine: no image registry is needed. It already has what the
/// Dockerfile installs, so that installing that takes seconds and not minutes.
fn base_archive() -> Utf8PathBuf {
    let packages = packages_of_dockerfile();
    let key = Digest::of(packages.as_bytes()).short();
    let archive = cache_folder().join(format!("debian-bookworm-{key}.tar"));
    if !archive.exists() {
        fs_err::create_dir_all(cache_folder()).unwrap();
        // Appears in one piece, also when two tests make it at once.
        let partial = cache_folder().join(format!("{}.partial.tar", Uuid::new_v4()));
        succeed(
            Command::new("mmdebstrap")
                .args(["--variant=minbase", "--quiet", "--include", &packages])
                .args(["bookworm", partial.as_str()]),
        );
        fs_err::rename(&partial, &archive).unwrap();
    }
    archive
}

/// The packages that the Dockerfile installs, with commas in between.
fn packages_of_dockerfile() -> String {
    let dockerfile = include_str!("../../Dockerfile");
    let install = dockerfile.split_once("--no-install-recommends").unwrap().1;
    let (packages, _) = install.split_once("&&").unwrap();
    let packages: Vec<_> = packages.split_whitespace().filter(|word| *word != "\\").collect();
    packages.join(",")
}

/// Where things are kept that are made once a machine.
fn cache_folder() -> Utf8PathBuf {
    let environment = Environment::of_process();
    let cache = environment
        .get("XDG_CACHE_HOME")
        .map(Utf8PathBuf::from)
        .or_else(|| Some(Utf8Path::new(environment.get("HOME")?).join(".cache")))
        .expect("XDG_CACHE_HOME or HOME is set");
    cache.join("goldsmith")
}

/// An archive laid out like the stage `build` of the Dockerfile, with the programs of this test run.
fn programs_archive() -> TempDir {
    let environment = Environment::of_process();
    let folder = TempDir::new().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap().join("root");
    let programs = root.join("usr/local/bin");
    fs_err::create_dir_all(&programs).unwrap();
    fs_err::copy(env!("CARGO_BIN_EXE_goldsmith"), programs.join("goldsmith")).unwrap();
    for tool in ["packer", "trivy"] {
        let path = environment
            .find_program(tool)
            .unwrap_or_else(|| panic!("{tool} is not on PATH: run `tools/install`"));
        fs_err::copy(path, programs.join(tool)).unwrap();
    }
    let plugins = environment
        .get("PACKER_PLUGIN_PATH")
        .expect("PACKER_PLUGIN_PATH is set: see `tools/install --env`");
    fs_err::create_dir_all(root.join("usr/local/share/packer")).unwrap();
    succeed(
        Command::new("cp")
            .args(["--recursive", plugins])
            .arg(root.join("usr/local/share/packer/plugins")),
    );
    succeed(
        Command::new("tar")
            .args(["--owner=0", "--group=0", "--create", "--file"])
            .arg(folder.path().join("programs.tar"))
            .args(["--directory", root.as_str(), "."]),
    );
    folder
}

/// A job on GitHub's runner: its work folder, and a folder of the host beside it.
struct Job {
    folder: TempDir,
}

/// What a step left.
struct Step {
    code: Option<i32>,
    log: String,
    outputs: BTreeMap<String, String>,
    summary: String,
}

impl Job {
    /// A job whose workspace has been checked out.
    fn new() -> Self {
        let job = Self { folder: TempDir::new().unwrap() };
        for folder in [
            "_temp/_github_home",
            "_temp/_github_workflow",
            "_temp/_runner_file_commands",
            "images/images/packer",
            "data",
        ] {
            fs_err::create_dir_all(job.path(folder)).unwrap();
        }
        let event = job.path("_temp/_github_workflow/event.json");
        fs_err::write(event, r#"{"schedule":"23 3 * * *"}"#).unwrap();
        fs_err::write(job.workspace().join("images.yml"), IMAGES_YML).unwrap();
        fs_err::write(job.workspace().join("packer/debian.pkr.hcl"), TEMPLATE).unwrap();
        let git = |arguments: &[&str]| {
            let identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
            let mut git = Command::new("git");
            git.args(["-C", job.workspace().as_str()]).args(identity);
            let output = succeed(git.args(arguments));
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "--message=images"]);
        // Git in the container refuses a work tree of somebody else unless told that it is safe.
        succeed(Command::new("chown").args(["--recursive", RUNNER_USER, job.path("").as_str()]));
        job
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn workspace(&self) -> Utf8PathBuf {
        self.path("images/images")
    }

    /// The folder of the host: `/srv` in the container.
    fn data(&self) -> Utf8PathBuf {
        self.path("data")
    }

    fn add_disk_and_advisories(&self) {
        let disk = self.data().join("disk.raw");
        debian_disk(&disk, &debian_packages(150), &DiskOptions::default()).unwrap();
        let advisories =
            Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo/advisories.json");
        let stamp = Stamp { updated_at: Timestamp::now(), fixture: Some("demo".to_owned()) };
        let advisories = Advisories::read(&advisories).unwrap();
        advisories.write(&self.data().join("trivy"), &stamp).unwrap();
    }

    /// Runs a step of the action.
    fn run(&self, docker: &Docker, inputs: &[(&str, &str)]) -> Step {
        let id = Uuid::new_v4();
        let commands = self.path("_temp/_runner_file_commands");
        let output = commands.join(format!("set_output_{id}"));
        let summary = commands.join(format!("step_summary_{id}"));
        for file in [&output, &summary] {
            fs_err::write(file, "").unwrap();
        }
        let mut environment: BTreeMap<String, String> = [
            ("HOME", "/github/home".to_owned()),
            ("GITHUB_ACTION", "__self".to_owned()),
            ("GITHUB_API_URL", "https://api.github.com".to_owned()),
            ("GITHUB_EVENT_NAME", "schedule".to_owned()),
            ("GITHUB_EVENT_PATH", "/github/workflow/event.json".to_owned()),
            ("GITHUB_OUTPUT", format!("/github/file_commands/set_output_{id}")),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_REPOSITORY", "ann/images".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_RUN_ID", "9001".to_owned()),
            ("GITHUB_RUN_NUMBER", "7".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_STEP_SUMMARY", format!("/github/file_commands/step_summary_{id}")),
            ("GITHUB_WORKFLOW", "Golden images".to_owned()),
            ("GITHUB_WORKSPACE", "/github/workspace".to_owned()),
            ("RUNNER_ARCH", "X64".to_owned()),
            ("RUNNER_ENVIRONMENT", "self-hosted".to_owned()),
            ("RUNNER_NAME", "runner".to_owned()),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_TEMP", "/github/runner_temp".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        // An input that nobody set is passed as well: empty.
        for name in [
            "COMMAND",
            "IMAGES",
            "CONFIG",
            "REGISTRY",
            "STORE",
            "FROM_ARTIFACT",
            "DB",
            "FORCE",
            "DRY_RUN",
            "ARGUMENTS",
        ] {
            environment.insert(format!("INPUT_{name}"), String::new());
        }
        for (name, value) in inputs {
            environment.insert(format!("INPUT_{name}"), (*value).to_owned());
        }

        let mut command = docker.command();
        command.args(["run", "--name", &format!("goldsmith_{}", id.simple())]);
        command.args(["--label", "2a6a15", "--workdir", "/github/workspace", "--rm"]);
        for (name, value) in &environment {
            command.args(["-e", name]).env(name, value);
        }
        command.args(["-e", "GITHUB_ACTIONS=true", "-e", "CI=true"]);
        let mounts = [
            (docker.socket(), "/var/run/docker.sock"),
            (self.path("_temp"), "/github/runner_temp"),
            (self.path("_temp/_github_home"), "/github/home"),
            (self.path("_temp/_github_workflow"), "/github/workflow"),
            (commands.clone(), "/github/file_commands"),
            (self.workspace(), "/github/workspace"),
            // Not GitHub's: what a runner's owner adds so that a store outlives the job.
            (self.data(), "/srv"),
        ];
        for (host, container) in mounts {
            command.args(["-v", &format!("{host}:{container}")]);
        }
        let finished = command.arg(IMAGE).output().unwrap();
        let log = [finished.stdout, finished.stderr].concat();
        Step {
            code: finished.status.code(),
            log: String::from_utf8_lossy(&log).into_owned(),
            outputs: read_outputs(&fs_err::read_to_string(output).unwrap()),
            summary: fs_err::read_to_string(summary).unwrap(),
        }
    }
}

/// Reads an output file that has only multi-line entries.
fn read_outputs(text: &str) -> BTreeMap<String, String> {
    let mut lines = text.lines();
    let mut outputs = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}
