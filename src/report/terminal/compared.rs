//! What has changed between two versions of an image.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::Style;

use super::super::item::item;
use super::super::quantity::{count, moment, size};
use super::super::style::{self, paint};
use super::super::table::{Cell, Column, Table, wrap};
use super::super::untrusted::{one_line, shorten};
use super::super::{Compared, ComparedFindings, SizeChange};
use crate::model::{
    ChangeKind, Finding, InventoryDiff, OsIdentity, Package, PackageChange, SettingChange, Severity,
};

/// Columns that a name or a version takes at most. Those of packages are of any length.
const MOST: usize = 48;

/// The answer of `diff`, `width` columns wide.
pub fn compared(compared: &Compared, width: usize) -> String {
    let Compared { from, to, diff, .. } = compared;
    let mut text = String::new();
    let name = paint(style::STRONG, from.image.as_str());
    let other = if from.image == to.image { String::new() } else { format!("{} ", to.image) };
    let _ = writeln!(text, "{name}: from {} to {other}{}", from.version, to.version);
    if from.os != to.os {
        let name = |os: &Option<OsIdentity>| {
            os.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string)
        };
        let line = format!("operating system: was {}, is {}", name(&from.os), name(&to.os));
        for line in wrap(&one_line(&line), width) {
            let _ = writeln!(text, "{line}");
        }
    }
    text.push('\n');
    if !diff.changes.is_empty() {
        let mut table = Table::new([
            Column::left("package"),
            Column::left("change"),
            Column::left("from"),
            Column::left("to"),
            Column::left("source").spare(1),
        ]);
        for change in &diff.changes {
            table.row(row(change));
        }
        text.push_str(&table.render("", width));
        text.push('\n');
    }
    for line in wrap(&tally(diff), width) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(findings) = &compared.findings {
        text.push_str(&of_findings(findings, width));
    }
    text.push_str(&of_sizes(&compared.sizes));
    if let Some(changes) = &compared.configuration {
        text.push_str(&of_configuration(changes, width));
    }
    text
}

/// How many findings are named of each kind.
const FINDINGS: usize = 20;

fn of_findings(findings: &ComparedFindings, width: usize) -> String {
    let ComparedFindings { since, unchanged, advisories } = findings;
    let mut text = String::from("\n");
    for (mark, found) in [("+", &since.new), ("-", &since.fixed)] {
        for finding in found.iter().take(FINDINGS) {
            let Finding { id, severity, source, fixed, .. } = finding;
            let fix = fixed.as_ref().filter(|_| mark == "+");
            let fix = fix.map_or_else(String::new, |fix| format!(", fixed in {fix}"));
            let said = format!("{id} ({severity}) in {source}{fix}");
            text.push_str(&item(&format!("{mark} "), 2, &said, Style::new(), width));
        }
        if let Some(more) = found.len().checked_sub(FINDINGS + 1) {
            let _ = writeln!(text, "{mark} and {} more", more + 1);
        }
    }
    let (new, fixed) = (by_severity(&since.new), by_severity(&since.fixed));
    let (come, gone) = (since.new.len(), since.fixed.len());
    let line = format!("findings: {come} new{new}, {gone} gone{fixed}, {unchanged} in both");
    let _ = writeln!(text, "{}", wrap(&line, width).join("\n"));
    if let [Some(then), Some(now)] = advisories
        && then != now
    {
        let line = format!("by advisories of {} and of {}", moment(*then), moment(*now));
        let _ = writeln!(text, "{}", wrap(&line, width).join("\n"));
    }
    text
}

/// How many of each severity, in brackets: ` (1 HIGH, 2 LOW)`.
fn by_severity(findings: &[Finding]) -> String {
    let mut counts: BTreeMap<Reverse<Severity>, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(Reverse(finding.severity)).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.into_iter().map(|(severity, count)| format!("{count} {}", severity.0)).collect();
    if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
}

fn of_sizes(sizes: &[SizeChange]) -> String {
    let mut text = String::new();
    for SizeChange { file, from, to } in sizes {
        let said = match (from, to) {
            (Some(from), Some(to)) if from == to => continue,
            (Some(from), Some(to)) => format!("was {}, is {}", size(*from), size(*to)),
            (None, to) => format!("new, {}", size(to.unwrap_or_default())),
            (Some(from), None) => format!("gone, was {}", size(*from)),
        };
        if text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}: {said}", fit(file));
    }
    text
}

fn of_configuration(changes: &[SettingChange], width: usize) -> String {
    let mut text = String::from("\n");
    for change in changes {
        let SettingChange { subject, name, from, to } = change;
        let (mark, said) = match (from, to) {
            (Some(from), Some(to)) => ("~", format!("{name}: was {from}, is {to}")),
            (None, to) => ("+", with_value(name, to.as_deref())),
            (from, None) => ("-", with_value(name, from.as_deref())),
        };
        let said = format!("{subject}: {said}");
        text.push_str(&item(&format!("{mark} "), 2, &said, Style::new(), width));
    }
    if changes.is_empty() {
        text.push_str("it is set up in the same way\n");
    }
    text
}

fn with_value(name: &str, value: Option<&str>) -> String {
    match value {
        None | Some("") => name.to_owned(),
        Some(value) => format!("{name}: {value}"),
    }
}

fn row(change: &PackageChange) -> [Cell; 5] {
    let package = change.package();
    let text =
        |part: fn(&Package) -> &str| package.map_or_else(String::new, |package| fit(part(package)));
    [
        Cell::plain(text(|package| &package.name)),
        Cell::new(change.kind.as_str(), of_kind(change.kind)),
        Cell::plain(side(change.from.as_ref(), change.to.as_ref())),
        Cell::plain(side(change.to.as_ref(), change.from.as_ref())),
        Cell::new(text(|package| &package.source), style::QUIET),
    ]
}

/// The version, and whatever else is not as on the other side.
fn side(this: Option<&Package>, other: Option<&Package>) -> String {
    let Some(this) = this else { return "-".to_owned() };
    let mut text = fit(&this.version);
    if let Some(other) = other {
        if this.arch != other.arch {
            let _ = write!(text, " {}", fit(&this.arch));
        }
        if this.source != other.source {
            let _ = write!(text, " of {}", fit(&this.source));
        }
    }
    text
}

fn fit(text: &str) -> String {
    shorten(&one_line(text), MOST).into_owned()
}

fn of_kind(kind: ChangeKind) -> Style {
    match kind {
        ChangeKind::Downgraded | ChangeKind::Removed => style::WARNING,
        ChangeKind::Upgraded | ChangeKind::Added | ChangeKind::Rebuilt | ChangeKind::Changed => {
            Style::new()
        }
    }
}

/// How many of each: `12 upgraded, 1 added, 204 unchanged`.
fn tally(diff: &InventoryDiff) -> String {
    if diff.changes.is_empty() {
        return format!("no package has changed ({})", count(diff.unchanged, "package"));
    }
    let kinds = ChangeKind::ALL.map(|kind| (diff.count(kind), kind.as_str()));
    let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
    let counts = kinds.chain([(diff.unchanged, "unchanged")]);
    counts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}
