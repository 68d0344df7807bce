//! Two published versions beside each other.

use jiff::Timestamp;

use crate::model::{ImageName, InventoryDiff, OsIdentity, Version};

/// What has changed between two versions of an image.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The image.
    pub image: ImageName,
    /// The version that the other one is compared with.
    pub from: ComparedVersion,
    /// The other one.
    pub to: ComparedVersion,
    /// What has become of the packages.
    pub diff: InventoryDiff,
}

/// One of two versions.
#[derive(Debug, Clone)]
pub struct ComparedVersion {
    /// The version.
    pub version: Version,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its operating system, if that is known.
    pub os: Option<OsIdentity>,
    /// Number of its packages.
    pub packages: usize,
}
