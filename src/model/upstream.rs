//! What an image takes from outside, and what has become of that.

use serde::{Deserialize, Serialize};

use super::ImageName;

/// A file that a template downloads: a disk or an installation medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Where it lies; any of them will do.
    pub urls: Vec<String>,
    /// What it must be, as the template has it.
    pub checksum: Checksum,
}

/// What a template says a download must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checksum {
    /// This, in lower-case hexadecimal digits: SHA-256 or SHA-512.
    Pinned(String),
    /// Whatever the file with this address says at the time.
    Listed(String),
    /// Anything, or nobody can tell.
    Open,
}

/// Something outside that is not what an image expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamChange {
    /// The image.
    pub image: ImageName,
    /// The address of what it downloads.
    pub url: String,
    /// What has become of it.
    pub what: Upstream,
}

/// What has become of a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "upstream", rename_all = "kebab-case")]
pub enum Upstream {
    /// It is not there any more.
    Gone {
        /// What the server answers.
        status: u16,
    },
    /// It is another one by now.
    Moved {
        /// The checksum that the template has.
        from: String,
        /// The checksum that upstream has.
        to: String,
        /// Where upstream says so.
        listed: String,
    },
    /// The list of checksums does not name it any more.
    Unlisted {
        /// The list.
        listed: String,
    },
    /// Nobody can say.
    Unknown {
        /// Why, in the words of whoever tried.
        why: String,
    },
}
