//! Versions that move on to another channel by themselves, once they have been in one for a while.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChannelName, ImageName, Version};

/// A rule: what has been in one channel for a while moves on to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    /// The channel that names it.
    pub from: ChannelName,
    /// The channel that is to name it.
    pub to: ChannelName,
    /// How long the first must have named it without a break.
    pub after: Duration,
}

impl Soak {
    /// Why a channel was moved by it: `soak: 3d in candidate`.
    pub fn because(&self) -> String {
        let mut left = self.after.as_secs();
        let mut after = String::new();
        for (unit, seconds) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
            if left >= seconds {
                let _ = write!(after, "{}{unit}", left / seconds);
                left %= seconds;
            }
        }
        format!("soak: {after} in {}", self.from)
    }
}

/// A version that such a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soaking {
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// The rule.
    pub rule: Soak,
    /// Since when the first channel names it.
    pub since: Timestamp,
    /// When it has been there for long enough.
    pub until: Timestamp,
    /// What the other channel names now, if it names anything: an older version.
    pub instead_of: Option<Version>,
}

impl Soaking {
    /// Whether it has been there for long enough.
    pub fn is_ripe(&self, now: Timestamp) -> bool {
        self.until <= now
    }
}
