//! The model of one problem.

use super::Span;

/// Places that a problem keeps: nobody looks at more, and a hostile file could have thousands.
const MAX_LABELS: usize = 20;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// The file cannot be used.
    Error,
    /// The file can be used, and probably does not mean what was meant.
    Warning,
}

/// One problem: what, where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind in kebab-case: also the anchor of the documentation.
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is wrong: one line, lower case, no final period, values in backticks.
    pub message: String,
    /// Where it is. None for a problem that has no place.
    pub labels: Vec<Label>,
    /// What to do about it, one piece of advice an entry.
    pub help: Vec<String>,
}

/// A place in a file, and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be said; may be empty.
    pub text: String,
    /// Whether this is the place of the problem; else it is a place that explains it.
    pub primary: bool,
}

impl Diagnostic {
    /// An error without places.
    pub fn error(id: &'static str, message: impl Into<String>) -> Self {
        Self {
            id,
            level: Level::Error,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning without places.
    pub fn warning(id: &'static str, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(id, message) }
    }

    /// Says where the problem is.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// Points at a place that explains the problem; not at more of them than people look at.
    #[must_use]
    pub fn context(mut self, span: Span, text: impl Into<String>) -> Self {
        if self.labels.len() < MAX_LABELS {
            self.labels.push(Label { span, text: text.into(), primary: false });
        }
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The place of the problem, if it has one.
    pub fn place(&self) -> Option<Span> {
        let primary = self.labels.iter().find(|label| label.primary);
        primary.or(self.labels.first()).map(|label| label.span)
    }
}
