//! Looking inside an artifact: one file a strategy, all ending in the same [`Evidence`].
//!
//! ```text
//! artifact ─► source ─► collector ─► a small tree ─► the scanner's list ─► inventory ─► Evidence
//! disk.rs …   source/   selection     Gathered::tree                       inventory
//!                       census ─► facts/
//! ```
//!
//! What is read of an artifact is passed on file by file and never more than what is wanted is kept:
//! package databases, and what the rules about generalization ask for. Nothing of it is executed, no
//! link of it is followed on this machine, and what cannot be read is told as an obstacle.

mod archive;
mod census;
mod clone;
mod collector;
mod disk;
mod document;
mod facts;
pub mod guest;
mod inventory;
mod os;
mod packages;
mod sbom;
mod selection;
mod sniff;
mod source;
#[cfg(test)]
mod tests;
mod without;

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith_disk::Unreadable;
use thiserror::Error;

use crate::model::{
    Basis, Digest, Evidence, Facts, Failure, FailureClass, Finding, Obstacle, Os, OsIdentity,
    Scope, SecretFact, StrategyName,
};
use crate::process::{self, Cancellation};
use collector::Collected;
use packages::Database;

pub use archive::{container, rootfs};
pub use clone::{CloneHost, clone};
pub use disk::{disk, file_of_disk, further_disks};
pub use document::of_document;
pub use goldsmith_disk::quiet_panics;
#[doc(hidden)]
pub use sbom::fuzz as fuzz_sbom;
pub use sbom::{BadPackageUrl, Sbom, SbomError, SbomFormat, read as read_sbom};
pub use sniff::{Looks, is_cloud, looks};
pub use without::{of_scanner, skipped};

/// What is asked of a strategy that reads files.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The artifact, or what was collected of it.
    pub path: &'a Utf8Path,
    /// Digest of the artifact.
    pub subject: Digest,
    /// What `images.yml` says that it is, if it does.
    pub expected: Option<&'a Os>,
    /// How much is looked at.
    pub scope: Scope,
    /// Folders in which backing files are read.
    pub backing: &'a [Utf8PathBuf],
    /// Architecture, in Debian's words.
    pub architecture: &'a str,
    /// An empty folder for what is collected.
    pub scratch: &'a Utf8Path,
    /// Ends the work.
    pub cancellation: &'a Cancellation,
}

/// What was collected of an artifact, before a scanner has listed it.
#[derive(Debug)]
pub struct Gathered {
    strategy: StrategyName,
    subject: Digest,
    name: String,
    place: String,
    tree: Utf8PathBuf,
    secrets: Option<Utf8PathBuf>,
    os: Option<OsIdentity>,
    databases: Vec<Database>,
    facts: Facts,
    findings: Vec<Finding>,
    pending_asked: bool,
    obstacles: Vec<Obstacle>,
    set_aside: Vec<String>,
}

impl Gathered {
    /// The folder with what was collected, as a small root file system.
    pub fn tree(&self) -> &Utf8Path {
        &self.tree
    }

    /// The folder with what may hold secrets; none if the strategy cannot see how the image ends up.
    pub fn secrets(&self) -> Option<&Utf8Path> {
        self.secrets.as_deref()
    }

    /// Adds what a scanner took for secrets in [`Gathered::secrets`].
    pub fn add_secrets(&mut self, secrets: Vec<SecretFact>) {
        self.facts.secrets = Some(secrets);
    }

    /// Adds what else was not read.
    pub fn add_obstacles(&mut self, obstacles: impl IntoIterator<Item = Obstacle>) {
        self.obstacles.extend(obstacles);
    }

