//! Questions to a log that was read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{
    BlockingFinding, ChannelName, Digest, Entry, ImageName, LogEntry, Move, Revocation, RunId,
    Version, VersionRecord,
};

use super::RegistryError;

/// The number of the newest entry; 0 for an empty log.
pub(super) fn head(log: &[LogEntry]) -> u64 {
    log.last().map_or(0, |entry| entry.seq)
}

/// Every version that was ever used: reserved, published, rejected or failed.
pub(super) fn taken(log: &[LogEntry]) -> Vec<Version> {
    let used = log.iter().filter_map(|entry| match &entry.entry {
        Entry::Reserved { version } => Some(*version),
        Entry::Published(record) => Some(record.version),
        Entry::Rejected(record) => Some(record.version),
        Entry::Failed(record) => Some(record.version),
        Entry::Verified(_)
        | Entry::Abandoned { .. }
        | Entry::Moved { .. }
        | Entry::Swapped { .. }
        | Entry::Revoked { .. }
        | Entry::Restored { .. }
        | Entry::Marked { .. }
        | Entry::Unmarked { .. }
        | Entry::Pruned { .. }
        | Entry::Rescanned { .. }
        | Entry::Unknown => None,
    });
    used.collect()
}

/// Whether somebody reserved `version`.
pub(super) fn is_reserved(log: &[LogEntry], version: Version) -> bool {
    log.iter()
        .any(|entry| matches!(entry.entry, Entry::Reserved { version: taken } if taken == version))
}

/// Whether `version` was given up after its run had died.
pub(super) fn is_abandoned(log: &[LogEntry], version: Version) -> bool {
    log.iter().any(
        |entry| matches!(entry.entry, Entry::Abandoned { version: given_up } if given_up == version),
    )
}

/// The version that `run` reserved, and the entry that says so.
pub(super) fn reserved_by(log: &[LogEntry], run: &RunId) -> Option<(u64, Version)> {
    log.iter().find_map(|entry| match entry.entry {
        Entry::Reserved { version } if entry.run == *run => Some((entry.seq, version)),
        _ => None,
    })
}

/// The entry that published `version`, and what it records.
pub(super) fn published(log: &[LogEntry], version: Version) -> Option<(&LogEntry, &VersionRecord)> {
    log.iter().find_map(|entry| match &entry.entry {
        Entry::Published(record) if record.version == version => Some((entry, &**record)),
        _ => None,
    })
}

/// Until when `version` is as fresh as its image is to be, by the newest build that it is, and the entry
/// that says so.
pub(super) fn fresh_until(log: &[LogEntry], version: Version) -> (u64, Option<Timestamp>) {
    let newest = log.iter().rev().find_map(|entry| match &entry.entry {
        Entry::Published(record) if record.version == version => {
            Some((entry.seq, record.fresh_until))
        }
        Entry::Verified(record) if record.version == version => {
            Some((entry.seq, record.fresh_until))
        }
        _ => None,
    });
    newest.unwrap_or_default()
}

/// The last entry about what later advisories say of `version`: its number, what would block, and the
/// blob with all findings.
pub(super) fn last_rescan(
    log: &[LogEntry],
    version: Version,
) -> Option<(u64, &Vec<BlockingFinding>, Option<&Digest>)> {
    log.iter().rev().find_map(|entry| match &entry.entry {
        Entry::Rescanned { version: of, blocking, findings, .. } if *of == version => {
            Some((entry.seq, blocking, findings.as_ref()))
        }
        _ => None,
    })
}

/// The last move of a channel.
#[derive(Clone, Copy)]
pub(super) struct LastMove<'a> {
    /// The whole entry.
    pub(super) entry: &'a LogEntry,
    /// What of it is about the channel.
    pub(super) what: Move<'a>,
}

/// The last move of `channel`.
pub(super) fn last_move<'a>(log: &'a [LogEntry], channel: &ChannelName) -> Option<LastMove<'a>> {
    log.iter().rev().find_map(|entry| {
        let what = entry.entry.moves().find(|what| what.channel == channel)?;
        Some(LastMove { entry, what })
    })
}

/// Whether `version` is withdrawn, now or from a day on, and by which entry.
pub(super) fn revoked(log: &[LogEntry], version: Version) -> Option<(&LogEntry, Revocation)> {
    let last = log.iter().rev().find(|entry| match &entry.entry {
        Entry::Revoked { version: of, .. } | Entry::Restored { version: of, .. } => *of == version,
        _ => false,
    })?;
    match &last.entry {
        Entry::Revoked { reason, from, with, .. } => Some((
            last,
            Revocation {
                reason: reason.clone(),
                from: from.unwrap_or(last.at),
                with: with.clone(),
            },
        )),
        _ => None,
    }
}

/// The channels that ever named anything, sorted.
pub(super) fn channels(log: &[LogEntry]) -> BTreeSet<&ChannelName> {
    log.iter().flat_map(|entry| entry.entry.moves()).map(|what| what.channel).collect()
}

/// What is to become of the bytes of a version, or has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bytes {
    /// Nothing: they are there.
    There,
    /// They go, from then on.
    Marked(Timestamp),
    /// They are gone.
    Gone,
}

/// What is to become of the bytes of `version`, and the entry that says so.
pub(super) fn bytes(log: &[LogEntry], version: Version) -> (Option<&LogEntry>, Bytes) {
    let last = log.iter().rev().find_map(|entry| match &entry.entry {
        Entry::Marked { version: of, after } if *of == version => {
            Some((Some(entry), Bytes::Marked(*after)))
        }
        Entry::Unmarked { version: of, .. } if *of == version => Some((None, Bytes::There)),
        Entry::Pruned { version: of, .. } if *of == version => Some((Some(entry), Bytes::Gone)),
        _ => None,
    });
    last.unwrap_or((None, Bytes::There))
}

/// Refuses a version whose bytes are gone, or go.
pub(super) fn check_bytes(
    log: &[LogEntry],
    image: &ImageName,
    version: Version,
) -> Result<(), RegistryError> {
    match bytes(log, version).1 {
        Bytes::There => Ok(()),
        Bytes::Marked(after) => Err(RegistryError::Marked { image: image.clone(), version, after }),
        Bytes::Gone => Err(RegistryError::Pruned { image: image.clone(), version }),
    }
}

/// The channels that name `version`.
pub(super) fn naming(log: &[LogEntry], version: Version) -> Vec<ChannelName> {
    let mut channels = BTreeMap::new();
    for what in log.iter().flat_map(|entry| entry.entry.moves()) {
        channels.insert(what.channel, what.to);
    }
    let naming = channels.into_iter().filter(|(_, names)| *names == version);
    naming.map(|(channel, _)| channel.clone()).collect()
}
