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
    ArtifactRecord, ChannelName, Entry, ImageName, LogEntry, RunId, SCHEMA, Version, VersionRecord,
};

use super::transaction::Done;
use super::{Registry, RegistryError, format, layout, log};

/// Names a projection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Projection {
    /// What is recorded of a published version: [`VersionFile`].
    Version(ImageName, Version),
    /// What a channel names: [`ChannelFile`].
    Channel(ImageName, ChannelName),
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
    /// Everything else.
    #[serde(flatten)]
    pub record: VersionRecord,
}

/// `images/<image>/channels/<channel>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelFile {
    /// Version of the format.
    pub schema: u32,
    /// The log entry that moved the channel last.
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
    /// When it was moved.
    pub moved_at: Timestamp,
    /// The run that moved it.
    pub run: RunId,
    /// The files of the version, the disk first, and where they lie.
    pub artifacts: Vec<ArtifactRecord>,
}

impl Projection {
    /// The projection that an entry changes.
    pub fn changed_by(entry: &LogEntry) -> Option<Self> {
        let image = entry.image.clone();
        match &entry.entry {
            Entry::Published(record) => Some(Self::Version(image, record.version)),
            Entry::Moved { channel, .. } => Some(Self::Channel(image, channel.clone())),
            Entry::Reserved { .. }
            | Entry::Verified(_)
            | Entry::Rejected(_)
            | Entry::Failed(_)
            | Entry::Abandoned { .. }
            | Entry::Revoked { .. }
            | Entry::Rescanned { .. }
            | Entry::Unknown => None,
        }
    }

    /// The image that it is about.
    pub fn image(&self) -> &ImageName {
        match self {
            Self::Version(image, _) | Self::Channel(image, _) => image,
        }
    }

    /// Its content as it follows from `log`; none if the log has nothing about it.
    pub fn render(&self, log: &[LogEntry]) -> Option<Vec<u8>> {
        match self {
            Self::Version(image, version) => {
                let (entry, record) = log::published(log, *version)?;
                Some(format::json(&VersionFile {
                    schema: SCHEMA,
                    seq: entry.seq,
                    image: image.clone(),
                    published_at: entry.at,
                    run: entry.run.clone(),
                    run_url: entry.run_url.clone(),
                    record: record.clone(),
                }))
            }
            Self::Channel(image, channel) => {
                let last = log::last_move(log, channel)?;
                let (_, record) = log::published(log, last.to)?;
                Some(format::json(&ChannelFile {
                    schema: SCHEMA,
                    seq: last.entry.seq,
                    image: image.clone(),
                    channel: channel.clone(),
                    version: last.to,
                    previous: last.from,
                    moved_at: last.entry.at,
                    run: last.entry.run.clone(),
                    artifacts: ArtifactRecord::disk_first(&record.artifacts, image, last.to),
                }))
            }
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

/// Brings `projection` up to date after a transaction.
pub(super) async fn refresh(
    registry: &dyn Registry,
    projection: Projection,
    done: Done,
) -> Result<(), RegistryError> {
    let Done { seq, log } = done;
    let image = projection.image().clone();
    settle(registry, &projection, log).await.map(drop).map_err(|why| RegistryError::Stale {
        image,
        seq,
        source: Box::new(why),
    })
}

/// Makes every projection of `image` from its log. Returns those that had to be written.
pub async fn rebuild(
    registry: &dyn Registry,
    image: &ImageName,
) -> Result<Vec<Projection>, RegistryError> {
    let log = registry.log(image, 0).await?;
    let mut projections: Vec<_> = log.iter().filter_map(Projection::changed_by).collect();
    projections.sort();
    projections.dedup();
    let mut written = Vec::new();
    for projection in projections {
        if settle(registry, &projection, log.clone()).await? {
            written.push(projection);
        }
    }
    Ok(written)
}

/// Writes `projection` until it is what follows from the log. Whether it had to be written.
async fn settle(
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