    /// The evidence, with the scanner's list of [`Gathered::tree`] as CycloneDX and what it complained
    /// about.
    pub fn complete(
        self,
        document: &str,
        complaints: Vec<String>,
    ) -> Result<Evidence, EvidenceError> {
        let Self { strategy, subject, name, place, os, databases, facts, findings, .. } = self;
        let listed = inventory::complete(document, &name, os.as_ref(), &databases);
        let listed = listed.map_err(EvidenceError::List)?;
        let mut obstacles = self.obstacles;
        obstacles.extend(listed.obstacles);
        obstacles.extend(complaints.into_iter().map(|what| Obstacle {
            what,
            way_out: "read the scanner's full log; use the tested version".to_owned(),
        }));
        Ok(Evidence {
            strategy,
            basis: Basis::Packages,
            subject,
            place,
            os: listed.os,
            inventory: listed.inventory,
            facts,
            findings,
            checks: Vec::new(),
            pending_asked: self.pending_asked,
            told_at: None,
            obstacles,
            set_aside: self.set_aside,
        })
    }

    /// What was collected of one system.
    fn of(question: &Question<'_>, strategy: StrategyName, collected: &Collected) -> Self {
        let databases = packages::databases(collected);
        let mut obstacles = collected.obstacles.clone();
        obstacles.extend(packages::obstacles(collected));
        Self {
            strategy,
            subject: question.subject,
            name: question.path.file_name().unwrap_or("image").to_owned(),
            place: String::new(),
            tree: collected.folder.clone(),
            secrets: None,
            os: os::identify(collected),
            databases,
            facts: facts::of(collected),
            findings: Vec::new(),
            pending_asked: false,
            obstacles,
            set_aside: Vec::new(),
        }
    }
}

/// Why evidence could not be gathered. Never "nothing found".
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// The artifact is of a kind that cannot be read, or is damaged.
    #[error("`{path}` cannot be looked into: {unreadable}")]
    Unreadable {
        /// The artifact.
        path: Utf8PathBuf,
        /// What stands in the way.
        unreadable: Unreadable,
    },
    /// The artifact is not what the strategy reads.
    #[error("`{path}` is not what `{strategy}` reads: {why}")]
    Unfit {
        /// The artifact.
        path: Utf8PathBuf,
        /// The strategy.
        strategy: StrategyName,
        /// Why not.
        why: String,
    },
    /// There is no system in the artifact that can be read.
    #[error("no operating system was found in `{path}`{}", .because.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    NoSystem {
        /// The artifact.
        path: Utf8PathBuf,
        /// What could not be read, if that may be why.
        because: Option<Unreadable>,
    },
    /// The artifact or the scratch space cannot be read or written, or somebody wished to stop.
    #[error("cannot look into the artifact")]
    Io(#[from] io::Error),
    /// The scanner's list is none.
    #[error("the scanner's list cannot be read")]
    List(#[source] SbomError),
    /// An inventory from elsewhere that cannot be read.
    #[error("`{name}` cannot be used")]
    Document {
        /// What it is called.
        name: String,
        /// Why not.
        source: SbomError,
    },
    /// An inventory from elsewhere that proves nothing.
    #[error("the inventory `{name}` cannot be used: {why}")]
    Inventory {
        /// What it is called.
        name: String,
        /// Why not.
        why: String,
    },
}

impl EvidenceError {
    /// The failure that a run reports.
    pub fn failure(&self) -> Failure {
        let failure = process::failure(self, FailureClass::Scan);
        match self {
            Self::Unreadable { unreadable, .. }
            | Self::NoSystem { because: Some(unreadable), .. } => {
                failure.hint(disk::way_out(unreadable))
            }
            Self::NoSystem { because: None, .. } => failure.hint(
                "check that it is the finished disk, and that the root file system has /etc/os-release",
            ),
            Self::Unfit { .. } => {
                failure.hint("choose another strategy with `evidence:`, or leave it to `auto`")
            }
            Self::Document { .. } => {
                failure.hint("CycloneDX JSON (1.2 to 1.7) and SPDX JSON (2.2, 2.3) are read")
            }
            Self::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData
                        | io::ErrorKind::InvalidInput
                        | io::ErrorKind::UnexpectedEof
                ) =>
            {
                failure.hint("the artifact is damaged or cut off: make it, or copy it, once more")
            }
            Self::Inventory { .. } | Self::Io(_) | Self::List(_) => failure,
        }
    }
}
