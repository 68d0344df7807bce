//! The file system as a [`SourceTree`].

use std::io::{self, Read as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::template::{Kind, SourceTree};

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
