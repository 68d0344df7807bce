//! The matrix of kills: whatever is killed, and whenever, no process is left, the run says what
//! happened, `goldsmith reap` makes everything clean, and the next run succeeds.
//!
//! A stage is held up by a script that waits for a file to go away, by one that sleeps in a guest, or
//! by a peer that never answers. All processes of a cell carry a token in their environment, and have
//! a folder for temporary files that nobody else uses.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::build::{COPY, DEAF_GUEST, wait_for};
use crate::guest::guest;
use crate::processes::{Process, outer_and_core, processes};
use crate::project::{DEBIAN, Project};

/// What a running machine has in its command line, and one that is only asked for its version has not.
const MACHINE: &str = " -netdev user";

/// How long builds get to stop in order.
const GRACE: &str = "3s";

/// From the kill to the end of everything: the grace, and what a loaded machine takes besides. Not a
/// measurement.
const ENOUGH: Duration = Duration::from_secs(20);

/// How many seconds a build may take in which a guest boots first.
const SLOW: u64 = 30;

/// Where a run is when something happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In the image's `prepare`.
    Prepare,
    /// In a builder that waits for its machine.
    Boot,
    /// In the same, with a real machine.
    Guest,
    /// In a provisioner.
    Provision,
    /// In a provisioner that runs in a real machine.
    Inside,
    /// In a post-processor.
    PostProcess,
    /// On the way into the store.
    Publish,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    /// The script of `prepare` is killed.
    Script,
    /// Packer's outer process is killed.
    Outer,
    /// Packer's core is killed.
    Core,
    /// The plugin that is at work is killed.
    Plugin,
    /// The virtual machine is killed.
    Machine,
    /// The supervisor between goldsmith and what is at work is killed.
    Supervisor,
    /// Goldsmith is killed.
    Goldsmith,
    /// Goldsmith and the supervisor are killed, neither of which can do anything for the other.
    Both,
    /// Goldsmith is told to stop, this many times.
    Told(Signal, usize),
    /// The stage takes too long.
    Timeout,
    /// The disk is full.
    DiskFull,
    /// A peer does not answer any more.
    NetworkGone,
}

/// Makes a test of every cell.
macro_rules! kills {
    ($($name:ident: $blow:expr, $stage:ident => $code:literal $class:literal)*) => {
        $(
            #[test]
            fn $name() {
                cell(Stage::$stage, $blow, $code, $class);
            }
        )*
    };
}

use Blow::{
    Both, Core, DiskFull, Goldsmith, Machine, NetworkGone, Outer, Plugin, Script, Supervisor,
    Timeout, Told,
};

const TERM: Blow = Told(Signal::TERM, 1);
const TERM_TWICE: Blow = Told(Signal::TERM, 2);
const INT: Blow = Told(Signal::INT, 1);
const INT_TWICE: Blow = Told(Signal::INT, 2);

