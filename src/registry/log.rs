//! Questions to a log that was read.

use crate::model::{
    BlockingFinding, ChannelName, Digest, Entry, LogEntry, RunId, Version, VersionRecord,
};

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
        | Entry::Revoked { .. }
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
    /// What the channel named before.
    pub(super) from: Option<Version>,
    /// What it names.
    pub(super) to: Version,
}

/// The last move of `channel`.
pub(super) fn last_move<'a>(log: &'a [LogEntry], channel: &ChannelName) -> Option<LastMove<'a>> {
    log.iter().rev().find_map(|entry| match &entry.entry {
        Entry::Moved { channel: moved, from, to } if moved == channel => {
            Some(LastMove { entry, from: *from, to: *to })
        }
        _ => None,
    })
}
