//! Sixteen processes on two machines publish one image on one day, and move its channels, all at
//! once; some are killed. What is recorded then is what one after another could have done.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use camino::Utf8Path;
use goldsmith::environment::Environment;
use goldsmith::model::{Act, Entry, ImageName, LogEntry, RunId, Version};
use goldsmith::process::Launcher;
use goldsmith::registry::{self, Reach};
use goldsmith_testkit::git_server::{GitServer, WRITER};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;

use crate::project::{EMPTY_TEMPLATE, Ended, Project};
use crate::s3::{S3, with_key};

const PROCESSES: usize = 16;

/// Two machines that share a registry and a store.
struct Machines {
    registry: String,
    machines: [Project; 2],
}

/// What a process is to do.
#[derive(Debug, Clone)]
struct Task {
    machine: usize,
    arguments: Vec<String>,
    /// After how long it is killed, if it is.
    killed: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
struct Done {
    task: Task,
    /// The exit code; none if it was killed.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Machines {
    fn new(registry: &str, store: &str) -> Self {
        let images = format!(
            "version: 1\nregistry: \"{registry}\"\n\
             defaults:\n  stores: [{store}]\n  \
             evidence: {{ skip: {{ reason: nothing is looked at, until: 2099-12-31 }} }}\n\
             images:\n  debian-12:\n    template: packer\n    \
             os: {{ family: debian, release: \"12\" }}\n    source: cloud-image\n"
        );
        let machines = [(); 2].map(|()| {
            let project = Project::new(&images);
            project.write("packer/debian.pkr.hcl", EMPTY_TEMPLATE);
            // Demonstration data would not be believed for a store that others see.
            project.advisories(|_, stamp| stamp.fixture = None);
            project
        });
        Self { registry: registry.to_owned(), machines }
    }

    fn goldsmith(&self, machine: usize) -> Command {
        let mut command = self.machines[machine].goldsmith();
        with_key(&mut command).env("GOLDSMITH_GIT_TOKEN", WRITER);
        command
    }

