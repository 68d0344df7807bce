//! Why an image is blocked, in sentences.

use std::collections::BTreeSet;

use super::reason;
use crate::model::{Finding, Level, Reason, ReasonId, Violation};

/// How many findings a sentence names before it counts the rest.
const NAMED: usize = 3;

/// One sentence for all findings that block, the gravest named.
pub(super) fn of_findings(blocking: &[&Finding]) -> Option<Reason> {
    if blocking.is_empty() {
        return None;
    }
    let named: Vec<String> = blocking.iter().take(NAMED).map(|finding| describe(finding)).collect();
    let verb = if blocking.len() == 1 { "finding blocks" } else { "findings block" };
    let message =
        format!("{} {verb}: {}{}", blocking.len(), named.join(", "), and_more(blocking.len()));
    Some(reason(ReasonId::Findings, message, remedy(blocking)))
}

/// One sentence for all findings of kernels that nothing boots any more.
pub(super) fn of_kernels(blocking: &[&Finding], kernels: &[String]) -> Option<Reason> {
    if blocking.is_empty() {
        return None;
    }
    let (verb, object) =
        if blocking.len() == 1 { ("finding is", "a kernel") } else { ("findings are", "kernels") };
    let named = kernels.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} {verb} of {object} that {} installed and not the newest: {named}{}",
        blocking.len(),
        if blocking.len() == 1 { "is" } else { "are" },
        and_more(kernels.len())
    );
    let help = "reboot into the newest kernel during the build and remove the others: \
                `apt-get autoremove --purge`, or `dnf remove --oldinstallonly`";
    Some(reason(ReasonId::SupersededKernel, message, help))
}

/// One sentence for all rules that block.
pub(super) fn of_violations(violations: &[Violation]) -> Option<Reason> {
    let blocking = violations.iter().filter(|violation| violation.level == Level::Block);
    let blocking: Vec<&Violation> = blocking.collect();
    let first = blocking.first()?;
    let named = blocking.iter().take(NAMED);
    let named: Vec<String> =
        named.map(|violation| format!("{} ({})", violation.message, violation.rule)).collect();
    let verb = if blocking.len() == 1 { "rule is broken" } else { "rules are broken" };
    let message =
        format!("{} {verb}: {}{}", blocking.len(), named.join("; "), and_more(blocking.len()));
    Some(reason(ReasonId::Rules, message, first.help.clone()))
}

fn and_more(count: usize) -> String {
    match count.saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(", and {count} more"),
    }
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
