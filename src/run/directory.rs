//! The folder of a run: journal, logs, events, report, scratch.
//!
//! ```text
//! <state>/runs/<run id>/lock            held while the run lives, or a child of it
//!                       journal.jsonl   what it creates
//!                       events.jsonl    what it tells
//!                       logs/<image>.log      while it is written, see `process/log.rs`;
//!                       logs/<image>.log.zst  when the image has come to its end
//!                       work/           scratch; gone when the run is over, but for kept artifacts
//!                       report.json, report.sarif
//! ```
//!
//! It lies outside the repository, so that a checkout which is wiped takes nothing along.
//!
//! Alive is a run whose lock somebody holds: a process id means nothing in a container. Goldsmith
//! shares it with the supervisors of its children, which outlive it for as long as they have to.
//! Whoever gets it for himself alone knows that the run is dead, and that nobody else cleans up.
//! The kernel gives a lock back whatever happens to its holder, also over NFS.

use std::io;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::journal::{Journal, JournalError, Thing};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::model::{Failure, FailureClass, ImageName, RunId};
use crate::trivy::DOWNLOADING;

/// How many finished runs are kept for people to look at.
const KEPT: usize = 20;

/// What the name of a run's folder begins with while it comes into being.
const GROWING: &str = ".new-";

/// How old such a folder is when nobody is at it any more.
const GROWN: SignedDuration = SignedDuration::from_hours(1);

/// How old a folder is when whoever made it has locked it.
const LOCKED: SignedDuration = SignedDuration::from_mins(1);

/// The folder of a run, locked for as long as this value lives.
pub struct RunDirectory {
    path: Utf8PathBuf,
    _lock: fs_err::File,
}

/// Where runs keep their folders: `$GOLDSMITH_STATE_DIR`, else `goldsmith` in `$XDG_STATE_HOME`,
/// else `~/.local/state/goldsmith`.
pub fn state_folder(environment: &Environment) -> Result<Utf8PathBuf, Failure> {
    if let Some(folder) = environment.get("GOLDSMITH_STATE_DIR") {
        if folder.starts_with('/') {
            return Ok(folder.into());
        }
        let reason = format!("`GOLDSMITH_STATE_DIR` is `{folder}`, which is no absolute path");
        let hint = "runs need one place for their folders, wherever goldsmith is started";
        return Err(Failure::new(FailureClass::Usage, reason).hint(hint));
    }
    // Relative ones do not count (XDG Base Directory Specification, "Environment variables").
    let absolute = |name| environment.get(name).filter(|folder| folder.starts_with('/'));
    match (absolute("XDG_STATE_HOME"), absolute("HOME")) {
        (Some(folder), _) => Ok(Utf8Path::new(folder).join("goldsmith")),
        (None, Some(home)) => Ok(Utf8Path::new(home).join(".local/state/goldsmith")),
        (None, None) => {
            let reason = "there is no place for the folders of runs: `HOME` is not set";
            let hint = "set `GOLDSMITH_STATE_DIR` to a folder that only you can write to";
            Err(Failure::new(FailureClass::Usage, reason).hint(hint))
        }
    }
}

/// Where files of published versions are kept that were fetched from stores.
pub fn images_cache(environment: &Environment) -> Result<Utf8PathBuf, Failure> {
    environment.cache_folder().map(|cache| cache.join("images")).ok_or_else(|| {
        let reason = "there is no place for what is fetched: `HOME` is not set";
        Failure::new(FailureClass::Usage, reason).hint("set `XDG_CACHE_HOME` to an absolute path")
    })
}

/// A new run id: the time, and a tail that tells runs of the same second apart.
pub fn new_run_id(clock: &Clock) -> RunId {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", clock.now().strftime("%Y%m%dt%H%M%Sz"), &tail[..6])
        .parse()
        .expect("digits and letters are a name")
}

