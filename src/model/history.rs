//! The past of an image, as far as planning and judging need it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    BlockingFinding, ChannelName, Decision, DefinitionParts, Digest, Entry, LogEntry, Move,
    ParentRecord, RejectedRecord, VerifiedRecord, Version, VersionRecord,
};

/// The format of a [`History`] that is kept. To be raised with every change of what is in one, or of
/// what [`History::of`] makes of a log: kept ones of another format are then made again.
pub const HISTORY_FORMAT: u32 = 7;

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
    /// The builds of one definition that failed one after the other, if none came to its end since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedAttempt>,
    /// What each channel names.
    pub channels: BTreeMap<ChannelName, Version>,
    /// Since when each channel names that version, without a break.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<ChannelName, Timestamp>,
    /// The channels that stay where they are, whatever is published.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub held: BTreeSet<ChannelName>,
    /// The newest published version, if it never entered a channel: its run died on the way there.
    pub stranded: Option<Version>,
    /// The versions that were withdrawn, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<Version, Revocation>,
    /// The versions whose bytes nobody needs, and when they may go.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marked: BTreeMap<Version, Timestamp>,
    /// The versions whose bytes are gone, and where some may still lie.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pruned: BTreeMap<Version, Vec<String>>,
    /// What would block the newest published version by now, and the entry that said so first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<(BlockingFinding, u64)>,
    /// The newest entry with which a build of a definition came to its end, well or badly, if that
    /// was after one of `findings` was known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tried: BTreeMap<Digest, u64>,
}

/// That a version was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// From when on.
    pub from: Timestamp,
    /// The version that it was built from and that it was withdrawn with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<ParentRecord>,
}

/// A build that satisfied a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Satisfied {
    /// The version that it is.
    pub version: Version,
    /// Definition that was built.
    pub definition: Digest,
    /// What that consisted of; empty if nobody wrote it down.
    #[serde(default, skip_serializing_if = "DefinitionParts::is_empty")]
    pub definition_parts: DefinitionParts,
    /// The versions of its parents that the build was made from, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// When the build started.
    pub started_at: Timestamp,
    /// How many seconds a build of it took, with all that came before it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<u32>,
    /// Digest of its package names and versions.
    pub package_set: Digest,
}

/// A build that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The version that was reserved for it.
    pub version: Version,
    /// Definition that was built.
    pub definition: Digest,
    /// The versions of its parents that it was built from, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// When the build started.
    pub started_at: Timestamp,
    /// Whether it was no build: the artifact was handed in.
    pub handed_in: bool,
    /// Blocked or untrusted.
    pub verdict: Decision,
    /// Digest of the policy that judged it, if it is known.
    pub policy: Option<Digest>,
    /// Digest of the waivers that judged it, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<Digest>,
    /// When the advisories were made that judged it, if it is known.
    pub advisories_updated_at: Option<Timestamp>,
    /// Whether the artifact was kept.
    pub kept: bool,
}

/// A build that came to no end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// Definition that was to be built.
    pub definition: Digest,
    /// The versions of its parents that it was to be built from, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// When the build started.
    pub started_at: Timestamp,
    /// What failed and why, in one line.
    pub reason: String,
}

