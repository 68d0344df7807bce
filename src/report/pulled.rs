//! What was fetched to this machine: the answer of `pull`.

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::model::{ChannelName, Digest, ImageName, Version};

/// A version on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// The image.
    pub image: ImageName,
    /// The channel that was asked for, if one was.
    pub channel: Option<ChannelName>,
    /// The version.
    pub version: Version,
    /// Its files, the disk first.
    pub files: Vec<PulledFile>,
    /// What lies beside them, if it was asked for.
    pub documents: Vec<PulledFile>,
}

/// A file that lies on this machine and is what was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PulledFile {
    /// Its file name in the store.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content.
    pub sha256: Digest,
    /// Where it lies.
    pub path: Utf8PathBuf,
    /// The place that it has come from; nothing if it was here already.
    pub from: Option<String>,
}

impl Pulled {
    /// For people, and for a shell: a path a line, that of the disk first.
    pub fn text(&self) -> String {
        let all = self.files.iter().chain(&self.documents);
        all.flat_map(|file| [file.path.as_str(), "\n"]).collect()
    }
}
