//! Hidden folders beside the versions: one in which a version grows, and one from which a version
//! is removed. Readers do not look into them.
//!
//! A growing folder is locked as long as its writer lives; the kernel gives the lock back whatever
//! happens to the writer. So a folder that can be locked has been left behind. Making such folders,
//! and finding and removing those of others, happens under a lock on the folder around them, which
//! nobody holds for longer than that.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::model::Version;

const INCOMING: &str = ".incoming-";
const REMOVING: &str = ".removing-";

/// The folder around versions, locked.
pub(super) struct Locked<'a> {
    folder: &'a Utf8Path,
    _lock: File,
}

/// A folder in which a version grows. Dropped without [`Incoming::commit`] it goes away again.
pub(super) struct Incoming {
    path: Utf8PathBuf,
    _lock: File,
    committed: bool,
}

impl<'a> Locked<'a> {
    /// Waits for the lock on `folder`.
    pub(super) fn new(folder: &'a Utf8Path) -> io::Result<Self> {
        let lock = File::open(folder)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| unlockable(folder, error))?;
        Ok(Self { folder, _lock: lock })
    }

    /// A folder for `version`: one that a killed writer left, with what is in it, or a new one.
    pub(super) fn incoming(&self, version: Version) -> io::Result<Incoming> {
        let prefix = format!("{INCOMING}{version}-");
        for left in self.hidden()? {
            let of_version = left.file_name().is_some_and(|name| name.starts_with(&prefix));
            if of_version && let Some(lock) = try_lock(&left)? {
                return Ok(Incoming { path: left, _lock: lock, committed: false });
            }
        }
        let made = tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(self.folder)?
            .keep();
        let path = Utf8PathBuf::try_from(made).map_err(io::Error::other)?;
        // Also when the umask has taken something away.
        fs_err::set_permissions(&path, Permissions::from_mode(0o755))?;
        let lock = File::open(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| unlockable(&path, error))?;
        Ok(Incoming { path, _lock: lock, committed: false })
    }

    /// Removes what killed writers left, and says what that was.
    pub(super) fn sweep(&self) -> io::Result<Vec<Utf8PathBuf>> {
        let mut removed = Vec::new();
        for left in self.hidden()? {
            if try_lock(&left)?.is_some() {
                fs_err::remove_dir_all(&left)?;
                removed.push(left);
            }
        }
        Ok(removed)
    }

    /// Removes `version` so that readers see all of it or nothing.
    pub(super) fn remove(&self, version: Version) -> io::Result<()> {
        let hidden = self.folder.join(format!("{REMOVING}{version}"));
        fs_err::rename(self.folder.join(version.to_string()), &hidden)?;
        fs_err::remove_dir_all(hidden)
    }

    /// The hidden folders of this module.
    fn hidden(&self) -> io::Result<Vec<Utf8PathBuf>> {
        let mut hidden = Vec::new();
        for entry in fs_err::read_dir(self.folder)? {
            let entry = entry?;
            let ours = |name: &str| name.starts_with(INCOMING) || name.starts_with(REMOVING);
            if entry.file_name().to_str().is_some_and(ours) && entry.file_type()?.is_dir() {
                hidden.extend(Utf8PathBuf::try_from(entry.path()));
            }
        }
        hidden.sort();
        Ok(hidden)
    }
}

/// The lock on `folder`, unless a living writer has it.
fn try_lock(folder: &Utf8Path) -> io::Result<Option<File>> {
    let lock = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(unlockable(folder, error)),
    }
}

fn unlockable(folder: &Utf8Path, error: Errno) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(error.kind(), format!("failed to lock `{folder}`: {error}"))
}

impl Incoming {
    /// Where it is.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Makes it `target`, durably. Fails if there is something there already.
    pub(super) fn commit(mut self, target: &Utf8Path) -> io::Result<()> {
        sync(&self.path)?;
        fs_err::rename(&self.path, target)?;
        self.committed = true;
        target.parent().map_or(Ok(()), sync)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.committed {
            // What cannot be removed now is known by its name and removed later.
            drop(fs_err::remove_dir_all(&self.path));
        }
    }
}

/// Waits until the entries of `folder` are on the disk.
pub(super) fn sync(folder: &Utf8Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
