//! What was found inside an artifact.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::{Digest, OsIdentity};

/// What was found inside an artifact, whoever looked and however.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How it was gathered, as `evidence:` in `images.yml` names it.
    pub strategy: String,
    /// Digest of the disk that was looked into.
    pub subject: Digest,
    /// The operating system, if one was identified.
    pub os: Option<OsIdentity>,
    /// The packages.
    pub inventory: Inventory,
    /// What could not be read. Anything here means that not everything was seen.
    pub obstacles: Vec<Obstacle>,
}

/// The packages in the evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Every installed package, sorted and without duplicates.
    pub packages: Vec<Package>,
    /// The same as a CycloneDX document: what scanners and people's other tools read.
    pub document: String,
}

impl Inventory {
    /// A digest of names and versions alone: equal for two builds with the same package set.
    pub fn package_set(&self) -> Digest {
        let mut lines = String::new();
        for Package { name, version, arch, .. } in &self.packages {
            // Writing to a String does not fail.
            let _ = writeln!(lines, "{name} {version} {arch}");
        }
        Digest::of(lines.as_bytes())
    }
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Name of the binary package.
    pub name: String,
    /// Version as the package manager writes it, with epoch and revision.
    pub version: String,
    /// Architecture; empty where the package manager has none.
    pub arch: String,
    /// Name of the source package that it was built from; its own name where there is none.
    pub source: String,
}

/// Something inside the artifact that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// What was met, in the words of who met it.
    pub what: String,
}
