//! Two runners that share a registry and a store, and nothing else: what one leaves behind, the other
//! cleans up, but not before the lease has expired.

use std::process::{Child, Command, Stdio};

use jiff::SignedDuration;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;

use crate::build::{COPY, wait_for};
use crate::project::{DEBIAN, Ended, Project, today};

/// A repository with a run of the first runner, which holds a reserved version.
struct Runners {
    project: Project,
    first: Child,
}

impl Runners {
    /// The first runner has come to the provisioner, which waits for the file `hold` to go away.
    fn building() -> Self {
        let hold = "touch ../started; while test -e ../hold; do sleep 0.1; done";
        let sources = "sources = [\"source.file.debian\"]";
        let provisioner = format!("provisioner \"shell-local\" {{ inline = [{hold:?}] }}");
        let template = COPY
            .replace(&format!("{{ {sources} }}"), &format!("{{\n  {sources}\n  {provisioner}\n}}"));
        let project = Project::with_template(&template);
        project.write("hold", "");
        let runners = Self::start(project);
        wait_for("the build", || runners.project.path("started").exists());
        runners
    }

    fn start(project: Project) -> Self {
        project.disk();
        project.advisories(|_, _| {});
        let first = project
            .goldsmith()
            .args(["run", "--db", "advisories", "--format", "json", "--grace", "3s"])
            .stdout(Stdio::piped())
            .stderr(fs_err::File::create(project.path("stderr")).unwrap().into_file())
            .spawn()
            .unwrap();
        Self { project, first }
    }

    /// Sends the first runner a signal. When this returns it stands still.
    fn stop(&self) {
        let pid = Pid::from_child(&self.first);
        kill_process(pid, Signal::STOP).unwrap();
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).unwrap();
    }

    /// Goldsmith on the second runner, when its clock shows so many minutes more than the first one's.
    fn second(&self, minutes: i64, arguments: &[&str]) -> Ended {
        let now = jiff::Timestamp::now() + SignedDuration::from_mins(minutes);
        let mut command: Command = self.project.goldsmith();
        command
            .env("GOLDSMITH_STATE_DIR", self.project.path("elsewhere"))
            .args(arguments)
            .args(["--now", &now.to_string()]);
        let output = command.output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The second runner leaves the first one alone until the lease has expired, and then gives up
    /// the version that it holds.
    #[track_caller]
    fn reap(&self) {
        for minutes in [0, 9] {
            let early = self.second(minutes, &["reap"]).expect(0);
            assert_eq!(early.stdout, "nothing to clean up\n", "it may be alive");
        }
        let reaped = self.second(11, &["reap"]).expect(0);
        let given_up = format!("debian-12: {}, which it had reserved, is given up", today());
        assert!(reaped.stdout.contains(&given_up), "{}", reaped.stdout);
        assert_eq!(self.project.log("debian-12"), ["reserved", "abandoned"]);
        assert_eq!(self.second(11, &["reap"]).expect(0).stdout, "nothing to clean up\n");
    }

    /// The first runner goes on, and ends because its version is not its own any more.
    #[track_caller]
    fn go_on(self, reason: &str) -> Project {
        kill_process(Pid::from_child(&self.first), Signal::CONT).unwrap();
        let output = self.first.wait_with_output().unwrap();
        let told = fs_err::read_to_string(self.project.path("stderr")).unwrap();
        assert_eq!(output.status.code(), Some(5), "{told}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failure = &report["images"][0]["failure"];
        assert_eq!(failure["class"], "registry", "{failure:#}");
        assert!(failure["reason"].as_str().unwrap().contains(reason), "{failure:#}");
        self.project
    }
}

/// Nothing of the run is to be seen, and the next one publishes.
#[track_caller]
fn expect_clean(project: &Project) {
    project.run(&["reap"]).expect(0);
    assert_eq!(project.run(&["reap"]).expect(0).stdout, "nothing to clean up\n");
    assert_eq!(project.list("store/debian-12"), [""; 0]);
    assert_eq!(project.log("debian-12"), ["reserved", "abandoned"]);
    let leases = project.list("registry/runs");
    assert!(leases.iter().all(|name| name.ends_with(".claimed.json")), "{leases:?}");
    project.run(&["run", "--db", "advisories"]).expect(0);
    assert_eq!(project.log("debian-12")[2..], ["reserved", "published", "moved"]);
}

#[test]
fn a_runner_that_is_gone_is_cleaned_up_after_by_another_one_when_its_lease_has_expired() {
    let mut runners = Runners::building();
    runners.first.kill().unwrap();
    runners.first.wait().unwrap();
    runners.reap();
    fs_err::remove_file(runners.project.path("hold")).unwrap();
    let runs = runners.project.list("state/runs");
    let lock = runners.project.path(&format!("state/runs/{}/lock", runs[0]));
    wait_for("the end of its supervisor", || {
        let lock = fs_err::File::open(&lock).unwrap();
        rustix::fs::flock(lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    });
    expect_clean(&runners.project);
}

#[test]
fn a_runner_that_stood_still_for_too_long_notices_and_publishes_nothing() {
    let runners = Runners::building();
    runners.stop();
    runners.reap();
    fs_err::remove_file(runners.project.path("hold")).unwrap();
    expect_clean(&runners.go_on("has taken this run for dead"));
}

#[test]
fn a_runner_that_stood_still_on_the_way_into_the_store_publishes_nothing() {
    let project = Project::new(DEBIAN);
    project.write("packer/debian.pkr.hcl", COPY);
    // Somebody else is at the store.
    let shelf = project.path("store/debian-12");
    fs_err::create_dir_all(&shelf).unwrap();
    let shelf = fs_err::File::open(shelf).unwrap();
    rustix::fs::flock(&shelf, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let runners = Runners::start(project);
    let told = || fs_err::read_to_string(runners.project.path("stderr")).unwrap();
    wait_for("the publishing", || told().contains("│ publish"));
    runners.stop();
    // It has looked at its lease already, and never does again.
    drop(shelf);
    runners.reap();
    expect_clean(&runners.go_on("given up"));
}
