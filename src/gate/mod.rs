//! The decision over evidence, findings, policy and waivers. Pure; the clock is an argument.
//!
//! Two questions, in this order: may the scan be believed ([`trust`]), and does the policy accept
//! what it found ([`policy`] for findings, [`rules`] for everything else). "Nothing found" and
//! "nothing looked at" are different answers.

mod objection;
mod permits;
mod policy;
mod rules;
mod trust;

use jiff::Timestamp;

use crate::model::{
    Before, Bucket, Decision, Digest, Evidence, Expected, Finding, GateLists, GatePolicy, Judged,
    Level, Reason, ReasonId, Scan, Verdict,
};

/// Everything that a decision is made from.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// Digest of the artifact that is to be published.
    pub subject: Digest,
    /// What it is to be.
    pub expected: &'a Expected,
    /// What was found inside.
    pub evidence: &'a Evidence,
    /// What the scanner said of it; `None` if it was not asked, since the evidence rests on no list of
    /// packages.
    pub scan: Option<&'a Scan>,
    /// What blocks.
    pub policy: &'a GatePolicy,
    /// What people permit, and what they know to be exploited.
    pub lists: &'a GateLists,
    /// What is known of earlier versions.
    pub before: &'a Before,
    /// The time.
    pub now: Timestamp,
}

/// Decides.
pub fn judge(case: &Case<'_>) -> Verdict {
    let trust = trust::examine(case);
    let permits = permits::Permits::of_case(case);
    let findings = findings(case, &permits);
    let inspection = rules::inspect(case);

    let mut reasons = trust.doubts;
    let blocking: Vec<&Finding> = findings
        .iter()
        .filter(|judged| judged.bucket() == Bucket::Blocks)
        .map(|judged| &judged.finding)
        .collect();
    let broken = inspection.violations.iter().any(|violation| violation.level == Level::Block);
    let decision = if !reasons.is_empty() {
        Decision::Untrusted
    } else if blocking.is_empty() && !broken {
        Decision::Passed
    } else {
        Decision::Blocked
    };
    let superseded = rules::Superseded::of(&case.evidence.inventory.packages);
    let (of_kernels, others): (Vec<&Finding>, Vec<&Finding>) =
        blocking.into_iter().partition(|finding| superseded.has(finding));
    reasons.extend(objection::of_findings(&others));
    reasons.extend(objection::of_kernels(&of_kernels, &superseded.names()));
    reasons.extend(objection::of_violations(&inspection.violations));
    let mut warnings = trust.warnings;
    warnings.extend(permits.warnings(&findings));
    Verdict {
        decision,
        reasons,
        warnings,
        findings,
        violations: inspection.violations,
        unchecked: inspection.unchecked,
    }
}

/// Every finding, with where it ends.
fn findings(case: &Case<'_>, permits: &permits::Permits<'_>) -> Vec<Judged> {
    let scanned = case.scan.into_iter().flat_map(|scan| &scan.findings);
    let mut findings: Vec<Judged> = scanned
        .chain(&case.evidence.findings)
        .map(|finding| {
            let finding = policy::rated(finding, case.policy.severity_source);
            Judged { fate: policy::fate(&finding, case, permits), finding }
        })
        .collect();
    findings.sort_by(order);
    findings
}

/// What blocks first, then the gravest, then by name: a total order, so that reports are equal for
/// equal findings.
fn order(a: &Judged, b: &Judged) -> std::cmp::Ordering {
    fn key(judged: &Judged) -> impl Ord + '_ {
        let Finding { severity, source, .. } = &judged.finding;
        (judged.bucket(), std::cmp::Reverse(severity), source, &judged.finding)
    }
    key(a).cmp(&key(b))
}

fn reason(id: ReasonId, message: impl Into<String>, help: impl Into<String>) -> Reason {
    Reason { id, message: message.into(), help: help.into() }
}

#[cfg(test)]
mod tests;