impl RunDirectory {
    /// Creates the folder of `run` below `state`, and its journal. It appears as a whole: there is
    /// none without a lock and a journal.
    pub fn create(state: &Utf8Path, run: &RunId, clock: Clock) -> io::Result<(Self, Journal)> {
        let runs = state.join("runs");
        fs_err::create_dir_all(&runs)?;
        let path = runs.join(run.as_str());
        let growing = runs.join(format!("{GROWING}{run}"));
        fs_err::create_dir(&growing)?;
        let lock = growing.join("lock");
        fs_err::File::create_new(&lock)?;
        let lock = crate::process::hold(&lock)?;
        fs_err::create_dir(growing.join("logs"))?;
        let mut journal = Journal::create(&growing.join("journal.jsonl"), clock)?;
        journal.intend(&Thing::Directory { path: path.join("work") })?;
        fs_err::create_dir(growing.join("work"))?;
        sync(&growing)?;
        fs_err::rename(&growing, &path)?;
        // What the journal says is of no use in a folder that a power cut takes along.
        sync(&runs)?;
        sync(state)?;
        Ok((Self { path, _lock: lock }, journal))
    }

    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Scratch space, on the disk that holds the state.
    pub fn work(&self) -> Utf8PathBuf {
        self.path.join("work")
    }

    /// The file whose lock says that the run lives.
    pub fn lock(&self) -> Utf8PathBuf {
        self.path.join("lock")
    }

    /// Its journal.
    pub(super) fn journal(&self) -> Utf8PathBuf {
        self.path.join("journal.jsonl")
    }

    /// The log called `name`.
    pub fn log(&self, name: &str) -> Utf8PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// The run is over: its scratch space goes, except for artifacts that are kept in there until
    /// this folder goes as well.
    pub fn finish(&self, journal: &mut Journal, kept: Kept) -> io::Result<()> {
        if kept == Kept::Nothing {
            fs_err::remove_dir_all(self.work())?;
        }
        journal.done(&Thing::Directory { path: self.work() })
    }
}

/// What of a run's scratch space is left when the run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Artifacts that could not be taken to their end.
    Artifacts,
}

/// The folders of all runs below `state`, oldest first.
pub(super) fn runs(state: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let entries = match state.join("runs").read_dir_utf8() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !entry.file_name().starts_with('.') {
            runs.push(entry.into_path());
        }
    }
    runs.sort();
    Ok(runs)
}

/// Removes what holds nothing and is in nobody's way but for the space that it takes: folders of
/// runs that were killed before they had begun, and downloads of advisories that came to no end.
pub(super) fn forget_unborn(state: &Utf8Path, now: Timestamp) {
    for folder in growing(&state.join("runs"), GROWING, now, GROWN) {
        let _ = fs_err::remove_dir_all(folder);
    }
    for folder in growing(state, DOWNLOADING, now, LOCKED) {
        let lock = fs_err::File::open(&folder);
        if lock.is_ok_and(|lock| flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok()) {
            let _ = fs_err::remove_dir_all(folder);
        }
    }
}

/// The folders in `parent` whose names begin with `prefix` and that are older than `age`.
fn growing(
    parent: &Utf8Path,
    prefix: &str,
    now: Timestamp,
    age: SignedDuration,
) -> Vec<Utf8PathBuf> {
    let made = |entry: &Utf8DirEntry| {
        let found = entry.metadata().ok().filter(std::fs::Metadata::is_dir)?;
        Timestamp::try_from(found.modified().ok()?).ok()
    };
    let entries = parent.read_dir_utf8().into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().starts_with(prefix))
        .filter(|entry| made(entry).is_some_and(|made| now.duration_since(made) > age))
        .map(Utf8DirEntry::into_path)
        .collect()
}

/// Removes the folders of old runs that ended well: nobody holds their lock, their journal has
/// nothing outstanding, and they keep no artifact. The newest stay. One that cannot be removed keeps
/// none of the others.
pub fn forget_old_runs(state: &Utf8Path) -> io::Result<()> {
    let runs = runs(state)?;
    let old = runs.len().saturating_sub(KEPT);
    let mut all = Ok(());
    for run in &runs[..old] {
        // A kept artifact goes when another one of its image takes its place.
        if !run.join("work").exists()
            && let Ok(Some(dead)) = Dead::of(run)
            && let Ok(outstanding) = dead.outstanding()
            && outstanding.iter().all(|thing| matches!(thing, Thing::KeptArtifact { .. }))
        {
            all = all.and(fs_err::remove_dir_all(run));
        }
    }
    all
}

