//! Digests of files, kept from one plan to the next.
//!
//! A file whose size, inode and times are what they were has the content that it had, as git
//! reckons too. A file that changed only just before it was read is not kept: the clock of the file
//! system may stand still while its content changes again. What is kept is a cache: without it, or
//! where it cannot be read, everything is read.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::model::Digest;
use crate::process::Cancellation;

/// The format of the kept file. Another one is not looked at.
const FORMAT: u32 = 1;

/// How long a file must have been left alone before its digest is kept.
const SETTLED: SignedDuration = SignedDuration::from_secs(2);

/// How many days a digest is kept that nobody asks for.
const DAYS: u32 = 30;

/// How many digests are kept for one repository.
const FILES: usize = 100_000;

/// More bytes than that many digests take.
const MAX_BYTES: u64 = 64 << 20;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// The digests of files, as far as they are known.
pub struct FileDigests {
    clock: Clock,
    cancellation: Cancellation,
    /// Where they are kept, if anywhere.
    kept: Option<Utf8PathBuf>,
    known: HashMap<Utf8PathBuf, Known>,
    changed: bool,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Known {
    state: State,
    digest: Digest,
    /// The day on which somebody asked last, since the epoch.
    used: i64,
}

/// What cannot stay the same when a file gets another content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    size: u64,
    inode: u64,
    /// Seconds since the epoch, and nanoseconds of the second.
    modified: (i64, i64),
    /// Like `modified`, but nobody can set it.
    changed: (i64, i64),
}

impl State {
    fn of(file: &Metadata) -> Self {
        Self {
            size: file.size(),
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether nobody has touched the file in the last moments before `now`.
    fn is_settled(&self, now: Timestamp) -> bool {
        let (seconds, nanoseconds) = self.modified.max(self.changed);
        let touched = Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or_default());
        touched.is_ok_and(|touched| now.duration_since(touched) >= SETTLED)
    }
}

/// The kept file.
#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    files: HashMap<Utf8PathBuf, Known>,
}

impl FileDigests {
    /// Digests that are kept for this plan only. `clock` is that of the machine. Reading stops as
    /// soon as somebody wishes to stop.
    pub fn new(clock: Clock, cancellation: Cancellation) -> Self {
        Self { clock, cancellation, kept: None, known: HashMap::new(), changed: false }
    }

    /// Digests that are kept in a file below `cache`, one for each `repository`. Blocks.
    pub fn kept(
        cache: &Utf8Path,
        repository: &Utf8Path,
        clock: Clock,
        cancellation: Cancellation,
    ) -> Self {
        let name = Digest::of(repository.as_str().as_bytes()).hex();
        let path = cache.join("digests").join(format!("{}.json", &name[..32]));
        let known = read(&path).unwrap_or_default();
        Self { kept: Some(path), known, ..Self::new(clock, cancellation) }
    }

    /// The folder that they are kept in.
    pub fn folder(&self) -> Option<&Utf8Path> {
        self.kept.as_deref().and_then(Utf8Path::parent)
    }

    /// The digest of the content of the file at `path`, which is absolute. Blocks.
    pub fn digest(&mut self, path: &Utf8Path) -> io::Result<Digest> {
        let now = self.clock.now();
        let today = day(now);
        let state = State::of(&fs_err::metadata(path)?);
        if let Some(known) = self.known.get_mut(path)
            && known.state == state
        {
            if known.used != today {
                known.used = today;
                self.changed = true;
            }
            return Ok(known.digest);
        }
        let file = fs_err::File::open(path)?;
        let before = State::of(&file.metadata()?);
        let (digest, _) = Digest::of_reader(self.cancellation.guard(&file))?;
        let after = State::of(&file.metadata()?);
        if before == after && before.is_settled(now) {
            let known = Known { state: before, digest, used: today };
            self.known.insert(path.to_owned(), known);
            self.changed = true;
        } else {
            self.changed |= self.known.remove(path).is_some();
        }
        Ok(digest)
    }

