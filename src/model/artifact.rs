//! What a build left behind.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::Digest;

/// What Packer left: one or more files, read-only from here on.
///
/// Digests are taken at the end of the build and checked again at publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Packer's builder id (`transcend.qemu`); absent for an artifact that was handed in.
    pub builder: Option<String>,
    /// The files, the disk first. Never empty.
    pub files: Vec<ArtifactFile>,
}

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFile {
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content.
    pub digest: Digest,
}

impl Artifact {
    /// The disk: what is looked into.
    pub fn disk(&self) -> &ArtifactFile {
        &self.files[0]
    }

    /// Bytes of all files together.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}
