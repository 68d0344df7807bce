//! Files that are made from a log, for readers that do not want to read all of it.
//!
//! Their content follows from the log alone: from the entries that concern them, the newest of
//! which is their `seq`. So a file that is behind says how far it goes, and making it again gives
//! the same bytes. A writer looks at the log again after writing and writes again if that changed
//! the content: whoever writes last has seen everything that was there when it wrote.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::model::{
    Act, ArtifactRecord, ChannelName, Entry, ImageName, LogEntry, Move, Revocation, RunId, SCHEMA,
    Version, VersionRecord,
};

use super::log::Bytes;
use super::tfvars::Variables;
use super::transaction::Done;
use super::{Registry, RegistryError, format, layout, log};

/// Names a projection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Projection {
    /// What is recorded of a published version: [`VersionFile`].
    Version(ImageName, Version),
    /// What a channel names: [`ChannelFile`].
    Channel(ImageName, ChannelName),
    /// What all channels of an image name, as variables of Terraform.
    Variables(ImageName),
}

/// `images/<image>/versions/<version>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionFile {
    /// Version of the format.
    pub schema: u32,
    /// The newest log entry that says something about this version.
    pub seq: u64,
    /// The image.
    pub image: ImageName,
    /// When it was published.
    pub published_at: Timestamp,
    /// The run that published it.
    pub run: RunId,
    /// Where that run can be looked at, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// That nobody should use it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Withdrawn>,
    /// Since when its bytes are gone, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned_at: Option<Timestamp>,
    /// From when on its bytes may go, if nobody needs them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prune_after: Option<Timestamp>,
    /// Everything else. Of later builds that equal it, how long it is fresh.
    #[serde(flatten)]
    pub record: VersionRecord,
}

/// `images/<image>/channels/<channel>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelFile {
    /// Version of the format.
    pub schema: u32,
    /// The newest log entry that says something about the channel, or about what it names.
    pub seq: u64,
    /// The image.
    pub image: ImageName,
    /// The channel.
    pub channel: ChannelName,
    /// What it names.
    pub version: Version,
    /// What it named before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Version>,
    /// By what it was moved.
    #[serde(default)]
    pub act: Act,
    /// Whether it stays there, whatever is published.
    #[serde(default)]
    pub held: bool,
    /// Why it was moved, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// When it was moved.
    pub moved_at: Timestamp,
    /// The run that moved it.
    pub run: RunId,
    /// Who started that run, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// That nobody should use the version any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Withdrawn>,
    /// From when on whoever reads this should take the schedule for dead: a newer build would have been
    /// there long before. None if no schedule says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<Timestamp>,
    /// The files of the version, the disk first, and where they lie.
    pub artifacts: Vec<ArtifactRecord>,
}

/// That a version is withdrawn, in the files for readers without goldsmith.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The log entry that says so.
    pub seq: u64,
    /// Why, in the words of whoever did it.
    pub reason: String,
    /// From when on: may lie ahead.
    pub from: Timestamp,
}

impl Withdrawn {
    pub(super) fn of(log: &[LogEntry], version: Version) -> Option<Self> {
        let (entry, Revocation { reason, from, .. }) = log::revoked(log, version)?;
        Some(Self { seq: entry.seq, reason, from })
    }
}

impl Projection {
    /// The projections that the last entry of `log` changes.
    pub fn changed_by(log: &[LogEntry]) -> Vec<Self> {
        let Some(entry) = log.last() else { return Vec::new() };
        let version = |version| Self::Version(entry.image.clone(), version);
        match &entry.entry {
            Entry::Published(record) => vec![version(record.version)],
            Entry::Moved { .. } | Entry::Swapped { .. } => {
                Self::naming(&entry.image, entry.entry.moves().map(|what| what.channel))
            }
            Entry::Revoked { version: of, .. } | Entry::Restored { version: of, .. } => {
                Self::about(&entry.image, *of, log)
            }
            Entry::Verified(record) => Self::about(&entry.image, record.version, log),
            Entry::Marked { version: of, .. }
            | Entry::Unmarked { version: of, .. }
            | Entry::Pruned { version: of, .. } => Self::about(&entry.image, *of, log),
            Entry::Reserved { .. }
            | Entry::Rejected(_)
            | Entry::Failed(_)
            | Entry::Abandoned { .. }
            | Entry::Rescanned { .. }
            | Entry::Unknown => Vec::new(),
        }
    }

