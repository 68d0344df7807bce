//! What to build now, what not, and why.

use std::time::Duration;

use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use super::{
    BlockingFinding, ChannelName, Decision, Definition, ImageName, Soaking, UpstreamChange, Version,
};

/// The plan of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// When it was made.
    pub at: Timestamp,
    /// Images to build, in the order in which they may start: wave by wave.
    pub build: Vec<Planned>,
    /// Images not to build.
    pub skip: Vec<Skipped>,
    /// Versions that move on to another channel by themselves, now or later, parents before children.
    pub soaking: Vec<Soaking>,
    /// What templates may use and nobody can follow, a sentence each: a change to it goes unnoticed.
    pub untracked: Vec<String>,
    /// What builds change in copies of templates, a sentence each. The templates stay as they are.
    pub edits: Vec<String>,
    /// What upstream has changed, as far as somebody has asked.
    pub upstream: Vec<UpstreamChange>,
}

/// An image to build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The image.
    pub image: ImageName,
    /// Why.
    pub why: Due,
    /// Its wave, from 0: every parent that is built too, and moves the channel that it follows, is in
    /// an earlier one.
    pub wave: u32,
    /// Its definition as it is now.
    pub definition: Definition,
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
        /// The parts that are new, gone or different; empty if nobody knows.
        changed: Vec<String>,
    },
    /// A calendar slot has begun since the newest version was built.
    SlotBegan {
        /// When the slot began, in the time zone of the image like all slots.
        slot: Zoned,
        /// The newest version.
        since: Version,
        /// Slots before it in which nobody even tried, newest first: schedules that were missed. Of
        /// very many, the newest.
        missed: Vec<Zoned>,
    },
    /// The newest build is older than it may become.
    TooOld {
        /// How old it may become.
        limit: Duration,
        /// The newest version.
        since: Version,
        /// When that was built.
        built_at: Timestamp,
    },
    /// The newest build says that it started in the future: a clock is wrong, or was.
    ClockWasWrong {
        /// The newest version.
        since: Version,
        /// When it says that it was built.
        built_at: Timestamp,
    },
    /// The newest version was withdrawn.
    Revoked {
        /// The version.
        version: Version,
        /// Why it was withdrawn, in the words of whoever did it.
        because: String,
    },
    /// The newest version would not pass the gate any more.
    Finding {
        /// The newest version.
        version: Version,
        /// What would block it, and was not tried to build away yet.
        findings: Vec<BlockingFinding>,
    },
    /// The channel of a parent names another version than the one that it was built from.
    ParentMoved {
        /// The parent.
        parent: ImageName,
        /// The version that it was built from.
        from: Version,
        /// The version that the channel names.
        to: Version,
    },
    /// A parent is built in the same run.
    ParentBuilt {
        /// The parent.
        parent: ImageName,
    },
    /// A change of the repository touches its definition.
    ChangedPaths {
        /// The files.
        paths: Vec<String>,
    },
    /// A change of the repository touches an image that it is built upon.
    ParentChanged {
        /// The parent.
        parent: ImageName,
    },
    /// A build that did not pass may pass by now: its artifact is judged again, nothing is built.
    CanBeRegated {
        /// The version that was reserved for the build.
        version: Version,
        /// What has changed.
        why: Regate,
    },
    /// Due for a reason for which it was built before, in vain.
    Retry {
        /// The number of this attempt, from 2.
        attempt: u32,
        /// The last attempt that is made.
        of: u32,
        /// How the one before failed.
        last: String,
        /// Why it is due.
        why: Box<Due>,
    },
    /// Somebody asked for it by name.
    AskedFor,
    /// Somebody insisted: `--force`.
    Forced,
    /// An artifact was handed in: `--from-artifact`.
    ArtifactGiven,
}

/// Why the gate may decide differently about an artifact that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regate {
    /// The policy has changed.
    Policy,
    /// The waivers have changed.
    Waivers,
    /// The advisories are newer.
    Advisories,
    /// Nothing that is known of: somebody asked for it.
    Asked,
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
        next: Option<Zoned>,
    },
    /// Built in this slot, did not pass, and nothing has changed that could change that.
    Rejected {
        /// The version that was reserved for the build.
        version: Version,
        /// Blocked or untrusted.
        verdict: Decision,
        /// When it was built.
        at: Timestamp,
        /// When the next slot begins, if one ever does.
        next: Option<Zoned>,
    },
    /// Tried again and again in this slot, in vain.
    GaveUp {
        /// How often.
        attempts: u32,
        /// How the last attempt failed.
        last: String,
        /// When that started.
        at: Timestamp,
        /// When the next slot begins, if one ever does.
        next: Option<Zoned>,
    },
    /// `enabled: false` in images.yml.
    Disabled,
    /// There is no version of a parent that it could be built upon, and none is on its way.
    ParentMissing {
        /// The parent.
        parent: ImageName,
        /// The channel that names no version.
        channel: ChannelName,
    },
    /// A parent was to be built in the same run, and did not come to a version.
    ParentFailed {
        /// The parent.
        parent: ImageName,
    },
    /// It was due because a parent is built in the same run, and the parent turned out to be as it
    /// was.
    ParentUnchanged {
        /// The parent.
        parent: ImageName,
    },
    /// It was not selected.
    NotSelected,
}

impl Due {
    /// The reason itself, without how often it was tried.
    pub fn cause(&self) -> &Self {
        match self {
            Self::Retry { why, .. } => why,
            other => other,
        }
    }
}
