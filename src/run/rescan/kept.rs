//! Answers of the scanner that are good as long as its database is: a scan that was stopped goes on
//! where it was, and one for another policy asks nothing.
//!
//! ```text
//! <state>/rescan/<database and scanner>/<question>.json.zst
//!                untold-<registry>.jsonl     what was recorded and not told yet
//! ```

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{Advice, Digest};
use crate::trivy::Database;

/// Where they lie below the folder that goldsmith keeps its state in.
const FOLDER: &str = "rescan";

/// To be raised with every change of what is kept, or of how it is read.
const FORMAT: u32 = 1;

/// What the names of files begin with that have what nobody was told yet.
const UNTOLD: &str = "untold-";

/// The most that an answer may come to when it is unpacked.
const LIMIT: u64 = 1 << 30;

const LEVEL: i32 = 3;

/// The answers for one database.
pub(super) struct KeptAnswers {
    folder: Option<Utf8PathBuf>,
}

impl KeptAnswers {
    /// Those for `database` and a scanner of this version. Those for others are removed: they will
    /// not be asked for again. Whoever cannot keep any has to ask again, which is no reason to fail.
    pub(super) fn open(state: &Utf8Path, database: &Database, scanner: &str) -> Self {
        let file = fs_err::metadata(database.folder.join("db/trivy.db"));
        let file = file.map(|file| (file.len(), file.modified().ok())).ok();
        let Database { updated_at, fixture, .. } = database;
        let key = format!("{FORMAT} {updated_at} {fixture:?} {file:?} {scanner}");
        let all = state.join(FOLDER);
        let name = Digest::of(key.as_bytes()).hex();
        for entry in all.read_dir_utf8().into_iter().flatten().flatten() {
            if entry.file_name() != name && !entry.file_name().starts_with(UNTOLD) {
                let _ = fs_err::remove_dir_all(entry.path());
            }
        }
        let folder = all.join(name);
        Self { folder: fs_err::create_dir_all(&folder).is_ok().then_some(folder) }
    }

    /// The answer to `question`, if it is there.
    pub(super) fn get<T: DeserializeOwned>(&self, question: &Digest) -> Option<T> {
        let file = fs_err::File::open(self.path(question)?).ok()?;
        let unpacked = zstd::Decoder::new(file).ok()?;
        let mut json = Vec::new();
        std::io::copy(&mut std::io::Read::take(unpacked, LIMIT), &mut json).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// Keeps the answer to `question`. It appears as a whole.
    pub(super) fn put<T: Serialize>(&self, question: &Digest, answer: &T) {
        let Some(path) = self.path(question) else { return };
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(Utf8Path::new("/"));
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            let json = serde_json::to_vec(answer)?;
            zstd::stream::copy_encode(json.as_slice(), &mut file, LEVEL)?;
            file.persist(&path)?;
            Ok(())
        };
        let _ = write();
    }

    fn path(&self, question: &Digest) -> Option<Utf8PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(format!("{}.json.zst", question.hex())))
    }
}

/// What people should hear and have not been told, because the scan that found it out was stopped.
/// That it cannot be kept is no reason to fail.
pub struct Pending {
    path: Utf8PathBuf,
}

impl Pending {
    /// That about the registry at `location`.
    pub fn of(state: &Utf8Path, location: &str) -> Self {
        let name = Digest::of(location.as_bytes()).hex();
        Self { path: state.join(FOLDER).join(format!("{UNTOLD}{name}.jsonl")) }
    }

    /// What is there.
    pub(super) fn untold(&self) -> Vec<Advice> {
        let text = fs_err::read_to_string(&self.path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Adds to it.
    pub(super) fn add(&self, advice: &[Advice]) {
        let lines = advice.iter().filter_map(|advice| serde_json::to_string(advice).ok());
        // A line of its own, whatever a kill has cut off before it.
        let text: String =
            lines.flat_map(|line| ["\n".to_owned(), line, "\n".to_owned()]).collect();
        let file = fs_err::OpenOptions::new().create(true).append(true).open(&self.path);
        let _ = file.and_then(|mut file| file.write_all(text.as_bytes()));
    }

    /// All of `told` is told; what else is there is not.
    pub fn told(&self, told: &[Advice]) {
        let mut left = self.untold();
        left.retain(|advice| !told.contains(advice));
        let _ = fs_err::remove_file(&self.path);
        if !left.is_empty() {
            self.add(&left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AdviceKind;

    #[test]
    fn what_nobody_was_told_is_there_until_it_is_told_whatever_was_killed_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        let database = Database {
            folder: state.join("db"),
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            downloaded_at: None,
            fixture: None,
        };
        let kept = KeptAnswers::open(state, &database, "0.74.0");
        let question = Digest::of(b"question");
        assert_eq!(kept.get::<String>(&question), None);
        kept.put(&question, &"answer");
        let advice = Advice {
            image: "debian-12".parse().unwrap(),
            version: "1.0.20261101".parse().unwrap(),
            channels: Vec::new(),
            kind: AdviceKind::CleanAgain,
            findings: Vec::new(),
            more: 0,
        };
        let pending = || Pending::of(state, "file:///registry");
        pending().add(std::slice::from_ref(&advice));
        pending().add(std::slice::from_ref(&advice));
        // What a kill has cut off is no advice.
        let file = fs_err::OpenOptions::new().append(true).open(&pending().path);
        file.unwrap().write_all(b"{\"image\":\"deb").unwrap();

        let again = KeptAnswers::open(state, &database, "0.74.0");
        assert_eq!(again.get::<String>(&question).unwrap(), "answer");
        // Answers for another scanner are of no use any more; what nobody was told is.
        let other = KeptAnswers::open(state, &database, "0.75.0");
        assert_eq!(other.get::<String>(&question), None);
        assert_eq!(again.get::<String>(&question), None, "they are removed");
        assert_eq!(pending().untold(), [advice.clone(), advice.clone()]);
        let other = Advice { image: "web".parse().unwrap(), ..advice.clone() };
        pending().add(std::slice::from_ref(&other));
        pending().told(&[advice]);
        assert_eq!(
            pending().untold(),
            std::slice::from_ref(&other),
            "of another image nobody was told"
        );
        pending().told(&[other]);
        assert_eq!(pending().untold(), []);
    }
}
