//! The index: the pasts of all images in a few files, so that planning thousands of images does not
//! read thousands of logs.
//!
//! It is a cache. What a shard says of an image is believed only if the entry that it ends with is
//! the last of the log, and has the size that it had: one cheap look at each image. Whatever is not
//! believed is read from the log, so that shards may be missing, torn, behind, of another format, or
//! overwritten by somebody who had read an older one, and nobody is told anything wrong. For the same
//! reason nothing here waits for the disk, and that a shard cannot be written fails nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::model::{Digest, HISTORY_FORMAT, History, ImageName};
use crate::side_by_side::side_by_side;

use super::{Registry, RegistryError};

/// How many logs are read at a time. Each is read by many hands already.
const LOGS: usize = 4;

/// How many logs are announced at a time.
const AHEAD: usize = 100;

/// How many shards are held at a time.
const SHARDS: usize = 64;

/// With fewer shards than this, a thread costs more than it saves.
const SHARDS_A_THREAD: usize = 16;

/// One of the 256 parts of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The shard that `image` is in: the first byte of the SHA-256 of its name.
    pub fn of(image: &ImageName) -> Self {
        Self(Digest::of(image.as_str().as_bytes()).bytes()[0])
    }
}

impl FromStr for Shard {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let shard = u8::from_str_radix(text, 16).map(Self).map_err(drop)?;
        if shard.to_string() == text { Ok(shard) } else { Err(()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// Where a log is thought to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The image.
    pub image: ImageName,
    /// Its newest entry; 0 if there should be none.
    pub seq: u64,
}

/// `index/<shard>.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    /// What the records mean: [`HISTORY_FORMAT`]. Those of another format are not looked at.
    format: u64,
    images: BTreeMap<ImageName, Record>,
}

/// The past of an image, and what tells whether it is all of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// Bytes of the entry `head` of the history.
    size: u64,
    history: History,
}

/// What a shard was found to hold.
enum Found {
    /// Records, or nothing that can be read.
    Records(BTreeMap<ImageName, Record>),
    /// Records of a later goldsmith, which it will want to find again.
    Later,
}

impl Found {
    fn of(content: Option<&[u8]>) -> Self {
        /// Looks at nothing else, since everything else may have changed its meaning.
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let known = u64::from(HISTORY_FORMAT);
        let content = content.unwrap_or_default();
        if let Ok(File { format, images }) = serde_json::from_slice(content)
            && format == known
        {
            return Self::Records(images);
        }
        match serde_json::from_slice(content) {
            Ok(Format { format }) if format > known => Self::Later,
            _ => Self::Records(BTreeMap::new()),
        }
    }

    fn records(self) -> BTreeMap<ImageName, Record> {
        match self {
            Self::Records(records) => records,
            Self::Later => BTreeMap::new(),
        }
    }
}

/// The pasts of `images`, from the index as far as it can be believed, else from their logs.
pub(super) async fn histories(
    registry: &(impl Registry + ?Sized),
    images: &[ImageName],
) -> Result<BTreeMap<ImageName, History>, RegistryError> {
    let mut by_shard = BTreeMap::<Shard, BTreeSet<&ImageName>>::new();
    for image in images {
        by_shard.entry(Shard::of(image)).or_default().insert(image);
    }
    let mut by_shard = by_shard.into_iter();
    let mut histories = BTreeMap::new();
    let mut others = Vec::new();
    loop {
        let (shards, wanted): (Vec<Shard>, Vec<BTreeSet<&ImageName>>) =
            by_shard.by_ref().take(SHARDS).unzip();
        if shards.is_empty() {
            break;
        }
        let mut known = records(&registry.shards(&shards).await);
        let ends = wanted.into_iter().flatten().map(|image| {
            let seq = known.get(image).map_or(0, |record| record.history.head);
            End { image: image.clone(), seq }
        });
        let ends: Vec<End> = ends.collect();
        let sizes = registry.sizes_of_last(&ends).await;
        for (End { image, seq }, size) in ends.into_iter().zip(sizes) {
            let history = match known.remove(&image) {
                None if size.is_some() => Some(History::default()),
                Some(record) if seq > 0 && size == Some(record.size) => Some(record.history),
                _ => None,
            };
            match history {
                Some(history) => drop(histories.insert(image, history)),
                None => others.push(image),
            }
        }
    }
    for others in others.chunks(AHEAD) {
        registry.prepare_logs(others).await?;
        let read = stream::iter(others.to_vec())
            .map(|image| async move {
                let history = registry.history(&image).await?;
                Ok::<_, RegistryError>((image, history))
            })
            .buffered(LOGS)
            .try_collect::<Vec<_>>()
            .await?;
        histories.extend(read);
    }
    Ok(histories)
}

