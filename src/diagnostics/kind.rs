//! Kinds of problems, and where they are explained.

/// The page that explains every kind, from the root of goldsmith's own repository.
pub const PAGE: &str = "docs/problems.md";

/// A kind of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its id in kebab-case: [`Diagnostic::id`](super::Diagnostic::id), and its anchor in the
    /// documentation. Never changes.
    pub id: &'static str,
    /// What it means, in sentences.
    pub meaning: &'static str,
}

impl Kind {
    /// The first sentence of what it means.
    pub fn summary(&self) -> &'static str {
        match self.meaning.split_once(". ") {
            Some((first, _)) => first,
            None => self.meaning.trim_end_matches('.'),
        }
    }
}

/// Where the kind `id` is explained.
pub fn explained_at(id: &str) -> String {
    format!("{PAGE}#{id}")
}
