//! Where the output of children is kept: a file of bounded size while it grows, compressed when it
//! is over.
//!
//! ```text
//! debian-12.log                       the beginning: up to half of the limit
//! debian-12.log.tail-134217728-90210  the end, in two pieces at most; each bears how many bytes
//! debian-12.log.tail-201326592-99412  and lines were said before it
//! debian-12.log.zst                   all of these, when it is over
//! ```
//!
//! Everything that closing takes stands in the names of the files, so that what a killed run has left
//! is closed in the same way.

use std::io::{self, BufRead as _, BufReader, Write};
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::{File, OpenOptions};

/// The limit, where nobody has set one: 256 MiB.
const LIMIT: u64 = 256 << 20;
/// What is between the name of a log and where a piece of its end begins.
const TAIL: &str = ".tail-";
/// What a compressed log is called in addition.
const COMPRESSED: &str = ".zst";
/// What it is called in addition while it comes into being.
const GROWING: &str = ".part";
/// How hard compression tries: zstd's own default.
const LEVEL: i32 = 3;

/// A log that children append to, one after another or side by side. Clones share it.
#[derive(Debug, Clone)]
pub struct Log(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: Utf8PathBuf,
    limit: u64,
    open: Mutex<Option<Open>>,
}

impl Log {
    /// The log at `path`, of which `limit` bytes are kept at most: the beginning and the end. What
    /// lies there already stays, and is gone on with.
    pub fn new(path: impl Into<Utf8PathBuf>, limit: u64) -> Self {
        Self(Arc::new(Shared { path: path.into(), limit, open: Mutex::default() }))
    }

    /// Where it begins.
    pub fn path(&self) -> &Utf8Path {
        &self.0.path
    }

    /// Where all of it is once it is closed, if it can be.
    pub fn when_closed(&self) -> Utf8PathBuf {
        format!("{}{COMPRESSED}", self.0.path).into()
    }

    /// Makes sure that it can be written to.
    pub(super) fn open(&self) -> io::Result<()> {
        self.with(|_| Ok(()))
    }

    /// Adds a line that no child has said.
    pub fn note(&self, line: &str) -> io::Result<()> {
        self.push(format!("{line}\n").as_bytes())
    }

    /// Adds `bytes`.
    pub(super) fn push(&self, bytes: &[u8]) -> io::Result<()> {
        self.with(|open| open.push(bytes))
    }

    fn with(&self, act: impl FnOnce(&mut Open) -> io::Result<()>) -> io::Result<()> {
        // Whoever panicked while writing has left a log that is short of something, no more.
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(Open::new(&self.0.path, self.0.limit)?);
        }
        open.as_mut().map_or(Ok(()), act)
    }
}

impl From<Utf8PathBuf> for Log {
    fn from(path: Utf8PathBuf) -> Self {
        Self::new(path, LIMIT)
    }
}

impl From<&Utf8PathBuf> for Log {
    fn from(path: &Utf8PathBuf) -> Self {
        path.clone().into()
    }
}

impl From<&Log> for Log {
    fn from(log: &Log) -> Self {
        log.clone()
    }
}

/// A log that is being written to.
#[derive(Debug)]
struct Open {
    path: Utf8PathBuf,
    limit: u64,
    head: File,
    /// Bytes in `head`.
    begun: u64,
    /// All that was said.
    said: Count,
    /// The files that the end is in, oldest first.
    pieces: Vec<Piece>,
    /// The last of them, and how many bytes it has.
    last: Option<(File, u64)>,
}

impl Open {
    fn new(path: &Utf8Path, limit: u64) -> io::Result<Self> {
        let head = OpenOptions::new().create(true).append(true).open(path)?;
        let begun = head.metadata()?.len();
        let pieces = pieces(path)?;
        let mut said = Count::default();
        if begun > 0 {
            let (before, at) = match pieces.last() {
                Some(piece) => (piece.before, piece.path.as_path()),
                None => (Count::default(), path),
            };
            said = before;
            said.copy(File::open(at)?, &mut io::sink())?;
        }
        Ok(Self { path: path.to_owned(), limit, head, begun, said, pieces, last: None })
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room =
            if self.pieces.is_empty() { (self.limit / 2).saturating_sub(self.begun) } else { 0 };
        let (begin, mut rest) = split(bytes, room);
        if !begin.is_empty() {
            self.head.write_all(begin)?;
            self.begun += begin.len() as u64;
            self.said.add(begin);
        }
        let whole = (self.limit / 4).max(1);
        while !rest.is_empty() {
            let (file, length) = match &mut self.last {
                Some(last) if last.1 < whole => last,
                last => {
                    // The older one goes first: there are never more than two.
                    if self.pieces.len() > 1 {
                        fs_err::remove_file(self.pieces.remove(0).path)?;
                    }
                    let piece = Piece::new(&self.path, self.said);
                    let file = File::create(&piece.path)?;
                    self.pieces.push(piece);
                    last.insert((file, 0))
                }
            };
            let (next, after) = split(rest, whole - *length);
            file.write_all(next)?;
            *length += next.len() as u64;
            self.said.add(next);
            rest = after;
        }
        Ok(())
    }
}

