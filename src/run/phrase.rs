//! What came of a stage, in a phrase for people.

use crate::model::{Decision, Evidence, Probe, Scan, Verdict};
use crate::report::quantity::count;

/// What was found inside.
pub(super) fn of_evidence(evidence: &Evidence) -> String {
    let packages = count(evidence.inventory.packages.len(), "package");
    match &evidence.os {
        Some(os) => format!("{os}, {packages}"),
        None => format!("no operating system, {packages}"),
    }
}

/// What the scanner said.
pub(super) fn of_scan(scan: &Scan) -> String {
    let findings = count(scan.findings.len(), "finding");
    match scan.advisories.probe {
        Probe::Answered(_) => findings,
        Probe::Silent | Probe::NotAsked => {
            format!("{findings}, from a database that proves nothing")
        }
    }
}

/// What the gate decided, with the first reason.
pub(super) fn of_verdict(verdict: &Verdict) -> String {
    let decision = match verdict.decision {
        Decision::Passed => return "passed".to_owned(),
        Decision::Blocked => "blocked",
        Decision::Untrusted => "untrusted",
    };
    let mut messages = verdict.reasons.iter().map(|reason| reason.message.as_str());
    let first = messages.next().unwrap_or("no reason was given");
    match messages.len() {
        0 => format!("{decision}: {first}"),
        more => format!("{decision}: {first} (and {})", count(more, "more reason")),
    }
}
