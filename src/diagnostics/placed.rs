//! Where a label is, as people and programs count it.

use super::{Diagnostic, Label, Position, SourceFile, Sources, Span};

/// A part of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region<'a> {
    /// The file.
    pub(super) file: &'a SourceFile,
    /// Its first character.
    pub(super) start: Position,
    /// One past its last character; equals `start` for a place between two.
    pub(super) end: Position,
}

impl<'a> Region<'a> {
    /// Where `span` is; `None` if it is of other sources.
    pub(super) fn of(span: Span, sources: &'a Sources) -> Option<Self> {
        let file = sources.get(span.source)?;
        Some(Self { file, start: file.position(span.start), end: file.position(span.end) })
    }
}

/// The file of a problem at `region`; without one, the first of `sources`.
pub(super) fn file<'a>(region: Option<Region<'a>>, sources: &'a Sources) -> Option<&'a SourceFile> {
    region.map(|region| region.file).or(sources.first().map(|(_, file)| file))
}

/// The label at the place of a problem, and the others.
pub(super) fn labels(diagnostic: &Diagnostic) -> (Option<&Label>, Vec<&Label>) {
    let mut labels: Vec<&Label> = diagnostic.labels.iter().collect();
    labels.sort_by_key(|label| !label.primary);
    let mut labels = labels.into_iter();
    (labels.next(), labels.collect())
}
