//! The files that diagnostics point into.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

/// A file of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// A range of bytes in a file. Both ends lie on character boundaries of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte; equals `start` for a place between two characters.
    pub end: usize,
}

/// A place as people count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A file and what it says.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Where it is, as messages show it.
    pub path: Utf8PathBuf,
    /// Its text without a byte order mark.
    pub text: String,
}

impl SourceFile {
    /// Where the byte `offset` is. An offset inside a character or past the end is moved back.
    pub fn position(&self, offset: usize) -> Position {
        let before = &self.text[..floor(&self.text, offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// All files that a set of diagnostics points into. Copies share them.
#[derive(Debug, Clone, Default)]
pub struct Sources(Arc<Vec<SourceFile>>);

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<Utf8PathBuf>, text: impl Into<String>) -> SourceId {
        let files = Arc::make_mut(&mut self.0);
        files.push(SourceFile { path: path.into(), text: text.into() });
        SourceId(files.len() - 1)
    }

    /// The file `id`. Ids come from [`Sources::add`] of the same value; another one gives `None`.
    pub fn get(&self, id: SourceId) -> Option<&SourceFile> {
        self.0.get(id.0)
    }

    /// The file that was added first.
    pub fn first(&self) -> Option<(SourceId, &SourceFile)> {
        self.0.first().map(|file| (SourceId(0), file))
    }

    /// All files, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        self.0.iter()
    }

    /// Shows the paths of files below `folder` relative to it.
    pub fn show_relative_to(&mut self, folder: &Utf8Path) {
        for file in Arc::make_mut(&mut self.0) {
            if let Ok(relative) = file.path.strip_prefix(folder) {
                file.path = relative.to_owned();
            }
        }
    }
}

/// The last character boundary of `text` at or before `offset`.
pub(super) fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_survive_any_offset() {
        let file = SourceFile { path: "a".into(), text: "é: 1\r\n\tx: ü\n".into() };
        let at = |offset| {
            let position = file.position(offset);
            (position.line, position.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(1), (1, 1), "inside é");
        assert_eq!(at(4), (1, 4));
        assert_eq!(at(7), (2, 1));
        assert_eq!(at(8), (2, 2));
        assert_eq!(at(9_999), (3, 1));
    }
}
