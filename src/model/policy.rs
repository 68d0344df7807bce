//! What blocks an image.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use serde::{Deserialize, Serialize};

use super::{ChannelName, Digest, RuleLevels, Severity};

/// The `gate:` of an image, but for the lists that people keep in files of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// Severities that block.
    pub fail_on: BTreeSet<Severity>,
    /// Whose word on a severity counts.
    pub severity_source: SeveritySource,
    /// Whether a finding without a fix never blocks.
    pub ignore_unfixed: bool,
    /// How long findings of a severity may wait since there is a fix. `CRITICAL` has no grace,
    /// whatever stands here.
    pub fix_grace: BTreeMap<Severity, Duration>,
    /// The channel whose version is taken for granted: what it has as well is not new.
    pub new_only: Option<ChannelName>,
    /// How old the advisory database may be.
    pub max_db_age: Duration,
    /// What an operating system past its end of life means.
    pub eol: EolRule,
    /// How far away the end of a waiver may be.
    pub max_waiver: Duration,
    /// How long before its end a waiver is announced.
    pub waiver_notice: Duration,
    /// What the golden rules lead to.
    pub rules: RuleLevels,
}

impl Default for GatePolicy {
    /// What holds where nothing is said.
    fn default() -> Self {
        Self {
            fail_on: [Severity::High, Severity::Critical].into(),
            severity_source: SeveritySource::Vendor,
            ignore_unfixed: true,
            fix_grace: BTreeMap::new(),
            new_only: None,
            max_db_age: Duration::from_hours(48),
            eol: EolRule::Untrusted,
            max_waiver: Duration::from_hours(90 * 24),
            waiver_notice: Duration::from_hours(7 * 24),
            rules: RuleLevels::default(),
        }
    }
}

impl GatePolicy {
    /// Its digest: changes when something may be judged in another way.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a policy is plain data"))
    }
}

/// How long a waiver is proposed to hold: a month to bring the fix in.
const PROPOSED: Duration = Duration::from_hours(30 * 24);

impl GatePolicy {
    /// The last day that is proposed for a waiver which is written `now`, in UTC.
    pub fn waive_until(&self, now: Timestamp) -> Option<civil::Date> {
        let length = SignedDuration::try_from(PROPOSED.min(self.max_waiver)).ok()?;
        Some(now.checked_add(length).ok()?.to_zoned(TimeZone::UTC).date())
    }
}

/// Whose word on a severity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeveritySource {
    /// Whoever publishes the package, and others where they do not rate it: the scanner's choice.
    Vendor,
    /// The National Vulnerability Database, and the vendor where that does not rate it.
    Nvd,
    /// The gravest of all ratings.
    Highest,
}

/// What an operating system past its end of life means: no advisories come for it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EolRule {
    /// The scan proves nothing.
    Untrusted,
    /// It is said in the report.
    Warn,
    /// It is not looked at.
    Off,
}
