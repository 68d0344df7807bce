//! The files of a root file system in a folder of this machine. Its links are never followed: they
//! were made for another root.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use rustix::fs::{CWD, Mode, OFlags, openat, statfs};

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
                    Kind::Folder if metadata.dev() == device || is_kept(&entry) => {
                        walk(&entry, metadata.dev(), path, depth + 1, visitor)?;
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

/// File systems that keep nothing, by their magic numbers (statfs(2), linux/magic.h): those of the
/// kernel, and in memory.
const UNKEPT: &[u64] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x0102_1994, // tmpfs, devtmpfs
    0x1cd1,      // devpts
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x1980_0202, // mqueue
    0x9584_58f6, // hugetlbfs
    0x6265_6570, // configfs
    0x6573_5543, // fusectl
    0x4249_4e4d, // binfmt_misc
    0x0187,      // autofs
    0x6759_6969, // rpc_pipefs
    0xf97c_ff8c, // selinuxfs
];

/// Whether another file system is part of the root that it is mounted in: a partition of its own for
/// `/var` is, and so is a subvolume; `/proc` of a root that is in use is not.
fn is_kept(folder: &Path) -> bool {
    // As it is written in the header: numbers of 32 bits, some of which are negative to the kernel.
    #[expect(clippy::cast_sign_loss, reason = "a magic number")]
    statfs(folder).is_ok_and(|found| !UNKEPT.contains(&(found.f_type as u64 & 0xffff_ffff)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_makes_up_is_no_part_of_a_root() {
        assert!(!is_kept(Path::new("/proc")));
        assert!(is_kept(Path::new(env!("CARGO_MANIFEST_DIR"))));
    }
}