impl History {
    /// Reads a log, oldest entry first.
    pub fn of(log: &[LogEntry]) -> Self {
        let mut history = Self::default();
        let mut records: BTreeMap<Version, &VersionRecord> = BTreeMap::new();
        let mut first_seen: BTreeMap<&BlockingFinding, u64> = BTreeMap::new();
        for entry in log {
            history.head = entry.seq;
            match &entry.entry {
                Entry::Reserved { version } => history.reserved.push(*version),
                Entry::Published(record) => {
                    history.published.push(record.version);
                    history.stranded = Some(record.version);
                    history.rejected = None;
                    history.findings.clear();
                    records.insert(record.version, record);
                    if !record.provenance.handed_in {
                        history.ended(entry.seq, record.provenance.definition);
                        history.satisfied = Some(Satisfied::by(record));
                    }
                }
                Entry::Verified(record) => {
                    history.rejected = None;
                    history.ended(entry.seq, record.definition);
                    if let Some(known) = records.get(&record.version) {
                        history.satisfied = Some(Satisfied::again(known, record));
                    }
                }
                Entry::Rejected(record) => {
                    // What was judged again was not built again.
                    let again =
                        history.rejected.as_ref().is_some_and(|a| a.version == record.version);
                    if !record.provenance.handed_in && !again {
                        history.ended(entry.seq, record.provenance.definition);
                    }
                    history.rejected = Some(Attempt::of(record));
                }
                Entry::Failed(record) => {
                    history.failed.retain(|other| other.definition == record.definition);
                    history.failed.push(FailedAttempt {
                        definition: record.definition,
                        parents: record.parents.clone(),
                        started_at: record.started_at,
                        reason: record.reason.clone(),
                    });
                }
                Entry::Revoked { version, reason, from, with } => {
                    let (reason, with) = (reason.clone(), with.clone());
                    let from = from.unwrap_or(entry.at);
                    history.revoked.insert(*version, Revocation { reason, from, with });
                    history.stranded = history.stranded.filter(|stranded| stranded != version);
                }
                Entry::Restored { version, .. } => drop(history.revoked.remove(version)),
                Entry::Marked { version, after } => {
                    history.marked.insert(*version, *after);
                }
                Entry::Unmarked { version, .. } => drop(history.marked.remove(version)),
                Entry::Pruned { version, left } => {
                    history.marked.remove(version);
                    history.pruned.insert(*version, left.clone());
                }
                Entry::Rescanned { version, blocking, .. } => {
                    let since = |finding| *first_seen.entry(finding).or_insert(entry.seq);
                    let seen: Vec<u64> = blocking.iter().map(since).collect();
                    if history.newest() == Some(*version) {
                        history.findings = blocking.iter().cloned().zip(seen).collect();
                    }
                }
                Entry::Moved { .. } | Entry::Swapped { .. } => {
                    for Move { channel, to, held, .. } in entry.entry.moves() {
                        let before = history.channels.insert(channel.clone(), to);
                        if before != Some(to) {
                            history.since.insert(channel.clone(), entry.at);
                        }
                        if held {
                            history.held.insert(channel.clone());
                        } else {
                            history.held.remove(channel);
                        }
                        history.stranded = history.stranded.filter(|version| *version != to);
                    }
                }
                Entry::Abandoned { .. } | Entry::Unknown => {}
            }
        }
        let first = history.findings.iter().map(|(_, since)| *since).min();
        history.tried.retain(|_, seq| first.is_some_and(|first| *seq > first));
        history
    }

    /// A build of `definition` came to its end: well, or badly.
    fn ended(&mut self, seq: u64, definition: Digest) {
        self.failed.clear();
        self.tried.insert(definition, seq);
    }

    /// Why `version` is withdrawn, if it is at `now`.
    pub fn revocation(&self, version: Version, now: Timestamp) -> Option<&Revocation> {
        self.revoked.get(&version).filter(|revocation| revocation.from <= now)
    }

    /// The newest published version.
    pub fn newest(&self) -> Option<Version> {
        self.published.last().copied()
    }

    /// Whether the last attempt failed or did not pass.
    pub fn went_wrong(&self) -> bool {
        self.rejected.is_some() || !self.failed.is_empty()
    }

    /// What would block the newest published version by now, and no build of `definition` has come
    /// to its end since that was first known. So a build is tried once for a finding, its fix and a
    /// definition.
    pub fn untried(&self, definition: &Digest) -> Vec<BlockingFinding> {
        let tried = self.tried.get(definition).copied().unwrap_or(0);
        let untried = self.findings.iter().filter(|(_, since)| *since > tried);
        untried.map(|(finding, _)| finding.clone()).collect()
    }
}

impl Satisfied {
    fn by(record: &VersionRecord) -> Self {
        let built = &record.provenance;
        Self {
            version: record.version,
            definition: built.definition,
            definition_parts: built.definition_parts.clone(),
            parents: built.parents.clone(),
            started_at: built.started_at,
            took: built.built_at.and_then(|at| {
                let took = at.duration_since(built.started_at).as_secs();
                u32::try_from(took).ok()
            }),
            package_set: record.package_set,
        }
    }

    /// By a later build that equals `known`.
    fn again(known: &VersionRecord, record: &VerifiedRecord) -> Self {
        let mut again = Self { started_at: record.started_at, ..Self::by(known) };
        if record.definition != known.provenance.definition {
            again.definition = record.definition;
            again.definition_parts = DefinitionParts::new();
        }
        if !record.parents.is_empty() {
            again.parents.clone_from(&record.parents);
        }
        again
    }
}

impl Attempt {
    fn of(record: &RejectedRecord) -> Self {
        let built = &record.provenance;
        Self {
            version: record.version,
            definition: built.definition,
            parents: built.parents.clone(),
            started_at: built.started_at,
            handed_in: built.handed_in,
            verdict: record.verdict,
            policy: record.policy,
            waivers: record.waivers,
            advisories_updated_at: record.advisories_updated_at,
            kept: !record.locations.is_empty(),
        }
    }
}
