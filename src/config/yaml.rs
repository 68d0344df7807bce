//! YAML text to a [`Node`] tree. The only file that names the YAML crate.
//!
//! It reads the events of serde-saphyr's parser instead of going through serde: events have the
//! source text, the style and the place of everything, keep all duplicates, and let one document
//! be bounded in depth and size without recursion. serde would first guess types (`1.10` becomes
//! 1.1).
//!
//! Anchors and aliases are supported. Tags (`!!str`) and merge keys (`<<`) are refused: the first
//! change what a value is, the second what a mapping has, and nobody sees it.

use std::collections::HashMap;
use std::ops::Range;

use serde_saphyr::granit_parser::{
    ErrorKind, Event, Parser, ScalarStyle, ScanError, Span as Place, options,
};

use super::node::{Entry, Extent, Node, Scalar, Value};
use crate::diagnostics::{Diagnostic, SourceId, Span, quoted};

/// Deepest nesting. The format itself needs seven.
const MAX_DEPTH: usize = 32;
/// Memory that the aliases of a document may take when they are written out.
const MAX_ALIASED_BYTES: usize = 8 * 1024 * 1024;

/// The tree of a document; `None` if there is nothing but comments.
///
/// Stops at the first thing that is not YAML or not supported.
pub(super) fn parse(text: &str, source: SourceId) -> Result<Option<Node>, Diagnostic> {
    let mut tree = Tree::new(text, source);
    let options = options! { emit_comments: false };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, place)) => tree.take(event, place)?,
            Err(error) => return Err(tree.syntax_error(&error)),
        }
    }
    Ok(tree.finished())
}

/// Where the comments of `text` stand, each from its `#` to the end of its line; `None` for what is no
/// YAML.
pub(super) fn comments(text: &str) -> Option<Vec<Range<usize>>> {
    let mut comments = Vec::new();
    for event in Parser::new_from_str_with_options(text, options! { emit_comments: true }) {
        match event {
            Ok((Event::Comment(..), place)) => {
                let range = place.byte_range().unwrap_or_default();
                let line = text.get(range.start..).and_then(|rest| rest.lines().next());
                comments.extend(line.map(|line| range.start..range.start + line.len()));
            }
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    Some(comments)
}

/// A tree that grows with the events of the parser.
struct Tree<'t> {
    text: &'t str,
    source: SourceId,
    documents: usize,
    open: Vec<Open>,
    root: Option<Node>,
    /// Finished values by the number of their anchor.
    anchored: HashMap<usize, Node>,
    aliased_bytes: usize,
}

/// A mapping or list whose end has not come.
struct Open {
    span: Span,
    anchor: usize,
    inside: Inside,
}

impl Open {
    /// Whether it is written in brackets.
    fn is_flow(&self) -> bool {
        self.span.start < self.span.end
    }
}

enum Inside {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, key: Option<Node> },
}

impl<'t> Tree<'t> {
    fn new(text: &'t str, source: SourceId) -> Self {
        Self {
            text,
            source,
            documents: 0,
            open: Vec::new(),
            root: None,
            anchored: HashMap::new(),
            aliased_bytes: 0,
        }
    }

    fn finished(self) -> Option<Node> {
        self.root.filter(|root| {
            // A document of comments alone is an empty scalar.
            !matches!(root.value, Value::Null) || root.span.start < root.span.end
        })
    }

    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Diagnostic> {
        let span = self.span(place);
        if event.tag().is_some() {
            let span = place.tag_span().map_or(span, |tag| self.span(tag));
            return Err(Diagnostic::error("yaml-tag", "YAML tags are not supported")
                .at(span, "this is a tag")
                .help("remove the tag; a value is read as the text that is written"));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Diagnostic::error(
                        "several-documents",
                        "the file holds more than one YAML document",
                    )
                    .at(span, "a second document starts here")
                    .help("remove the `---`, or move what follows into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null {
                    Value::Null
                } else {
                    let text = text.into_owned();
                    Value::Scalar(Scalar { text, plain })
                };
                self.finish(span, anchor, value)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.enter(span, anchor, Inside::Sequence(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, _) => {
                let inside = Inside::Mapping { entries: Vec::new(), key: None };
                self.enter(span, anchor, inside)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut open) = self.open.pop() {
                    if open.is_flow() {
                        open.span.end = span.end.max(open.span.end);
                    }
                    let value = match open.inside {
                        Inside::Sequence(items) => Value::Sequence(items),
                        Inside::Mapping { entries, .. } => Value::Mapping(entries),
                    };
                    self.finish(open.span, open.anchor, value)?;
                }
            }
            Event::Alias(anchor) => self.alias(span, anchor)?,
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, span: Span, anchor: usize, inside: Inside) -> Result<(), Diagnostic> {
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open { span, anchor, inside });
        Ok(())
    }

