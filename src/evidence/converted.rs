//! Strategy `disk`, first form: the disk is converted to raw and listed by a tool that reads raw
//! disks. The copy is temporary; the artifact is only read.

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use super::disk_format::{self, DiskFormat};
use super::{DiskLister, EvidenceError, EvidenceSource, cyclonedx};
use crate::model::{ArtifactFile, Evidence, Obstacle};
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher, Log};

/// Converts, then lists.
pub struct ConvertedDisk<L> {
    /// Runs `qemu-img`.
    pub launcher: Launcher,
    /// Stops it.
    pub cancellation: Cancellation,
    /// The program `qemu-img`.
    pub qemu_img: Utf8PathBuf,
    /// Where everything that it says is appended.
    pub log: Log,
    /// Lists the raw disk.
    pub lister: L,
}

#[async_trait]
impl<L: DiskLister> EvidenceSource for ConvertedDisk<L> {
    async fn gather(
        &self,
        subject: &ArtifactFile,
        scratch: &Utf8Path,
    ) -> Result<Evidence, EvidenceError> {
        let format = disk_format::probe(&subject.path)?
            .map_err(|why| EvidenceError::Refused { path: subject.path.clone(), why })?;
        let raw = match format {
            DiskFormat::Raw => subject.path.clone(),
            DiskFormat::Qcow2 => self.convert(&subject.path, scratch).await?,
        };
        let listing = self.lister.list(&raw, scratch).await.map_err(EvidenceError::Lister)?;
        if format == DiskFormat::Qcow2 {
            fs_err::remove_file(&raw)?;
        }
        let (os, inventory) = cyclonedx::read(listing.document)?;
        Ok(Evidence {
            strategy: "disk".to_owned(),
            subject: subject.digest,
            os,
            inventory,
            obstacles: listing.obstacles.into_iter().map(|what| Obstacle { what }).collect(),
        })
    }
}

impl<L> ConvertedDisk<L> {
    /// The source format is always named: a raw disk whose guest wrote a qcow2 header into its
    /// first sector must not be opened as one.
    async fn convert(
        &self,
        disk: &Utf8Path,
        scratch: &Utf8Path,
    ) -> Result<Utf8PathBuf, EvidenceError> {
        let raw = scratch.join("disk.raw");
        let command = Command::new(&self.qemu_img, "convert the disk for looking inside")
            .arguments(["convert", "-f", "qcow2", "-O", "raw"])
            .arguments([disk.as_str(), raw.as_str()])
            .environment(ChildEnvironment::default())
            .log(&self.log);
        self.launcher.run(&command, &self.cancellation, |_| {}).await?.success()?;
        Ok(raw)
    }
}