fn split(bytes: &[u8], at: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len()))
}

/// How much was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Count {
    bytes: u64,
    /// Line feeds.
    lines: u64,
}

impl Count {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.lines += bytes.split(|byte| *byte == b'\n').count() as u64 - 1;
    }

    /// Copies all of `from`, and counts it. Whether it ends within a line.
    fn copy(&mut self, from: File, to: &mut impl Write) -> io::Result<bool> {
        let mut from = BufReader::with_capacity(64 * 1024, from);
        let mut within = false;
        loop {
            let bytes = from.fill_buf()?;
            let Some(last) = bytes.last() else {
                return Ok(within);
            };
            within = *last != b'\n';
            to.write_all(bytes)?;
            self.add(bytes);
            let length = bytes.len();
            from.consume(length);
        }
    }
}

/// A file with a part of the end of a log.
#[derive(Debug)]
struct Piece {
    path: Utf8PathBuf,
    /// What was said before it.
    before: Count,
}

impl Piece {
    fn new(log: &Utf8Path, before: Count) -> Self {
        Self { path: format!("{log}{TAIL}{}-{}", before.bytes, before.lines).into(), before }
    }

    /// The piece at `path`, if it is one of `log`.
    fn of(log: &Utf8Path, path: Utf8PathBuf) -> Option<Self> {
        let (bytes, lines) =
            path.as_str().strip_prefix(log.as_str())?.strip_prefix(TAIL)?.split_once('-')?;
        let before = Count { bytes: bytes.parse().ok()?, lines: lines.parse().ok()? };
        Some(Self { path, before })
    }
}

/// The pieces of `log`, oldest first.
fn pieces(log: &Utf8Path) -> io::Result<Vec<Piece>> {
    let folder = log.parent().filter(|folder| !folder.as_str().is_empty());
    let mut pieces = Vec::new();
    for entry in folder.unwrap_or(".".into()).read_dir_utf8()? {
        // A name that is not UTF-8 is none of ours.
        pieces.extend(entry.ok().and_then(|entry| Piece::of(log, entry.into_path())));
    }
    pieces.sort_by_key(|piece| piece.before);
    Ok(pieces)
}

/// Closes the log that begins at `path`: nobody writes to it any more. It is compressed as a whole,
/// with a line about what was left out; the uncompressed files go. Says where it is now. Blocks.
///
/// Whatever happens meanwhile, what was there can still be read, and it can be tried again.
pub fn close_log(path: &Utf8Path) -> io::Result<Utf8PathBuf> {
    let pieces = pieces(path)?;
    let compressed = Utf8PathBuf::from(format!("{path}{COMPRESSED}"));
    let growing = Utf8PathBuf::from(format!("{compressed}{GROWING}"));
    let write = || {
        let mut to = zstd::Encoder::new(File::create(&growing)?, LEVEL)?;
        to.include_checksum(true)?;
        let mut count = Count::default();
        let mut within = count.copy(File::open(path)?, &mut to)?;
        for piece in &pieces {
            if piece.before.bytes > count.bytes {
                to.write_all(left_out(count, piece.before, within).as_bytes())?;
            }
            count = piece.before;
            within = count.copy(File::open(&piece.path)?, &mut to)?;
        }
        to.finish()?.sync_all()
    };
    write().inspect_err(|_| {
        let _ = fs_err::remove_file(&growing);
    })?;
    fs_err::rename(&growing, &compressed)?;
    // The beginning goes first: as long as it is there, so is the rest.
    fs_err::remove_file(path)?;
    for piece in pieces {
        fs_err::remove_file(piece.path)?;
    }
    Ok(compressed)
}

/// A line about what was said between `from` and `to`. It stands alone, also where the text before it
/// ends `within` a line.
fn left_out(from: Count, to: Count, within: bool) -> String {
    format!(
        "{}[goldsmith: {} bytes with {} line ends are left out here: the log is longer than `max_log`]\n",
        if within { "\n" } else { "" },
        to.bytes - from.bytes,
        to.lines.saturating_sub(from.lines),
    )
}

