//! One run at a time prepares and builds in a folder: what one `prepare` makes is what another
//! one's Packer reads.
//!
//! The lock is a file beside the runs, named after the folder, and not the folder itself: a script
//! may well lock its own folder.

use std::io;
use std::time::Duration;

use camino::Utf8Path;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::model::{Digest, Failure, ImageName, NoteLevel};
use crate::process::Cancellation;

use super::Events;

/// How often to look whether the other run is done.
const ROUND: Duration = Duration::from_millis(200);

/// A working folder that is this run's, until this value is dropped or the process ends.
pub(super) struct Workdir {
    _lock: Option<fs_err::File>,
}

impl Workdir {
    /// Waits until `folder` is nobody else's. Where the file system knows no locks, that is said
    /// and has to be enough.
    pub(super) async fn take(
        state: &Utf8Path,
        folder: &Utf8Path,
        image: &ImageName,
        events: &Events,
        cancellation: &Cancellation,
    ) -> Result<Self, Failure> {
        let note = |level, text: String| events.note(Some(image), level, text);
        let unlocked = |why: &dyn std::error::Error| {
            let text = format!("`{folder}` cannot be locked against other runs: {why}");
            note(NoteLevel::Warning, text);
            Ok(Self { _lock: None })
        };
        let lock = match open(state, folder) {
            Ok(lock) => lock,
            Err(error) => return unlocked(&error),
        };
        let mut told = false;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _lock: Some(lock) }),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return unlocked(&error),
            }
            if !told {
                note(NoteLevel::Info, format!("waiting for another run that works in `{folder}`"));
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                request = cancellation.beyond(None) => return Err(request.cause.failure()),
            }
        }
    }
}

/// The file that stands for `folder`. It stays: one that were removed could be locked twice.
fn open(state: &Utf8Path, folder: &Utf8Path) -> io::Result<fs_err::File> {
    let locks = state.join("locks");
    fs_err::create_dir_all(&locks)?;
    let name = Digest::of(folder.canonicalize_utf8()?.as_str().as_bytes()).short();
    fs_err::OpenOptions::new().create(true).append(true).open(locks.join(name))
}
