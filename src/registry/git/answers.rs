//! What was learned of a branch, for the processes that ask the same a moment later: where the server
//! says that it is, and files of its newest commit. A consumer that asks for twenty images in twenty
//! processes asks the server once, and git for what differs.

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};

use super::cache::{Cache, Lock};
use super::tree::ObjectId;
use crate::model::Digest;

/// What the server said, and when it was asked.
pub(super) struct Answer {
    /// How long ago.
    pub(super) age: Duration,
    /// The newest commit; none if there was no branch.
    pub(super) tip: Option<ObjectId>,
}

/// The file with nanoseconds since 1970, a space, and the commit.
const ASKED: &str = "asked";

/// The folder of files that were read, each with the commit in its first line.
const FILES: &str = "files";

/// Writes a file as a whole, whoever else does.
fn write(path: &Utf8Path, parts: [&[u8]; 2]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.persist(path)?;
    Ok(())
}

impl Cache {
    /// Remembers what a server said that was asked at `asked`.
    pub(super) fn remember(&self, _: &Lock, asked: SystemTime, tip: Option<&ObjectId>) {
        let Ok(at) = asked.duration_since(SystemTime::UNIX_EPOCH) else { return };
        let at = format!("{} ", at.as_nanos());
        let tip = tip.map_or("", ObjectId::as_str);
        // Whoever comes next asks the server, then.
        let _ = write(&self.repository().join(ASKED), [at.as_bytes(), tip.as_bytes()]);
    }

    /// What a server said that was asked less than `fresh` ago, by whatever process.
    pub(super) fn answer(&self, fresh: Duration) -> Option<Answer> {
        let content = fs_err::read_to_string(self.repository().join(ASKED)).ok()?;
        let (at, tip) = content.split_once(' ')?;
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(at.parse().ok()?))?;
        // One from the future is of a clock that was put back.
        let age = SystemTime::now().duration_since(at).ok().filter(|age| *age < fresh)?;
        let tip = if tip.is_empty() { None } else { Some(ObjectId::parse(tip)?) };
        Some(Answer { age, tip })
    }

    fn file(&self, path: &str) -> Utf8PathBuf {
        let name = Digest::of(path.as_bytes()).hex();
        self.repository().join(FILES).join(&name[..32])
    }

    /// Remembers the content of the file at `path` in commit `tip`.
    pub(super) fn keep(&self, tip: &ObjectId, path: &str, content: &[u8]) {
        let head = format!("{tip} {path}\n");
        let _ = write(&self.file(path), [head.as_bytes(), content]);
    }

    /// The content of the file at `path` in commit `tip`, if somebody has read it.
    pub(super) fn kept(&self, tip: &ObjectId, path: &str) -> Option<Vec<u8>> {
        let content = fs_err::read(self.file(path)).ok()?;
        Some(content.strip_prefix(format!("{tip} {path}\n").as_bytes())?.to_vec())
    }

    /// Forgets all files, of which most are of commits that are past.
    pub(super) fn forget_files(&self) {
        let _ = fs_err::remove_dir_all(self.repository().join(FILES));
    }
}
