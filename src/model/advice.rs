//! What people should hear of a published version.

use serde::{Deserialize, Serialize};

use super::{ChannelName, Finding, ImageName, Version};

/// Something that has changed about a published version, without anybody having touched it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// The channels that name it.
    pub channels: Vec<ChannelName>,
    /// What has changed.
    pub kind: AdviceKind,
    /// The findings that it is about, gravest first; none of a version that is clean again. Of very
    /// many, the first.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: usize,
}

impl Advice {
    /// How many findings are named: nobody reads more, and a thousand versions can have the same.
    pub const NAMED: usize = 100;

    /// Whether it is about this version of this image.
    pub fn is_about(&self, image: &ImageName, version: Version) -> bool {
        (&self.image, self.version) == (image, version)
    }
}

/// What has changed about a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdviceKind {
    /// It would not pass the gate any more.
    BecameBad,
    /// Findings that matter had no fix, and have one now.
    NewlyFixable,
    /// It would not have passed, and passes again.
    CleanAgain,
}

impl AdviceKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BecameBad => "became-bad",
            Self::NewlyFixable => "newly-fixable",
            Self::CleanAgain => "clean-again",
        }
    }
}
