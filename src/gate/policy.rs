//! What the policy accepts.

use std::collections::BTreeSet;

use super::reason;
use crate::model::{Bucket, Finding, GatePolicy, Reason, ReasonId};

/// How many findings a sentence names before it counts the rest.
const NAMED: usize = 3;

/// The one bucket of a finding.
pub(super) fn bucket(finding: &Finding, policy: &GatePolicy) -> Bucket {
    if !policy.fail_on.contains(&finding.severity) {
        Bucket::BelowThreshold
    } else if policy.ignore_unfixed && finding.fixed.is_none() {
        Bucket::Unfixed
    } else {
        Bucket::Blocks
    }
}

/// One sentence for all findings that block, the gravest named.
pub(super) fn objection(blocking: &[&Finding]) -> Reason {
    let named: Vec<String> = blocking.iter().take(NAMED).map(|finding| describe(finding)).collect();
    let more = match blocking.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(", and {count} more"),
    };
    let verb = if blocking.len() == 1 { "finding blocks" } else { "findings block" };
    let message = format!("{} {verb}: {}{more}", blocking.len(), named.join(", "));
    reason(ReasonId::Findings, message, remedy(blocking))
}

fn describe(finding: &Finding) -> String {
    let fix = match &finding.fixed {
        Some(fixed) => format!("fixed in {fixed}"),
        None => "no fix yet".to_owned(),
    };
    let Finding { id, severity, package, installed, .. } = finding;
    format!("{id} ({severity}) in {package} {installed}, {fix}")
}

fn remedy(blocking: &[&Finding]) -> String {
    let fixable: BTreeSet<&str> = blocking
        .iter()
        .filter(|finding| finding.fixed.is_some())
        .map(|finding| finding.source.as_str())
        .collect();
    if fixable.is_empty() {
        return "set `ignore_unfixed: true` to accept findings that nobody can fix yet".to_owned();
    }
    let packages: Vec<&str> = fixable.into_iter().take(NAMED).collect();
    format!(
        "bring the fixed versions into the image: upgrade {} in the template, or use a newer base",
        packages.join(", ")
    )
}
