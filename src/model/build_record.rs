//! How an artifact came about.

use serde::{Deserialize, Serialize};

use super::{Artifact, ImageName, Provenance, SCHEMA};

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
    /// How it came about.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// What the build left.
    pub artifact: Artifact,
}

impl BuildRecord {
    /// The version of the format that this binary writes.
    pub const SCHEMA: u32 = SCHEMA;
}
