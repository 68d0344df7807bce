//! All problems of a file, collected.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use super::text::{excerpts, line, render_some, summary};
use super::{Diagnostic, Level, SourceId, Sources, Style};

/// More problems than this are counted and not kept: nobody reads them, and a hostile file could
/// have millions.
const MAX_KEPT: usize = 100;

/// The problems of a file, and the file itself: enough to show them.
///
/// As an error it displays all of them as plain text.
#[derive(Debug, Clone)]
pub struct Problems {
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    omitted: Counts,
}

/// How many problems of each level.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) errors: usize,
    pub(super) warnings: usize,
}

impl Counts {
    /// Counts one more.
    pub(super) fn add(&mut self, level: Level) {
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
        }
    }
}

impl Problems {
    /// No problems yet in `sources`.
    pub fn new(sources: Sources) -> Self {
        Self { sources, diagnostics: Vec::new(), omitted: Counts::default() }
    }

    /// Adds a problem. The same problem at the same place is told once, however often the place is
    /// looked at.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.is_full() {
            self.omitted.add(diagnostic.level);
            return;
        }
        let told = self.diagnostics.iter().any(|other| {
            (other.id, other.place(), &other.message)
                == (diagnostic.id, diagnostic.place(), &diagnostic.message)
        });
        if told {
            return;
        }
        if self.diagnostics.len() < MAX_KEPT {
            self.diagnostics.push(diagnostic);
            return;
        }
        // An error takes the place of a warning: what makes the file unusable is always told.
        let warning = |kept: &&mut Diagnostic| kept.level == Level::Warning;
        let kept = self.diagnostics.iter_mut().find(warning);
        if let (Level::Error, Some(kept)) = (diagnostic.level, kept) {
            *kept = diagnostic;
        }
        self.omitted.add(Level::Warning);
    }

    /// Adds what was found elsewhere in the same sources.
    pub fn absorb(&mut self, others: Self) {
        for diagnostic in others.diagnostics {
            self.push(diagnostic);
        }
        self.omitted.errors += others.omitted.errors;
        self.omitted.warnings += others.omitted.warnings;
    }

    /// Adds a file that problems are in. One that was added before is another one.
    pub fn add_source(
        &mut self,
        path: impl Into<Utf8PathBuf>,
        text: impl Into<String>,
    ) -> SourceId {
        self.sources.add(path, text)
    }

    /// Takes back all problems of the kind `id`: somebody else tells them better.
    pub fn forget(&mut self, id: &str) {
        self.diagnostics.retain(|diagnostic| diagnostic.id != id);
    }

    /// Puts the problems in the order of the file.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.diagnostics.sort_by_key(Diagnostic::place);
        self
    }

    /// Whether there are so many errors that further problems are only counted: nothing costly
    /// needs to be found out any more.
    pub fn is_full(&self) -> bool {
        let errors = self.diagnostics.iter().filter(|d| d.level == Level::Error);
        errors.count() == MAX_KEPT
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether the file cannot be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.level == Level::Error)
    }

    /// The problems.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// How many problems there are of each level, also of those that are not kept.
    pub(super) fn counts(&self) -> Counts {
        let mut all = self.omitted;
        for diagnostic in &self.diagnostics {
            all.add(diagnostic.level);
        }
        all
    }

    /// How many problems were counted and not kept.
    pub(super) fn omitted(&self) -> usize {
        self.omitted.errors + self.omitted.warnings
    }

    /// The files that they are in.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Shows the paths of files below `folder` relative to it.
    #[must_use]
    pub fn shown_from(mut self, folder: &Utf8Path) -> Self {
        self.sources.show_relative_to(folder);
        self
    }

    /// The problems as text for people.
    pub fn render(&self, style: Style) -> String {
        render_some(&self.diagnostics, self.omitted, &self.sources, style)
    }

    /// The problems as text for people, without the line that counts them.
    pub fn excerpts(&self, style: Style) -> String {
        excerpts(&self.diagnostics, &self.sources, style)
    }

    /// The first `most` problems, errors before warnings, a line each:
    /// `images.yml:7:5: unknown-key: unknown key …`. A last line says how many more there are.
    pub fn lines(&self, most: usize) -> Vec<String> {
        let of = |level| self.diagnostics.iter().filter(move |one| one.level == level);
        let all = of(Level::Error).chain(of(Level::Warning));
        let mut lines: Vec<String> = all.take(most).map(|one| line(one, &self.sources)).collect();
        let more = self.diagnostics.len() + self.omitted() - lines.len();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines
    }

    /// The count and the files in one line: `3 problems in images.yml`.
    pub fn summary(&self) -> String {
        summary(&self.diagnostics, self.omitted, &self.sources)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_however_many_warnings_there_are() {
        let mut sources = Sources::default();
        sources.add("images.yml", "");
        let mut problems = Problems::new(sources);
        for n in 0..150 {
            problems.push(Diagnostic::warning("careless", format!("careless {n}")));
        }
        assert!(!problems.has_errors());
        problems.push(Diagnostic::error("wrong", "wrong"));
        problems.push(Diagnostic::error("wrong", "wrong"));
        assert!(problems.has_errors());
        assert_eq!(
            problems.summary(),
            "1 problem and 150 warnings in images.yml, 51 of them not shown"
        );
    }
}
