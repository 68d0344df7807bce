//! Where template files come from.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// What lies at a path, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A pipe, a socket, a device: nothing that is read.
    Other,
}

/// Files and folders to read templates from. Paths are absolute.
pub trait SourceTree {
    /// What lies at `path`; none if there is nothing, or a link to nothing.
    fn kind(&self, path: &Utf8Path) -> Option<Kind>;

    /// Whether `path` itself is a symbolic link.
    fn is_link(&self, path: &Utf8Path) -> bool;

    /// The first `most` bytes of the regular file `path`.
    fn read(&self, path: &Utf8Path, most: usize) -> io::Result<Vec<u8>>;

    /// What lies in the folder, in order. Names that are not UTF-8 are left out.
    fn list(&self, folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>>;
}

/// A tree in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    entries: BTreeMap<Utf8PathBuf, Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    File(Vec<u8>),
    Folder,
    Link(Utf8PathBuf),
}

/// More links than this in a row lead nowhere, as for Linux.
const MAX_LINKS: usize = 40;

impl MemoryTree {
    /// Adds a file and the folders above it.
    #[must_use]
    pub fn file(self, path: impl Into<Utf8PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.entry(path.into(), Entry::File(content.into()))
    }

    /// Adds a symbolic link to `target`, which is absolute, and the folders above it.
    #[must_use]
    pub fn link(self, path: impl Into<Utf8PathBuf>, target: impl Into<Utf8PathBuf>) -> Self {
        self.entry(path.into(), Entry::Link(target.into()))
    }

    fn entry(mut self, path: Utf8PathBuf, entry: Entry) -> Self {
        for folder in path.ancestors().skip(1) {
            self.entries.entry(folder.to_owned()).or_insert(Entry::Folder);
        }
        self.entries.insert(path, entry);
        self
    }

    /// The path without links, and what lies there.
    fn follow(&self, path: &Utf8Path) -> Option<(Utf8PathBuf, &Entry)> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            // A link anywhere on the way is followed first.
            let mut ancestors: Vec<&Utf8Path> = path.ancestors().collect();
            ancestors.reverse();
            let link = ancestors.iter().find_map(|known| match self.entries.get(*known) {
                Some(Entry::Link(target)) => Some((*known, target)),
                _ => None,
            });
            let Some((link, target)) = link else {
                let entry = self.entries.get(&path)?;
                return Some((path, entry));
            };
            let rest = path.strip_prefix(link).ok()?;
            path = if rest.as_str().is_empty() { target.clone() } else { target.join(rest) };
        }
        None
    }
}

impl SourceTree for MemoryTree {
    fn kind(&self, path: &Utf8Path) -> Option<Kind> {
        match self.follow(path)?.1 {
            Entry::File(_) => Some(Kind::File),
            Entry::Folder => Some(Kind::Folder),
            Entry::Link(_) => None,
        }
    }

    fn is_link(&self, path: &Utf8Path) -> bool {
        matches!(self.entries.get(path), Some(Entry::Link(_)))
    }

    fn read(&self, path: &Utf8Path, most: usize) -> io::Result<Vec<u8>> {
        match self.follow(path) {
            Some((_, Entry::File(bytes))) => Ok(bytes[..bytes.len().min(most)].to_owned()),
            Some(_) => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no such file")),
        }
    }

    fn list(&self, folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
        let Some((real, Entry::Folder)) = self.follow(folder) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no such folder"));
        };
        let inside = self.entries.keys().filter(|path| path.parent() == Some(&real));
        Ok(inside.filter_map(|path| path.file_name()).map(|name| folder.join(name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_tree_in_memory_are_followed_and_told_apart() {
        let tree = MemoryTree::default()
            .file("/repo/shared/a.hcl", "a")
            .link("/repo/debian", "/repo/shared")
            .link("/repo/loop", "/repo/loop");
        assert_eq!(tree.list("/repo/debian".into()).unwrap(), ["/repo/debian/a.hcl"]);
        assert_eq!(tree.read("/repo/debian/a.hcl".into(), 9).unwrap(), b"a");
        assert_eq!(tree.kind("/repo/debian".into()), Some(Kind::Folder));
        assert!(tree.is_link("/repo/debian".into()));
        assert!(!tree.is_link("/repo/debian/a.hcl".into()));
        assert_eq!(tree.kind("/repo/loop".into()), None);
    }
}
