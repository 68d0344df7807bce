//! Manifests and indexes as the OCI image specification 1.1 has them, as far as goldsmith writes and
//! reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// Media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index: a list of manifests.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a config that says nothing.
pub(super) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The content of such a config.
pub(super) const EMPTY_CONTENT: &[u8] = b"{}";
/// Annotation with the file name of a layer. `oras pull` names files by it.
pub(super) const TITLE: &str = "org.opencontainers.image.title";

/// Annotations, in their order.
pub(super) type Annotations = BTreeMap<String, String>;

/// What names a blob or a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    /// What it is.
    pub(super) media_type: String,
    /// Digest of its content.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
    /// What kind of artifact it is, in an index of referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub(super) annotations: Annotations,
}

impl Descriptor {
    /// One that says no more than what `content` is.
    pub(super) fn of(media_type: &str, content: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(content),
            size: content.len() as u64,
            artifact_type: None,
            annotations: Annotations::new(),
        }
    }

    /// The same with a file name.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.annotations.insert(TITLE.to_owned(), name.to_owned());
        self
    }

    /// Its file name.
    pub(super) fn name(&self) -> Option<&str> {
        self.annotations.get(TITLE).map(String::as_str)
    }
}

/// A manifest: the blobs of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageManifest {
    schema_version: u8,
    #[serde(default)]
    media_type: String,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    config: Descriptor,
    /// Its files.
    pub(super) layers: Vec<Descriptor>,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Annotations::is_empty")]
    pub(super) annotations: Annotations,
}

impl ImageManifest {
    /// An artifact of the kind `artifact_type` with these files.
    pub(super) fn new(artifact_type: &str, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: Some(artifact_type.to_owned()),
            config: Descriptor::of(EMPTY, EMPTY_CONTENT),
            layers,
            subject: None,
            annotations: Annotations::new(),
        }
    }

    /// Its content, always the same for the same manifest.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers always serialize")
    }
}

/// A list of manifests: those that refer to another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    schema_version: u8,
    #[serde(default)]
    media_type: String,
    /// The manifests.
    pub(super) manifests: Vec<Descriptor>,
}

impl Index {
    /// A list of `manifests`.
    pub(super) fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: INDEX.to_owned(), manifests }
    }

    /// Its content.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers always serialize")
    }
}
