//! Patterns of file names, as Packer reads them.

use camino::{Utf8Path, Utf8PathBuf};
use globset::{GlobBuilder, GlobMatcher};

use super::paths;
use super::tree::{Kind, SourceTree};

/// Who reads a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `fileset` (doublestar): `**` goes into folders, `{a,b}` is a choice.
    Fileset,
    /// `cd_files` and `floppy_files` (Go's own): braces are plain characters, and of a folder
    /// everything is taken.
    Go,
}

impl Dialect {
    /// Whether `text` is a pattern and not the name of one file.
    pub(super) fn is_pattern(self, text: &str) -> bool {
        match self {
            Self::Fileset => text.contains(['*', '?', '[', '{', '\\']),
            Self::Go => text.contains(['*', '?', '[']),
        }
    }
}

/// The files that match a pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// The folder below which they lie, absolute.
    pub folder: Utf8PathBuf,
    /// Their names as seen from there, for the crate `globset` with literal separators.
    pub glob: String,
    /// Whether a folder that matches counts, with everything in it.
    pub folders: bool,
}

/// Tells which names match a [`Pattern`].
#[derive(Debug, Clone)]
pub struct Matcher {
    glob: GlobMatcher,
    folders: bool,
}

impl Matcher {
    /// Whether the file of this name, as seen from the folder of the pattern, matches.
    pub fn matches(&self, name: &Utf8Path) -> bool {
        if self.folders {
            return name.ancestors().any(|part| self.glob.is_match(part));
        }
        self.glob.is_match(name)
    }

    /// Whether what lies in a folder can match.
    pub fn goes_deeper(&self) -> bool {
        let glob = self.glob.glob().glob();
        self.folders || glob.contains('/') || glob.contains("**")
    }
}

impl Pattern {
    /// The pattern `text` as seen from `base`. What of it is fixed becomes part of the folder.
    pub(super) fn new(base: &Utf8Path, text: &str, dialect: Dialect) -> Self {
        let parts: Vec<&str> = text.split('/').collect();
        let fixed = parts.iter().take_while(|part| !dialect.is_pattern(part)).count();
        let (fixed, open) = parts.split_at(fixed);
        // A pattern that starts with `/` has an empty first part: joined, that is the root.
        let fixed = match fixed {
            [""] => "/".to_owned(),
            fixed => fixed.join("/"),
        };
        let glob = open.join("/");
        Self {
            folder: paths::resolve(base, &fixed),
            glob: match dialect {
                Dialect::Fileset => glob,
                Dialect::Go => glob.replace('{', "\\{").replace('}', "\\}"),
            },
            folders: dialect == Dialect::Go,
        }
    }

    /// Tells which names, seen from the folder, match. None if it is no pattern after all.
    pub fn matcher(&self) -> Option<Matcher> {
        if self.glob.len() > MAX_GLOB {
            return None;
        }
        let mut glob = GlobBuilder::new(&self.glob);
        let glob = glob.literal_separator(true).backslash_escape(true).build();
        let glob = glob.ok()?.compile_matcher();
        Some(Matcher { glob, folders: self.folders })
    }

    /// How many folders below the first one can matter.
    fn depth(&self) -> usize {
        if self.glob.contains("**") { MAX_DEPTH } else { self.glob.matches('/').count() }
    }

    /// The regular files that match, in order. `spend` is told of every name that is looked at, and
    /// ends the search by an error.
    pub(super) fn files<E>(
        &self,
        tree: &dyn SourceTree,
        mut spend: impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<Utf8PathBuf>, E> {
        let Some(matcher) = self.matcher() else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        let mut folders = vec![(self.folder.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for path in tree.list(&folder).unwrap_or_default() {
                spend()?;
                match tree.kind(&path) {
                    Some(Kind::Folder) if depth < self.depth() => folders.push((path, depth + 1)),
                    Some(Kind::File) => {
                        let name = path.strip_prefix(&self.folder).unwrap_or(&path);
                        if matcher.matches(name) {
                            found.push(path);
                        }
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Longest pattern, in bytes: a long one takes long to prepare.
const MAX_GLOB: usize = 1024;

/// Deepest folder that is looked into, so that links which lead upwards come to an end.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::template::MemoryTree;

    #[test]
    fn patterns_match_as_packer_matches_them() {
        let tree = MemoryTree::default()
            .file("/w/http/a.cfg", "")
            .file("/w/http/b.ks", "")
            .file("/w/http/deep/c.cfg", "")
            .file("/w/http/.hidden", "")
            .file("/w/other/{x}.cfg", "")
            .link("/w/http/up", "/w");
        let found = |text: &str, dialect| {
            let files = Pattern::new("/w/http".into(), text, dialect)
                .files(&tree, || Ok::<(), Infallible>(()))
                .unwrap();
            files.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let fileset = |text| found(text, Dialect::Fileset);
        assert_eq!(fileset("*.cfg"), "/w/http/a.cfg");
        assert_eq!(fileset("*.{cfg,ks}"), "/w/http/a.cfg /w/http/b.ks");
        assert_eq!(fileset("../other/*"), "/w/other/{x}.cfg");
        assert_eq!(fileset("*"), "/w/http/.hidden /w/http/a.cfg /w/http/b.ks");
        assert_eq!(fileset("d*/**/*.cfg"), "/w/http/deep/c.cfg");
        assert_eq!(fileset("/w/other/*"), "/w/other/{x}.cfg");
        assert_eq!(fileset("[*"), "");
        assert_eq!(found("../other/{x}.c*", Dialect::Go), "/w/other/{x}.cfg");
    }
}
