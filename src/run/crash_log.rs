//! What Packer writes when it crashes: a file in the folder where it runs, which is the user's.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::image_task::ImageTask;
use crate::model::NoteLevel;

/// What Packer calls it; there is no other way (`panic.go`).
const NAME: &str = "crash.log";

/// The place where a crash log would come to lie.
pub(super) struct CrashLog {
    path: Utf8PathBuf,
    was_there: bool,
}

impl CrashLog {
    /// To be called before a Packer runs in `workdir`.
    pub(super) fn expected(workdir: &Utf8Path) -> Self {
        let path = workdir.join(NAME);
        let was_there = path.symlink_metadata().is_ok();
        Self { path, was_there }
    }

    /// Takes the log of a crash to the image's other log, and says so. One that somebody has had lying
    /// there stays, whatever is in it now.
    pub(super) fn take(&self, task: &ImageTask<'_>) {
        let found = self.path.symlink_metadata();
        if self.was_there || !found.is_ok_and(|found| found.is_file()) {
            return;
        }
        let to = task.log.path().with_extension(NAME);
        let text = match move_file(&self.path, &to) {
            Ok(()) => format!("Packer has crashed: what it wrote is in {to}"),
            // Another build that runs in the same folder has taken it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => format!("Packer has crashed, and left `{}`: {error}", self.path),
        };
        task.run.pipeline.events.note(Some(&task.image.name), NoteLevel::Warning, text);
    }
}

/// Moves a file, also to another file system.
fn move_file(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    match fs_err::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs_err::copy(from, to)?;
            fs_err::remove_file(from)
        }
        moved => moved,
    }
}
