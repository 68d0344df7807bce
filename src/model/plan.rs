//! What to build now, what not, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, ImageName, Version};

/// The plan of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When it was made.
    pub at: Timestamp,
    /// Images to build, in the order in which they may start.
    pub build: Vec<Planned>,
    /// Images not to build.
    pub skip: Vec<Skipped>,
}

/// An image to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The image.
    pub image: ImageName,
    /// Why.
    pub why: Due,
    /// Its definition as it is now.
    pub definition: Digest,
    /// The version that it will get, unless another run takes it first.
    pub version: Version,
}

/// An image not to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The image.
    pub image: ImageName,
    /// Why not.
    pub why: NotDue,
}

/// Why an image is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Due {
    /// No build was ever published.
    NeverBuilt,
    /// What defines it has changed since the newest version.
    DefinitionChanged {
        /// The newest version.
        since: Version,
    },
    /// A calendar slot has begun since the newest version was built.
    SlotBegan {
        /// When the slot began.
        slot: Timestamp,
        /// The newest version.
        since: Version,
    },
    /// The newest build says that it started in the future: a clock is wrong, or was.
    ClockWasWrong {
        /// The newest version.
        since: Version,
        /// When it says that it was built.
        built_at: Timestamp,
    },
    /// Somebody asked for it: `--force`.
    Forced,
    /// An artifact was handed in: `--from-artifact`.
    ArtifactGiven,
}

/// Why an image is not built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum NotDue {
    /// Built in this slot, and its definition is unchanged.
    SlotSatisfied {
        /// The version that satisfies the slot.
        by: Version,
        /// When that was built.
        built_at: Timestamp,
        /// When the next slot begins, if one ever does.
        next: Option<Timestamp>,
    },
    /// Other images were named.
    NotSelected,
}
