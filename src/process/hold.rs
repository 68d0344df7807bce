//! The lock that says that somebody lives.

use std::io;

use camino::Utf8Path;
use rustix::fs::{FlockOperation, flock};

/// Shares the lock on the file `path` for as long as the returned file is open. Fails if somebody
/// has it for himself alone.
///
/// A run that holds it is alive, and so are the supervisors of its children: they still clean up when
/// goldsmith itself has been killed.
pub fn hold(path: &Utf8Path) -> io::Result<fs_err::File> {
    // NFS wants it readable for a shared lock.
    let file = fs_err::OpenOptions::new().read(true).write(true).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockShared)?;
    Ok(file)
}
