//! `goldsmith run` with the real Packer, and what becomes of builds that go wrong.

use std::io::BufRead as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::project::{DEBIAN, Ended, Project, today};

/// "Builds" the disk that lies in the project.
pub(crate) const COPY: &str = r#"
variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "disk" }
source "file" "debian" {
  source = "../disk.raw"
  target = "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw"
}
build { sources = ["source.file.debian"] }
"#;

const UNKNOWN_PLUGIN: &str = r#"
packer {
  required_plugins {
    none = {
      version = ">= 1.0.0"
      source  = "github.com/goldsmith-tests/none"
    }
  }
}
"#;

/// A build that runs `script` on this machine and then copies the disk.
fn copy_after(script: &str) -> String {
    COPY.replace(
        "build { sources = [\"source.file.debian\"] }",
        &format!(
            "build {{\n  sources = [\"source.file.debian\"]\n  \
             provisioner \"shell-local\" {{ inline = [{script:?}] }}\n}}"
        ),
    )
}

pub(crate) fn run(project: &Project, more: &[&str]) -> Ended {
    project.run(&[&["run", "--db", "advisories"], more].concat())
}

/// A project with this template, a disk and fresh advisories.
pub(crate) fn project_with(template: &str) -> Project {
    let project = Project::with_template(template);
    project.disk();
    project.advisories(|_, _| {});
    project
}

/// Nothing of a failed build is visible: no version, no channel, no file in the store. The log says
/// that there was one, unless it was cancelled or could not even begin.
#[track_caller]
fn expect_nothing_published(project: &Project, log: &[&str]) {
    assert_eq!(project.list("store"), Vec::<String>::new());
    assert_eq!(project.log("debian-12"), log);
    let run = project.list("state/runs").pop().unwrap();
    assert!(!project.path(&format!("state/runs/{run}/work")).exists(), "scratch space is gone");
}

#[test]
fn a_second_run_has_nothing_to_do_and_force_builds_the_second_version_of_the_day() {
    let project = project_with(COPY);
    let today = today();
    let first = run(&project, &[]).expect(0);
    assert!(first.stdout.contains(&today), "{}", first.stdout);

    let second = run(&project, &[]).expect(0);
    for told in ["not due", &today, "definition is unchanged", "next slot"] {
        assert!(second.stdout.contains(told), "`{told}` is missing in\n{}", second.stdout);
    }
    assert_eq!(project.log("debian-12"), ["reserved", "published", "moved"]);

    run(&project, &["--force"]).expect(0);
    let channel = project.json("registry/images/debian-12/channels/candidate.json");
    assert_eq!(channel["version"], format!("{today}.2"));
}

#[test]
fn a_rebuild_that_brings_nothing_new_is_verified_fresh() {
    let project = project_with(COPY);
    run(&project, &[]).expect(0);
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(40 * 24);
    project.advisories(|_, stamp| stamp.updated_at = later);
    let now = later.to_string();
    let second = run(&project, &["--now", &now]).expect(0);
    assert!(second.stdout.contains("fresh"), "{}", second.stdout);
    assert_eq!(
        project.log("debian-12"),
        ["reserved", "published", "moved", "reserved", "verified"]
    );
    let third = run(&project, &["--now", &now]).expect(0);
    assert!(third.stdout.contains("not due"), "{}", third.stdout);
}

#[test]
fn a_further_disk_is_looked_into_and_a_second_system_on_it_is_untrusted() {
    let with = |make: &str| {
        COPY.replace(
            "build { sources = [\"source.file.debian\"] }",
            r#"
build {
  sources = ["source.file.debian"]
  provisioner "shell-local" {
    inline = ["MAKE"]
  }
  post-processor "artifice" {
    files = [
      "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw",
      "${var.goldsmith_output_dir}/data",
    ]
  }
}
"#,
        )
        .replace("MAKE", make)
    };
    let data = "${var.goldsmith_output_dir}/data";
    let disk = "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw";
    let project = project_with(&with(&format!("cp {disk} {data}")));
    let ended = run(&project, &[]).expect(4);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("a second system is on `data` and was not judged"), "{}", ended.stdout);
    assert_eq!(project.list("store/debian-12"), Vec::<String>::new());

    let project = project_with(&with(&format!("truncate -s 1M {data}")));
    run(&project, &[]).expect(0);
}

#[test]
fn a_store_that_cannot_be_reached_is_told_before_a_build() {
    let project = project_with(COPY);
    let ended = run(&project, &["--store", "az://golden"]).expect(5);
    assert!(ended.stderr.contains("cannot open `az://golden`"), "{}", ended.stderr);
    assert!(project.list("store").is_empty() && project.log("debian-12").is_empty());
}

#[test]
fn a_missing_packer_is_a_missing_tool() {
    let project = project_with(COPY);
    let mut command = project.goldsmith();
    let output = command.args(["run", "--db", "advisories"]).env("PATH", "/nonexistent").output();
    let output = output.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("there is no `packer` on the search path"), "{stderr}");
    assert_eq!(project.log("debian-12"), Vec::<String>::new(), "not even a version is reserved");
}

