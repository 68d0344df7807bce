//! Strategies `scanner` and `skip`: goldsmith itself looks at nothing, and says so.

use jiff::civil;

use crate::model::{Basis, Digest, Evidence, Facts, Finding, Inventory, OsIdentity, StrategyName};

/// The evidence that is the answer of the user's scanner about the artifact with the digest `subject`.
pub fn of_scanner(
    subject: Digest,
    answer: String,
    os: Option<OsIdentity>,
    end_of_life: bool,
    findings: Vec<Finding>,
) -> Evidence {
    let basis = Basis::Scanner { answer, end_of_life };
    Evidence { os, findings, ..nothing(StrategyName::Scanner, basis, subject) }
}

/// The evidence of an artifact that nobody looks into.
pub fn skipped(subject: Digest, reason: String, until: civil::Date) -> Evidence {
    nothing(StrategyName::Skip, Basis::Skipped { reason, until }, subject)
}

pub(super) fn nothing(strategy: StrategyName, basis: Basis, subject: Digest) -> Evidence {
    Evidence {
        strategy,
        basis,
        subject,
        place: String::new(),
        os: None,
        inventory: Inventory::default(),
        facts: Facts::default(),
        findings: Vec::new(),
        checks: Vec::new(),
        pending_asked: false,
        told_at: None,
        obstacles: Vec::new(),
        set_aside: Vec::new(),
    }
}
