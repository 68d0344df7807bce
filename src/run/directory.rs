//! The folder of a run: journal, logs, events, report, scratch.
//!
//! ```text
//! <state>/runs/<run id>/lock            held while the run lives
//!                       journal.jsonl   what it creates
//!                       events.jsonl    what it tells
//!                       logs/<image>.log
//!                       work/           scratch; gone when the run is over, but for kept artifacts
//!                       report.json
//! ```
//!
//! It lies outside the repository, so that a checkout which is wiped takes nothing along.

use std::io;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use rustix::fs::FlockOperation;

use super::journal::{Journal, Thing};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::model::{Failure, FailureClass, ImageName, RunId};

/// How many finished runs are kept for people to look at.
const KEPT: usize = 20;

/// The folder of a run, locked for as long as this value lives.
pub struct RunDirectory {
    path: Utf8PathBuf,
    /// Alive is who holds this lock: a process id means nothing in a container.
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

/// A new run id: the time, and a tail that tells runs of the same second apart.
pub fn new_run_id(clock: &Clock) -> RunId {
    let tail = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", clock.now().strftime("%Y%m%dt%H%M%Sz"), &tail[..6])
        .parse()
        .expect("digits and letters are a name")
}

impl RunDirectory {
    /// Creates the folder of `run` below `state`, and its journal.
    pub fn create(state: &Utf8Path, run: &RunId, clock: Clock) -> io::Result<(Self, Journal)> {
        let runs = state.join("runs");
        let path = runs.join(run.as_str());
        fs_err::create_dir_all(&runs)?;
        fs_err::create_dir(&path)?;
        let lock = fs_err::File::create(path.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs_err::create_dir(path.join("logs"))?;
        let mut journal = Journal::create(&path.join("journal.jsonl"), clock)?;
        let directory = Self { path, _lock: lock };
        journal.intend(&Thing::Directory { path: directory.work() })?;
        fs_err::create_dir(directory.work())?;
        Ok((directory, journal))
    }

    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Scratch space, on the disk that holds the state.
    pub fn work(&self) -> Utf8PathBuf {
        self.path.join("work")
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

/// Removes the folders of old runs that ended well: nobody holds their lock, their journal has
/// nothing outstanding, and they keep no artifact. The newest stay. One that cannot be removed keeps
/// none of the others.
pub fn forget_old_runs(state: &Utf8Path) -> io::Result<()> {
    let mut runs: Vec<Utf8PathBuf> = match state.join("runs").read_dir_utf8() {
        Ok(entries) => entries.flatten().map(Utf8DirEntry::into_path).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    runs.sort();
    let old = runs.len().saturating_sub(KEPT);
    let mut all = Ok(());
    for run in &runs[..old] {
        // A kept artifact goes when another one of its image takes its place.
        if !run.join("work").exists()
            && let Some((_lock, outstanding)) = ended(run)
            && outstanding.is_empty()
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
    for run in state.join("runs").read_dir_utf8()?.flatten().map(Utf8DirEntry::into_path) {
        let kept = run.join("work").join(image.as_str());
        if run != folder
            && kept.is_dir()
            && let Some((_lock, outstanding)) = ended(&run)
            && !outstanding.contains(&Thing::Directory { path: run.join("work") })
        {
            fs_err::remove_dir_all(kept)?;
            // The last one takes the folder along.
            let _ = fs_err::remove_dir(run.join("work"));
        }
    }
    Ok(())
}

/// The lock of a run that is over, and what its journal has outstanding.
fn ended(run: &Utf8Path) -> Option<(fs_err::File, Vec<Thing>)> {
    let lock = fs_err::File::open(run.join("lock")).ok()?;
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
    let outstanding = super::journal::outstanding(&run.join("journal.jsonl")).ok()?;
    Some((lock, outstanding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_image_one_artifact_is_kept_and_old_runs_without_one_go() {
        let scratch = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(scratch.path()).unwrap();
        let image: ImageName = "debian-12".parse().unwrap();
        let upload =
            Thing::Upload { image: image.clone(), version: "1.0.20261123".parse().unwrap() };
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
}
