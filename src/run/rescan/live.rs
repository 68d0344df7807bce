//! The versions that somebody may use.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use crate::model::{
    BlockingFinding, ChannelName, Digest, Entry, Failure, History, ImageName, LogEntry, Version,
    VersionRecord,
};
use crate::registry::Registry;

/// How many logs are read at a time.
const LOGS: usize = 4;

/// A published version that was not withdrawn.
pub(super) struct Live {
    pub(super) image: ImageName,
    pub(super) record: VersionRecord,
    pub(super) published_at: Timestamp,
    pub(super) seq: u64,
    pub(super) channels: Vec<ChannelName>,
    pub(super) newest: bool,
    pub(super) last: Last,
}

/// What was known of it the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Last {
    /// What would have blocked it.
    pub(super) blocking: Vec<BlockingFinding>,
    /// Blob with its findings, if they were kept.
    pub(super) findings: Option<Digest>,
}

/// The published versions of `images`, by image, oldest first.
pub(super) async fn versions(
    registry: &dyn Registry,
    images: &[ImageName],
    now: Timestamp,
) -> Result<Vec<Live>, Failure> {
    let logs = stream::iter(images)
        .map(|image| async move {
            let log = registry.log(image, 0).await?;
            Ok(of_log(image, &log, now))
        })
        .buffered(LOGS)
        .try_collect::<Vec<_>>()
        .await;
    let logs = logs.map_err(|error: crate::registry::RegistryError| error.failure())?;
    Ok(logs.into_iter().flatten().collect())
}

fn of_log(image: &ImageName, log: &[LogEntry], now: Timestamp) -> Vec<Live> {
    let history = History::of(log);
    let withdrawn: BTreeSet<Version> = history
        .revoked
        .keys()
        .copied()
        .filter(|version| history.revocation(*version, now).is_some())
        .collect();
    let newest = history.published.iter().rev().find(|version| !withdrawn.contains(version));
    let published = log.iter().filter_map(|entry| match &entry.entry {
        Entry::Published(record) if !withdrawn.contains(&record.version) => Some((entry, record)),
        _ => None,
    });
    let live = published.map(|(entry, record)| {
        let naming = history.channels.iter().filter(|(_, names)| **names == record.version);
        Live {
            image: image.clone(),
            record: (**record).clone(),
            published_at: entry.at,
            seq: entry.seq,
            channels: naming.map(|(channel, _)| channel.clone()).collect(),
            newest: newest == Some(&record.version),
            last: last(log, record),
        }
    });
    live.collect()
}

fn last(log: &[LogEntry], record: &VersionRecord) -> Last {
    let rescans = log.iter().rev().filter_map(|entry| match &entry.entry {
        Entry::Rescanned { version, blocking, findings, .. } if *version == record.version => {
            Some(Last { blocking: blocking.clone(), findings: *findings })
        }
        _ => None,
    });
    let published = Last { blocking: Vec::new(), findings: record.findings };
    rescans.into_iter().next().unwrap_or(published)
}
