//! What every reader of a value is given.

use camino::Utf8PathBuf;

use crate::diagnostics::{Diagnostic, Level, Problems, Span, closest};

/// Where paths start, and where problems go.
pub(super) struct Context {
    /// The folder of the file: relative paths start here.
    pub(super) folder: Utf8PathBuf,
    /// What stands after `matrix.` in the placeholders of the image that is being read.
    pub(super) matrix: Vec<String>,
    /// Whether an error came since this was last set to `false`.
    pub(super) failed: bool,
    /// Everything that was found wrong.
    pub(super) problems: Problems,
    /// A place whose line is known, from 1: lines are asked for in the order of the file.
    line: (usize, usize),
}

impl Context {
    /// For a file in `folder`.
    pub(super) fn new(folder: Utf8PathBuf, problems: Problems) -> Self {
        Self { folder, matrix: Vec::new(), failed: false, problems, line: (0, 1) }
    }

    /// The line that `span` begins in.
    pub(super) fn line(&mut self, span: Span) -> usize {
        let Some(file) = self.problems.sources().get(span.source) else { return 1 };
        let (from, line) = if span.start >= self.line.0 { self.line } else { (0, 1) };
        let between = file.text.get(from..span.start).unwrap_or_default();
        self.line = (span.start, line + between.matches('\n').count());
        self.line.1
    }

    /// Another one in which something is read beside the rest of the file.
    pub(super) fn beside(&self) -> Self {
        Self {
            folder: self.folder.clone(),
            ..Self::new(self.folder.clone(), Problems::new(self.problems.sources().clone()))
        }
    }

    /// The one of `words` that `text` was probably meant to be, as a label: `did you mean …?`.
    pub(super) fn did_you_mean<'w>(
        &self,
        text: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Option<String> {
        let meant = self.suggest(text, words)?;
        Some(format!("did you mean `{meant}`?"))
    }

    /// The one of `words` that `text` was probably meant to be. Not looked for any more when there
    /// are too many problems to be told.
    pub(super) fn suggest<'w>(
        &self,
        text: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Option<&'w str> {
        if self.problems.is_full() {
            return None;
        }
        closest(text, words)
    }

    /// Adds a problem.
    pub(super) fn push(&mut self, problem: Diagnostic) {
        self.failed |= problem.level == Level::Error;
        self.problems.push(problem);
    }
}