    fn run(&self, machine: usize, arguments: &[&str]) -> Ended {
        let output = self.goldsmith(machine).args(arguments).output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn perform(&self, task: Task) -> Done {
        let mut command = self.goldsmith(task.machine);
        command.args(&task.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        if let Some(after) = task.killed {
            // When it dies is left to chance, and nothing that is asserted depends on it.
            thread::sleep(after);
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        Done {
            task,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The run of process `number`.
    fn publish(&self, number: usize, chance: &mut TestRunner) -> Task {
        let machine = number % 2;
        let disk = format!("disk-{number}.raw");
        self.machines[machine].write(&disk, &format!("the disk of process {number}"));
        let handed_in = format!("debian-12={disk}");
        let arguments =
            ["run", "--from-artifact", &handed_in, "--force", "--db", "advisories", "--format"];
        let arguments = arguments.into_iter().chain(["json"]).map(str::to_owned).collect();
        Task { machine, arguments, killed: killed(chance, 2000) }
    }

    /// Something that somebody does with a channel.
    fn steer(number: usize, chance: &mut TestRunner) -> Task {
        let channel = ["candidate", "stable"][usize::from(pick(chance, 2) == 0)];
        let promote = ["promote", "debian-12", "candidate", "stable", "--db", "advisories"];
        let swap = ["promote", "debian-12", "--swap", "stable", "candidate", "--db", "advisories"];
        let act: &[&str] = match pick(chance, 8) {
            0..=2 => &promote,
            3..=4 => &["rollback", "debian-12", channel],
            5 => &["pin", "debian-12", channel],
            6 => &["unpin", "debian-12", channel],
            _ => &swap,
        };
        let arguments = act.iter().chain(&["--because", "a race"]);
        let arguments = arguments.map(|word| (*word).to_owned()).collect();
        Task { machine: number % 2, arguments, killed: killed(chance, 200) }
    }

    /// Has all do what they do at once, and says what came of it.
    fn race(&self, chance: &mut TestRunner) -> Vec<Done> {
        let tasks: Vec<[Task; 2]> = (0..PROCESSES)
            .map(|number| {
                let tasks = [self.publish(number, chance), Self::steer(number, chance)];
                let [publish, steer] = tasks;
                // Some begin with what others end with.
                if number % 4 == 3 { [steer, publish] } else { [publish, steer] }
            })
            .collect();
        thread::scope(|scope| {
            let perform = |tasks: [Task; 2]| scope.spawn(|| tasks.map(|task| self.perform(task)));
            let processes: Vec<_> = tasks.into_iter().map(perform).collect();
            processes.into_iter().flat_map(|process| process.join().unwrap()).collect()
        })
    }

    /// The log, as the second machine sees it.
    fn log(&self) -> Vec<LogEntry> {
        let home = self.machines[1].path("home");
        let path = Environment::of_process().get("PATH").unwrap().to_owned();
        let variables = [
            ("PATH", path.as_str()),
            ("HOME", home.as_str()),
            ("GOLDSMITH_GIT_TOKEN", WRITER),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reach = Reach {
            environment: variables.into_iter().collect::<Environment>(),
            launcher: Launcher::new(env!("CARGO_BIN_EXE_goldsmith")),
            state: Some(self.machines[1].path("state")),
        };
        let address = goldsmith::config::registry_address(&self.registry, "/".into()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let registry = registry::look(&address, &reach).await.unwrap();
            registry.log(&image(), 0).await.unwrap()
        })
    }

    /// What the channel's file says, as a consumer reads it.
    fn named(&self, channel: &str) -> Option<String> {
        let ended = self.run(1, &["show", &format!("debian-12@{channel}"), "--format", "json"]);
        let told: Value = serde_json::from_str(&ended.stdout).ok()?;
        Some(told["versions"][0]["version"].as_str()?.to_owned())
    }
}

/// One of five is killed, within so many milliseconds.
fn killed(chance: &mut TestRunner, within: u64) -> Option<Duration> {
    (pick(chance, 5) == 0).then(|| Duration::from_millis(pick(chance, within)))
}

/// A number below `end`.
fn pick(chance: &mut TestRunner, end: u64) -> u64 {
    (0..end).new_tree(chance).unwrap().current()
}

fn image() -> ImageName {
    "debian-12".parse().unwrap()
}

/// What the log says after each entry; and each must be one that could follow.
#[derive(Debug, Default)]
struct Model {
    reserved: BTreeMap<Version, RunId>,
    decided: BTreeSet<Version>,
    published: Vec<Version>,
    /// What each channel names, and whether it is held there.
    channels: BTreeMap<String, (Version, bool)>,
}

impl Model {
    fn of(log: &[LogEntry]) -> Self {
        let mut model = Self::default();
        for (index, entry) in log.iter().enumerate() {
            assert_eq!(entry.seq, index as u64 + 1, "no record is lost");
            assert_eq!(model.follow(entry), Ok(()), "{entry:#?}\nafter {model:#?}");
        }
        model
    }

    fn decide(&mut self, version: Version, by: Option<&RunId>) -> Result<(), &'static str> {
        match self.reserved.get(&version) {
            None => Err("it is not reserved"),
            Some(run) if by.is_some_and(|by| by != run) => Err("it is another run's"),
            Some(_) if !self.decided.insert(version) => Err("it is decided already"),
            Some(_) => Ok(()),
        }
    }

    fn follow(&mut self, entry: &LogEntry) -> Result<(), &'static str> {
        match &entry.entry {
            Entry::Reserved { version } => {
                let other = self.reserved.insert(*version, entry.run.clone());
                return other.map_or(Ok(()), |_| Err("two runs have one version"));
            }
            Entry::Published(record) => {
                self.published.push(record.version);
                return self.decide(record.version, Some(&entry.run));
            }
            Entry::Abandoned { version } => return self.decide(*version, None),
            Entry::Moved { channel, from, to, act, held, .. } => {
                let before = self.channels.get(channel.as_str()).copied();
                if before.map(|(version, _)| version) != *from {
                    return Err("the channel named something else");
                }
                let entered = *act == Act::Entered;
                if entered && before.is_some_and(|(_, held)| held) {
                    return Err("the channel is held");
                }
                let place = |wanted| self.published.iter().position(|version| *version == wanted);
                let Some(published) = place(*to) else { return Err("nobody has published it") };
                if entered && from.and_then(place).is_some_and(|from| from > published) {
                    return Err("a channel goes back without anybody's will");
                }
                self.channels.insert(channel.to_string(), (*to, *held));
            }
            Entry::Swapped { channels: [one, other], .. } => {
                let names = |model: &Self, channel: &str| Some(model.channels.get(channel)?.0);
                let found = [&one.channel, &other.channel].map(|it| names(self, it.as_str()));
                if found != [Some(other.version), Some(one.version)] {
                    return Err("the channels named something else");
                }
                for named in [one, other] {
                    self.channels.insert(named.channel.to_string(), (named.version, false));
                }
            }
            _ => return Err("nobody does that here"),
        }
        Ok(())
    }
}

/// The race, with a registry and a store at these addresses. `in_store` says whether the bytes of a
/// version are there, whole.
fn expect_a_serial_order(registry: &str, store: &str, in_store: impl Fn(Version) -> bool) {
    let seed = u64::from(std::process::id());
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let mut chance = TestRunner::new(config);
    let machines = Machines::new(registry, store);
    let done = machines.race(&mut chance);
    for machine in [0, 1] {
        machines.run(machine, &["reap"]).expect(0);
    }
    // What a killed promotion has left behind is stale, and not wrong.
    machines.run(1, &["registry", "check"]).expect(0);
    machines.run(1, &["registry", "repair"]).expect(0);
    let checked = machines.run(1, &["registry", "check", "--bytes"]).expect(0);
    assert!(!checked.stdout.contains("behind: "), "{}", checked.stdout);
    let log = machines.log();
    let model = Model::of(&log);
    let (mut acknowledged, mut perhaps) = (0, 0);
    for Done { task, code, stdout, stderr } in &done {
        let told = format!("seed {seed}, {task:?}: {code:?}\n{stdout}\n{stderr}");
        let publishes = task.arguments[0] == "run";
        match code {
            Some(0) if publishes => {
                let report: Value = serde_json::from_str(stdout).expect(&told);
                let version = report["images"][0]["version"].as_str().expect(&told);
                let version: Version = version.parse().unwrap();
                assert!(model.published.contains(&version), "{told}");
                assert_eq!(report["run"], model.reserved[&version].as_str(), "{told}");
            }
            // What is like that already is no act.
            Some(0) if stdout.contains("already") || stdout.contains("was not held") => {}
            Some(0) => acknowledged += 1,
            // There was nothing to promote yet, or to go back to, or it had moved since.
            Some(2) if !publishes => assert!(stderr.contains("error: "), "{told}"),
            None => perhaps += usize::from(!publishes),
            _ => panic!("{told}"),
        }
    }
    let acts = log.iter().filter(|entry| match &entry.entry {
        Entry::Moved { act, .. } => *act != Act::Entered,
        entry => matches!(entry, Entry::Swapped { .. }),
    });
    let acts = acts.count();
    assert!((acknowledged..=acknowledged + perhaps).contains(&acts), "{acts}: {done:#?}");
    let undecided = model.reserved.keys().filter(|version| !model.decided.contains(version));
    assert_eq!(undecided.collect::<Vec<_>>(), Vec::<&Version>::new(), "all are cleaned up after");
    for version in model.reserved.keys() {
        assert_eq!(in_store(*version), model.published.contains(version), "{version}");
    }
    for (channel, (version, _)) in &model.channels {
        assert_eq!(machines.named(channel), Some(version.to_string()), "{channel}");
    }
}

/// Has the race with a store in a folder of the machine.
fn in_folder(root: &Utf8Path, registry: &str) {
    let folder = root.join("store");
    let store = format!("{{ dir: {{ url: \"file://{folder}\" }} }}");
    expect_a_serial_order(registry, &store, |version| {
        folder.join(format!("debian-12/{version}/manifest.json")).exists()
    });
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("goldsmith-race-").tempdir().unwrap()
}

/// An empty repository, for whoever pushes.
fn repository(root: &Utf8Path) {
    let git = |arguments: &[&str]| {
        let status = Command::new("git").args(arguments).current_dir(root).status().unwrap();
        assert!(status.success());
    };
    git(&["init", "--quiet", "--bare", "images.git"]);
    for (key, value) in [("http.receivepack", "true"), ("uploadpack.allowFilter", "true")] {
        git(&["--git-dir", "images.git", "config", key, value]);
    }
}

#[test]
fn a_race_over_a_folder_equals_a_serial_order() {
    let folder = folder();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    in_folder(root, &format!("file://{root}/registry"));
}

#[test]
fn a_race_over_a_branch_in_a_folder_equals_a_serial_order() {
    let folder = folder();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    repository(root);
    in_folder(root, &format!("git+file://{root}/images.git"));
}

#[test]
fn a_race_over_a_branch_by_http_equals_a_serial_order() {
    let folder = folder();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    repository(root);
    let server = GitServer::start(root).unwrap();
    in_folder(root, &format!("git+{}", server.url("images.git")));
}

#[test]
fn a_race_over_an_object_store_equals_a_serial_order() {
    let s3 = S3::start();
    let store = format!("{{ object: {{ url: \"{}\" }} }}", s3.address("store"));
    expect_a_serial_order(&s3.address("registry"), &store, |version| {
        s3.list().contains(&format!("store/debian-12/{version}/manifest.json"))
    });
}