#[test]
fn a_missing_plugin_is_a_missing_tool_too() {
    let project = project_with(&format!("{UNKNOWN_PLUGIN}{COPY}"));
    let mut command = project.goldsmith();
    // Whoever could have it is not reached.
    command.args(["run", "--db", "advisories"]).env("HTTPS_PROXY", "http://127.0.0.1:9");
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stdout}");
    assert!(stdout.contains("github.com/goldsmith-tests/none"), "{stdout}");
    expect_nothing_published(&project, &["reserved"]);
}

#[test]
fn a_syntax_error_in_the_template_fails_the_build_and_names_the_line() {
    let project = project_with(&format!("{COPY}\nsource \"file\" {{\n"));
    let ended = run(&project, &[]).expect(3);
    assert!(ended.stdout.contains("debian.pkr.hcl:"), "{}", ended.stdout);
    expect_nothing_published(&project, &["reserved", "failed"]);
}

#[test]
fn a_provisioner_that_fails_fails_the_build_in_one_line_with_the_log() {
    let project = project_with(&copy_after("echo this is why; exit 7"));
    let ended = run(&project, &[]).expect(3);
    assert!(ended.stdout.contains('7'), "{}", ended.stdout);
    let run = project.list("state/runs").pop().unwrap();
    let log = project.path(&format!("state/runs/{run}/logs/debian-12.log.zst"));
    assert!(ended.stdout.contains(log.as_str()), "{}", ended.stdout);
    let log = zstd::decode_all(fs_err::File::open(log).unwrap()).unwrap();
    assert!(String::from_utf8(log).unwrap().contains("this is why"));
    expect_nothing_published(&project, &["reserved", "failed"]);
}

#[test]
fn a_packer_core_that_is_killed_fails_the_build_although_packer_ends_with_0() {
    let project = project_with(&copy_after("touch ../started; sleep 600"));
    let goldsmith = spawn(&project);
    wait_for("the build", || project.path("started").exists());
    kill_process(packer_core(goldsmith.id()), Signal::KILL).unwrap();
    let output = goldsmith.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert!(stdout.contains("killed"), "{stdout}");
    expect_nothing_published(&project, &["reserved", "failed"]);
    assert_eq!(processes_of(&project), Vec::<String>::new());
}

