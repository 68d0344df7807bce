//! What was found inside an artifact.

use std::fmt::Write as _;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::{CheckResult, Digest, Facts, Finding, OsIdentity, StrategyName};

/// What was found inside an artifact, whoever looked and however.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How it was gathered.
    pub strategy: StrategyName,
    /// What it rests on: decides what the gate can ask of it.
    pub basis: Basis,
    /// Digest of the disk that was looked into.
    pub subject: Digest,
    /// Where in the artifact the system was found: `partition 1`. Empty where there is only one place.
    pub place: String,
    /// The operating system, if one was identified.
    pub os: Option<OsIdentity>,
    /// The packages.
    pub inventory: Inventory,
    /// What else was found, for the rules about generalization.
    pub facts: Facts,
    /// Findings that were met on the way: updates that the guest itself says are pending, or what the
    /// user's scanner reported.
    pub findings: Vec<Finding>,
    /// What the user's checkers object to.
    pub checks: Vec<CheckResult>,
    /// Whether the guest was asked for pending updates, and could answer.
    pub pending_asked: bool,
    /// When the guest was asked, if that was not for this judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Timestamp>,
    /// What could not be read. Anything here means that not everything was seen.
    pub obstacles: Vec<Obstacle>,
    /// What was seen and is not judged: states of the system that nothing boots by itself.
    pub set_aside: Vec<String>,
}

/// What evidence rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Package databases that were read in the artifact.
    Packages,
    /// An inventory that somebody else made.
    Document,
    /// The answer of the user's scanner, which has its own advisories.
    Scanner {
        /// Its format, and who wrote it: `Trivy JSON of trivy 0.74.0`.
        answer: String,
        /// Whether it says that the system is past its end of life.
        end_of_life: bool,
    },
    /// Nothing: somebody decided so.
    Skipped {
        /// Why.
        reason: String,
        /// The last day on which that holds, in UTC.
        until: civil::Date,
    },
}

/// The packages in the evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Every installed package, sorted and without duplicates.
    pub packages: Vec<Package>,
    /// Components that are no packages of the operating system, sorted: libraries of languages. Their
    /// source is the type of their package URL: `npm`.
    pub libraries: Vec<Package>,
    /// Both as a CycloneDX document: what scanners and people's other tools read.
    pub document: String,
}

impl Inventory {
    /// A digest of names and versions alone: equal for two builds with the same package set.
    pub fn package_set(&self) -> Digest {
        let mut lines = String::new();
        for Package { name, version, arch, .. } in self.packages.iter().chain(&self.libraries) {
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
    /// What people can do about it.
    pub way_out: String,
}