/// Removes the artifacts of `image` that runs other than the one in `folder` have kept.
pub(super) fn forget_kept_artifacts(
    state: &Utf8Path,
    image: &ImageName,
    folder: &Utf8Path,
) -> io::Result<()> {
    for run in runs(state)? {
        let kept = run.join("work").join(image.as_str());
        if run != folder
            && kept.is_dir()
            && let Ok(Some(dead)) = Dead::of(&run)
            && let Ok(outstanding) = dead.outstanding()
            && !outstanding.contains(&Thing::Directory { path: run.join("work") })
        {
            fs_err::remove_dir_all(kept)?;
            // The last one takes the folder along.
            let _ = fs_err::remove_dir(run.join("work"));
        }
    }
    Ok(())
}

/// A run that is over, dead or done. Nobody else cleans up after it while this value lives.
pub(super) struct Dead {
    path: Utf8PathBuf,
    _lock: fs_err::File,
}

impl Dead {
    /// The run whose folder is `path`, unless it is alive or somebody else cleans up after it.
    pub(super) fn of(path: &Utf8Path) -> io::Result<Option<Self>> {
        // NFS gives a lock for oneself alone only to those who could write.
        let lock = fs_err::OpenOptions::new().read(true).write(true).open(path.join("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), _lock: lock })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What its journal has outstanding.
    pub(super) fn outstanding(&self) -> Result<Vec<Thing>, JournalError> {
        super::journal::outstanding(&self.journal())
    }

    /// Its journal.
    pub(super) fn journal(&self) -> Utf8PathBuf {
        self.path.join("journal.jsonl")
    }
}

/// Waits until the entries of `folder` are on the disk.
fn sync(folder: &Utf8Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    #[test]
    fn of_an_image_one_artifact_is_kept_and_old_runs_without_one_go() {
        let scratch = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(scratch.path()).unwrap();
        let image: ImageName = "debian-12".parse().unwrap();
        let upload = Thing::Reservation {
            image: image.clone(),
            registry: Address::Directory("/registry".into()),
        };
        let mut kept = Vec::new();
        for number in 0..KEPT + 5 {
            let run = format!("run-{number:02}").parse().unwrap();
            let (folder, mut journal) = RunDirectory::create(state, &run, Clock::system()).unwrap();
            if number < 3 {
                let artifact = folder.work().join(image.as_str());
                fs_err::create_dir(&artifact).unwrap();
                kept.push(artifact);
                // As when one store has the bytes and the next one failed.
                journal.intend(&upload).unwrap();
                folder.finish(&mut journal, Kept::Artifacts).unwrap();
            } else {
                folder.finish(&mut journal, Kept::Nothing).unwrap();
            }
        }
        forget_old_runs(state).unwrap();
        let left = || state.join("runs").read_dir_utf8().unwrap().count();
        assert_eq!(left(), KEPT + 3, "of the five oldest, those without an artifact went");
        assert!(kept.iter().all(|artifact| artifact.exists()));

        let newest = state.join("runs/run-02");
        forget_kept_artifacts(state, &image, &newest).unwrap();
        let there: Vec<bool> = kept.iter().map(|artifact| artifact.exists()).collect();
        assert_eq!(there, [false, false, true]);
    }

    #[test]
    fn what_was_killed_before_it_had_begun_goes_when_nobody_is_at_it() {
        let scratch = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(scratch.path()).unwrap();
        for folder in ["runs/.new-run-1", ".advisories-1", ".advisories-2", "advisories"] {
            fs_err::create_dir_all(state.join(folder)).unwrap();
        }
        let download = fs_err::File::open(state.join(".advisories-2")).unwrap();
        flock(&download, FlockOperation::NonBlockingLockShared).unwrap();
        let left = || {
            let mut left = Vec::new();
            for folder in [state.to_owned(), state.join("runs")] {
                let names = folder.read_dir_utf8().unwrap();
                left.extend(names.map(|entry| entry.unwrap().file_name().to_owned()));
            }
            left.sort();
            left
        };
        forget_unborn(state, Timestamp::now());
        let all = [".advisories-1", ".advisories-2", ".new-run-1", "advisories", "runs"];
        assert_eq!(left(), all, "they may have been made just now");
        forget_unborn(state, Timestamp::now() + SignedDuration::from_hours(2));
        assert_eq!(left(), [".advisories-2", "advisories", "runs"]);
    }
}
