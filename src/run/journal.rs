//! The journal of a run: what it is about to create, has created, and is done with.
//!
//! Every line is on disk before the thing itself exists, so that after a kill or a power cut
//! somebody can tell what there may be to clean up. Lines are only ever appended; one that is cut
//! off, by a kill or by a full disk, was never acted on.

use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::Clock;
use crate::model::{Address, ChannelName, Digest, ImageName, RunId, StoreAddress, Version};
use crate::template::COPIES;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "thing", rename_all = "kebab-case")]
pub enum Thing {
    /// Scratch space in the run's own folder.
    Directory {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A part of the scratch space that holds an artifact which could not be taken to its end: it
    /// stays when the rest goes.
    KeptArtifact {
        /// Its folder, directly in the scratch space.
        path: Utf8PathBuf,
    },
    /// An edited copy of a template beside the template: see [`scratch_copy()`].
    ScratchCopy {
        /// The copy, absolute.
        path: Utf8PathBuf,
    },
    /// The folder of a build's temporary files where the system has such: see
    /// [`temporary_folder()`].
    TemporaryFolder {
        /// The folder, absolute.
        path: Utf8PathBuf,
    },
    /// The lease of this run in a registry.
    Lease {
        /// Which registry.
        registry: Address,
    },
    /// A version that a registry reserved for this run.
    Reservation {
        /// The image.
        image: ImageName,
        /// Which registry.
        registry: Address,
    },
    /// Bytes on their way into a store, until a record knows them.
    Upload {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
        /// Digest of the disk.
        digest: Digest,
        /// Which store.
        store: StoreAddress,
        /// Whether the artifact did not pass and is only kept aside there.
        rejected: bool,
        /// The registry whose record decides what becomes of them.
        registry: Address,
    },
    /// A record that is being written: the entry, the files that are made from it, the channel.
    Record {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
        /// The channel that it enters.
        channel: ChannelName,
        /// Which registry.
        registry: Address,
    },
}

/// The name of an edited copy that `run` makes of a template, beside the template. Only what
/// has such a name is ever removed outside of goldsmith's own folders. `tail` tells the copies of
/// one run apart.
pub fn scratch_copy(run: &RunId, tail: &str) -> String {
    format!("{COPIES}{run}-{tail}")
}

/// Whether `path` is named as an edited copy that `run` has made.
pub(super) fn is_scratch_copy(path: &Utf8Path, run: &RunId) -> bool {
    let start = scratch_copy(run, "");
    path.file_name().is_some_and(|name| name.len() > start.len() && name.starts_with(&start))
}

/// The name of a folder that `run` makes for the temporary files of a build where the system has such,
/// when one in its scratch space would have too long a path. `number` tells those of one run apart.
pub(super) fn temporary_folder(run: &RunId, number: u32) -> String {
    format!("goldsmith-{run}-{number}")
}

/// Whether `path` is named as such a folder of `run`.
pub(super) fn is_temporary_folder(path: &Utf8Path, run: &RunId) -> bool {
    let number = path.file_name().and_then(|name| name.rsplit('-').next()?.parse().ok());
    number.is_some_and(|number| path.file_name() == Some(&temporary_folder(run, number)))
}

/// An open journal. Every line is synced before `write` returns.
pub struct Journal {
    file: fs_err::File,
    clock: Clock,
    /// Whether the last line may be cut off.
    torn: bool,
}

impl Journal {
    /// Creates the journal at `path`, which must not exist. The caller makes its folder durable.
    pub fn create(path: &Utf8Path, clock: Clock) -> io::Result<Self> {
        let file = fs_err::OpenOptions::new().append(true).create_new(true).open(path)?;
        file.sync_all()?;
        Ok(Self { file, clock, torn: false })
    }

    /// Goes on with the journal at `path`, of a run that is over: the caller holds its lock.
    pub(super) fn reopen(path: &Utf8Path, clock: Clock) -> io::Result<Self> {
        let file = fs_err::OpenOptions::new().append(true).open(path)?;
        // An empty line more does no harm.
        Ok(Self { file, clock, torn: true })
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

/// Why nobody can say what a run has left.
#[derive(Debug, Error)]
pub enum JournalError {
    /// It cannot be read. The machine's fault, or a missing permission.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// Another version of goldsmith wrote it, or somebody edited it.
    #[error("line {line} of `{path}` names something that this goldsmith does not know")]
    Foreign {
        /// The journal.
        path: Utf8PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

/// What the journal at `path` says may still exist, in the order in which it was created.
pub fn outstanding(path: &Utf8Path) -> Result<Vec<Thing>, JournalError> {
    let bytes = fs_err::read(path)?;
    let mut things: Vec<Thing> = Vec::new();
    for (index, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = serde_json::from_slice::<JournalLine>(text) else {
            // Of a line that was cut off nothing was done, and it is no JSON.
            if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() {
                return Err(JournalError::Foreign { path: path.to_owned(), line: index + 1 });
            }
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
    fn what_another_goldsmith_wrote_is_not_taken_for_a_torn_line() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(scratch.path()).unwrap().join("journal.jsonl");
        let mut journal = Journal::create(&path, Clock::system()).unwrap();
        journal.intend(&folder("/a")).unwrap();
        // As a power cut leaves it: room was made for a line, and nothing was written.
        journal.file.write_all(b"\0\0\0\xff").unwrap();
        drop(journal);
        let mut journal = Journal::reopen(&path, Clock::system()).unwrap();
        journal.intend(&folder("/b")).unwrap();
        assert_eq!(outstanding(&path).unwrap(), [folder("/a"), folder("/b")]);

        let line = r#"{"at":"2026-11-23T10:00:00Z","step":"intend","thing":"machine","vmid":101}"#;
        journal.file.write_all(line.as_bytes()).unwrap();
        journal.file.write_all(b"\n").unwrap();
        let error = outstanding(&path).unwrap_err().to_string();
        assert!(error.starts_with("line 4 of "), "{error}");
    }

    #[test]
    fn a_copy_of_a_template_is_known_by_the_run_that_made_it() {
        let run: RunId = "20261123t100000z-5f3a9c".parse().unwrap();
        let other: RunId = "20261123t100000z-5f3a9".parse().unwrap();
        let name = scratch_copy(&run, "debian-12");
        insta::assert_snapshot!(name, @".goldsmith-scratch-20261123t100000z-5f3a9c-debian-12");
        let beside = |name: &str| Utf8Path::new("/repository/packer").join(name);
        assert!(is_scratch_copy(&beside(&name), &run));
        assert!(!is_scratch_copy(&beside(&name), &other));
        assert!(!is_scratch_copy(&beside(&scratch_copy(&run, "")), &run));
        assert!(!is_scratch_copy(&beside("debian"), &run));
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
