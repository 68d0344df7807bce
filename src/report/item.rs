//! A text with a label in front: beside it where there is room, else below.

use std::fmt::Write as _;

use anstyle::Style;

use super::style::paint;
use super::table::wrap;
use super::untrusted::one_line;

/// Columns that a text needs beside its label. With fewer it would have a word a line.
const BESIDE: usize = 30;
/// Columns before a text that stands below its label.
const BELOW: usize = 4;

/// Whether a text has room beside a label of so many columns. Without it, labels need no padding.
pub(super) fn has_room(label: usize, width: usize) -> bool {
    width >= label + BESIDE
}

/// The lines of `said` beside or below `label`, which is `columns` wide.
pub(super) fn item(label: &str, columns: usize, said: &str, style: Style, width: usize) -> String {
    let mut text = String::new();
    let (mut start, indent) = if has_room(columns, width) {
        (label.to_owned(), columns)
    } else {
        let _ = writeln!(text, "{}", label.trim_end());
        (" ".repeat(BELOW), BELOW)
    };
    for line in wrap(&one_line(said), width.saturating_sub(indent)) {
        let _ = writeln!(text, "{start}{}", paint(style, &line));
        start = " ".repeat(indent);
    }
    text
}
