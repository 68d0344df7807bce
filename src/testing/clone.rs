//! Copies of an artifact that a test may write to.
//!
//! A qcow2 disk gets an overlay, which costs nothing. Everything else is copied: at once where the
//! file system can share blocks, and with its holes.

use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{ArtifactFile, Digest};
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher, Log};

use super::TestingError;

/// Makes copies.
#[derive(Debug, Clone)]
pub struct Clones {
    /// Runs the tools.
    pub launcher: Launcher,
    /// Stops them.
    pub cancellation: Cancellation,
    /// The program `qemu-img`.
    pub qemu_img: Utf8PathBuf,
    /// Where everything that it says is appended.
    pub log: Log,
}

impl Clones {
    /// A copy of `disk` in `folder`, in the disk's own format.
    pub(super) async fn of(
        &self,
        disk: &Utf8Path,
        folder: &Utf8Path,
    ) -> Result<Utf8PathBuf, TestingError> {
        if format(disk)? == "qcow2" {
            return self.overlay(disk, folder).await;
        }
        let copy = folder.join(disk.file_name().unwrap_or("disk"));
        let command = Command::new("/bin/cp", "copy the artifact for a test")
            .arguments(["--reflink=auto", "--sparse=always", "--", disk.as_str(), copy.as_str()])
            .environment(ChildEnvironment::default())
            .log(&self.log);
        self.launcher.run(&command, &self.cancellation, |_| {}).await?.success()?;
        writable(&copy)?;
        Ok(copy)
    }

    /// An overlay in `folder`, in qcow2, that shows what is in `disk`.
    ///
    /// The format of the disk is always named: a raw disk whose guest wrote a qcow2 header into its
    /// first sector must not be opened as one.
    pub(super) async fn overlay(
        &self,
        disk: &Utf8Path,
        folder: &Utf8Path,
    ) -> Result<Utf8PathBuf, TestingError> {
        let overlay = folder.join("disk.qcow2");
        let command = Command::new(&self.qemu_img, "make an overlay of the artifact for a test")
            .arguments(["create", "-q", "-f", "qcow2", "-F", format(disk)?])
            .arguments(["-b", disk.as_str(), overlay.as_str()])
            .environment(ChildEnvironment::default())
            .log(&self.log);
        self.launcher.run(&command, &self.cancellation, |_| {}).await?.success()?;
        Ok(overlay)
    }
}

/// The first of `files` that is not what the build left any more. Reads every byte; fails as soon as
/// somebody wishes to stop.
pub fn changed(
    files: &[ArtifactFile],
    cancellation: &Cancellation,
) -> io::Result<Option<Utf8PathBuf>> {
    for file in files {
        let disk = fs_err::File::open(&file.path)?;
        if Digest::of_reader(cancellation.guard(disk))?.0 != file.digest {
            return Ok(Some(file.path.clone()));
        }
    }
    Ok(None)
}

/// The format of a disk that has passed the gate, so that its header is known to name no other file.
fn format(disk: &Utf8Path) -> io::Result<&'static str> {
    let mut magic = Vec::new();
    fs_err::File::open(disk)?.take(4).read_to_end(&mut magic)?;
    Ok(if magic == b"QFI\xfb" { "qcow2" } else { "raw" })
}

/// An artifact that was kept may be read-only, and a copy has its mode.
fn writable(path: &Utf8Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}
