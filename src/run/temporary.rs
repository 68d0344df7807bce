//! Where a build's programs put their temporary files: a folder of its own, since Packer and its plugins
//! leave files and sockets there when they are killed.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::Mode;
use rustix::io::Errno;

use super::image_task::ImageTask;
use super::journal::{Thing, temporary_folder};
use crate::environment::Environment;
use crate::model::{Failure, FailureClass, NoteLevel};

/// Longest path of such a folder. The path of a Unix socket has at most 107 bytes (unix(7)), and what
/// programs call theirs takes up to 32 of them: `/packer-plugin1234567890`, `/ssh-XXXXXXXXXX/agent.1234567`.
const LONGEST: usize = 75;

/// Such a folder, until it is removed.
pub(super) struct TemporaryFolder<'t, 'r> {
    task: &'t ImageTask<'r>,
    pub(super) path: Utf8PathBuf,
    /// What the journal calls it; the run's scratch space needs no word of its own.
    thing: Option<Thing>,
}

impl<'t, 'r> TemporaryFolder<'t, 'r> {
    /// Makes one, which only this user can look into.
    pub(super) fn make(task: &'t ImageTask<'r>) -> Result<Self, Failure> {
        let work = task.run.directory.work();
        let system = system_folder(&task.run.pipeline.environment);
        let mut number = 1;
        loop {
            // No image is called like the first one.
            let (path, is_ours) = match work.join(format!(".tmp{number}")) {
                path if path.as_str().len() <= LONGEST => (path, true),
                _ => (system.join(temporary_folder(&task.run.id, number)), false),
            };
            let thing = (!is_ours).then(|| Thing::TemporaryFolder { path: path.clone() });
            if let Some(thing) = &thing {
                task.note(|journal| journal.intend(thing))?;
            }
            match rustix::fs::mkdir(path.as_std_path(), Mode::RWXU) {
                Ok(()) => return Ok(Self { task, path, thing }),
                // That of another image of this run.
                Err(Errno::EXIST) if number < u32::MAX => number += 1,
                Err(errno) => {
                    let error = io::Error::from(errno);
                    let reason = format!("no folder for temporary files, `{path}`: {error}");
                    return Err(Failure::new(FailureClass::Build, reason));
                }
            }
        }
    }

    /// Removes it with all that was left in it. If that fails it is said, and left to the next run.
    pub(super) async fn remove(self) {
        let path = self.path.clone();
        let removed = tokio::task::spawn_blocking(move || fs_err::remove_dir_all(path)).await;
        match removed.map_err(io::Error::from).flatten() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let text = format!("temporary files of the build cannot be removed: {error}");
                let events = &self.task.run.pipeline.events;
                events.note(Some(&self.task.image.name), NoteLevel::Warning, text);
            }
            _ => {
                if let Some(thing) = &self.thing {
                    let _ = self.task.note(|journal| journal.done(thing));
                }
            }
        }
    }
}

/// Where the system has temporary files.
fn system_folder(environment: &Environment) -> &Utf8Path {
    let folder = environment.get("TMPDIR").filter(|folder| folder.starts_with('/'));
    Utf8Path::new(folder.unwrap_or("/tmp"))
}