kills! {
    prepare_killed: Script, Prepare => 3 "prepare"
    prepare_with_its_supervisor_killed: Supervisor, Prepare => 3 "killed"
    prepare_and_goldsmith_killed: Goldsmith, Prepare => -1 ""
    prepare_with_goldsmith_and_its_supervisor_killed: Both, Prepare => -1 ""
    prepare_told_to_stop: TERM, Prepare => 143 "terminated"
    prepare_told_to_stop_twice: TERM_TWICE, Prepare => 143 "terminated"
    prepare_interrupted: INT, Prepare => 130 "interrupted"
    prepare_interrupted_twice: INT_TWICE, Prepare => 130 "interrupted"
    prepare_takes_too_long: Timeout, Prepare => 3 "timeout"
    prepare_fills_the_disk: DiskFull, Prepare => 3 "prepare"
    prepare_loses_the_network: NetworkGone, Prepare => 3 "timeout"

    boot_with_packer_killed: Outer, Boot => 3 "killed"
    boot_with_its_core_killed: Core, Boot => 3 "killed"
    boot_with_its_plugin_killed: Plugin, Boot => 3 "killed"
    boot_and_goldsmith_killed: Goldsmith, Boot => -1 ""
    boot_told_to_stop: TERM, Boot => 143 "terminated"
    boot_told_to_stop_twice: TERM_TWICE, Boot => 143 "terminated"
    boot_interrupted: INT, Boot => 130 "interrupted"
    boot_interrupted_twice: INT_TWICE, Boot => 130 "interrupted"
    boot_takes_too_long_without_a_network: NetworkGone, Boot => 3 "timeout"
    boot_fills_the_disk: DiskFull, Boot => 3 "disk-full"

    guest_with_packer_killed: Outer, Guest => 3 "killed"
    guest_with_its_core_killed: Core, Guest => 3 "killed"
    guest_with_its_plugin_killed: Plugin, Guest => 3 "killed"
    guest_killed: Machine, Guest => 3 "build"
    guest_and_goldsmith_killed: Goldsmith, Guest => -1 ""
    guest_told_to_stop: TERM, Guest => 143 "terminated"
    guest_interrupted_twice: INT_TWICE, Guest => 130 "interrupted"
    guest_takes_too_long: Timeout, Guest => 3 "timeout"

    provisioning_with_packer_killed: Outer, Provision => 3 "killed"
    provisioning_with_its_core_killed: Core, Provision => 3 "killed"
    provisioning_with_its_plugin_killed: Plugin, Provision => 3 "killed"
    provisioning_with_its_supervisor_killed: Supervisor, Provision => 3 "killed"
    provisioning_and_goldsmith_killed: Goldsmith, Provision => -1 ""
    provisioning_with_goldsmith_and_its_supervisor_killed: Both, Provision => -1 ""
    provisioning_told_to_stop: TERM, Provision => 143 "terminated"
    provisioning_told_to_stop_twice: TERM_TWICE, Provision => 143 "terminated"
    provisioning_interrupted: INT, Provision => 130 "interrupted"
    provisioning_interrupted_twice: INT_TWICE, Provision => 130 "interrupted"
    provisioning_takes_too_long: Timeout, Provision => 3 "timeout"
    provisioning_fills_the_disk: DiskFull, Provision => 3 "provisioner"
    provisioning_loses_the_network: NetworkGone, Provision => 3 "timeout"

    inside_with_packer_killed: Outer, Inside => 3 "killed"
    inside_with_its_core_killed: Core, Inside => 3 "killed"
    inside_with_its_plugin_killed: Plugin, Inside => 3 "killed"
    inside_with_the_guest_killed: Machine, Inside => 3 "provisioner"
    inside_with_its_supervisor_killed: Supervisor, Inside => 3 "killed"
    inside_and_goldsmith_killed: Goldsmith, Inside => -1 ""
    inside_with_goldsmith_and_its_supervisor_killed: Both, Inside => -1 ""
    inside_told_to_stop: TERM, Inside => 143 "terminated"
    inside_told_to_stop_twice: TERM_TWICE, Inside => 143 "terminated"
    inside_interrupted: INT, Inside => 130 "interrupted"
    inside_interrupted_twice: INT_TWICE, Inside => 130 "interrupted"
    inside_takes_too_long: Timeout, Inside => 3 "timeout"
    inside_fills_the_disk: DiskFull, Inside => 3 "provisioner"
    inside_loses_the_network: NetworkGone, Inside => 3 "provisioner"

    post_processing_with_packer_killed: Outer, PostProcess => 3 "killed"
    post_processing_with_its_core_killed: Core, PostProcess => 3 "killed"
    post_processing_with_its_plugin_killed: Plugin, PostProcess => 3 "killed"
    post_processing_and_goldsmith_killed: Goldsmith, PostProcess => -1 ""
    post_processing_told_to_stop: TERM, PostProcess => 143 "terminated"
    post_processing_told_to_stop_twice: TERM_TWICE, PostProcess => 143 "terminated"
    post_processing_interrupted: INT, PostProcess => 130 "interrupted"
    post_processing_interrupted_twice: INT_TWICE, PostProcess => 130 "interrupted"
    post_processing_takes_too_long: Timeout, PostProcess => 3 "timeout"
    post_processing_fills_the_disk: DiskFull, PostProcess => 3 "build"
    post_processing_loses_the_network: NetworkGone, PostProcess => 3 "timeout"

    publishing_and_goldsmith_killed: Goldsmith, Publish => -1 ""
    publishing_told_to_stop: TERM, Publish => 143 "terminated"
}

