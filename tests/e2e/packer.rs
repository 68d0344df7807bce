//! The driver of Packer against the real one: its own builders (null, file) and, once, QEMU.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::environment::Environment;
use goldsmith::model::{Failure, Tool};
use goldsmith::packer::{BuildRequest, Built, Packer, probe};
use goldsmith::process::{Cancellation, Cause, Launcher, Redaction};
use indexmap::IndexMap;
use rustix::process::Signal;

use crate::processes::{Process, outer_and_core, processes};

/// Longer than anything here takes; a test that needs it has failed.
const LONG: Duration = Duration::from_mins(2);

/// A template in a folder of its own, and where its build goes.
struct Site {
    folder: tempfile::TempDir,
    token: String,
    request: BuildRequest,
}

impl Site {
    fn new(template: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        let workdir = path.join("template");
        fs_err::create_dir(&workdir).unwrap();
        fs_err::write(workdir.join("t.pkr.hcl"), template).unwrap();
        Self {
            folder,
            token: uuid::Uuid::new_v4().to_string(),
            request: BuildRequest {
                image: "debian-12".parse().unwrap(),
                version: "1.0.20261123".to_owned(),
                scratch_name: "debian-12-scratch".to_owned(),
                output_directory: path.join("output"),
                temporary_folder: None,
                vmid: None,
                template: workdir.clone(),
                edited: None,
                collect: None,
                workdir,
                build: None,
                variable_files: Vec::new(),
                variables: IndexMap::new(),
                secret_variables: IndexMap::new(),
                redaction: Redaction::default(),
                environment: vec!["SITE".to_owned()],
                plugin_folder: None,
                timeout: LONG,
                grace: LONG,
                log: path.join("packer.log").into(),
            },
        }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// Builds, and calls `act` with every line that people would see.
    async fn build(
        &self,
        cancellation: &Cancellation,
        mut act: impl FnMut(&str),
    ) -> Result<Built, Failure> {
        let environment = environment();
        let launcher = Launcher::new(env!("CARGO_BIN_EXE_goldsmith"));
        let tool = tool(&environment, &launcher).await;
        let marked = environment
            .iter()
            .chain([("SITE", self.token.as_str())])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let packer = Packer::new(tool, launcher, Arc::new(marked));
        let built = packer.build(&self.request, cancellation, &mut act).await;
        let left: Vec<_> = self.processes().into_iter().map(|process| process.command).collect();
        assert_eq!(left, [""; 0], "nothing outlives a build");
        built.map_err(|failure| failure.failure())
    }

    /// Builds undisturbed.
    async fn outcome(&self) -> Result<Built, Failure> {
        self.build(&Cancellation::new(), |_| {}).await
    }

    /// Builds, and acts once when the template says `marker`.
    async fn disturbed(&self, act: impl FnOnce(&Cancellation)) -> Failure {
        let cancellation = Cancellation::new();
        let mut act = Some(act);
        self.build(&cancellation, |line| {
            if line.ends_with(": marker")
                && let Some(act) = act.take()
            {
                act(&cancellation);
            }
        })
        .await
        .unwrap_err()
    }

    /// Every process of the build, its supervisor included: they carry the token.
    fn processes(&self) -> Vec<Process> {
        processes(&format!("SITE={}", self.token))
    }

    /// The two processes of Packer itself: the outer one, which only copies, and the core.
    fn outer_and_core(&self) -> (Process, Process) {
        outer_and_core(self.processes()).unwrap()
    }

    fn find(&self, command: &str) -> Process {
        let mut processes = self.processes().into_iter();
        processes.find(|process| process.command.contains(command)).unwrap()
    }
}

/// This process's environment, with the folder of `$PACKER` first on the search path.
fn environment() -> Environment {
    let given = Environment::of_process();
    let Some(packer) = given.get("PACKER").map(Utf8PathBuf::from) else {
        return given;
    };
    let path = format!("{}:{}", packer.parent().unwrap(), given.get("PATH").unwrap_or_default());
    let variables = given.iter().filter(|(name, _)| *name != "PATH");
    variables
        .chain([("PATH", path.as_str())])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

async fn tool(environment: &Environment, launcher: &Launcher) -> Tool {
    probe(environment, launcher, &Cancellation::new())
        .await
        .expect("these tests need Packer: put it on PATH or name it by PACKER")
}

/// What people read of a failure, without what differs from run to run.
fn told(failure: &Failure, site: &Site) -> String {
    let mut told = format!("{:?}: {}", failure.class, failure.reason);
    for hint in &failure.hints {
        told += "\n  ";
        told += hint;
    }
    told.replace(site.path("").as_str(), "SITE/")
}

const IMAGE: &str = r#"
    variable "goldsmith_image" { default = "" }
    variable "goldsmith_version" { default = "" }
    variable "goldsmith_output_dir" { default = "" }
    variable "motd" { default = "" }
    source "file" "disk" {
      content = "${var.goldsmith_image} ${var.goldsmith_version}: ${var.motd}"
      target  = "${var.goldsmith_output_dir}/disk.raw"
    }
    build {
      sources = ["source.file.disk"]
      PROVISIONERS
    }"#;

/// A template whose only build leaves an image, after running the inline script.
fn image(script: &str) -> Site {
    let lines: Vec<_> = script.lines().map(|line| serde_json::to_string(line).unwrap()).collect();
    let lines = lines.join(", ").replace("${", "$${").replace("%{", "%%{");
    let provisioner = format!("provisioner \"shell-local\" {{\n inline = [{lines}]\n }}");
    Site::new(&IMAGE.replace("PROVISIONERS", &provisioner))
}

#[tokio::test]
async fn an_image_is_built_as_the_template_contract_says() {
    let mut site = image("echo one, two; echo problem >&2");
    site.request.build = Some("file.disk".to_owned());
    site.request.variables.insert("motd".to_owned(), "hello, world".to_owned());
    let mut lines = Vec::new();
    let built = site.build(&Cancellation::new(), |line| lines.push(line.to_owned())).await.unwrap();
    assert_eq!(built.build, "file.disk");
    assert_eq!((built.leftover, built.log_error.is_none()), (0, true));
    let disk = built.artifact.disk();
    assert_eq!(disk.path, site.request.output_directory.join("disk.raw"));
    assert_eq!(fs_err::read_to_string(&disk.path).unwrap(), "debian-12 1.0.20261123: hello, world");
    assert!(fs_err::metadata(&disk.path).unwrap().permissions().readonly());
    assert!(lines.contains(&"==> file.disk: one, two".to_owned()));
    assert!(lines.contains(&"==> file.disk: problem".to_owned()));
    let log = fs_err::read_to_string(site.request.log.path()).unwrap();
    assert!(log.contains(",ui,say,==> file.disk: one%!(PACKER_COMMA) two\n"));
    assert!(log.contains(",file.disk,artifact,0,end\n"));
}

#[tokio::test]
async fn nothing_a_script_prints_can_change_how_the_build_went() {
    let site = image(
        r"printf '1,file.disk,artifact-count,0\n'
printf '\\n==> Wait completed after 1s\n1,,ui,say,\\n==> Builds finished but no artifacts were created.\n'
head -c 20000 /dev/zero | tr '\0' ','; echo
printf '\377\033[31m::error::x\n'",
    );
    let built = site.outcome().await.unwrap();
    assert_eq!(built.artifact.files.len(), 1);
}

#[tokio::test]
async fn templates_and_provisioners_fail_with_a_reason_on_one_line() {
    let mut reasons = Vec::new();
    for site in [
        Site::new(
            "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n  sources = [\"source.null.n\"\n}\n",
        ),
        Site::new(
            r#"packer {
              required_plugins {
                nonesuch = {
                  version = ">= 1.2.0"
                  source  = "github.com/hashicorp/nonesuch"
                }
              }
            }
            source "null" "n" { communicator = "none" }
            build { sources = ["source.null.n"] }"#,
        ),
        image("echo the last word; exit 3"),
        Site::new(
            &IMAGE.replace(
                "PROVISIONERS",
                "post-processor \"shell-local\" { inline = [\"exit 4\"] }",
            ),
        ),
        Site::new(
            r#"source "null" "n" { communicator = "none" }
            build { sources = ["source.null.n"] }"#,
        ),
        Site::new(
            &IMAGE
                .replace("PROVISIONERS", "")
                .replace("${var.goldsmith_output_dir}", "../elsewhere"),
        ),
    ] {
        let failure = site.outcome().await.unwrap_err();
        reasons.push(told(&failure, &site));
    }
    insta::assert_snapshot!(reasons.join("\n"), @"
    Template: template error: t.pkr.hcl:4: Missing item separator: Expected a comma to mark the beginning of the next item.
    PluginMissing: missing Packer plugin: `github.com/hashicorp/nonesuch >= 1.2.0`
      name it in `required_plugins` of the template, and goldsmith installs it; or install it yourself: `packer plugins install`
    Provisioner: provisioner `shell-local` of build `file.disk` failed: exit status 3 (last line: the last word)
    Build: post-processor `shell-local` of build `file.disk` failed: exit status 4
      Packer deletes the artifact when a post-processor fails: what may fail belongs after the build
    NoArtifact: the artifact of build `null.n` has no files (Did not export anything. This is the null builder)
      only builders that leave files (qemu, file) can be published to a directory
    NoArtifact: the artifact cannot be used: `SITE/template/../elsewhere/disk.raw` does not lie in the output directory `SITE/output`
      the source must write its files below `${var.goldsmith_output_dir}`
    ");
}

#[tokio::test]
async fn an_artifact_that_is_gone_or_was_there_before_does_not_count() {
    let site = Site::new(&IMAGE.replace(
        "PROVISIONERS",
        r#"post-processor "shell-local" { inline = ["rm ${var.goldsmith_output_dir}/disk.raw"] }"#,
    ));
    let gone = site.outcome().await.unwrap_err();
    insta::assert_snapshot!(told(&gone, &site), @"
    NoArtifact: the artifact cannot be used: there is no file `SITE/output/disk.raw`, although Packer reports it: No such file or directory (os error 2)
      the source must write its files below `${var.goldsmith_output_dir}`
    ");

    let site = image("true");
    fs_err::create_dir(&site.request.output_directory).unwrap();
    let occupied = site.outcome().await.unwrap_err();
    insta::assert_snapshot!(told(&occupied, &site), @"Build: `SITE/output` exists already: nothing may lie where the build puts its artifact");
}

/// A build that says where it is and then takes its time.
fn slow() -> Site {
    image("setsid sleep 1000 &\necho marker\nsleep 1000")
}

#[tokio::test]
async fn killing_any_part_of_packer_is_a_failure_and_leaves_no_process() {
    let mut told_of = Vec::new();
    let core = slow();
    let failure = core.disturbed(|_| core.outer_and_core().1.signal(Signal::KILL)).await;
    told_of.push(told(&failure, &core));
    let outer = slow();
    let failure = outer.disturbed(|_| outer.outer_and_core().0.signal(Signal::KILL)).await;
    told_of.push(told(&failure, &outer));
    let plugin = slow();
    let failure = plugin
        .disturbed(|_| plugin.find("packer-provisioner-shell-local").signal(Signal::KILL))
        .await;
    told_of.push(told(&failure, &plugin));
    let stranger = slow();
    let failure = stranger.disturbed(|_| stranger.outer_and_core().0.signal(Signal::TERM)).await;
    told_of.push(told(&failure, &stranger));
    insta::assert_snapshot!(told_of.join("\n"), @"
    Killed: Packer's core was killed in the middle of the build
      look for the out-of-memory killer in the kernel log: `dmesg` or `journalctl -k`
    Killed: Packer was killed by SIGKILL in the middle of the build
      look for the out-of-memory killer in the kernel log: `dmesg` or `journalctl -k`
    Killed: build `file.disk` failed: unexpected EOF
      a plugin of Packer died: look for the out-of-memory killer in the kernel log, `dmesg` or `journalctl -k`
    Killed: somebody told Packer to stop
    ");
}

#[tokio::test]
async fn a_cancelled_build_stops_in_order() {
    let site = slow();
    let failure = site.disturbed(|cancellation| cancellation.request(Cause::Interrupted)).await;
    insta::assert_snapshot!(told(&failure, &site), @"Interrupted: the build was cancelled");
    let log = fs_err::read_to_string(site.request.log.path()).unwrap();
    assert!(log.contains("Cleanly cancelled builds after being interrupted."));
}

#[tokio::test]
async fn a_packer_that_does_not_listen_is_killed_after_the_grace() {
    let mut site = slow();
    site.request.grace = Duration::from_millis(300);
    let failure = site
        .disturbed(|cancellation| {
            site.outer_and_core().1.signal(Signal::STOP);
            cancellation.request(Cause::Terminated);
        })
        .await;
    insta::assert_snapshot!(told(&failure, &site), @"Terminated: the build was cancelled");
}

#[tokio::test]
async fn a_build_that_takes_too_long_is_stopped() {
    let mut site = slow();
    site.request.timeout = Duration::from_secs(2);
    let failure = site.outcome().await.unwrap_err();
    insta::assert_snapshot!(told(&failure, &site), @"
    Timeout: the build was not done after 2s
      `timeout: { build: … }` of the image gives it more time
    ");
}

#[tokio::test]
async fn when_packer_is_killed_its_virtual_machine_is_too() {
    let site = Site::new(
        r#"variable "goldsmith_output_dir" { default = "" }
        source "qemu" "empty" {
          accelerator      = "tcg"
          disk_image       = true
          iso_url          = "empty.raw"
          iso_checksum     = "none"
          headless         = true
          memory           = 64
          format           = "raw"
          output_directory = var.goldsmith_output_dir
          boot_wait        = "1s"
          ssh_username     = "nobody"
          ssh_password     = "nothing"
          ssh_timeout      = "10m"
          qemuargs         = [["-display", "none"]]
        }
        build { sources = ["source.qemu.empty"] }"#,
    );
    fs_err::write(site.request.workdir.join("empty.raw"), vec![0; 1024 * 1024]).unwrap();
    let mut killed = false;
    let failure = site
        .build(&Cancellation::new(), |line| {
            if line.ends_with("Waiting for SSH to become available...") {
                site.find("qemu-system");
                site.outer_and_core().1.signal(Signal::KILL);
                killed = true;
            }
        })
        .await
        .unwrap_err();
    assert!(killed, "{}", told(&failure, &site));
    insta::assert_snapshot!(told(&failure, &site), @"
    Killed: Packer's core was killed in the middle of the build
      look for the out-of-memory killer in the kernel log: `dmesg` or `journalctl -k`
    ");
}

#[tokio::test]
async fn a_packer_that_is_missing_or_another_program_is_told() {
    let launcher = Launcher::new(env!("CARGO_BIN_EXE_goldsmith"));
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(folder.path()).unwrap();
    let environment: Environment = [("PATH".to_owned(), path.to_string())].into_iter().collect();
    let mut told = Vec::new();
    for script in [
        None,
        Some("#!/bin/sh\necho skipping line: 1"),
        Some("#!/bin/sh\necho 1,,version,1.9.5"),
        Some("#!/bin/sh\necho no >&2; exit 1"),
    ] {
        if let Some(script) = script {
            use std::os::unix::fs::PermissionsExt as _;
            fs_err::write(path.join("packer"), script).unwrap();
            fs_err::set_permissions(path.join("packer"), std::fs::Permissions::from_mode(0o755))
                .unwrap();
        }
        let error = probe(&environment, &launcher, &Cancellation::new()).await.unwrap_err();
        told.push(error.failure().reason.replace(path.as_str(), "FOLDER"));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    there is no `packer` on the search path
    `FOLDER/packer` did not tell its version: is it HashiCorp's Packer?
    Packer 1.9.5 (`FOLDER/packer`) is too old
    failed to ask Packer for its version: exit status 1: no
    ");
}
