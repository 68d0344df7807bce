//! The files of a root file system in a folder of this machine. Its links are never followed: they
//! were made for another root.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{Kind, Met, Source, Visitor};

/// Folders within folders.
const DEPTH: usize = 256;

/// A root file system in a folder.
pub(in crate::evidence) struct Folder<'p>(pub(in crate::evidence) &'p Utf8Path);

impl Source for Folder<'_> {
    fn pass(&mut self, visitor: &mut dyn Visitor) -> io::Result<()> {
        let mut path = Vec::new();
        let device = fs_err::metadata(self.0)?.dev();
        walk(self.0.as_std_path(), device, &mut path, 0, visitor)
    }
}

fn walk(
    folder: &Path,
    device: u64,
    path: &mut Vec<u8>,
    depth: usize,
    visitor: &mut dyn Visitor,
) -> io::Result<()> {
    let entries = fs_err::read_dir(folder).and_then(|entries| {
        let mut entries = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<PathBuf>, _>>()?;
        entries.sort();
        Ok(entries)
    });
    let entries = match entries {
        Ok(entries) if depth < DEPTH => entries,
        Ok(_) => {
            visitor.miss(format!("`{}` lies too deep", super::printable(path)), "unpack less");
            return Ok(());
        }
        Err(error) => {
            miss(visitor, &error);
            return Ok(());
        }
    };
    for entry in entries {
        let length = path.len();
        path.push(b'/');
        path.extend(entry.file_name().unwrap_or_default().as_bytes());
        match fs_err::symlink_metadata(&entry) {
            Ok(metadata) => {
                let kind = metadata.file_type();
                let kind = if kind.is_dir() {
                    Kind::Folder
                } else if kind.is_file() {
                    Kind::Regular
                } else if kind.is_symlink() {
                    Kind::Link
                } else {
                    Kind::Other
                };
                let size = if kind == Kind::Folder { 0 } else { metadata.len() };
                let mode = metadata.mode() & 0o7777;
                let met = Met { path, kind, mode, size };
                let wanted = visitor.meet(&met)?;
                match kind {
                    Kind::Link if wanted => match fs_err::read_link(&entry) {
                        Ok(target) => visitor.take(&met, &mut target.as_os_str().as_bytes())?,
                        Err(error) => miss(visitor, &error),
                    },
                    Kind::Regular if wanted => match open(&entry) {
                        Ok(mut file) => visitor.take(&met, &mut file)?,
                        Err(error) => miss(visitor, &error),
                    },
                    // `/proc` of a root that is in use is no part of it.
                    Kind::Folder if metadata.dev() == device => {
                        walk(&entry, device, path, depth + 1, visitor)?;
                    }
                    _ => {}
                }
            }
            Err(error) => miss(visitor, &error),
        }
        path.truncate(length);
    }
    Ok(())
}

fn miss(visitor: &mut dyn Visitor, error: &io::Error) {
    visitor.miss(error.to_string(), "let goldsmith read all of the folder, for example as root");
}

/// Opens a file that has just been seen to be regular: if it is a link by now, that fails.
fn open(path: &Path) -> io::Result<std::fs::File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty()).map_err(io::Error::from);
    file.map(std::fs::File::from).map_err(|error| {
        io::Error::new(error.kind(), format!("failed to open file `{}`: {error}", path.display()))
    })
}