/// One run to which something happens.
struct Scene {
    project: Project,
    token: String,
    stage: Stage,
    /// Takes connections and never says a word.
    silent: TcpListener,
    /// The file system that gets full.
    _small: Option<Small>,
    /// Somebody else who is at the store.
    other_writer: Option<fs_err::File>,
}

/// A small file system, for as long as this value lives.
struct Small(camino::Utf8PathBuf);

impl Small {
    fn at(path: camino::Utf8PathBuf) -> Self {
        fs_err::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=200m", "goldsmith-test", path.as_str()]);
        assert!(
            mount.status().unwrap().success(),
            "these tests mount a small file system: be root"
        );
        Self(path)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy", self.0.as_str()]).status();
    }
}

impl Scene {
    fn new(stage: Stage, blow: Blow) -> Self {
        let project = Project::new("");
        project.disk();
        project.advisories(|_, _| {});
        let small = (blow == DiskFull).then(|| Small::at(project.path("state")));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let token = format!("CELL={}", uuid::Uuid::new_v4());
        let other_writer = (stage == Stage::Publish).then(|| {
            let shelf = project.path("store/debian-12");
            fs_err::create_dir_all(&shelf).unwrap();
            let shelf = fs_err::File::open(shelf).unwrap();
            rustix::fs::flock(&shelf, rustix::fs::FlockOperation::LockExclusive).unwrap();
            shelf
        });
        let scene = Self { project, token, stage, silent, _small: small, other_writer };
        scene.project.write("hold", "");
        fs_err::create_dir(scene.project.path("tmp")).unwrap();
        scene.write(blow);
        scene
    }

    /// What holds the stage up, for as long as the file `hold` is there.
    fn script(&self, blow: Blow) -> String {
        let [hold, started] = ["hold", "started"].map(|name| self.project.path(name));
        let port = self.silent.local_addr().unwrap().port();
        let wait = match blow {
            DiskFull => {
                let fill = self.project.path("state/fill");
                format!("cat /dev/zero >{fill} || {{ rm {fill}; exit 1; }}")
            }
            NetworkGone => format!("bash -c 'cat </dev/tcp/127.0.0.1/{port}'"),
            _ => format!("setsid sleep 1000 & while test -e {hold}; do sleep 0.1; done"),
        };
        format!("if test -e {hold}; then touch {started}; {wait}; fi")
    }

    /// The image matrix and the template.
    fn write(&self, blow: Blow) {
        let held = self.project.path("hold").exists();
        let script = self.script(blow);
        let mut images = DEBIAN.to_owned() + "    env: [CELL]\n";
        if self.stage == Stage::Prepare {
            writeln!(images, "    prepare: {{ run: {} }}", serde_json::json!(script)).unwrap();
        }
        let limit = match (blow, self.stage) {
            // A guest that boots is to be there by then.
            (Timeout, Stage::Inside) => Some(SLOW),
            // Its template says for how long a guest may be silent.
            (NetworkGone, Stage::Inside) => None,
            (Timeout | NetworkGone, _) => Some(3),
            _ => None,
        };
        if let Some(limit) = limit.filter(|_| held) {
            let stage = if self.stage == Stage::Prepare { "prepare" } else { "build" };
            writeln!(images, "    timeout: {{ {stage}: {limit}s }}").unwrap();
        }
        if self.stage == Stage::Inside {
            // This guest lives in memory: what it writes down never comes onto the disk.
            images += "    gate: { generalize: { version-stamp: off } }\n";
        }
        self.project.write("images.yml", &images);
        let sources = "  sources = [\"source.file.debian\"]\n";
        let with = |block: &str| {
            let step = format!("{sources}  {block} \"shell-local\" {{ inline = [{script:?}] }}\n");
            COPY.replace(
                "build { sources = [\"source.file.debian\"] }",
                &format!("build {{\n{step}}}"),
            )
        };
        let template = match self.stage {
            Stage::Provision => with("provisioner"),
            Stage::PostProcess => with("post-processor"),
            Stage::Guest if held => DEAF_GUEST.to_owned(),
            Stage::Inside if held => {
                let (script, settings) = inside(blow);
                let template = guest(&format!("echo {HERE}; {script}"), settings);
                if blow == DiskFull { template.replace("64M", "1G") } else { template }
            }
            // Once for all of them: it takes a while.
            Stage::Inside if blow == TERM => guest("true", ""),
            Stage::Boot if held && blow != DiskFull => {
                let port = self.silent.local_addr().unwrap().port();
                format!(
                    "source \"null\" \"debian\" {{\n  ssh_host = \"127.0.0.1\"\n  ssh_port = {port}\n  \
                     ssh_username = \"x\"\n  ssh_password = \"x\"\n  ssh_timeout = \"30m\"\n}}\n\
                     build {{ sources = [\"source.null.debian\"] }}\n"
                )
            }
            _ => COPY.to_owned(),
        };
        self.project.write("packer/debian.pkr.hcl", &template);
    }

