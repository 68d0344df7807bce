//! The decision of the gate.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Finding, RuleName, Version, Violation, Waiver};

/// The decision over one artifact, with every reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Why it is not `passed`; empty when it is.
    pub reasons: Vec<Reason>,
    /// What people should know although it decides nothing.
    pub warnings: Vec<Reason>,
    /// Every finding with the bucket it ended in, gravest first.
    pub findings: Vec<Judged>,
    /// The rules that the image breaks: what blocks first, then by name.
    pub violations: Vec<Violation>,
    /// The rules that nobody could check: no evidence of what they ask for was gathered.
    pub unchecked: Vec<RuleName>,
}

/// Passed, blocked, or nothing was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Scanned, and nothing objects.
    Passed,
    /// Scanned, and something objects.
    Blocked,
    /// Nothing was proven: "nothing looked at" is not "nothing found".
    Untrusted,
}

/// One reason or warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which rule speaks.
    pub id: ReasonId,
    /// What it says: one sentence.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// The rules of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonId {
    /// Findings that the policy does not accept.
    Findings,
    /// No operating system was identified.
    OsUnknown,
    /// Another operating system than `os:` names was found.
    OsMismatch,
    /// Scanner and evidence disagree about the operating system.
    OsDisagreement,
    /// Too few packages to be a whole system.
    TooFewPackages,
    /// The scanner looked at other packages than the evidence holds.
    PackagesLost,
    /// Part of the disk could not be read.
    NotEverythingRead,
    /// The scanner complained about something that makes its silence worthless.
    ScannerComplained,
    /// The report is not of this run.
    StaleReport,
    /// The report is about something else.
    ForeignReport,
    /// The evidence is of another artifact.
    ForeignEvidence,
    /// The advisory database is too old.
    OldAdvisories,
    /// The advisory database says that it was made in the future.
    FutureAdvisories,
    /// The advisory database has nothing about this operating system.
    NoAdvisories,
    /// The operating system is past its end of life.
    EndOfLife,
    /// The advisory database holds demonstration data.
    DemoData,
    /// Nobody looks into the image, and the permission for that has ended.
    SkipExpired,
    /// Nobody looked into the image, as `images.yml` permits.
    NotLookedAt,
    /// Components of kinds that nobody publishes advisories for.
    NotCovered,
    /// The guest says that updates are pending, and not how grave that is.
    UnknownUpdates,
    /// Another state of the system is on the disk and was not judged by itself.
    SetAside,
    /// Far fewer packages than the version before.
    PackagesDropped,
    /// Golden rules that the image breaks.
    Rules,
    /// What is new cannot be told: the version to compare with, or what it has, is not known.
    NothingGranted,
    /// Waivers that end soon.
    WaiverEnds,
    /// A waiver has ended, and what it permitted blocks again.
    WaiverEnded,
    /// Findings of kernels that are installed and are not the newest one.
    SupersededKernel,
}

/// A finding and where it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The finding, with the severity that counts.
    pub finding: Finding,
    /// Where it ended.
    pub fate: Fate,
}

impl Judged {
    /// Its one bucket.
    pub fn bucket(&self) -> Bucket {
        self.fate.bucket()
    }
}

/// Where a finding ends, and what is to know of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It blocks.
    Blocks,
    /// It would block, and may wait for its fix.
    InGrace {
        /// When it begins to block.
        until: Timestamp,
    },
    /// It would block, and the version that is out has it as well.
    NotNew {
        /// That version.
        since: Version,
    },
    /// It would block, and somebody permits it.
    Waived(Box<Waiver>),
    /// Grave enough to block, but there is no fix.
    Unfixed,
    /// Its severity does not block.
    BelowThreshold,
}

impl Fate {
    /// The bucket.
    pub fn bucket(&self) -> Bucket {
        match self {
            Self::Blocks => Bucket::Blocks,
            Self::InGrace { .. } => Bucket::InGrace,
            Self::NotNew { .. } => Bucket::NotNew,
            Self::Waived(_) => Bucket::Waived,
            Self::Unfixed => Bucket::Unfixed,
            Self::BelowThreshold => Bucket::BelowThreshold,
        }
    }
}

/// Where a finding ends. Exactly one for each, so that counts add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// It blocks.
    Blocks,
    /// It would block, and may wait for its fix.
    InGrace,
    /// It would block, and the version that is out has it as well.
    NotNew,
    /// It would block, and somebody permits it.
    Waived,
    /// Grave enough to block, but there is no fix.
    Unfixed,
    /// Its severity does not block.
    BelowThreshold,
}

impl Bucket {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Blocks,
        Self::InGrace,
        Self::NotNew,
        Self::Waived,
        Self::Unfixed,
        Self::BelowThreshold,
    ];
}

impl Verdict {
    /// The findings of one bucket.
    pub fn in_bucket(&self, bucket: Bucket) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(move |judged| judged.bucket() == bucket)
            .map(|judged| &judged.finding)
    }
}
