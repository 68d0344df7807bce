//! Entries of an image's log: the truth of the registry. Everything else is a projection of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChannelName, Decision, Digest, ImageName, OsIdentity, RunId, Version};

/// The version of the entry format that this binary writes.
pub const SCHEMA: u32 = 1;

/// One entry of `images/<image>/log/<seq>.json`. Written once, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Version of the format.
    pub schema: u32,
    /// Position in the log, from 1. Orders versions.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The image.
    pub image: ImageName,
    /// The run that wrote it.
    pub run: RunId,
    /// Where that run can be looked at, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened to an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A run took a version for itself before it built.
    Reserved {
        /// The version.
        version: Version,
    },
    /// A version was published: the commit point.
    Published(Box<VersionRecord>),
    /// A build turned out to equal the newest version: its slot is satisfied.
    Verified {
        /// The version that it equals.
        version: Version,
        /// Definition that was built.
        definition: Digest,
        /// When the build started.
        started_at: Timestamp,
    },
    /// A build did not pass the gate.
    Rejected(Box<RejectedRecord>),
    /// A channel was moved.
    Moved {
        /// The channel.
        channel: ChannelName,
        /// What it named before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Version>,
        /// What it names now.
        to: Version,
    },
    /// Written by a newer goldsmith. Kept, and not understood.
    #[serde(other)]
    Unknown,
}

/// Everything that is remembered of a published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// The version.
    pub version: Version,
    /// The repository's commit, if it was built in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Digest of all repository content that defines the image.
    pub definition: Digest,
    /// What came from outside.
    pub materials: Vec<Material>,
    /// When the build started; decides which slot it satisfies.
    pub started_at: Timestamp,
    /// Whether the artifact was handed in, and nobody knows how and when it was built: it satisfies
    /// no slot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_in: bool,
    /// The tools and their versions.
    pub tools: BTreeMap<String, String>,
    /// When the advisory database was made.
    pub advisories_updated_at: Timestamp,
    /// Which demonstration data it was judged by, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
    /// What the scan found.
    pub os: OsIdentity,
    /// The files, and where each lies.
    pub artifacts: Vec<ArtifactRecord>,
    /// Number of packages.
    pub packages: usize,
    /// Digest of package names and versions.
    pub package_set: Digest,
    /// Blob with the CycloneDX inventory.
    pub inventory: Digest,
    /// Blob with the report (JSON v1).
    pub report: Digest,
    /// The gate's decision.
    pub verdict: Decision,
}

/// The state of the repository that an image was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The commit.
    pub id: String,
    /// Whether the work tree had further changes.
    pub dirty: bool,
}

/// Something from outside that went into a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// What it is: a file's path relative to `images.yml`, or a URL.
    pub name: String,
    /// Digest of its content.
    pub digest: Digest,
}

/// One file of a version and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// Its file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content.
    pub sha256: Digest,
    /// Every place where it lies.
    pub locations: Vec<String>,
}

/// What is remembered of a build that did not pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedRecord {
    /// The version that was reserved for it and stays unused.
    pub version: Version,
    /// Digest of all repository content that defines the image.
    pub definition: Digest,
    /// When the build started.
    pub started_at: Timestamp,
    /// Blocked or untrusted.
    pub verdict: Decision,
    /// The reasons, a sentence each.
    pub reasons: Vec<String>,
    /// Where the artifact is kept, if it is.
    pub locations: Vec<String>,
    /// Blob with the report (JSON v1).
    pub report: Digest,
}