    /// Keeps what is new. That this fails only costs time, the next time. Blocks.
    pub fn keep(mut self) {
        if let Some(path) = self.kept.take()
            && self.changed
        {
            let _ = self.write(&path);
        }
    }

    fn write(mut self, path: &Utf8Path) -> io::Result<()> {
        let first = day(self.clock.now()) - i64::from(DAYS);
        self.known.retain(|_, known| known.used >= first);
        if self.known.len() > FILES {
            let mut files: Vec<_> = self.known.into_iter().collect();
            files.sort_by_key(|(_, known)| std::cmp::Reverse(known.used));
            files.truncate(FILES);
            self.known = files.into_iter().collect();
        }
        let kept = serde_json::to_vec(&Kept { format: FORMAT, files: self.known })?;
        let folder = path.parent().unwrap_or(path);
        fs_err::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&kept)?;
        file.persist(path)?;
        forget_others(path, self.clock.now())
    }
}

fn read(path: &Utf8Path) -> Option<HashMap<Utf8PathBuf, Known>> {
    let file = fs_err::File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    if size > MAX_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, MAX_BYTES), &mut bytes).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    (kept.format == FORMAT).then_some(kept.files)
}

/// Days since the epoch.
fn day(now: Timestamp) -> i64 {
    now.as_second() / DAY
}

