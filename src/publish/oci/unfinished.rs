//! Uploads that have begun: where each goes on is kept on this machine, so that the next attempt, of
//! this run or of another one after a kill, sends only the rest.
//!
//! A registry gives an upload an address of its own, which cannot be found again by asking. It lies
//! in a file, locked as long as somebody is at the upload; a writer that comes second begins anew.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// After this time nobody comes back for an upload. Registries forget them after about a week.
const ABANDONED: Duration = Duration::from_hours(24);
/// More than such a file can have, in bytes.
const LARGEST: u64 = 64 << 10;

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The registry.
    pub(super) host: String,
    /// The repository.
    pub(super) repository: String,
    /// What is uploaded.
    pub(super) digest: Digest,
    /// Where it goes on. Whoever knows this may write there.
    pub(super) location: String,
}

/// The file of one upload, ours as long as this lives.
pub(super) struct Note {
    path: Utf8PathBuf,
    file: File,
}

impl Note {
    /// The file for `digest` on its way into `repository`; nothing if somebody else is at it, or it
    /// cannot be made: then nothing is kept.
    pub(super) fn of(
        state: &Utf8Path,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Option<Self> {
        let folder = folder(state);
        fs_err::create_dir_all(&folder).ok()?;
        let name = Digest::of(format!("{host}/{repository}@{digest}").as_bytes());
        let path = folder.join(format!("{}.json", name.hex()));
        let mut options = fs_err::OpenOptions::new();
        // What lies in it is as good as a password, for a while.
        options.read(true).write(true).create(true).mode(0o600);
        let file = options.open(&path).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        // Whoever had the lock may have removed the file meanwhile.
        let there = fs_err::metadata(&path).ok()?;
        let same = there.ino() == file.metadata().ok()?.ino();
        same.then_some(Self { path, file })
    }

    /// What is written down, if it is of this very upload.
    pub(super) fn read(&mut self, host: &str, repository: &str, digest: &Digest) -> Option<Begun> {
        let begun = self.any()?;
        let same = begun.host == host && begun.repository == repository && begun.digest == *digest;
        same.then_some(begun)
    }

    fn any(&mut self) -> Option<Begun> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(0)).ok()?;
        (&mut self.file).take(LARGEST).read_to_string(&mut text).ok()?;
        // What a longer note leaves behind it after a kill does not count.
        serde_json::from_str(text.lines().next()?).ok()
    }

    /// Writes down where it goes on. What cannot be kept is sent again after a kill.
    pub(super) fn write(&mut self, begun: &Begun) {
        let mut text = serde_json::to_vec(begun).expect("text and digests always serialize");
        text.push(b'\n');
        drop(self.replace(&text));
    }

    fn replace(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text)?;
        self.file.set_len(text.len() as u64)
    }

    /// Forgets the upload: it is done, or not wanted.
    pub(super) fn forget(self) {
        drop(fs_err::remove_file(&self.path));
    }
}

/// The uploads to repositories of `host` for which `ours` holds, that nobody is at and nobody has
/// been at for a day.
pub(super) fn abandoned(
    state: &Utf8Path,
    host: &str,
    ours: impl Fn(&str) -> bool,
) -> io::Result<Vec<(Note, Begun)>> {
    let folder = folder(state);
    let entries = match folder.read_dir_utf8() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.into_path();
        let Ok(file) = fs_err::OpenOptions::new().read(true).write(true).open(&path) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        let age = file.metadata()?.modified().ok();
        let age = age.and_then(|then| SystemTime::now().duration_since(then).ok());
        let mut note = Note { path, file };
        if age.is_some_and(|age| age >= ABANDONED)
            && let Some(begun) = note.any()
            && begun.host == host
            && ours(&begun.repository)
        {
            found.push((note, begun));
        }
    }
    Ok(found)
}

fn folder(state: &Utf8Path) -> Utf8PathBuf {
    state.join("uploads")
}
