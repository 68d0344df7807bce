//! Looks at thousands of files of a registry that lies in a folder of this machine, by the shortest
//! way: one blocking call for all of them, where the object store would make a task of each.

use std::io::{self, Read as _};
use std::ops::RangeInclusive;

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{End, Shard, format, layout};
use crate::model::ImageName;
use crate::side_by_side::side_by_side;

/// With fewer looks than this, a thread costs more than it saves.
const ENDS_A_THREAD: usize = 500;

/// The contents of `shards`. Blocks.
pub(super) fn shards(root: &Utf8Path, shards: &[Shard]) -> Vec<Option<Vec<u8>>> {
    shards.iter().map(|shard| read(&root.join(layout::shard(*shard))).ok()).collect()
}

/// The contents of the entries `seqs` of the log of `image`, up to the first that is not there or
/// cannot be read: a stray file with a large number must not make us look for all before it. Blocks.
///
/// [`io::ErrorKind::FileTooLarge`] if one is larger than any entry.
pub(super) fn entries(
    root: &Utf8Path,
    image: &ImageName,
    seqs: RangeInclusive<u64>,
) -> Vec<io::Result<Option<Vec<u8>>>> {
    let read = |seq| match read(&root.join(layout::entry(image, seq))) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A folder is no entry, whatever its name is.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(error) => Err(error),
    };
    let mut entries = Vec::new();
    for content in seqs.map(read) {
        let is_last = !matches!(content, Ok(Some(_)));
        entries.push(content);
        if is_last {
            break;
        }
    }
    entries
}

fn read(path: &Utf8Path) -> io::Result<Vec<u8>> {
    let file = fs_err::File::open(path)?.into_file();
    let size = file.metadata()?.len();
    if size > format::MAX_FILE {
        let why = format!("it has {size} bytes, at most {} are read", format::MAX_FILE);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    let mut content = Vec::with_capacity(size.try_into().unwrap_or_default());
    file.take(format::MAX_FILE).read_to_end(&mut content)?;
    Ok(content)
}

/// For each of `ends` the size of its entry, if that is the last. Blocks.
pub(super) fn sizes_of_last(root: &Utf8Path, ends: &[End]) -> Vec<Option<u64>> {
    // Every look starts in the folder, and not at the root of the machine.
    let root = rustix::fs::openat(
        CWD,
        root.as_std_path(),
        OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let Ok(root) = root else { return vec![None; ends.len()] };
    let stat = |path: String| rustix::fs::statat(&root, path, AtFlags::empty());
    let size = |end: &End| {
        let End { image, seq } = end;
        if *seq == 0 {
            let log = stat(layout::log_folder(image));
            return (log.err() == Some(Errno::NOENT)).then_some(0);
        }
        let last = stat(layout::entry(image, *seq)).ok()?;
        let is_file = FileType::from_raw_mode(last.st_mode) == FileType::RegularFile;
        let next = stat(layout::entry(image, seq.checked_add(1)?));
        (is_file && next.err() == Some(Errno::NOENT)).then(|| last.st_size.try_into().ok())?
    };
    side_by_side(ends, ENDS_A_THREAD, |ends| ends.iter().map(size).collect::<Vec<_>>()).concat()
}