/// Closes all logs in `folder` that a dead run has left there. Blocks. One that cannot be closed stays
/// as it is, and keeps none of the others.
pub fn close_logs(folder: &Utf8Path) -> io::Result<()> {
    let mut paths = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            paths.push(entry.into_path());
        }
    }
    let mut all = Ok(());
    for log in paths.iter().filter(|path| path.extension() == Some("log")) {
        all = all.and(close_log(log).map(drop));
    }
    // What closing was about to remove when it was killed.
    for path in &paths {
        let log = path.as_str().rsplit_once(TAIL).map(|(log, _)| Utf8Path::new(log));
        let compressed = |log: &Utf8Path| Utf8PathBuf::from(format!("{log}{COMPRESSED}")).exists();
        let is_closed = log.is_some_and(|log| {
            Piece::of(log, path.clone()).is_some() && !log.exists() && compressed(log)
        });
        if is_closed && path.exists() {
            all = all.and(fs_err::remove_file(path));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let log = Utf8PathBuf::try_from(folder.path().join("debian-12.log")).unwrap();
        (folder, log)
    }

    fn names(log: &Utf8Path) -> Vec<String> {
        let entries = log.parent().unwrap().read_dir_utf8().unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    fn read(compressed: &Utf8Path) -> Vec<u8> {
        zstd::decode_all(File::open(compressed).unwrap()).unwrap()
    }

    /// Lines of ten bytes each.
    fn lines(numbers: std::ops::Range<u32>) -> String {
        let lines: Vec<String> = numbers.map(|number| format!("line {number:04}\n")).collect();
        lines.concat()
    }

    #[test]
    fn of_a_long_log_the_beginning_and_the_end_are_kept_and_the_rest_is_counted() {
        let (_folder, path) = folder();
        let log = Log::new(&path, 400);
        for number in 0..100 {
            log.push(lines(number..number + 1).as_bytes()).unwrap();
        }
        let on_disk: u64 =
            names(&path).iter().map(|n| path.with_file_name(n).metadata().unwrap().len()).sum();
        assert!(on_disk <= 400, "{on_disk}");
        assert_eq!(
            names(&path),
            ["debian-12.log", "debian-12.log.tail-800-80", "debian-12.log.tail-900-90"]
        );
        let compressed = close_log(&path).unwrap();
        assert_eq!(names(&path), ["debian-12.log.zst"]);
        let said = lines(0..20)
            + "[goldsmith: 600 bytes with 60 line ends are left out here: the log is longer than `max_log`]\n"
            + &lines(80..100);
        assert_eq!(String::from_utf8(read(&compressed)).unwrap(), said);
    }

    #[test]
    fn what_a_killed_run_has_left_is_gone_on_with_or_closed_wherever_it_was_killed() {
        let (_folder, path) = folder();
        Log::new(&path, 40).push(lines(0..5).as_bytes()).unwrap();
        let log = Log::new(&path, 40);
        log.push(lines(5..7).as_bytes()).unwrap();
        log.push(b"rest").unwrap();
        let beside = path.with_file_name("other.log");
        fs_err::write(&beside, "other").unwrap();
        let pieces: Vec<_> = names(&path).into_iter().filter(|n| n.contains(TAIL)).collect();
        let pieces: Vec<_> =
            pieces.iter().map(|n| (n, fs_err::read(path.with_file_name(n)).unwrap())).collect();
        let folder = path.parent().unwrap();

        close_logs(folder).unwrap();
        let all = ["debian-12.log.zst", "other.log.zst"];
        assert_eq!(names(&path), all);
        let compressed = Utf8PathBuf::from(format!("{path}.zst"));
        let said = String::from_utf8(read(&compressed)).unwrap();
        insta::assert_snapshot!(said, @"
        line 0000
        line 0001
        [goldsmith: 40 bytes with 4 line ends are left out here: the log is longer than `max_log`]
        line 0006
        rest
        ");

        // Killed after the beginning had gone, or while the first file came into being.
        for (name, bytes) in &pieces {
            fs_err::write(path.with_file_name(name), bytes).unwrap();
        }
        close_logs(folder).unwrap();
        assert_eq!(names(&path), all);
        assert_eq!(String::from_utf8(read(&compressed)).unwrap(), said);
    }

    #[test]
    fn a_log_that_cannot_be_closed_stays_as_it_is() {
        let (_folder, path) = folder();
        Log::from(path.clone()).push(b"said").unwrap();
        fs_err::create_dir(format!("{path}.zst")).unwrap();
        close_log(&path).unwrap_err();
        assert_eq!(fs_err::read(&path).unwrap(), b"said");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_byte_is_lost_uncounted_and_the_limit_holds(
            chunks in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..40), 0..20),
            limit in 8u64..600,
        ) {
            let (_folder, path) = folder();
            let log = Log::new(&path, limit);
            log.open().unwrap();
            for chunk in &chunks {
                log.push(chunk).unwrap();
                let sizes = names(&path).into_iter().map(|n| path.with_file_name(n).metadata().unwrap().len());
                prop_assert!(sizes.sum::<u64>() <= limit);
            }
            let all = chunks.concat();
            let kept = read(&close_log(&path).unwrap());
            let begin = usize::try_from(limit / 2).unwrap().min(all.len());
            prop_assert_eq!(&kept[..begin], &all[..begin]);
            let mark = b"[goldsmith: ";
            let at = kept[begin..].windows(mark.len()).position(|window| window == mark);
            let Some(at) = at else {
                prop_assert_eq!(kept, all);
                return Ok(());
            };
            let told = &kept[begin + at..];
            let end = told.iter().position(|byte| *byte == b'\n').unwrap();
            let numbers: Vec<usize> = String::from_utf8_lossy(&told[..end])
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            let kept = &told[end + 1..];
            prop_assert_eq!(kept, &all[all.len() - kept.len()..]);
            let out = &all[begin..all.len() - kept.len()];
            let feeds = out.split(|byte| *byte == b'\n').count() - 1;
            prop_assert_eq!(numbers, [out.len(), feeds]);
        }
    }
}
