//! Where a build comes from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Commit, DefinitionParts, Digest, Material, ParentRecord, PluginRecord, RunId};

/// Everything that went into a build: what an artifact's record says from its build on, whatever
/// becomes of it. Part of each such record, and not an object of its own in their JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The repository's commit, if it was built in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Digest of all repository content that defines the image.
    pub definition: Digest,
    /// What that content consists of, so that a later plan can say what has changed.
    #[serde(default, skip_serializing_if = "DefinitionParts::is_empty")]
    pub definition_parts: DefinitionParts,
    /// What came from outside.
    #[serde(default)]
    pub materials: Vec<Material>,
    /// The versions of its parents that it was built from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// When the build started; decides which slot it satisfies.
    pub started_at: Timestamp,
    /// Whether somebody handed the artifact in, and nobody knows how and when it was built: it
    /// satisfies no slot, the definition is that of the day, and the start the moment when it was
    /// handed in.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_in: bool,
    /// Whether goldsmith has written the version down inside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stamped: bool,
    /// The tools that had a hand in it, and their versions: those that built it, and in the registry
    /// also those that judged it.
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
    /// The plugins of Packer that its template requires, as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginRecord>,
    /// What the template itself says of the build: `custom_data` of its post-processor `manifest`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub custom_data: BTreeMap<String, String>,
    /// The run that built it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_by: Option<RunId>,
    /// When the build was done, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_at: Option<Timestamp>,
}
