//! Cleaning up with real folders, stores and registries.

use std::sync::LazyLock;

use jiff::SignedDuration;
use jiff::civil::date;

use super::*;
use crate::clock::Clock;
use crate::environment::Environment;
use crate::model::samples::{definition, version_record};
use crate::model::{
    Artifact, ArtifactFile, ChannelName, Digest, ImageName, Publication, StoreAddress, Version,
    VersionBase, VersionRecord,
};
use crate::publish::{self, Surroundings};
use crate::registry::{Held, Lease, Registry, RegistryError, enter, published, renew, reserve};
use crate::report::sentence;
use crate::run::journal::scratch_copy;
use crate::run::{RunDirectory, Thing};

const RUN: &str = "20261123t100000z-5f3a9c";

/// A machine with a state folder, a repository, a store and a registry.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["state", "repository/packer", "registry"] {
            fs_err::create_dir_all(machine.path(folder)).unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn store(&self) -> StoreAddress {
        StoreAddress::Directory(self.path("store"))
    }

    fn address(&self) -> Address {
        Address::Directory(self.path("registry"))
    }

    async fn registry(&self) -> Box<dyn Registry> {
        registry::open(&self.address(), &Reach::folders()).await.unwrap()
    }

    /// A run that is alive for as long as the first value is.
    fn begin(&self) -> (RunDirectory, Journal) {
        let run = RUN.parse().unwrap();
        RunDirectory::create(&self.path("state"), &run, Clock::system()).unwrap()
    }

    async fn take(&self, run: &str) -> Version {
        let (registry, day) = (self.registry().await, date(2026, 11, 23));
        let author = author(run);
        reserve(&*registry, &author, &image(), VersionBase::default(), day).await.unwrap()
    }

    /// Puts a disk into the store, as a version or with those that did not pass.
    async fn put(&self, version: Version, rejected: bool) -> Digest {
        let disk = self.path("disk.raw");
        fs_err::write(&disk, "disk").unwrap();
        let digest = Digest::of(b"disk");
        let files = vec![ArtifactFile { path: disk, size: 4, digest }];
        let artifact = Artifact { builder: None, files };
        let publication =
            Publication { image: image(), version, artifact, documents: Vec::new(), about: None };
        let store = publish::open(&self.store(), here(&self.path("state"))).unwrap();
        let stored = if rejected {
            store.keep_rejected(&publication).await
        } else {
            store.put(&publication).await
        };
        stored.unwrap();
        digest
    }

    fn upload(&self, version: Version, digest: Digest, rejected: bool) -> Thing {
        let (store, registry) = (self.store(), self.address());
        Thing::Upload { image: image(), version, digest, store, rejected, registry }
    }

    fn reservation(&self) -> Thing {
        Thing::Reservation { image: image(), registry: self.address() }
    }

    /// Cleans up, and tells what came of it.
    async fn reap(&self) -> String {
        let reaped =
            reap(here(&self.path("state")), &author("reaper"), &Reach::folders()).await.unwrap();
        self.told(&reaped)
    }

    fn told(&self, reaped: &[Reaped]) -> String {
        let mut lines = Vec::new();
        for run in reaped {
            lines.push(sentence::dead(run));
            lines.extend(run.done.iter().map(|deed| format!("+ {}", sentence::deed(deed))));
            lines.extend(run.left.iter().map(|left| format!("! {left}")));
        }
        lines.join("\n").replace(self.path("").as_str(), "/").replace(RUN, "RUN")
    }

    /// Every file and folder below `name`, but for empty folders of stores.
    fn everything(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let walk = ignore::WalkBuilder::new(&root).standard_filters(false).build();
        let mut paths: Vec<String> = walk
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.is_file())
            .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
            .collect();
        paths.sort();
        paths
    }
}

/// A machine whose environment holds nothing.
fn here(state: &Utf8Path) -> Surroundings<'_> {
    static EMPTY: LazyLock<Environment> = LazyLock::new(Environment::default);
    Surroundings { environment: &EMPTY, state }
}

fn image() -> ImageName {
    "debian-12".parse().unwrap()
}

fn candidate() -> ChannelName {
    "candidate".parse().unwrap()
}

