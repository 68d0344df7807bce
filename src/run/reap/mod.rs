//! Cleans up after runs that died: finishes what they had all but done, undoes the rest, and says
//! what it did.
//!
//! Dead is a run for which there is proof: of one of this machine, that nobody holds the lock of its
//! folder; of one elsewhere, that its lease in the registry has expired and this run has claimed it.
//! Nothing is removed but what its journal names and what is recognisably its own (`chores.rs`).
//! Whatever cannot be done now is left as it is, told, and tried again the next time.

mod chores;
mod remote;
mod settle;

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use self::chores::{Chore, chores};
use self::settle::settle;
use super::directory::{Dead, forget_unborn, runs};
use super::journal::{Journal, Thing};
use super::scratch_copy;
use crate::model::{Address, RunId};
use crate::process;
use crate::publish::Surroundings;
use crate::registry::{self, Author, Reach};
use crate::report::{Deed, Reaped};

pub use remote::reap_leases;

/// Cleans up after all dead runs whose folders are below the state folder `here`. Runs that left nothing are not
/// told. Registries are reached with `reach`.
pub async fn reap(
    here: Surroundings<'_>,
    author: &Author,
    reach: &Reach,
) -> io::Result<Vec<Reaped>> {
    // They hold nothing, and are in nobody's way.
    forget_unborn(here.state, author.clock.now());
    let mut reaped = Vec::new();
    let still_running = blocking(process::marked).await?;
    for folder in runs(here.state)? {
        let name = folder.file_name().unwrap_or_default();
        // Whatever else lies there is not ours.
        let Ok(run) = name.parse::<RunId>() else {
            continue;
        };
        let mut told = Reaped { run, host: None, done: Vec::new(), left: Vec::new() };
        let has_processes = still_running.contains_key(name);
        after(&folder, author, reach, has_processes, here, &mut told).await;
        if !told.done.is_empty() || !told.left.is_empty() {
            reaped.push(told);
        }
    }
    Ok(reaped)
}

/// Whether the run in `folder` is alive, as far as this machine can tell.
fn is_alive(folder: &Utf8Path) -> bool {
    matches!(Dead::of(folder), Ok(None))
}

/// Cleans up after the run in `folder`, unless it is alive or somebody else is at it.
async fn after(
    folder: &Utf8Path,
    author: &Author,
    reach: &Reach,
    has_processes: bool,
    here: Surroundings<'_>,
    told: &mut Reaped,
) {
    let dead = match Dead::of(folder) {
        Ok(Some(dead)) => dead,
        Ok(None) => return,
        // Another one has removed it.
        Err(_) if !folder.exists() => return,
        Err(error) => {
            told.left.push(format!("nobody can say whether it is alive: {error}"));
            return;
        }
    };
    let outstanding = match dead.outstanding() {
        Ok(outstanding) => outstanding,
        Err(error) => {
            told.left.push(format!("nobody can say what it has left: {error}"));
            return;
        }
    };
    // What they write into goes afterwards.
    if has_processes {
        kill_processes(told).await;
    }
    // Half-way also means that nobody has closed its logs. One that cannot be closed can be read as it is.
    if outstanding.iter().any(|thing| matches!(thing, Thing::Directory { .. })) {
        let logs = folder.join("logs");
        let _ = tokio::task::spawn_blocking(move || process::close_logs(&logs)).await;
    }
    let mut journal = Journal::reopen(&dead.journal(), author.clock).ok();
    for (chore, things) in chores(&told.run, folder, &outstanding) {
        let left = told.left.len();
        carry_out(chore, author, reach, here, told).await;
        if left == told.left.len() {
            // That this cannot be noted, on a full disk for one, only means to look once more.
            note_done(journal.as_mut(), &things);
        }
    }
}

