//! How an artifact came about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Artifact, Commit, DefinitionParts, Digest, ImageName, Material, ParentRecord, SCHEMA};

/// What is known of how an artifact came about.
///
/// Kept beside a disk that a run could not take to its end (`<disk>.build.json`), so that a later
/// run goes on with it as the one that built it would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// Version of the format.
    pub schema: u32,
    /// The image.
    pub image: ImageName,
    /// Whether somebody handed the artifact in, and nobody knows how it came about: the definition
    /// is then that of the day, and the start the moment when it was handed in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_in: bool,
    /// Digest of all repository content that defined the image.
    pub definition: Digest,
    /// What that content consisted of.
    #[serde(default, skip_serializing_if = "DefinitionParts::is_empty")]
    pub definition_parts: DefinitionParts,
    /// The repository's commit, if it was built in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// When the build started; decides which slot it satisfies.
    pub started_at: Timestamp,
    /// What came from outside.
    #[serde(default)]
    pub materials: Vec<Material>,
    /// The versions of its parents that it was built from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// The tools that built it, and their versions.
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
    /// What the build left.
    pub artifact: Artifact,
}

impl BuildRecord {
    /// The version of the format that this binary writes.
    pub const SCHEMA: u32 = SCHEMA;
}
