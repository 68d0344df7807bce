//! What came of a stage, in a phrase for people.

use crate::model::{Basis, Decision, Evidence, FindingKey, Probe, Scan, Verdict};
use crate::report::quantity::count;

/// What was found inside.
pub(super) fn of_evidence(evidence: &Evidence) -> String {
    match &evidence.basis {
        Basis::Packages => {}
        Basis::Document => {
            let inventory = &evidence.inventory;
            let listed = inventory.packages.len() + inventory.libraries.len();
            return format!("an inventory of {}", count(listed, "component"));
        }
        Basis::Scanner { answer, .. } => {
            let findings = count(evidence.findings.len(), "finding");
            return format!("{findings} in {answer}");
        }
        Basis::Skipped { until, .. } => return format!("not looked at, allowed until {until}"),
    }
    let packages = count(evidence.inventory.packages.len(), "package");
    match &evidence.os {
        Some(os) => format!("{os}, {packages}"),
        None => format!("no operating system, {packages}"),
    }
}

/// What the scanner said.
pub(super) fn of_scan(scan: Option<&Scan>) -> String {
    let Some(scan) = scan else {
        return "nothing to match".to_owned();
    };
    let findings = count(FindingKey::once(&scan.findings).len(), "finding");
    match scan.advisories.probe {
        Probe::Answered(_) => findings,
        Probe::Silent | Probe::NotAsked => {
            format!("{findings}, from a database that proves nothing")
        }
    }
}

/// What the gate decided, with the first reason.
pub(super) fn of_verdict(verdict: &Verdict) -> String {
    match verdict.decision {
        Decision::Passed => "passed".to_owned(),
        Decision::Blocked => format!("blocked: {}", of_reasons(verdict)),
        Decision::Untrusted => format!("untrusted: {}", of_reasons(verdict)),
    }
}

/// The first reason, and how many more there are.
pub(super) fn of_reasons(verdict: &Verdict) -> String {
    let mut messages = verdict.reasons.iter().map(|reason| reason.message.as_str());
    let first = messages.next().unwrap_or("no reason was given");
    match messages.len() {
        0 => first.to_owned(),
        more => format!("{first} (and {})", count(more, "more reason")),
    }
}