/// Starts a run and does not wait for it.
fn spawn(project: &Project) -> Child {
    project
        .goldsmith()
        .args(["run", "--db", "advisories"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A guest that never answers: an empty disk, started by the real QEMU plugin.
pub(crate) const DEAF_GUEST: &str = r#"
packer {
  required_plugins {
    qemu = {
      version = "~> 1.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
variable "goldsmith_output_dir" { default = "output" }
source "qemu" "debian" {
  accelerator      = "tcg"
  disk_image       = true
  iso_url          = "../disk.raw"
  iso_checksum     = "none"
  format           = "raw"
  skip_resize_disk = true
  headless         = true
  cpus             = 1
  memory           = 64
  output_directory = var.goldsmith_output_dir
  ssh_username     = "nobody"
  ssh_password     = "nothing"
  ssh_timeout      = "30m"
  boot_wait        = "1s"
  shutdown_command = "true"
}
build { sources = ["source.qemu.debian"] }
"#;

/// The command lines of processes that have to do with `project`.
fn processes_of(project: &Project) -> Vec<String> {
    let folder = project.path("");
    let folders = fs_err::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    folders
        .filter_map(|folder| fs_err::read(folder.join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder.as_str()))
        .collect()
}

/// Waits until `done`; a test that hangs is one that fails.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_mins(2), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_interrupt_takes_the_machine_and_its_folder_along_within_ten_seconds() {
    let project = project_with(DEAF_GUEST);
    let mut goldsmith = spawn(&project);
    let is_qemu = |line: &String| line.contains("qemu-system");
    wait_for("the guest", || processes_of(&project).iter().any(is_qemu));

    let pid = Pid::from_child(&goldsmith);
    let asked = Instant::now();
    kill_process(pid, Signal::INT).unwrap();
    let status = goldsmith.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(130), None));
    // Not a measurement: the promise is ten seconds whatever the guest does.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(processes_of(&project), Vec::<String>::new());
    expect_nothing_published(&project, &["reserved"]);
}

#[test]
fn a_guest_whose_packer_core_is_killed_is_not_left_behind() {
    let project = project_with(DEAF_GUEST);
    let mut goldsmith = spawn(&project);
    let is_qemu = |line: &String| line.contains("qemu-system");
    wait_for("the guest", || processes_of(&project).iter().any(is_qemu));
    kill_process(packer_core(goldsmith.id()), Signal::KILL).unwrap();
    assert_eq!(goldsmith.wait().unwrap().code(), Some(3));
    assert_eq!(processes_of(&project), Vec::<String>::new());
    expect_nothing_published(&project, &["reserved", "failed"]);
}

#[test]
fn what_packer_writes_when_it_crashes_is_not_left_beside_the_template() {
    // Packer takes this word in what it logs for a crash of its own when it fails right afterwards.
    let crash = "environment_vars = [\"X=panic: of a test\"]\n    inline = [\"exit 1\"]";
    let template = copy_after("true").replace("inline = [\"true\"]", &format!("\n    {crash}\n  "));
    let project = project_with(&template);
    let ended = run(&project, &[]).expect(3);
    let told = "Packer has crashed: what it wrote is in ";
    let log = ended.stderr.split(told).nth(1).unwrap_or_else(|| panic!("{}", ended.stderr));
    let log = log.lines().next().unwrap().trim();
    assert!(fs_err::read_to_string(log).unwrap().contains("panic: of a test"));
    assert_eq!(project.list("packer"), ["debian.pkr.hcl"]);

    project.write("packer/crash.log", "somebody's own");
    run(&project, &["--force"]).expect(3);
    assert_eq!(project.list("packer"), ["crash.log", "debian.pkr.hcl"]);
}

#[test]
fn a_daemon_that_a_build_starts_here_ends_with_it_and_is_told() {
    let project = project_with(COPY);
    let daemon = format!("setsid tail -f {} >/dev/null 2>&1 &", project.path("images.yml"));
    project.write("packer/debian.pkr.hcl", &copy_after(&daemon));
    let ended = run(&project, &[]).expect(0);
    let told = "processes that the build had left behind were killed: 1";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_eq!(processes_of(&project), Vec::<String>::new());
}

/// Packer's core below goldsmith: goldsmith, its supervisor, Packer's outer process, the core.
fn packer_core(goldsmith: u32) -> Pid {
    // Any thread of a process may have started the child.
    let child = |pid: u32| {
        let threads = fs_err::read_dir(format!("/proc/{pid}/task")).unwrap();
        let children = threads
            .map(|thread| fs_err::read_to_string(thread.unwrap().path().join("children")).unwrap());
        let children: String = children.collect();
        children.split_whitespace().next().unwrap().parse::<u32>().unwrap()
    };
    let core = child(child(child(goldsmith)));
    Pid::from_raw(i32::try_from(core).unwrap()).unwrap()
}

#[test]
fn what_may_pass_by_itself_is_tried_again_in_the_same_run() {
    // The name of a missing file stands for an error of the network.
    let template = COPY.replace("../disk.raw", "../connection reset by peer.raw");
    let project = Project::with_template(&template);
    project.advisories(|_, _| {});
    let mut child = project
        .goldsmith()
        .args(["run", "--db", "advisories"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    for line in std::io::BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("trying again in") {
            fs_err::rename(project.disk(), project.path("connection reset by peer.raw")).unwrap();
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(child.wait().unwrap().success(), "{said}");
    assert_eq!(said.matches("trying again in 5.0 s").count(), 1, "{said}");
    assert_eq!(project.log("debian-12"), ["reserved", "published", "moved"]);
}

#[test]
fn what_was_prepared_for_a_pull_request_is_used_again_and_only_there() {
    let project = project_with(COPY);
    let images = format!(
        "{DEBIAN}    env: [MIRROR, TIMES]\n    prepare: {{ run: 'echo made >>$TIMES; cp $TIMES made', creates: made }}\n"
    );
    // A pull request is judged by its base branch, and nothing is kept where a checkout wipes it.
    let kept = tempfile::tempdir().unwrap();
    let images = images.replace(": ./", &format!(": {}/", kept.path().to_str().unwrap()));
    project.write("images.yml", &images);
    for git in [
        "init --quiet",
        "add images.yml packer",
        "-c user.name=t -c user.email=t@example.org commit --quiet -m t",
        "update-ref refs/remotes/origin/main HEAD",
    ] {
        let mut git = std::process::Command::new("git")
            .args(git.split(' '))
            .current_dir(project.path(""))
            .spawn()
            .unwrap();
        assert!(git.wait().unwrap().success());
    }
    let times = |event: &str, mirror: &str, more: &[&str]| {
        let output = project
            .goldsmith()
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_BASE_REF", "main")
            .env("MIRROR", mirror)
            .env("TIMES", project.path("times"))
            .args(["run", "--db", "advisories", "--force"])
            .args(more)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        fs_err::read_to_string(project.path("times")).unwrap().lines().count()
    };
    let dry = ["--dry-run"];
    assert_eq!(times("pull_request", "a", &dry), 1);
    assert_eq!(times("pull_request", "a", &dry), 1);
    assert_eq!(times("pull_request", "b", &dry), 2, "another variable");
    assert_eq!(times("schedule", "b", &dry), 3, "no pull request");
    assert_eq!(times("pull_request", "b", &dry), 4, "another file lies there");
    project.write("packer/made", "spoilt\n");
    assert_eq!(times("pull_request", "b", &dry), 5);
    assert_eq!(times("pull_request", "b", &["--allow-dirty"]), 6, "it is published");
}
