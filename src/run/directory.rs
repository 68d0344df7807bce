//! The folder of a run: journal, logs, events, report, scratch.
//!
//! ```text
//! <state>/runs/<run id>/lock            held while the run lives
//!                       journal.jsonl   what it creates
//!                       events.jsonl    what it tells
//!                       logs/<image>.log
//!                       work/           scratch; gone when the run is over
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
use crate::model::RunId;

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
pub fn state_folder(environment: &Environment) -> Utf8PathBuf {
    if let Some(folder) = environment.get("GOLDSMITH_STATE_DIR") {
        return folder.into();
    }
    let base = match (environment.get("XDG_STATE_HOME"), environment.get("HOME")) {
        (Some(folder), _) if folder.starts_with('/') => Utf8PathBuf::from(folder),
        (_, Some(home)) => Utf8Path::new(home).join(".local/state"),
        (_, None) => Utf8PathBuf::from("/var/tmp"),
    };
    base.join("goldsmith")
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

    /// Removes the scratch space: the run is over.
    pub fn finish(&self, journal: &mut Journal) -> io::Result<()> {
        fs_err::remove_dir_all(self.work())?;
        journal.done(&Thing::Directory { path: self.work() })
    }
}

/// Removes the folders of old runs that ended well: nobody holds their lock, and their journal has
/// nothing outstanding. The newest stay.
pub fn forget_old_runs(state: &Utf8Path) -> io::Result<()> {
    let mut runs: Vec<Utf8PathBuf> = match state.join("runs").read_dir_utf8() {
        Ok(entries) => entries.flatten().map(Utf8DirEntry::into_path).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    runs.sort();
    let old = runs.len().saturating_sub(KEPT);
    for run in &runs[..old] {
        let Ok(lock) = fs_err::File::open(run.join("lock")) else {
            continue;
        };
        let dead = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        let clean = super::journal::outstanding(&run.join("journal.jsonl"))
            .is_ok_and(|things| things.is_empty());
        if dead && clean {
            fs_err::remove_dir_all(run)?;
        }
    }
    Ok(())
}
