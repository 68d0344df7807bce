//! What the gate says beyond the table of what blocks: rules, what is new, entries for waivers.yml.

use std::fmt::Write as _;

use jiff::civil;

use super::super::untrusted::shorten;
use super::super::{AdvisoryRow, ImageReport, sentence, waiver_entry};
use super::document::details;
use super::escape::{code, prose};
use crate::model::{Finding, Level, RuleName, Since, Violation};

/// So many rules are listed for an image.
const MAX_RULES: usize = 50;
/// So many findings that have come or gone.
const MAX_CHANGES: usize = 50;
/// Messages quote images and can be of any length.
const MAX_MESSAGE: usize = 300;

/// The rules that block, a row each; nothing if there are none.
pub(super) fn blocking_rules(violations: &[Violation]) -> String {
    let blocking = violations.iter().filter(|violation| violation.level == Level::Block);
    table(&blocking.collect::<Vec<_>>())
}

/// The other rules, folded away.
pub(super) fn other_rules(image: &ImageReport) -> String {
    let Some(verdict) = &image.verdict else { return String::new() };
    let others = verdict.violations.iter().filter(|violation| violation.level != Level::Block);
    let others: Vec<&Violation> = others.collect();
    let mut text = table(&others);
    if !verdict.unchecked.is_empty() {
        let names: Vec<String> = verdict.unchecked.iter().map(RuleName::as_str).map(code).collect();
        let _ = writeln!(text, "Not checked: {}.\n", names.join(", "));
    }
    if text.is_empty() {
        return text;
    }
    let summary = match (others.len(), verdict.unchecked.len()) {
        (0, unchecked) => format!("golden rules that were not checked ({unchecked})"),
        (others, _) => format!("golden rules that do not block ({others})"),
    };
    details(&format!("{}: {summary}", image.image), &text)
}

fn table(violations: &[&Violation]) -> String {
    if violations.is_empty() {
        return String::new();
    }
    let mut text = "| Rule | What was found | What to do |\n|:--|:--|:--|\n".to_owned();
    for violation in violations.iter().take(MAX_RULES) {
        let said = sentence::violation(violation);
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            code(violation.rule.as_str()),
            prose(&shorten(&said, MAX_MESSAGE)),
            prose(&shorten(&violation.help, MAX_MESSAGE)),
        );
    }
    if violations.len() > MAX_RULES {
        let _ =
            writeln!(text, "\n…and {} more, all in `report.json`.", violations.len() - MAX_RULES);
    }
    text.push('\n');
    text
}

/// What has come and gone since the version that is out, folded away; nothing if nothing has.
pub(super) fn since(image: &ImageReport) -> String {
    let Some(since) = &image.since else { return String::new() };
    let Since { version, new, fixed } = since;
    if new.is_empty() && fixed.is_empty() {
        return String::new();
    }
    let mut text =
        "| | Severity | Advisory | Source | Fixed in |\n|:--|:--|:--|:--|:--|\n".to_owned();
    let mut rows = |word: &str, findings: &[Finding]| {
        for finding in findings.iter().take(MAX_CHANGES) {
            let _ = writeln!(
                text,
                "| {word} | {} | {} | {} | {} |",
                finding.severity,
                code(&finding.id),
                code(&finding.source),
                finding.fixed.as_deref().map_or_else(|| "–".to_owned(), code),
            );
        }
        if findings.len() > MAX_CHANGES {
            let more = findings.len() - MAX_CHANGES;
            let _ = writeln!(text, "| {word} | | {more} more, all in `report.json` | | |");
        }
    };
    rows("new", new);
    rows("fixed", fixed);
    let summary =
        format!("{}: {} new and {} fixed since {version}", image.image, new.len(), fixed.len());
    details(&summary, &text)
}

/// Entries to permit what blocks, folded away.
pub(super) fn entries(image: &ImageReport, rows: &[AdvisoryRow<'_>], until: civil::Date) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let entries = waiver_entry::entries(&image.image, rows, until);
    // Nothing in an entry can close this: `scalar` lets no line begin with what is not ours.
    let text = format!("```yaml\n{entries}```\n");
    details("Does it not matter here? Entries for waivers.yml, which want a reason", &text)
}
