//! What is handed to a store.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::artifact_record::stem;
use super::{Artifact, Digest, ImageName, Version};

/// One version of one image on its way into a store.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The image.
    pub image: ImageName,
    /// The reserved version.
    pub version: Version,
    /// The bytes, with the digests taken at the end of the build.
    pub artifact: Artifact,
    /// Small files that go beside the bytes.
    pub documents: Vec<Document>,
}

/// A small file beside the bytes.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its file name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// A file as it lies in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content.
    pub digest: Digest,
    /// Where it lies: a URL.
    pub location: String,
}

impl Publication {
    /// File names in the store: `debian-12-v1.0.20261123.qcow2` for the disk, and the same stem
    /// with the file's own name for further files.
    pub fn file_names(&self) -> Vec<(Utf8PathBuf, String)> {
        let stem = stem(&self.image, self.version);
        self.artifact
            .files
            .iter()
            .enumerate()
            .map(|(index, file)| {
                let name = match (index, file.path.extension(), file.path.file_name()) {
                    (0, Some(extension), _) => format!("{stem}.{extension}"),
                    (0, None, _) => stem.clone(),
                    (_, _, name) => format!("{stem}-{}", name.unwrap_or("file")),
                };
                (file.path.clone(), name)
            })
            .collect()
    }
}
