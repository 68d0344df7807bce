//! Where the gate looks: `evidence:` of an image.

use std::fmt;

use camino::Utf8PathBuf;
use jiff::civil;
use serde::{Deserialize, Serialize};

use super::Digest;

/// `evidence:` of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidencePolicy {
    /// The way to look inside.
    pub from: Strategy,
    /// How much is looked at.
    pub scope: Scope,
}

impl EvidencePolicy {
    /// Where nothing is said.
    pub const AUTO: Self = Self { from: Strategy::Auto, scope: Scope::Os };
}

/// A way to look inside an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// As fits the builder, or else the artifact.
    Auto,
    /// Our own read-only disk reader.
    Disk,
    /// A throw-away clone is booted and its guest agent asked.
    Clone,
    /// A last provisioner collects the files in the guest.
    Guest,
    /// A container image in an archive or folder.
    Container,
    /// A root file system: a folder or a tar archive.
    Rootfs,
    /// An inventory that the maker of the image has published.
    Sbom(SbomSource),
    /// The command line of the user's scanner, for `/bin/sh -c` in the image's `workdir`.
    Scanner(String),
    /// Nobody looks.
    Skip {
        /// Why.
        reason: String,
        /// The last day on which that holds, in UTC.
        until: civil::Date,
    },
}

/// Where an inventory lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SbomSource {
    /// At an address, with this digest.
    Address {
        /// `https://…`.
        url: String,
        /// What it must have.
        digest: Digest,
    },
    /// In the image, at this absolute path.
    InImage(String),
    /// In a file of the repository, or one that the build leaves.
    File {
        /// Absolute.
        path: Utf8PathBuf,
        /// What it must have, if that is said.
        digest: Option<Digest>,
    },
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The packages of the operating system.
    Os,
    /// Libraries of languages too.
    Full,
}

/// The name of a strategy that was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words of `evidence:`")]
pub enum StrategyName {
    Disk,
    Clone,
    Guest,
    Container,
    Rootfs,
    Sbom,
    Scanner,
    Skip,
}

impl StrategyName {
    /// As `images.yml` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Clone => "clone",
            Self::Guest => "guest",
            Self::Container => "container",
            Self::Rootfs => "rootfs",
            Self::Sbom => "sbom",
            Self::Scanner => "scanner",
            Self::Skip => "skip",
        }
    }
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