/// Deletes the files beside `kept` of repositories that nobody has planned for in a long time.
fn forget_others(kept: &Utf8Path, now: Timestamp) -> io::Result<()> {
    for other in kept.parent().unwrap_or(kept).read_dir_utf8()? {
        let other = other?;
        let age = now.as_second() - other.metadata()?.mtime();
        if other.path() != kept && age > DAY * i64::from(DAYS) {
            fs_err::remove_file(other.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file in it, and a cache.
    struct Desk(tempfile::TempDir);

    impl Desk {
        fn new() -> Self {
            let desk = Self(tempfile::tempdir().unwrap());
            fs_err::write(desk.file(), "content").unwrap();
            desk
        }

        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        fn file(&self) -> Utf8PathBuf {
            self.path().join("file")
        }

        /// The file that the digests are kept in.
        fn kept(&self) -> Utf8PathBuf {
            let name = &Digest::of(b"/repository").hex()[..32];
            self.path().join("cache/digests").join(format!("{name}.json"))
        }

        /// The digest of the file, as told so long after it was last touched.
        fn told(&self, age: SignedDuration) -> Digest {
            let touched = State::of(&fs_err::metadata(self.file()).unwrap()).changed;
            let now = Timestamp::new(touched.0, i32::try_from(touched.1).unwrap()).unwrap() + age;
            let (cache, clock) = (self.path().join("cache"), Clock::starting_at(now));
            let repository = "/repository".into();
            let mut digests = FileDigests::kept(&cache, repository, clock, Cancellation::new());
            let digest = digests.digest(&self.file()).unwrap();
            digests.keep();
            digest
        }

        /// Puts the digest of other content where that of the file is kept: whoever is told it has
        /// not read the file.
        fn swap(&self) {
            let kept = fs_err::read_to_string(self.kept()).unwrap();
            let swapped = kept.replace(&right().to_string(), &swapped().to_string());
            assert_ne!(kept, swapped);
            fs_err::write(self.kept(), swapped).unwrap();
        }
    }

    fn right() -> Digest {
        Digest::of(b"content")
    }

    fn swapped() -> Digest {
        Digest::of(b"what nobody wrote")
    }

    const LATER: SignedDuration = SignedDuration::from_hours(1);

    #[test]
    fn a_file_is_read_again_when_anything_about_it_has_changed_and_only_then() {
        type Change = (&'static str, bool, fn(&Desk));
        let changes: [Change; 6] = [
            ("nothing", false, |_| {}),
            ("what else is in the folder", false, |desk| {
                fs_err::write(desk.path().join("other"), "x").unwrap();
            }),
            ("its size", true, |desk| fs_err::write(desk.file(), "more content").unwrap()),
            ("its content, and its time was set back", true, |desk| {
                let before = fs_err::metadata(desk.file()).unwrap().modified().unwrap();
                fs_err::write(desk.file(), "CONTENT").unwrap();
                let file = fs_err::File::options().write(true).open(desk.file()).unwrap();
                file.into_file().set_modified(before).unwrap();
            }),
            ("its time", true, |desk| {
                let file = fs_err::File::options().write(true).open(desk.file()).unwrap();
                file.into_file().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            }),
            ("another file is in its place", true, |desk| {
                let before = fs_err::metadata(desk.file()).unwrap().modified().unwrap();
                let other = desk.path().join("other");
                fs_err::write(&other, "CONTENT").unwrap();
                let file = fs_err::File::options().write(true).open(&other).unwrap();
                file.into_file().set_modified(before).unwrap();
                fs_err::rename(other, desk.file()).unwrap();
            }),
        ];
        for (what, read, change) in changes {
            let desk = Desk::new();
            assert_eq!(desk.told(LATER), right());
            desk.swap();
            change(&desk);
            let content = fs_err::read(desk.file()).unwrap();
            let expected = if read { Digest::of(&content) } else { swapped() };
            assert_eq!(desk.told(LATER), expected, "{what}");
            assert_eq!(desk.told(LATER), expected, "{what}: kept");
        }
    }

    #[test]
    fn a_file_that_was_touched_just_before_is_not_kept() {
        let desk = Desk::new();
        for age in [-3600, 0, 1] {
            assert_eq!(desk.told(SignedDuration::from_secs(age)), right());
            assert!(!desk.kept().exists(), "{age}");
        }
        assert_eq!(desk.told(SETTLED), right());
        desk.swap();
        assert_eq!(desk.told(SETTLED), swapped());
    }

    #[test]
    fn what_cannot_be_read_is_forgotten() {
        let desk = Desk::new();
        desk.told(LATER);
        desk.swap();
        let kept = fs_err::read_to_string(desk.kept()).unwrap();
        let foreign = kept.replace("\"format\":1", "\"format\":2");
        for wrong in [&kept[..kept.len() / 2], "", "[]", "\0", &foreign] {
            fs_err::write(desk.kept(), wrong).unwrap();
            assert_eq!(desk.told(LATER), right());
        }
        fs_err::remove_file(desk.kept()).unwrap();
        fs_err::create_dir(desk.kept()).unwrap();
        assert_eq!(desk.told(LATER), right(), "it cannot be kept either");
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept_for_ever() {
        let desk = Desk::new();
        desk.told(LATER);
        let gone = desk.path().join("gone");
        let kept = fs_err::read_to_string(desk.kept()).unwrap();
        let entry = kept.split_once(":{\"").unwrap().1.strip_suffix("}}").unwrap();
        let (_, known) = entry.split_once(':').unwrap();
        let both = kept.replace(entry, &format!("{entry},\"{gone}\":{known}"));
        fs_err::write(desk.kept(), both).unwrap();
        let has = |path: &Utf8Path| read(&desk.kept()).unwrap().contains_key(path);
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        for (age, is_kept) in [(days(15), true), (days(32), false), (days(60), false)] {
            assert_eq!(desk.told(age), right());
            assert!(has(&desk.file()));
            assert_eq!(has(&gone), is_kept);
        }
    }

    #[test]
    fn repositories_that_nobody_plans_for_are_forgotten() {
        let desk = Desk::new();
        desk.told(LATER);
        let other = desk.kept().with_file_name("other.json");
        fs_err::write(&other, "").unwrap();
        let file = fs_err::File::options().write(true).open(&other).unwrap();
        file.into_file().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        desk.told(SignedDuration::from_hours(48));
        assert!(desk.kept().exists() && !other.exists());
    }
}
