//! What blocks an image.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Digest, Severity};

/// The `gate:` of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    /// Severities that block.
    pub fail_on: BTreeSet<Severity>,
    /// Whether a finding without a fix never blocks.
    pub ignore_unfixed: bool,
    /// How old the advisory database may be.
    pub max_db_age: Duration,
    /// What an operating system past its end of life means.
    pub eol: EolRule,
}

impl Default for GatePolicy {
    /// What holds where nothing is said.
    fn default() -> Self {
        Self {
            fail_on: [Severity::High, Severity::Critical].into(),
            ignore_unfixed: true,
            max_db_age: Duration::from_hours(48),
            eol: EolRule::Untrusted,
        }
    }
}

impl GatePolicy {
    /// Its digest: changes when something may be judged in another way.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a policy is plain data"))
    }
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
