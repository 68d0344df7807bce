//! The journal of a run: what it is about to create, has created, and is done with.
//!
//! Every line is on disk before the thing itself exists, so that after a kill or a power cut
//! somebody can tell what there may be to clean up. Lines are only ever appended; one that is cut
//! off, by a kill or by a full disk, was never acted on.

use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::model::{ImageName, Version};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// When.
    pub at: Timestamp,
    /// How far.
    pub step: Step,
    /// With what.
    #[serde(flatten)]
    pub thing: Thing,
}

/// How far a thing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It may exist from now on.
    Intend,
    /// It exists.
    Created,
    /// It is gone, or belongs to somebody else now.
    Done,
}

/// Something that a run creates and that would stay behind if the run died.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "thing", rename_all = "kebab-case")]
pub enum Thing {
    /// A folder of this machine.
    Directory {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A version that a registry reserved for this run.
    Reservation {
        /// The image.
        image: ImageName,
        /// The version; not known before it is reserved.
        version: Option<Version>,
    },
    /// Bytes on their way into a store.
    Upload {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
}

/// An open journal. Every line is synced before `write` returns.
pub struct Journal {
    file: fs_err::File,
    clock: Clock,
    /// Whether the last line may be cut off.
    torn: bool,
}

impl Journal {
    /// Creates the journal at `path`, which must not exist.
    pub fn create(path: &Utf8Path, clock: Clock) -> io::Result<Self> {
        let file = fs_err::OpenOptions::new().append(true).create_new(true).open(path)?;
        Ok(Self { file, clock, torn: false })
    }

    /// Notes that `thing` may exist from now on.
    pub fn intend(&mut self, thing: &Thing) -> io::Result<()> {
        self.write(Step::Intend, thing)
    }

    /// Notes that `thing` exists.
    pub fn created(&mut self, thing: &Thing) -> io::Result<()> {
        self.write(Step::Created, thing)
    }

    /// Notes that `thing` needs no cleaning up any more.
    pub fn done(&mut self, thing: &Thing) -> io::Result<()> {
        self.write(Step::Done, thing)
    }

    fn write(&mut self, step: Step, thing: &Thing) -> io::Result<()> {
        let line = JournalLine { at: self.clock.now(), step, thing: thing.clone() };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        if self.torn {
            text.insert(0, '\n');
        }
        // One write, so that a reader sees whole lines or a cut-off one.
        self.torn = true;
        self.file.write_all(text.as_bytes())?;
        self.torn = false;
        self.file.sync_data()
    }
}

/// What the journal at `path` says may still exist, in the order in which it was created.
pub fn outstanding(path: &Utf8Path) -> io::Result<Vec<Thing>> {
    let text = fs_err::read_to_string(path)?;
    let mut things: Vec<Thing> = Vec::new();
    for line in text.lines() {
        // What was to be written there was not done.
        let Ok(line) = serde_json::from_str::<JournalLine>(line) else {
            continue;
        };
        match line.step {
            Step::Done => things.retain(|thing| *thing != line.thing),
            Step::Intend | Step::Created if things.contains(&line.thing) => {}
            Step::Intend | Step::Created => things.push(line.thing),
        }
    }
    Ok(things)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str) -> Thing {
        Thing::Directory { path: path.into() }
    }

    #[test]
    fn what_is_not_done_is_outstanding_also_behind_a_torn_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(scratch.path()).unwrap().join("journal.jsonl");
        let mut journal = Journal::create(&path, Clock::system()).unwrap();
        journal.intend(&folder("/a")).unwrap();
        journal.created(&folder("/a")).unwrap();
        journal.intend(&folder("/b")).unwrap();
        journal.done(&folder("/a")).unwrap();
        journal.intend(&folder("/c")).unwrap();
        drop(journal);
        assert_eq!(outstanding(&path).unwrap(), [folder("/b"), folder("/c")]);

        let text = fs_err::read_to_string(&path).unwrap();
        for cut in 0..text.len() {
            fs_err::write(&path, &text[..cut]).unwrap();
            let things = outstanding(&path).unwrap();
            let whole = text[..cut].matches('\n').count();
            assert_eq!(things.contains(&folder("/c")), whole == 5 || cut == text.len() - 1);
        }
    }

    #[test]
    fn what_is_written_after_a_full_disk_counts() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(scratch.path()).unwrap().join("journal.jsonl");
        let mut journal = Journal::create(&path, Clock::system()).unwrap();
        journal.intend(&folder("/a")).unwrap();
        // As a disk does that takes the beginning of a line.
        let full = fs_err::OpenOptions::new().append(true).open("/dev/full").unwrap();
        let file = std::mem::replace(&mut journal.file, full);
        journal.intend(&folder("/b")).unwrap_err();
        journal.file = file;
        journal.file.write_all(b"{\"at\":").unwrap();
        journal.intend(&folder("/c")).unwrap();
        journal.done(&folder("/a")).unwrap();
        assert_eq!(outstanding(&path).unwrap(), [folder("/c")]);
    }

    #[test]
    fn a_journal_is_never_written_over() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(scratch.path()).unwrap().join("journal.jsonl");
        let journal = Journal::create(&path, Clock::system()).unwrap();
        drop(journal);
        assert!(Journal::create(&path, Clock::system()).is_err());
    }
}