    fn alias(&mut self, span: Span, anchor: usize) -> Result<(), Diagnostic> {
        let name = quoted(&self.text[span.start..span.end]);
        let Some(mut node) = self.anchored.get(&anchor).cloned() else {
            return Err(Diagnostic::error("yaml-alias", format!("{name} stands inside itself"))
                .at(span, "the value that this names is not complete here"));
        };
        let extent = node.extent();
        self.charge(extent, span)?;
        if self.open.len() + extent.height > MAX_DEPTH {
            return Err(too_deep(span));
        }
        node.alias = Some(Box::new(span));
        self.place(node)
    }

    /// Counts the memory of one more copy.
    fn charge(&mut self, extent: Extent, span: Span) -> Result<(), Diagnostic> {
        self.aliased_bytes += extent.bytes;
        if self.aliased_bytes <= MAX_ALIASED_BYTES {
            return Ok(());
        }
        let message = "the anchors and aliases of this file hold too much";
        let label = "with this one they take more than 8 MiB when they are written out";
        Err(Diagnostic::error("yaml-alias", message)
            .at(span, label)
            .help("repeat fewer values, or smaller ones"))
    }

    fn finish(&mut self, span: Span, anchor: usize, value: Value) -> Result<(), Diagnostic> {
        let node = Node { span, alias: None, value };
        if anchor != 0 {
            self.charge(node.extent(), span)?;
            self.anchored.insert(anchor, node.clone());
        }
        self.place(node)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, mut node: Node) -> Result<(), Diagnostic> {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::Sequence(items)) => items.push(node),
            Some(Inside::Mapping { entries, key }) => match key.take() {
                None => {
                    if matches!(&node.value, Value::Scalar(key) if key.plain && key.text == "<<") {
                        return Err(Diagnostic::error(
                            "yaml-merge-key",
                            "merge keys are not supported",
                        )
                        .at(node.span, "this would mix another mapping into this one")
                        .help("put what images share under `defaults`, or repeat single values by alias"));
                    }
                    *key = Some(node);
                }
                Some(key) => {
                    if matches!(node.value, Value::Null) && node.span.start == node.span.end {
                        // Where nothing is written, the key is what can be pointed at.
                        node.span = key.span;
                    }
                    entries.push(Entry { key, value: node });
                }
            },
        }
        Ok(())
    }

    /// What the parser objects to, in words for whoever wrote the file.
    fn syntax_error(&self, error: &ScanError) -> Diagnostic {
        let start = error.marker().byte_offset().unwrap_or(0);
        let start = self.text.floor_char_boundary(start);
        let next = self.text[start..].chars().next();
        let length = next.filter(|next| !matches!(next, '\n' | '\r'));
        let here =
            Span { source: self.source, start, end: start + length.map_or(0, char::len_utf8) };
        let problem = explain(error.kind(), here, self.text);
        let bracket = self.open.last().filter(|open| open.is_flow());
        match (bracket, error.kind()) {
            (
                Some(open),
                ErrorKind::InvalidColonPlacement
                | ErrorKind::ExpectedFlowMappingSeparator
                | ErrorKind::ExpectedFlowSequenceSeparator,
            ) => problem.context(open.span, "inside what is opened here"),
            _ => problem,
        }
    }

    fn span(&self, place: Place) -> Span {
        let range = place.byte_range().unwrap_or_default();
        let start = self.text.floor_char_boundary(range.start);
        let end = self.text.floor_char_boundary(range.end).max(start);
        Span { source: self.source, start, end }
    }
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error("yaml-depth", "the file is nested too deeply")
        .at(span, format!("more than {MAX_DEPTH} levels"))
}