    /// Those that say what `channels` of `image` name.
    pub(super) fn naming<'a>(
        image: &ImageName,
        channels: impl IntoIterator<Item = &'a ChannelName>,
    ) -> Vec<Self> {
        let channels = channels.into_iter();
        let mut all: Vec<Self> =
            channels.map(|channel| Self::Channel(image.clone(), channel.clone())).collect();
        if !all.is_empty() {
            all.push(Self::Variables(image.clone()));
        }
        all
    }

    /// Those that say something about `version` of `image`.
    pub(super) fn about(image: &ImageName, version: Version, log: &[LogEntry]) -> Vec<Self> {
        let naming = Self::naming(image, &log::naming(log, version));
        [Self::Version(image.clone(), version)].into_iter().chain(naming).collect()
    }

    /// All that `log` has something about, sorted.
    pub fn all(log: &[LogEntry]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for entry in log {
            if let Entry::Published(record) = &entry.entry {
                all.push(Self::Version(entry.image.clone(), record.version));
            }
            all.extend(Self::naming(&entry.image, entry.entry.moves().map(|what| what.channel)));
        }
        all.sort();
        all.dedup();
        all
    }

    /// The image that it is about.
    pub fn image(&self) -> &ImageName {
        match self {
            Self::Version(image, _) | Self::Channel(image, _) | Self::Variables(image) => image,
        }
    }

    /// Its content as it follows from `log`; none if the log has nothing about it.
    pub fn render(&self, log: &[LogEntry]) -> Option<Vec<u8>> {
        match self {
            Self::Version(image, version) => {
                let (entry, record) = log::published(log, *version)?;
                let revoked = Withdrawn::of(log, *version);
                let (verified, fresh_until) = log::fresh_until(log, *version);
                let (of_bytes, bytes) = log::bytes(log, *version);
                let seqs = [revoked.as_ref().map(|it| it.seq), of_bytes.map(|entry| entry.seq)];
                Some(format::json(&VersionFile {
                    schema: SCHEMA,
                    seq: seqs.into_iter().flatten().fold(entry.seq.max(verified), u64::max),
                    image: image.clone(),
                    published_at: entry.at,
                    run: entry.run.clone(),
                    run_url: entry.run_url.clone(),
                    revoked,
                    pruned_at: of_bytes.filter(|_| bytes == Bytes::Gone).map(|entry| entry.at),
                    prune_after: match bytes {
                        Bytes::Marked(after) => Some(after),
                        Bytes::There | Bytes::Gone => None,
                    },
                    record: VersionRecord { fresh_until, ..record.clone() },
                }))
            }
            Self::Channel(image, channel) => {
                let last = log::last_move(log, channel)?;
                let Move { from, to, act, held, because, .. } = last.what;
                let (_, record) = log::published(log, to)?;
                let revoked = Withdrawn::of(log, to);
                let (verified, fresh_until) = log::fresh_until(log, to);
                let seqs =
                    [Some(last.entry.seq), revoked.as_ref().map(|it| it.seq), Some(verified)];
                Some(format::json(&ChannelFile {
                    schema: SCHEMA,
                    seq: seqs.into_iter().flatten().max().unwrap_or_default(),
                    image: image.clone(),
                    channel: channel.clone(),
                    version: to,
                    previous: from,
                    act,
                    held,
                    because: because.map(str::to_owned),
                    moved_at: last.entry.at,
                    run: last.entry.run.clone(),
                    by: last.entry.by.clone(),
                    revoked,
                    fresh_until,
                    artifacts: ArtifactRecord::disk_first(&record.artifacts, image, to),
                }))
            }
            Self::Variables(image) => Variables::of(log, image).map(|it| format::json(&it)),
        }
    }
}

/// What is recorded of a published version. May be behind the log.
pub async fn read_version(
    registry: &dyn Registry,
    image: &ImageName,
    version: Version,
) -> Result<Option<VersionFile>, RegistryError> {
    let projection = Projection::Version(image.clone(), version);
    let file: Option<VersionFile> = read(registry, &projection).await?;
    check(registry, &projection, file, |file| {
        (&file.image, file.record.version) == (image, version)
    })
}

/// What a channel names. May be behind the log.
pub async fn read_channel(
    registry: &dyn Registry,
    image: &ImageName,
    channel: &ChannelName,
) -> Result<Option<ChannelFile>, RegistryError> {
    let projection = Projection::Channel(image.clone(), channel.clone());
    let file: Option<ChannelFile> = read(registry, &projection).await?;
    check(registry, &projection, file, |file| (&file.image, &file.channel) == (image, channel))
}

async fn read<T: DeserializeOwned>(
    registry: &dyn Registry,
    projection: &Projection,
) -> Result<Option<T>, RegistryError> {
    let Some(bytes) = registry.projection(projection).await? else {
        return Ok(None);
    };
    let path = layout::place(registry.location(), &layout::projection(projection));
    format::check_schema(&bytes, &path)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|why| RegistryError::damaged(path, why))
}

/// Refuses a file that is about something else than its path says.
fn check<T>(
    registry: &dyn Registry,
    projection: &Projection,
    file: Option<T>,
    is_right: impl Fn(&T) -> bool,
) -> Result<Option<T>, RegistryError> {
    match file {
        Some(file) if !is_right(&file) => Err(RegistryError::Misplaced {
            path: layout::place(registry.location(), &layout::projection(projection)),
            claim: "something else".to_owned(),
        }),
        file => Ok(file),
    }
}

/// Brings `projections` up to date after a transaction.
pub(super) async fn refresh(
    registry: &dyn Registry,
    projections: impl IntoIterator<Item = Projection>,
    done: Done,
) -> Result<(), RegistryError> {
    let Done { seq, log } = done;
    for projection in projections {
        let image = projection.image().clone();
        let settled = settle(registry, &projection, log.clone()).await;
        settled.map_err(|why| RegistryError::Stale { image, seq, source: Box::new(why) })?;
    }
    Ok(())
}

/// Makes every projection of `image` from its log. Returns those that had to be written.
pub async fn rebuild(
    registry: &dyn Registry,
    image: &ImageName,
) -> Result<Vec<Projection>, RegistryError> {
    let log = registry.log(image, 0).await?;
    let mut written = Vec::new();
    for projection in Projection::all(&log) {
        if settle(registry, &projection, log.clone()).await? {
            written.push(projection);
        }
    }
    Ok(written)
}

/// Writes `projection` until it is what follows from the log. Whether it had to be written.
pub(super) async fn settle(
    registry: &dyn Registry,
    projection: &Projection,
    mut log: Vec<LogEntry>,
) -> Result<bool, RegistryError> {
    let mut there = registry.projection(projection).await?;
    let mut written = false;
    // Ends: every further turn needs somebody else who has moved the log on.
    loop {
        let content = projection.render(&log);
        let Some(content) = content.filter(|content| there.as_ref() != Some(content)) else {
            return Ok(written);
        };
        registry.write_projection(projection, &content).await?;
        written = true;
        there = Some(content);
        log.extend(registry.log(projection.image(), log::head(&log)).await?);
    }
}