    fn start(&self) -> Child {
        let (name, value) = self.token.split_once('=').unwrap();
        self.project
            .goldsmith()
            .env(name, value)
            .env("TMPDIR", self.project.path("tmp"))
            .args(["run", "--db", "advisories", "--format", "json", "--grace", GRACE])
            .stdout(Stdio::piped())
            .stderr(fs_err::File::create(self.project.path("stderr")).unwrap().into_file())
            .spawn()
            .unwrap()
    }

    fn processes(&self) -> Vec<Process> {
        processes(&self.token)
    }

    fn find(&self, command: &str) -> Option<Process> {
        let is_it = |process: &Process| {
            process.command.contains(command) && !process.command.contains(" __child ")
        };
        self.processes().into_iter().find(is_it)
    }

    /// The supervisor of what is at work.
    fn supervisor(&self) -> Process {
        let is_it = |process: &Process| process.command.contains(" __child ");
        self.processes().into_iter().find(is_it).unwrap()
    }

    /// Whether the stage is reached.
    fn is_there(&self, blow: Blow) -> bool {
        match self.stage {
            Stage::Prepare | Stage::Provision | Stage::PostProcess => {
                self.project.path("started").exists()
            }
            Stage::Boot => self.silent.accept().is_ok(),
            Stage::Guest => self.find(MACHINE).is_some(),
            Stage::Inside if blow == DiskFull => {
                let disk = rustix::fs::statvfs(self.project.path("state").as_std_path()).unwrap();
                self.log().contains(HERE) && disk.f_bavail == 0
            }
            Stage::Inside => self.log().contains(HERE),
            Stage::Publish => self.told().contains("│ publish"),
        }
    }

