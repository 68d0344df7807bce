//! The past of an image, as far as planning and judging need it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ChannelName, Decision, Digest, Entry, LogEntry, Version};

/// A projection of one image's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The `seq` of the newest entry; 0 for an empty log.
    pub head: u64,
    /// Every version that was ever reserved, in the order of the log.
    pub reserved: Vec<Version>,
    /// Every published version, in the order of the log.
    pub published: Vec<Version>,
    /// The newest build that satisfied a slot: published, or found equal to a published version. What
    /// was handed in is no build.
    pub satisfied: Option<Satisfied>,
    /// The newest build that did not pass, if nothing passed since.
    pub rejected: Option<Attempt>,
    /// What each channel names.
    pub channels: BTreeMap<ChannelName, Version>,
    /// The newest published version, if it never entered a channel: its run died on the way there.
    pub stranded: Option<Version>,
}

/// A build that satisfied a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Satisfied {
    /// The version that it is.
    pub version: Version,
    /// Definition that was built.
    pub definition: Digest,
    /// When the build started.
    pub started_at: Timestamp,
    /// Digest of its package names and versions.
    pub package_set: Digest,
}

/// A build that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The version that was reserved for it.
    pub version: Version,
    /// When the build started.
    pub started_at: Timestamp,
    /// Blocked or untrusted.
    pub verdict: Decision,
}

impl History {
    /// Reads a log, oldest entry first.
    pub fn of(log: &[LogEntry]) -> Self {
        let mut history = Self::default();
        let mut package_sets = BTreeMap::new();
        for entry in log {
            history.head = entry.seq;
            match &entry.entry {
                Entry::Reserved { version } => history.reserved.push(*version),
                Entry::Published(record) => {
                    history.published.push(record.version);
                    history.stranded = Some(record.version);
                    history.rejected = None;
                    package_sets.insert(record.version, record.package_set);
                    if !record.handed_in {
                        history.satisfied = Some(Satisfied {
                            version: record.version,
                            definition: record.definition,
                            started_at: record.started_at,
                            package_set: record.package_set,
                        });
                    }
                }
                Entry::Verified { version, definition, started_at } => {
                    history.rejected = None;
                    if let Some(package_set) = package_sets.get(version) {
                        history.satisfied = Some(Satisfied {
                            version: *version,
                            definition: *definition,
                            started_at: *started_at,
                            package_set: *package_set,
                        });
                    }
                }
                Entry::Rejected(record) => {
                    history.rejected = Some(Attempt {
                        version: record.version,
                        started_at: record.started_at,
                        verdict: record.verdict,
                    });
                }
                Entry::Moved { channel, to, .. } => {
                    history.channels.insert(channel.clone(), *to);
                    history.stranded = history.stranded.filter(|version| version != to);
                }
                Entry::Unknown => {}
            }
        }
        history
    }

    /// The newest published version.
    pub fn newest(&self) -> Option<Version> {
        self.published.last().copied()
    }
}
