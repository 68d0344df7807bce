//! Why an image is blocked, in sentences.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::reason;
use crate::model::{Finding, Level, Reason, ReasonId, Violation};

/// How many findings a sentence names before it counts the rest.
const NAMED: usize = 3;

/// One sentence for all findings that block, the gravest named: an advisory in a source package is one,
/// however many packages were built from that.
pub(super) fn of_findings(blocking: &[&Finding]) -> Option<Reason> {
    if blocking.is_empty() {
        return None;
    }
    let mut each: IndexMap<(&str, &str), Vec<&Finding>> = IndexMap::new();
    for finding in blocking {
        each.entry((&finding.id, &finding.source)).or_default().push(finding);
    }
    let named: Vec<String> = each.values().take(NAMED).map(|found| describe(found)).collect();
    let verb = if each.len() == 1 { "finding blocks" } else { "findings block" };
    let message = format!("{} {verb}: {}{}", each.len(), named.join("; "), and_more(each.len()));
    Some(reason(ReasonId::Findings, message, remedy(blocking)))
}

/// One sentence for all findings of kernels that nothing boots any more.
pub(super) fn of_kernels(blocking: &[&Finding], kernels: &[String]) -> Option<Reason> {
    if blocking.is_empty() {
        return None;
    }
    let verb = if blocking.len() == 1 { "finding is" } else { "findings are" };
    let (object, are) = if kernels.len() == 1 { ("a kernel", "is") } else { ("kernels", "are") };
    let named = kernels.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} {verb} of {object} that {are} installed and not the newest: {named}{}",
        blocking.len(),
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

/// An advisory in the packages of one source.
fn describe(found: &[&Finding]) -> String {
    let [first, ..] = found else { return String::new() };
    let Finding { id, severity, source, installed, fixed, .. } = first;
    let fix = match fixed {
        Some(fixed) => format!("fixed in {fixed}"),
        None => "no fix yet".to_owned(),
    };
    let packages: Vec<&str> = found.iter().map(|it| it.package.as_str()).collect();
    if packages.len() > NAMED {
        return format!(
            "{id} ({severity}) in {source} {installed} ({} packages), {fix}",
            packages.len()
        );
    }
    format!("{id} ({severity}) in {} {installed}, {fix}", packages.join(", "))
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
