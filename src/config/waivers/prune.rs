//! Takes waivers out of a file and leaves every other byte as it is.

use std::collections::BTreeSet;
use std::ops::Range;

use thiserror::Error;

use super::waivers_of;
use crate::config::node::{Node, Value};
use crate::config::yaml;
use crate::diagnostics::Sources;
use crate::model::Waiver;

/// Why waivers cannot be taken out of a file. What was there still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotPruned {
    /// It is no list of waivers, or has errors.
    #[error("the file cannot be read")]
    Unreadable,
    /// Its list stands in brackets, where an entry is no lines of its own.
    #[error("the waivers stand in brackets: only lists with a `-` before each entry can be pruned")]
    InBrackets,
    /// What is left would not be what was to stay: others are written by way of it, mostly.
    #[error(
        "the rest of the file depends on what is to go (by an anchor, maybe): take it out by hand"
    )]
    Entangled,
}

/// `text` without the waivers at the positions `gone`. Lines of theirs go; comments stay, also those
/// above and between them: nobody but their author knows what they belong to.
pub fn without_waivers(text: &str, gone: &BTreeSet<usize>) -> Result<String, NotPruned> {
    let before = waivers_of(text).ok_or(NotPruned::Unreadable)?;
    let source = Sources::default().add("waivers.yml", text);
    let root = yaml::parse(text, source).ok().flatten().ok_or(NotPruned::Unreadable)?;
    let comments = yaml::comments(text).ok_or(NotPruned::Unreadable)?;
    let Value::Sequence(items) = &root.value else { return Err(NotPruned::Unreadable) };
    if root.span.start < root.span.end {
        return Err(NotPruned::InBrackets);
    }
    let column = root.span.start - line_start(text, root.span.start);
    let mut left = String::new();
    let (mut copied, mut from) = (0, line_start(text, root.span.start));
    for (index, item) in items.iter().enumerate() {
        let lines = lines_of(text, item, column, from).ok_or(NotPruned::Entangled)?;
        from = lines.end;
        if !gone.contains(&index) {
            continue;
        }
        left.push_str(&text[copied..lines.start]);
        copied = lines.end;
        for comment in comments.iter().filter(|comment| lines.contains(&comment.start)) {
            left.push_str(&kept(text, comment));
        }
    }
    left.push_str(&text[copied..]);
    let after = waivers_of(&left).ok_or(NotPruned::Entangled)?;
    let stay = before.iter().enumerate().filter(|(index, _)| !gone.contains(index));
    let same =
        |(stays, is): (&Waiver, &Waiver)| *stays == Waiver { line: stays.line, ..is.clone() };
    let stay: Vec<&Waiver> = stay.map(|(_, waiver)| waiver).collect();
    if stay.len() != after.len() || !stay.into_iter().zip(&after).all(same) {
        return Err(NotPruned::Entangled);
    }
    Ok(left)
}

/// A comment on a line of its own, with what it was indented by and how the line ended.
fn kept(text: &str, comment: &Range<usize>) -> String {
    let start = line_start(text, comment.start);
    let indent = &text[start..comment.start];
    let indent = if indent.trim().is_empty() { indent } else { "" };
    let end = &text[comment.end..line_end(text, comment.end)];
    format!("{indent}{}{end}", &text[comment.clone()])
}

/// The lines of an entry, from that of its dash, which stands in `column` after `from`.
fn lines_of(text: &str, item: &Node, column: usize, from: usize) -> Option<Range<usize>> {
    let begins = item.alias.as_deref().map_or(item.span.start, |alias| alias.start);
    let mut start = from;
    loop {
        let line = &text[start..line_end(text, start)];
        let dash = line.get(column..).filter(|_| line[..column].trim().is_empty());
        if dash.is_some_and(|rest| rest.starts_with('-')) {
            break;
        }
        let next = line_end(text, start);
        if next > begins || next == start {
            return None;
        }
        start = next;
    }
    let last = last_byte(item).max(begins);
    // What a block of text ends with may reach into the next line.
    let written = text.get(start..last)?.trim_end().len();
    Some(start..line_end(text, start + written))
}

/// One past the last byte of a value.
fn last_byte(node: &Node) -> usize {
    if let Some(alias) = &node.alias {
        return alias.end;
    }
    let inside = match &node.value {
        Value::Null | Value::Scalar(_) => None,
        Value::Sequence(items) => items.last().map(last_byte),
        Value::Mapping(entries) => {
            entries.last().map(|entry| last_byte(&entry.value).max(entry.key.span.end))
        }
    };
    inside.unwrap_or(node.span.end).max(node.span.end)
}

/// The start of the line in which the byte `at` is.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// One past the end of the line in which the byte `at` is, with its line feed.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}
