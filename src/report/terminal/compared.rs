//! What has changed between two versions of an image.

use std::fmt::Write as _;

use anstyle::Style;

use super::super::Compared;
use super::super::quantity::count;
use super::super::style::{self, paint};
use super::super::table::{Cell, Column, Table, wrap};
use super::super::untrusted::{one_line, shorten};
use crate::model::{ChangeKind, InventoryDiff, OsIdentity, Package, PackageChange};

/// Columns that a name or a version takes at most. Those of packages are of any length.
const MOST: usize = 48;

/// The answer of `diff`, `width` columns wide.
pub fn compared(compared: &Compared, width: usize) -> String {
    let Compared { image, from, to, diff } = compared;
    let mut text = String::new();
    let name = paint(style::STRONG, image.as_str());
    let _ = writeln!(text, "{name}: from {} to {}", from.version, to.version);
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
    text
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
