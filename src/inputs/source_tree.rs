//! The file system as a [`SourceTree`].

use std::collections::BTreeSet;
use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::walk::walk;
use crate::template::{Kind, SourceTree};

/// Most names of a checkout that are remembered.
const MAX_NAMES: usize = 200_000;

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileSystem;

impl SourceTree for FileSystem {
    fn kind(&self, path: &Utf8Path) -> Option<Kind> {
        let metadata = path.metadata().ok()?;
        Some(match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Folder,
            _ => Kind::Other,
        })
    }

    fn is_link(&self, path: &Utf8Path) -> bool {
        path.is_symlink()
    }

    fn read(&self, path: &Utf8Path, most: usize) -> io::Result<Vec<u8>> {
        // To open a pipe would wait for somebody to write into it.
        if self.kind(path) == Some(Kind::Other) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        fs_err::File::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs_err::read_dir(folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                paths.push(folder.join(name));
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// The files of a checkout: those of this machine, but in the folders of the checkout only what git
/// would not ignore.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: Utf8PathBuf,
    names: BTreeSet<Utf8PathBuf>,
}

impl Checkout {
    /// Looks at all names in `root`, which is absolute. What cannot be looked at is left out.
    pub fn of(root: &Utf8Path) -> Self {
        let entries = walk(root, |_| true).take(MAX_NAMES);
        let names = entries.filter_map(|entry| Some(entry.ok()?.0)).collect();
        Self { root: root.to_owned(), names }
    }
}

impl SourceTree for Checkout {
    fn kind(&self, path: &Utf8Path) -> Option<Kind> {
        FileSystem.kind(path)
    }

    fn is_link(&self, path: &Utf8Path) -> bool {
        FileSystem.is_link(path)
    }

    fn read(&self, path: &Utf8Path, most: usize) -> io::Result<Vec<u8>> {
        FileSystem.read(path, most)
    }

    fn list(&self, folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
        let mut paths = FileSystem.list(folder)?;
        if folder.starts_with(&self.root) {
            paths.retain(|path| self.names.contains(path));
        }
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_has_what_git_would_not_ignore() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir_all(root.join("packer/output")).unwrap();
        fs_err::create_dir(root.join(".git")).unwrap();
        for name in [".gitignore", "packer/a.pkr.hcl", "packer/b.log", "packer/output/disk"] {
            fs_err::write(root.join(name), "output/\n*.log\n").unwrap();
        }
        let tree = Checkout::of(root);
        assert_eq!(tree.list(&root.join("packer")).unwrap(), [root.join("packer/a.pkr.hcl")]);
        assert_eq!(tree.list(root).unwrap(), [root.join(".gitignore"), root.join("packer")]);
        assert_eq!(tree.read(&root.join("packer/b.log"), 3).unwrap(), b"out");
        assert_eq!(tree.kind(&root.join("packer/output")), Some(Kind::Folder));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = Utf8Path::from_path(folder.path()).unwrap().join("a.pkr.hcl");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(FileSystem.kind(&pipe), Some(Kind::Other));
        assert!(FileSystem.read(&pipe, 1).is_err());
    }
}