/// The shard with this `content`, in which `image` has the past `history`, whose last entry has
/// `size` bytes. None if it is a later goldsmith's, or has that already.
pub(super) fn with(
    content: Option<&[u8]>,
    image: &ImageName,
    size: u64,
    history: History,
) -> Option<Vec<u8>> {
    let Found::Records(mut images) = Found::of(content) else { return None };
    let record = Record { size, history };
    if images.get(image) == Some(&record) {
        return None;
    }
    images.insert(image.clone(), record);
    Some(file(images))
}

fn file(images: BTreeMap<ImageName, Record>) -> Vec<u8> {
    let file = File { format: HISTORY_FORMAT.into(), images };
    serde_json::to_vec(&file)
        .expect("the types of the registry have string keys and no failing serializers")
}

/// The records of all `shards` together.
fn records(shards: &[Option<Vec<u8>>]) -> HashMap<ImageName, Record> {
    let records = side_by_side(shards, SHARDS_A_THREAD, |shards| {
        let found = shards.iter().map(|content| Found::of(content.as_deref()).records());
        found.flatten().collect::<Vec<_>>()
    });
    records.into_iter().flatten().collect()
}

/// What a shard says of an image, beside what the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The same.
    Right,
    /// What was so once, or nothing: nobody believes it.
    Behind,
    /// Something else, and it would be believed.
    Wrong,
}

/// How the content of a shard stands to `histories`, those of all its images that have a log: with
/// each the size of the last entry, in bytes. None if a later goldsmith wrote it, or nobody can read it.
pub(super) fn standing<'a>(
    content: &[u8],
    histories: impl IntoIterator<Item = (&'a ImageName, &'a History, Option<u64>)>,
) -> Option<Vec<(&'a ImageName, Standing)>> {
    let File { format, images } = serde_json::from_slice(content).ok()?;
    if format != u64::from(HISTORY_FORMAT) {
        return None;
    }
    let standing = histories.into_iter().map(|(image, history, size)| {
        let standing = match images.get(image) {
            Some(record) if record.history == *history => Standing::Right,
            Some(record) if record.history.head == history.head && size == Some(record.size) => {
                Standing::Wrong
            }
            _ => Standing::Behind,
        };
        (image, standing)
    });
    Some(standing.collect())
}

/// Brings the index up to date with `histories`, which were made from whole logs. Returns how many
/// shards were written.
///
/// Whoever has not come to write an index has lost nothing but time: most callers do not care.
pub async fn remember(
    registry: &(impl Registry + ?Sized),
    histories: impl IntoIterator<Item = (&ImageName, &History)>,
) -> Result<usize, RegistryError> {
    let mut by_shard = BTreeMap::<Shard, Vec<(&ImageName, &History)>>::new();
    for (image, history) in histories {
        if history.head > 0 {
            by_shard.entry(Shard::of(image)).or_default().push((image, history));
        }
    }
    let mut written = 0;
    for (shard, histories) in by_shard {
        let content = registry.shards(&[shard]).await.into_iter().next().flatten();
        let Found::Records(mut images) = Found::of(content.as_deref()) else { continue };
        let ends = histories
            .iter()
            .map(|(image, history)| End { image: (*image).clone(), seq: history.head });
        let ends: Vec<End> = ends.collect();
        let sizes = registry.sizes_of_last(&ends).await;
        let mut changed = false;
        for ((image, history), size) in histories.into_iter().zip(sizes) {
            // None where somebody has moved the log on: the record is theirs to write.
            let Some(size) = size else { continue };
            let record = Record { size, history: history.clone() };
            if images.get(image) != Some(&record) {
                images.insert(image.clone(), record);
                changed = true;
            }
        }
        if changed {
            registry.write_shard(shard, &file(images)).await?;
            written += 1;
        }
    }
    Ok(written)
}