/// Kills what still runs of a dead run: goldsmith and its supervisor were killed together.
async fn kill_processes(told: &mut Reaped) {
    let run = told.run.to_string();
    match blocking(move || process::kill_marked(&run)).await {
        Ok((count, left)) => {
            if count > 0 {
                told.done.push(Deed::ProcessesKilled { count });
            }
            if left > 0 {
                told.left.push(format!("processes of it cannot be killed: {left}"));
            }
        }
        Err(error) => told.left.push(format!("its processes: {error}")),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

async fn carry_out(
    chore: Chore,
    author: &Author,
    reach: &Reach,
    here: Surroundings<'_>,
    told: &mut Reaped,
) {
    match chore {
        Chore::Scratch { path, keep } => match clear(&path, &keep) {
            Ok(true) => told.done.push(Deed::ScratchRemoved { path }),
            Ok(false) => {}
            Err(error) => told.left.push(format!("its scratch space: {error}")),
        },
        Chore::Temporary { path } => match remove(&path) {
            Ok(true) => told.done.push(Deed::ScratchRemoved { path }),
            Ok(false) => {}
            Err(error) => told.left.push(format!("its temporary files: {error}")),
        },
        Chore::Copy { path } => match scratch_copy::remove(&path) {
            Ok(true) => told.done.push(Deed::CopyRemoved { path }),
            Ok(false) => {}
            Err(error) => told.left.push(format!("its copy of a template: {error}")),
        },
        Chore::Settle { registry, unsettled } => match registry::look(&registry, reach).await {
            Ok(registry) => {
                let outcome = settle(&*registry, author, &told.run, &unsettled, here).await;
                told.done.extend(outcome.done);
                told.left.extend(outcome.left);
            }
            Err(error) => {
                told.left.push(format!("{}: {}", unsettled.image, error.failure().reason));
            }
        },
        Chore::Lease { registry } => {
            // The rest is for others as well, as long as it is not done.
            if told.left.is_empty()
                && let Err(error) = remove_lease(&registry, reach, &told.run).await
            {
                told.left.push(format!("its lease: {}", error.failure().reason));
            }
        }
        Chore::Refuse { path } => {
            told.left.push(format!("`{path}` is nothing that a run creates: it is left alone"));
        }
    }
}

async fn remove_lease(
    address: &Address,
    reach: &Reach,
    run: &RunId,
) -> Result<(), registry::RegistryError> {
    registry::look(address, reach).await?.remove_lease(run).await
}

fn note_done(journal: Option<&mut Journal>, things: &[Thing]) {
    if let Some(journal) = journal {
        for thing in things {
            let _ = journal.done(thing);
        }
    }
}

/// Removes what is in `folder`, but for the folders called as `keep` says; all of it if there are
/// none. Whether there was something.
fn clear(folder: &Utf8Path, keep: &[String]) -> io::Result<bool> {
    if keep.is_empty() {
        return remove(folder);
    }
    let mut removed = false;
    if is_folder(folder)? {
        for entry in folder.read_dir_utf8()? {
            let entry = entry?;
            if keep.iter().any(|kept| kept == entry.file_name()) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                removed |= remove(&entry.into_path())?;
            } else {
                fs_err::remove_file(entry.path())?;
                removed = true;
            }
        }
    }
    Ok(removed)
}

/// Removes a folder. Whether it was there. Follows no link, neither to it nor in it.
fn remove(folder: &Utf8Path) -> io::Result<bool> {
    if !is_folder(folder)? {
        return Ok(false);
    }
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

/// Whether there is a folder; an error if there is something else.
fn is_folder(path: &Utf8Path) -> io::Result<bool> {
    match fs_err::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(found) if found.is_dir() => Ok(true),
        Ok(_) => Err(io::Error::other(format!("`{path}` is no folder, and is left alone"))),
        Err(error) => Err(error),
    }
}

/// Where the folder of `run` is, if it has run on this machine.
fn folder_of(state: &Utf8Path, run: &RunId) -> Utf8PathBuf {
    state.join("runs").join(run.as_str())
}

#[cfg(test)]
mod tests;