fn published_as(version: Version) -> VersionRecord {
    let started_at = "2026-11-23T10:00:00Z".parse().unwrap();
    version_record(version, started_at, &definition("prepare", "apt"), &[])
}

fn author(run: &str) -> Author {
    Author { run: run.parse().unwrap(), run_url: None, by: None, clock: Clock::system() }
}

#[tokio::test]
async fn the_logs_of_a_run_that_was_killed_are_closed_and_those_of_one_that_was_not_stay() {
    let machine = Machine::new();
    let (dead, journal) = machine.begin();
    let other = "20261123t110000z-5f3a9c".parse().unwrap();
    let state = machine.path("state");
    let (over, mut its) = RunDirectory::create(&state, &other, Clock::system()).unwrap();
    for log in [dead.log("debian-12"), over.log("debian-12-boot-1")] {
        fs_err::write(log, "said").unwrap();
    }
    fs_err::write(format!("{}.tail-6-0", dead.log("debian-12")), "more").unwrap();
    over.finish(&mut its, crate::run::Kept::Nothing).unwrap();
    let (log, console) = (dead.log("debian-12"), over.log("debian-12-boot-1"));
    machine.reap().await;
    assert!(log.exists(), "it is alive");
    drop((dead, journal, over, its));
    machine.reap().await;
    let closed = fs_err::File::open(format!("{log}.zst")).unwrap();
    let text = String::from_utf8(zstd::decode_all(closed).unwrap()).unwrap();
    insta::assert_snapshot!(text, @"
    said
    [goldsmith: 2 bytes with 0 line ends are left out here: the log is longer than `max_log`]
    more
    ");
    assert!(!log.exists() && console.exists());
}

#[tokio::test]
async fn what_a_dead_run_left_half_done_is_undone_and_a_living_one_is_left_alone() {
    let machine = Machine::new();
    let version = machine.take(RUN).await;
    let (living, mut journal) = machine.begin();
    let copy = machine.path("repository").join(scratch_copy(&RUN.parse().unwrap(), "packer"));
    fs_err::write(living.work().join("half"), "half").unwrap();
    journal.intend(&Thing::ScratchCopy { path: copy.clone() }).unwrap();
    fs_err::create_dir(&copy).unwrap();
    fs_err::write(copy.join("debian.pkr.hcl"), "").unwrap();
    journal.intend(&machine.reservation()).unwrap();
    // One store has all of it, and a second writer was killed on the way.
    let digest = machine.put(version, false).await;
    journal.intend(&machine.upload(version, digest, false)).unwrap();
    let incoming = machine.path("store/debian-12/.incoming-1.0.20261123-dead");
    fs_err::create_dir(&incoming).unwrap();
    fs_err::write(incoming.join("disk"), "half").unwrap();

    assert_eq!(machine.reap().await, "", "it is alive");
    assert!(living.work().join("half").exists() && copy.exists());
    drop(living);
    let dead = machine.path("state/runs").join(RUN);
    let other = Dead::of(&dead).unwrap().unwrap();
    assert_eq!(machine.reap().await, "", "another one is at it");
    drop(other);

    insta::assert_snapshot!(machine.reap().await, @"
    run RUN was stopped half-way
    + its scratch space is removed
    + its copy of a template, `/repository/.goldsmith-scratch-RUN-packer`, is removed
    + debian-12: 1.0.20261123, which it had reserved, is given up
    + what it left in a store, `/store/debian-12/1.0.20261123`, is removed
    + what it left in a store, `/store/debian-12/.incoming-1.0.20261123-dead`, is removed
    ");
    assert_eq!(machine.everything("repository"), Vec::<String>::new());
    assert_eq!(machine.everything("store"), Vec::<String>::new());
    assert!(!dead.join("work").exists());
    assert_eq!(machine.reap().await, "", "once is enough");
    let (registry, owner) = (machine.registry().await, author(RUN));
    let late = published(&*registry, &owner, &image(), published_as(version)).await;
    assert!(matches!(late, Err(RegistryError::Abandoned { .. })));
}

#[tokio::test]
async fn what_a_dead_run_has_recorded_is_finished() {
    let machine = Machine::new();
    let version = machine.take(RUN).await;
    let (living, mut journal) = machine.begin();
    let digest = machine.put(version, false).await;
    let record = Thing::Record {
        image: image(),
        version,
        channel: candidate(),
        registry: machine.address(),
    };
    for thing in [machine.reservation(), machine.upload(version, digest, false), record.clone()] {
        journal.intend(&thing).unwrap();
    }
    let registry = machine.registry().await;
    let content = published_as(version);
    published(&*registry, &author(RUN), &image(), content).await.unwrap();
    let projection = machine.path("registry/images/debian-12/versions/1.0.20261123.json");
    fs_err::write(&projection, "{}").unwrap();
    drop(living);
    let stored = machine.everything("store");

    insta::assert_snapshot!(machine.reap().await, @"
    run RUN was stopped half-way
    + its scratch space is removed
    + debian-12: candidate is 1.0.20261123 now: the run that published it was stopped before that
    + debian-12: the files made from its log are up to date
    ");
    assert_eq!(machine.everything("store"), stored);
    assert_ne!(fs_err::read_to_string(&projection).unwrap(), "{}");
    let channels = registry.history(&image()).await.unwrap().channels;
    assert_eq!(channels[&candidate()], version);
    assert_eq!(machine.reap().await, "");

    // A channel that somebody has moved on since stays where it is.
    let next = machine.take("next").await;
    let content = published_as(next);
    published(&*registry, &author("next"), &image(), content).await.unwrap();
    enter(&*registry, &author("next"), &image(), &candidate(), next).await.unwrap();
    journal.intend(&record).unwrap();
    assert_eq!(machine.reap().await, "");
    let channels = registry.history(&image()).await.unwrap().channels;
    assert_eq!(channels[&candidate()], next);
}

#[tokio::test]
async fn artifacts_that_are_kept_or_wait_to_be_judged_again_stay() {
    let machine = Machine::new();
    // Judged again: another run has reserved the version, and its artifact lies aside.
    let version = machine.take("earlier").await;
    let digest = machine.put(version, true).await;
    let (living, mut journal) = machine.begin();
    journal.intend(&machine.upload(version, digest, true)).unwrap();
    let kept = living.work().join("debian-13");
    fs_err::create_dir(&kept).unwrap();
    fs_err::write(kept.join("disk.raw"), "disk").unwrap();
    journal.created(&Thing::KeptArtifact { path: kept.clone() }).unwrap();
    fs_err::create_dir(living.work().join("debian-12")).unwrap();
    fs_err::write(living.work().join("note"), "").unwrap();
    drop(living);
    let stored = machine.everything("store");
    insta::assert_snapshot!(machine.reap().await, @"
    run RUN was stopped half-way
    + its scratch space is removed
    ");
    assert_eq!(machine.everything("state/runs").len(), 3, "lock, journal, disk");
    assert!(kept.join("disk.raw").exists());
    assert_eq!(machine.everything("store"), stored);
    assert_eq!(machine.reap().await, "");
}

#[tokio::test]
async fn what_nobody_can_be_sure_of_is_left_and_told() {
    let machine = Machine::new();
    let (living, mut journal) = machine.begin();
    let folder = living.path().to_owned();
    // Somebody has put links where the run's own folders were.
    fs_err::create_dir(machine.path("precious")).unwrap();
    fs_err::write(machine.path("precious/file"), "").unwrap();
    fs_err::remove_dir(living.work()).unwrap();
    fs_err::os::unix::fs::symlink(machine.path("precious"), living.work()).unwrap();
    let copy = machine.path("repository").join(scratch_copy(&RUN.parse().unwrap(), "packer"));
    fs_err::os::unix::fs::symlink(machine.path("precious"), &copy).unwrap();
    journal.intend(&Thing::ScratchCopy { path: copy }).unwrap();
    journal.intend(&Thing::Directory { path: machine.path("precious") }).unwrap();
    // A registry that is not there, as when a disk is not mounted.
    let version = "1.0.20261123".parse().unwrap();
    let digest = machine.put(version, false).await;
    let (image, store) = (image(), machine.store());
    let registry = Address::Directory(machine.path("unmounted"));
    let upload = Thing::Upload { image, version, digest, store, rejected: false, registry };
    journal.intend(&upload).unwrap();
    drop(living);
    let told = machine.reap().await;
    insta::assert_snapshot!(told, @"
    run RUN
    ! its scratch space: `/state/runs/RUN/work` is no folder, and is left alone
    ! its copy of a template: `/repository/.goldsmith-scratch-RUN-packer` is neither a file nor a folder, and is left alone
    ! `/precious` is nothing that a run creates: it is left alone
    ! debian-12: `/unmounted` knows nothing of 1.0.20261123, so its files stay where they are
    ");
    assert_eq!(machine.reap().await, told, "it is tried again");
    assert!(machine.path("precious/file").exists());
    assert!(machine.path("store/debian-12/1.0.20261123/manifest.json").exists());

    fs_err::write(folder.join("journal.jsonl"), "{\"thing\":\"machine\"}\n").unwrap();
    insta::assert_snapshot!(machine.reap().await, @"
    run RUN
    ! nobody can say what it has left: line 1 of `/state/runs/RUN/journal.jsonl` names something that this goldsmith does not know
    ");
    fs_err::remove_file(folder.join("journal.jsonl")).unwrap();
    insta::assert_snapshot!(machine.reap().await, @"
    run RUN
    ! nobody can say what it has left: failed to open file `/state/runs/RUN/journal.jsonl`: No such file or directory (os error 2)
    ");
    fs_err::remove_file(folder.join("lock")).unwrap();
    insta::assert_snapshot!(machine.reap().await, @"
    run RUN
    ! nobody can say whether it is alive: failed to open file `/state/runs/RUN/lock`: No such file or directory (os error 2)
    ");
}

#[tokio::test]
async fn what_still_runs_is_killed_when_its_run_is_dead_and_not_before() {
    let machine = Machine::new();
    let run: RunId = "20261123t100000z-0abcde".parse().unwrap();
    let (living, _journal) =
        RunDirectory::create(&machine.path("state"), &run, Clock::system()).unwrap();
    let mut orphan = std::process::Command::new("/bin/sleep")
        .arg("1000")
        .env(process::MARK, run.as_str())
        .spawn()
        .unwrap();
    assert_eq!(machine.reap().await, "");
    assert!(orphan.try_wait().unwrap().is_none());
    drop(living);
    insta::assert_snapshot!(machine.reap().await, @"
    run 20261123t100000z-0abcde was stopped half-way
    + a process that still ran is killed
    + its scratch space is removed
    ");
    assert_eq!(orphan.wait().unwrap().code(), None);
}

#[tokio::test]
async fn a_run_elsewhere_is_cleaned_up_after_when_its_lease_has_expired() {
    let machine = Machine::new();
    let registry = machine.registry().await;
    let version = machine.take(RUN).await;
    machine.put(version, false).await;
    let ago = jiff::Timestamp::now() - SignedDuration::from_mins(5);
    let held = Held { image: image(), channel: candidate(), stores: vec![machine.store()] };
    let run: RunId = RUN.parse().unwrap();
    let mut lease = Lease::new(run.clone(), None, "runner-7".to_owned(), ago, vec![held]);
    renew(&*registry, &mut lease, ago).await.unwrap();
    let state = machine.path("state");
    let reap = || async {
        let (reaped, unreadable) =
            reap_leases(&*registry, here(&state), &author("reaper")).await.unwrap();
        assert!(unreadable.is_empty());
        machine.told(&reaped)
    };
    assert_eq!(reap().await, "", "it may be alive");
    let ago = ago - SignedDuration::from_hours(1);
    renew(&*registry, &mut lease, ago).await.unwrap();
    let (here, _journal) = machine.begin();
    assert_eq!(reap().await, "", "it is alive, on this machine, and some clock is wrong");
    drop(here);

    insta::assert_snapshot!(reap().await, @"
    run RUN on runner-7 was stopped half-way
    + debian-12: 1.0.20261123, which it had reserved, is given up
    + what it left in a store, `/store/debian-12/1.0.20261123`, is removed
    ");
    assert_eq!(machine.everything("store"), Vec::<String>::new());
    assert_eq!(reap().await, "");
    // It was alive after all: it notices, and cannot do any harm if it does not.
    assert!(!renew(&*registry, &mut lease, jiff::Timestamp::now()).await.unwrap());
    let content = published_as(version);
    let late = published(&*registry, &author(RUN), &image(), content).await;
    assert!(matches!(late, Err(RegistryError::Abandoned { .. })));
}