    /// What the plugin that is at work is called in its command line.
    fn plugin(&self) -> &'static str {
        match self.stage {
            Stage::Prepare | Stage::Publish => "none",
            Stage::Boot => "packer-builder-null",
            Stage::Guest | Stage::Inside => "packer-plugin-qemu",
            Stage::Provision => "packer-provisioner-shell-local",
            Stage::PostProcess => "packer-post-processor-shell-local",
        }
    }

    fn strike(&self, blow: Blow, goldsmith: &Child) {
        let goldsmith = Pid::from_child(goldsmith);
        match blow {
            Script => self.find("/bin/sh -c").unwrap().signal(Signal::KILL),
            Outer => outer_and_core(self.processes()).unwrap().0.signal(Signal::KILL),
            Core => outer_and_core(self.processes()).unwrap().1.signal(Signal::KILL),
            Plugin => self.find(self.plugin()).unwrap().signal(Signal::KILL),
            Machine => self.find(MACHINE).unwrap().signal(Signal::KILL),
            Supervisor => self.supervisor().signal(Signal::KILL),
            Goldsmith => kill_process(goldsmith, Signal::KILL).unwrap(),
            Both => {
                let supervisor = self.supervisor();
                supervisor.signal(Signal::STOP);
                kill_process(goldsmith, Signal::KILL).unwrap();
                supervisor.signal(Signal::KILL);
            }
            Told(signal, times) => {
                for _ in 0..times {
                    kill_process(goldsmith, signal).unwrap();
                    // Two at once would be one.
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
            Timeout | DiskFull | NetworkGone => {}
        }
    }

    /// What the build has said.
    fn log(&self) -> String {
        let runs = self.project.list("state/runs");
        let log = runs.iter().map(|run| format!("state/runs/{run}/logs/debian-12.log"));
        let log =
            log.map(|log| fs_err::read_to_string(self.project.path(&log)).unwrap_or_default());
        log.collect()
    }

    fn told(&self) -> String {
        fs_err::read_to_string(self.project.path("stderr")).unwrap()
    }
}

/// What the guest says when it is provisioned.
const HERE: &str = "the guest is there";

/// What goes on in the guest then, and settings of its builder.
fn inside(blow: Blow) -> (&'static str, &'static str) {
    match blow {
        // Without a limit nobody notices that the guest has gone silent.
        NetworkGone => ("ip link set eth0 down; sleep 1000", "ssh_read_write_timeout = \"10s\""),
        // QEMU stops a guest that cannot write, in the middle of whatever it says.
        DiskFull => (
            "dd if=/dev/zero of=/dev/vda bs=1M & while true; do echo; sleep 1; done",
            "ssh_read_write_timeout = \"10s\"",
        ),
        _ => ("sleep 1000", ""),
    }
}

fn cell(stage: Stage, blow: Blow, code: i32, class: &str) {
    let mut scene = Scene::new(stage, blow);
    let other_writer = scene.other_writer.take();
    let project = &scene.project;
    let template = project.list("packer");
    let mut goldsmith = scene.start();
    if stage == Stage::Boot && blow == DiskFull {
        fs_err::write(project.path("state/fill"), vec![0; 180 << 20]).unwrap();
    } else {
        let mut is_over = || goldsmith.try_wait().unwrap().is_some();
        wait_for("the stage", || scene.is_there(blow) || is_over());
    }
    scene.strike(blow, &goldsmith);
    let struck = Instant::now();
    let output = goldsmith.wait_with_output().unwrap();
    if blow == Both {
        assert!(!scene.processes().is_empty(), "nobody is left to kill them");
    } else {
        wait_for("the end of every process", || scene.processes().is_empty());
    }
    let slow = if stage == Stage::Inside && blow == Timeout { SLOW } else { 0 };
    let enough = ENOUGH + Duration::from_secs(slow);
    assert!(struck.elapsed() < enough, "{:?}\n{}", struck.elapsed(), scene.told());

    assert_eq!(output.status.code().unwrap_or(-1), code, "{}", scene.told());
    if code >= 0 {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let failure = &report["images"][0]["failure"];
        assert_eq!(failure["class"], class, "{failure:#}\n{}", scene.told());
    }

    let _ = fs_err::remove_file(project.path("state/fill"));
    drop(other_writer);
    let reaped = project.run(&["reap"]).expect(0);
    let said_something = reaped.stdout.contains("was stopped half-way");
    let has_to = matches!(blow, Goldsmith | Both) || stage == Stage::Publish;
    assert_eq!(said_something, has_to, "{}", reaped.stdout);
    assert_eq!(reaped.stdout.contains("still ran"), blow == Both, "{}", reaped.stdout);
    wait_for("the end of every process", || scene.processes().is_empty());
    let again = project.run(&["reap"]).expect(0);
    assert_eq!(again.stdout, "nothing to clean up\n");
    assert_eq!(project.list("packer"), template, "nothing is left beside the template");
    assert_eq!(project.list("store/debian-12"), [""; 0]);
    assert_eq!(project.list("registry/runs"), [""; 0], "no lease is left");
    assert_eq!(project.list("tmp"), [""; 0], "no temporary file is left");
    for run in project.list("state/runs") {
        assert!(!project.path(&format!("state/runs/{run}/work")).exists(), "scratch space is gone");
    }

    fs_err::remove_file(project.path("hold")).unwrap();
    scene.write(blow);
    project.run(&["run", "--db", "advisories"]).expect(0);
    let log = project.log("debian-12");
    assert_eq!(log[log.len() - 3..], ["reserved", "published", "moved"]);
}