/// An objection of the parser at `here`, which is the next character.
fn explain(kind: &ErrorKind, here: Span, text: &str) -> Diagnostic {
    use ErrorKind as Kind;
    let syntax = |message: String, label: &str| {
        Diagnostic::error("yaml-syntax", format!("not valid YAML: {message}")).at(here, label)
    };
    match kind {
        Kind::TabNotAllowed
        | Kind::TabInBlockIndentation
        | Kind::TabInIndentation
        | Kind::TabAtBlockScalarStart
        | Kind::TabInPlainScalar => {
            let before = text[..here.start].trim_end_matches('\t').len();
            let tab = if before < here.start {
                Span { start: before, end: here.start, ..here }
            } else {
                indenting_tab(text, here).unwrap_or(here)
            };
            Diagnostic::error("yaml-syntax", "not valid YAML: a tab where only spaces may stand")
                .at(tab, "tab")
                .help("indent with spaces")
        }
        Kind::MappingValueNotAllowed | Kind::MappingKeyNotAllowed => syntax(
            "a `key: value` is not possible here".into(),
            "the text before does not allow a key here",
        )
        .help("a value that contains `: ` needs quotes; otherwise check the indentation"),
        Kind::UnclosedFlowCollection { open } => {
            syntax(format!("`{open}` is never closed"), "opened here")
        }
        Kind::MismatchedFlowCollectionEnd { open, close } => {
            syntax(format!("`{open}` is closed by `{close}`"), "opened here")
        }
        Kind::InvalidColonPlacement => {
            syntax("a `key: value` is not possible here".into(), "no key can end here")
                .help("is a closing `]` or `}` missing before it?")
        }
        Kind::MisplacedFlowCollectionEnd => {
            syntax("this bracket closes nothing".into(), "nothing is open here")
        }
        Kind::UnclosedQuotedScalar => syntax("a quote is never closed".into(), "opened here"),
        Kind::UnexpectedCharacter { character } if character.is_control() => syntax(
            format!(
                "the control character U+{:04X} may not stand in a file",
                u32::from(*character)
            ),
            "here",
        ),
        Kind::UnexpectedCharacter { character } => {
            syntax(format!("a value cannot start with `{character}`"), "here")
                .help("put the value in quotes")
        }
        Kind::ExpectedFlowMappingSeparator => {
            syntax("expected `,` or `}`".into(), "found something else")
                .help("a value that contains `{`, `}` or `,` needs quotes")
        }
        Kind::ExpectedFlowSequenceSeparator => {
            syntax("expected `,` or `]`".into(), "found something else")
        }
        Kind::ExpectedBlockMappingKey => syntax("expected a key".into(), "found something else")
            .help("check the indentation: keys of one mapping start in the same column"),
        Kind::ExpectedBlockSequenceEntry => {
            syntax("expected a list entry (`- …`)".into(), "found something else")
                .help("check the indentation: what does not belong to the list starts further left")
        }
        Kind::InvalidIndentation => syntax("the indentation does not fit".into(), "here")
            .help("keys of one mapping start in the same column"),
        Kind::SimpleKeyExpected | Kind::InvalidSimpleKey => {
            syntax("a `:` is missing after this key".into(), "expected `key: value`")
        }
        Kind::UnknownAnchor => {
            let ends = |c: char| c.is_whitespace() || ",]}".contains(c);
            let rest = &text[here.start..];
            let name = Span { end: here.start + rest.find(ends).unwrap_or(rest.len()), ..here };
            Diagnostic::error("yaml-alias", "this alias names no anchor")
                .at(name, "no `&` with this name stands before it")
        }
        Kind::RecursionLimitExceeded => too_deep(here),
        Kind::UnknownQuotedScalarEscape => {
            syntax("unknown escape in double quotes".into(), "in this text")
                .help(r"write `\\` for a backslash, or use single quotes")
        }
        Kind::InvalidTrailingSingleQuotedScalar | Kind::InvalidTrailingDoubleQuotedScalar => {
            syntax("text after the closing quote".into(), "not part of the quoted text")
        }
        other => syntax(other.to_string(), "here"),
    }
}

/// The first tab before the text of its line, from `here` on: of a text of several lines the parser
/// names the first one.
fn indenting_tab(text: &str, here: Span) -> Option<Span> {
    let mut start = here.start;
    for line in text[here.start..].split_inclusive('\n') {
        let blank = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        if let Some(tab) = blank.find('\t') {
            let tabs = blank[tab..].len() - blank[tab..].trim_start_matches('\t').len();
            return Some(Span { start: start + tab, end: start + tab + tabs, ..here });
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Sources;

    #[test]
    fn anchors_around_anchors_do_not_multiply_a_file() {
        let content = "x, ".repeat(20_000);
        let text = format!("{}{content}{}", "&a [".repeat(30), "]".repeat(30));
        let source = Sources::default().add("images.yml", "");
        let refused = parse(&text, source).unwrap_err();
        assert_eq!(refused.id, "yaml-alias");
    }
}
