//! The lines of a file around some labels, cut to what people can read.

use std::borrow::Cow;
use std::ops::Range;

use super::quote::{harmless, is_hidden};
use super::source::floor;
use super::{Label, Position, SourceFile};

/// Longest part of a label that is underlined, in characters.
const MAX_UNDERLINED: usize = 60;
/// Labels further apart than this many columns are not shown in one excerpt.
const MAX_WIDTH: usize = 100;
/// Nor are labels further apart than this many lines.
const MAX_LINES: usize = 2_000;
/// How much of a line is kept after its last label, in bytes: more than a terminal shows.
const MAX_AFTER: usize = 400;
/// A label further to the right than this, in bytes, is shown without its line: lines of that
/// length are not for reading.
const MAX_BEFORE: usize = 10_000;
/// Lines this far from a label are left blank.
const NEAR: usize = 2;

/// What of a file is shown for some labels.
pub(super) enum Excerpt<'a> {
    /// Lines.
    Lines(Lines<'a>),
    /// Only where the first label is: the line is too long. The labels are in words.
    Place {
        /// Where.
        position: Position,
        /// The labels in words.
        notes: Vec<String>,
    },
    /// Nothing: the file is empty.
    Nothing,
}

/// Some lines of a file, safe to print.
///
/// A label that spans lines is marked on its first one.
pub(super) struct Lines<'a> {
    /// The lines. Those between two labels that are far apart are blank; the renderer folds them.
    pub(super) text: String,
    /// Number of the first line, from 1.
    pub(super) first_line: usize,
    /// Labels, as ranges of `text`.
    pub(super) marks: Vec<Mark<'a>>,
    /// Labels that do not fit beside the first one, in words.
    pub(super) notes: Vec<String>,
}

/// A label in an excerpt.
pub(super) struct Mark<'a> {
    /// Bytes of the excerpt.
    pub(super) span: Range<usize>,
    /// What is to be said.
    pub(super) text: &'a str,
    /// Whether it is the place of the problem.
    pub(super) primary: bool,
}

impl<'a> Excerpt<'a> {
    /// The lines around `labels`, the most important first.
    pub(super) fn of(file: &SourceFile, labels: impl Iterator<Item = &'a Label>) -> Self {
        let labels = labels.map(|label| Placed::on(&file.text, label));
        let mut labels: Vec<Placed<'a>> = labels.collect();
        let first = labels.first().filter(|_| !file.text.is_empty());
        let Some(first) = first else {
            return Self::Nothing;
        };
        if first.bytes.start > MAX_BEFORE {
            return Self::Place {
                position: first.position(),
                notes: labels.iter().map(Placed::in_words).collect(),
            };
        }
        let mut notes = Vec::new();
        let mut shown = first.columns.clone();
        let line = first.line;
        labels.retain(|label| {
            let start = shown.start.min(label.columns.start);
            let end = shown.end.max(label.columns.end);
            let fits = end - start <= MAX_WIDTH && label.line.abs_diff(line) <= MAX_LINES;
            if fits {
                shown = start..end;
            } else {
                notes.push(label.in_words());
            }
            fits
        });
        Self::Lines(Lines::around(file, &labels, notes))
    }
}

impl<'a> Lines<'a> {
    fn around(file: &SourceFile, labels: &[Placed<'a>], notes: Vec<String>) -> Self {
        let first = labels.iter().map(|label| label.line).min().unwrap_or(0);
        let last = labels.iter().map(|label| label.line).max().unwrap_or(0);
        let reach = labels.iter().map(|label| label.bytes.end).max();
        let reach = reach.unwrap_or(0) + MAX_AFTER;

        let mut text = String::new();
        let mut starts = Vec::new();
        let numbered = lines(&file.text).enumerate().skip(first);
        for (number, line) in numbered.take(last - first + 1) {
            starts.push(text.len());
            let mut near = labels.iter().map(|label| label.line.abs_diff(number));
            if near.any(|distance| distance <= NEAR) {
                text.push_str(&same_length(&line[..floor(line, reach)]));
            }
            text.push('\n');
        }
        let marks = labels.iter().map(|label| {
            let start = starts.get(label.line - first).copied().unwrap_or(0);
            Mark {
                span: start + label.bytes.start..start + label.bytes.end,
                text: &label.label.text,
                primary: label.label.primary,
            }
        });
        Self { marks: marks.collect(), text, first_line: first + 1, notes }
    }
}

/// A label on its line.
struct Placed<'a> {
    label: &'a Label,
    /// Number of the line, from 0.
    line: usize,
    /// Bytes within the line.
    bytes: Range<usize>,
    /// Columns in characters, from 0.
    columns: Range<usize>,
}

impl<'a> Placed<'a> {
    fn on(text: &str, label: &'a Label) -> Self {
        let start = floor(text, label.span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = lines(&text[line_start..]).next().unwrap_or("");
        let from = floor(line, start - line_start);
        let to = floor(line, label.span.end.saturating_sub(line_start)).max(from);
        let marked = &line[from..to];
        let marked = match marked.char_indices().nth(MAX_UNDERLINED) {
            Some((cut, _)) => &marked[..cut],
            None => marked,
        };
        let column = line[..from].chars().count();
        Self {
            label,
            line: text[..line_start].matches('\n').count(),
            bytes: from..from + marked.len(),
            columns: column..column + marked.chars().count(),
        }
    }

    fn position(&self) -> Position {
        Position { line: self.line + 1, column: self.columns.start + 1 }
    }

    fn in_words(&self) -> String {
        let Position { line, column } = self.position();
        let text = harmless(&self.label.text);
        format!("{text}: line {line}, column {column}")
    }
}

/// The lines of a text without their ends. A text that ends in a line end has an empty last line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// A line of source with its hidden characters replaced by visible ones of the same length in
/// bytes, so that spans stay right. Tabs and other ASCII control characters are left to the
/// renderer, which expands and replaces them.
fn same_length(line: &str) -> Cow<'_, str> {
    let acts = |c: char| is_hidden(c) && !c.is_ascii();
    if !line.contains(acts) {
        return Cow::Borrowed(line);
    }
    line.chars()
        .map(|character| match (acts(character), character.len_utf8()) {
            (false, _) => character,
            (true, 2) => '·',
            (true, _) => char::REPLACEMENT_CHARACTER,
        })
        .collect()
}
