//! Looking inside an artifact: one file a strategy, all ending in the same [`Evidence`].

mod converted;
mod cyclonedx;
mod disk_format;

use async_trait::async_trait;
use camino::Utf8Path;
use thiserror::Error;

use crate::model::{ArtifactFile, Evidence, Failure, FailureClass};
use crate::process::ProcessError;

pub use converted::ConvertedDisk;

/// A way of looking inside an artifact.
#[async_trait]
pub trait EvidenceSource: Send + Sync {
    /// Gathers the evidence of `subject`. Temporary files go into the empty folder `scratch`.
    async fn gather(
        &self,
        subject: &ArtifactFile,
        scratch: &Utf8Path,
    ) -> Result<Evidence, EvidenceError>;
}

/// Something that can list what is installed on a raw disk, without judging it.
#[async_trait]
pub trait DiskLister: Send + Sync {
    /// Lists the packages of the disk image `raw`.
    async fn list(&self, raw: &Utf8Path, scratch: &Utf8Path) -> Result<Listing, Failure>;
}

/// What a [`DiskLister`] found.
pub struct Listing {
    /// A CycloneDX document.
    pub document: String,
    /// What could not be read, in the lister's words.
    pub obstacles: Vec<String>,
}

/// Why evidence could not be gathered. Never "nothing found".
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// The artifact is of a kind that would make a reader leave it. The template's fault.
    #[error("`{path}` is not looked into: {why}")]
    Refused {
        /// The artifact.
        path: camino::Utf8PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The artifact cannot be read. The machine's fault.
    #[error("cannot read the artifact")]
    Io(#[from] std::io::Error),
    /// The conversion did not run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The lister failed. Says why itself.
    #[error("{}", .0.reason)]
    Lister(Failure),
    /// The lister's document cannot be read. The lister's fault.
    #[error("the inventory of the disk is not readable")]
    Document(#[from] serde_json::Error),
}

impl EvidenceError {
    /// The failure that a run reports.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Lister(failure) => failure.clone(),
            Self::Process(error) => error.failure(FailureClass::Scan),
            Self::Refused { .. } => Failure::caused_by(FailureClass::Scan, self)
                .hint("publish a self-contained disk: `qemu-img convert -O qcow2` flattens it"),
            Self::Io(_) | Self::Document(_) => Failure::caused_by(FailureClass::Scan, self),
        }
    }
}
