//! Looking whether a registry is what it should be: every log by the rules of logs, and whatever is
//! made from the logs beside what follows from them.
//!
//! Others may write meanwhile. What looks wrong is looked at again when the log has moved on.

mod cure;
mod index;
mod log;
mod projections;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use crate::model::{
    Digest, Entry, Flaw, Gravity, History, ImageName, LogEntry, ParentRecord, Version,
    VersionRecord,
};

use self::cure::{BACKUP, REPAIR};
use super::layout::{self, Part};
use super::{File, Registry, RegistryError, index as shards, lease, legal, projection};

/// How many logs are announced at a time.
const AHEAD: usize = 100;

/// How many logs, or blobs, are looked at at a time.
const AT_A_TIME: usize = 4;

/// How many files that are not goldsmith's are told one by one.
const FOREIGN: usize = 20;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// That every blob is there.
    Names,
    /// That every blob is what its digest says: reads all of them.
    Contents,
}

/// What a check has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many images.
    pub images: usize,
    /// How many entries of their logs.
    pub entries: usize,
    /// How many blobs that entries name.
    pub blobs: usize,
    /// What is not as it should be, the gravest first.
    pub flaws: Vec<Flaw>,
}

impl Checked {
    /// Whether nothing is lost, and nobody is told what is not so.
    pub fn is_sound(&self) -> bool {
        self.flaws.iter().all(|flaw| flaw.gravity < Gravity::Broken)
    }
}

/// Looks at `images`, or at everything. Writes nothing.
///
/// An error if the registry cannot be looked at, not if something is wrong with it.
pub async fn check(
    registry: &dyn Registry,
    images: Option<&[ImageName]>,
    depth: Depth,
    now: Timestamp,
) -> Result<Checked, RegistryError> {
    let mut checked = Checked::default();
    let files = listing(registry, &mut checked.flaws).await?;
    let is_all = images.is_none();
    let images = match images {
        Some(images) => images.to_vec(),
        None => registry.images().await?,
    };
    let parts = Parts::of(files);
    let mut seen: Vec<Seen> = Vec::new();
    for images in images.chunks(AHEAD) {
        // What is wrong with one is told when that is read.
        let _ = registry.prepare_logs(images).await;
        let looks = images.iter().map(|image| look(registry, image, &parts));
        seen.extend(stream::iter(looks).buffered(AT_A_TIME).try_collect::<Vec<_>>().await?);
    }
    checked.images = seen.len();
    checked.entries = seen.iter().map(|seen| seen.entries).sum();
    let mut named = BTreeMap::new();
    for seen in &mut seen {
        checked.flaws.append(&mut seen.flaws);
        for (digest, seq) in std::mem::take(&mut seen.blobs) {
            named.entry(digest).or_insert((seen.image.clone(), seq));
        }
    }
    checked.blobs = named.len();
    checked.flaws.extend(blobs(registry, &named, &parts, depth).await?);
    checked.flaws.extend(index::check(registry, &seen).await);
    if is_all {
        checked.flaws.extend(orphans(&seen));
        checked.flaws.extend(around(registry, &parts, &named));
        checked.flaws.extend(leases(registry, now).await?);
    }
    checked.flaws.sort_by(|one, other| {
        let key = |flaw: &Flaw| (flaw.image.clone(), flaw.place.clone());
        other.gravity.cmp(&one.gravity).then_with(|| key(one).cmp(&key(other)))
    });
    Ok(checked)
}

/// All files. One whose name nobody can read hides all others.
async fn listing(
    registry: &dyn Registry,
    flaws: &mut Vec<Flaw>,
) -> Result<Vec<File>, RegistryError> {
    match registry.all_files().await {
        Err(RegistryError::ForeignName { path }) => {
            let what = "holds a file whose name cannot be read: what else is there was not listed";
            flaws.push(Flaw::broken(path, what).cured_by("remove it"));
            Ok(Vec::new())
        }
        files => files,
    }
}

/// What lies in a registry.
#[derive(Default)]
struct Parts {
    has_schema: bool,
    entries: BTreeMap<ImageName, BTreeSet<u64>>,
    projections: BTreeMap<ImageName, BTreeSet<super::Projection>>,
    blobs: BTreeSet<Digest>,
    foreign: Vec<String>,
}

impl Parts {
    fn of(files: Vec<File>) -> Self {
        let mut parts = Self::default();
        for File { path, .. } in files {
            match layout::part(&path) {
                Some(Part::Schema) => parts.has_schema = true,
                Some(Part::Entry(image, seq)) => {
                    parts.entries.entry(image).or_default().insert(seq);
                }
                Some(Part::Projection(projection)) => {
                    let image = projection.image().clone();
                    parts.projections.entry(image).or_default().insert(projection);
                }
                Some(Part::Blob(digest)) => drop(parts.blobs.insert(digest)),
                Some(Part::Shard(_) | Part::Lease(_) | Part::Claim(_)) => {}
                None => parts.foreign.push(path),
            }
        }
        parts
    }
}

/// What was seen of an image.
struct Seen {
    image: ImageName,
    /// How many entries were read.
    entries: usize,
    flaws: Vec<Flaw>,
    /// What its log says; none if not all of it can be read.
    history: Option<History>,
    /// The blobs that its entries name, each with the first that does.
    blobs: BTreeMap<Digest, u64>,
    /// What its versions were built from.
    parents: Vec<(Version, ParentRecord)>,
}

/// Looks at the log of `image`, and at what is made from it.
async fn look(
    registry: &dyn Registry,
    image: &ImageName,
    parts: &Parts,
) -> Result<Seen, RegistryError> {
    let place = |seq| layout::place(registry.location(), &layout::entry(image, seq));
    let log::Read { mut log, flaws, is_whole } =
        log::read(registry, image, parts.entries.get(image)).await?;
    let mut seen = Seen {
        image: image.clone(),
        entries: 0,
        flaws,
        history: None,
        blobs: BTreeMap::new(),
        parents: Vec::new(),
    };
    if is_whole {
        let there = parts.projections.get(image).cloned().unwrap_or_default();
        seen.flaws.extend(projections::check(registry, &there, &mut log).await?);
        for breach in legal::breaches(&log) {
            let cure = "somebody has written it past goldsmith: restore the log from a backup";
            seen.flaws.push(Flaw::broken(place(breach.seq), breach.what).cured_by(cure));
        }
        if let Some(seq) = legal::first_unknown(&log) {
            let what =
                "is of a kind that only a newer goldsmith knows: what is after it is not judged";
            seen.flaws.push(Flaw::notice(place(seq), what));
        }
        seen.history = Some(History::of(&log));
    }
    seen.entries = log.len();
    for entry in &log {
        for digest in named_by(entry) {
            seen.blobs.entry(digest).or_insert(entry.seq);
        }
        if let Entry::Published(record) = &entry.entry {
            let parents = record.provenance.parents.iter().cloned();
            seen.parents.extend(parents.map(|parent| (record.version, parent)));
        }
    }
    seen.flaws = seen.flaws.into_iter().map(|flaw| flaw.of(image)).collect();
    Ok(seen)
}

/// The blobs that `entry` names.
fn named_by(entry: &LogEntry) -> Vec<Digest> {
    let blobs = match &entry.entry {
        Entry::Published(record) => {
            let VersionRecord { inventory, findings, report, configuration, .. } = &**record;
            vec![Some(*inventory), *findings, Some(*report), *configuration]
        }
        Entry::Rejected(record) => {
            vec![record.inventory, record.findings, record.evidence, Some(record.report)]
        }
        Entry::Rescanned { findings, .. } => vec![*findings],
        _ => Vec::new(),
    };
    blobs.into_iter().flatten().collect()
}

/// Looks at the blobs that entries name.
async fn blobs(
    registry: &dyn Registry,
    named: &BTreeMap<Digest, (ImageName, u64)>,
    parts: &Parts,
    depth: Depth,
) -> Result<Vec<Flaw>, RegistryError> {
    let wanted = named.iter().filter(|(digest, _)| {
        // What is not in the listing may have come since.
        depth == Depth::Contents || !parts.blobs.contains(digest)
    });
    let looks = wanted.map(|(digest, (image, seq))| async move {
        let what = match registry.blob(digest).await {
            Ok(_) => return Ok(None),
            Err(RegistryError::BlobMissing { .. }) => "is missing".to_owned(),
            Err(RegistryError::BlobChanged { found, .. }) => {
                format!("holds something else: its content has digest {found}")
            }
            Err(RegistryError::Damaged { source, .. }) => format!("is damaged: {source}"),
            Err(error) => return Err(error),
        };
        let place = layout::place(registry.location(), &layout::blob(digest));
        let what = format!("{what}; entry {seq} names it");
        Ok(Some(Flaw::broken(place, what).of(image).cured_by(BACKUP)))
    });
    let found: Vec<Option<Flaw>> =
        stream::iter(looks).buffer_unordered(AT_A_TIME).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Versions that were built from what is not recorded here.
fn orphans(seen: &[Seen]) -> Vec<Flaw> {
    let known: BTreeMap<&ImageName, &Seen> = seen.iter().map(|seen| (&seen.image, seen)).collect();
    let is_known = |parent: &ParentRecord| {
        let seen = known.get(&parent.image);
        let histories = seen.map(|seen| seen.history.as_ref());
        match histories {
            Some(Some(history)) => history.published.contains(&parent.version),
            // Nobody can say.
            Some(None) => true,
            None => false,
        }
    };
    let mut flaws = Vec::new();
    for seen in seen {
        for (version, parent) in seen.parents.iter().filter(|(_, parent)| !is_known(parent)) {
            let ParentRecord { image, version: of } = parent;
            let what = format!("was built from {image} {of}, which this registry does not know");
            flaws.push(Flaw::notice(format!("{} {version}", seen.image), what).of(&seen.image));
        }
    }
    flaws
}

/// What else lies there.
fn around(
    registry: &dyn Registry,
    parts: &Parts,
    named: &BTreeMap<Digest, (ImageName, u64)>,
) -> Vec<Flaw> {
    let place = |path: &str| layout::place(registry.location(), path);
    let mut flaws = Vec::new();
    if !parts.has_schema && !parts.entries.is_empty() {
        let what = "is missing; whoever writes next makes it again";
        flaws.push(Flaw::notice(place(layout::SCHEMA_FILE), what));
    }
    for path in parts.foreign.iter().take(FOREIGN) {
        flaws.push(Flaw::notice(place(path), "is not goldsmith's, and is left alone"));
    }
    if let Some(more @ 1..) = parts.foreign.len().checked_sub(FOREIGN) {
        let what = format!("holds further files that are not goldsmith's ({more})");
        flaws.push(Flaw::notice(registry.location().to_owned(), what));
    }
    let unnamed = parts.blobs.iter().filter(|digest| !named.contains_key(digest)).count();
    if unnamed > 0 {
        let what = format!(
            "holds {unnamed} blobs that no entry names: of runs that were stopped, or are at work"
        );
        flaws.push(Flaw::notice(place("blobs"), what));
    }
    flaws
}

/// Runs that are dead, and leases that nobody can read.
async fn leases(registry: &dyn Registry, now: Timestamp) -> Result<Vec<Flaw>, RegistryError> {
    let mut flaws = Vec::new();
    for lease in lease::leases(registry).await? {
        match lease {
            Ok(lease) if lease.has_expired(now) => {
                let place = layout::place(registry.location(), &layout::lease(&lease.run));
                let what = format!("was not renewed since {}: its run is dead", lease.renewed_at);
                let cure = "`goldsmith reap` cleans up after it";
                flaws.push(Flaw::notice(place, what).cured_by(cure));
            }
            Ok(_) => {}
            Err(error) => {
                let (place, what) = log::told(registry, &error);
                let cure = "if no such run is at work, remove it";
                flaws.push(Flaw::broken(place, what).cured_by(cure));
            }
        }
    }
    Ok(flaws)
}

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repaired {
    /// What was made again, or would be: flaws as they were.
    pub done: Vec<Flaw>,
    /// What is still wrong: nothing here can put it right.
    pub left: Vec<Flaw>,
}

/// Makes again, from the logs, what is made from them and is not as it should be: projections and the
/// index. Nothing is removed, and no log is touched. With `dry_run`, says what would be done.
pub async fn repair(
    registry: &dyn Registry,
    dry_run: bool,
    now: Timestamp,
) -> Result<Repaired, RegistryError> {
    let before = check(registry, None, Depth::Names, now).await?;
    let is_ours = |flaw: &Flaw| flaw.cure.as_deref() == Some(REPAIR);
    let is_left = |flaw: &Flaw| flaw.gravity > Gravity::Notice && !is_ours(flaw);
    let (done, others): (Vec<Flaw>, Vec<Flaw>) = before.flaws.into_iter().partition(is_ours);
    if dry_run {
        return Ok(Repaired { done, left: others.into_iter().filter(is_left).collect() });
    }
    let broken: BTreeSet<&ImageName> = done.iter().filter_map(|flaw| flaw.image.as_ref()).collect();
    for image in broken {
        let mut log = registry.log(image, 0).await?;
        for projection in super::Projection::all(&log) {
            if projections::is_flawed(registry, &projection, &mut log).await? {
                projection::settle(registry, &projection, log.clone()).await?;
            }
        }
    }
    let mut histories = BTreeMap::new();
    for image in registry.images().await? {
        // One that cannot be read has no place in the index.
        if let Ok(history) = registry.history(&image).await {
            histories.insert(image, history);
        }
    }
    shards::remember(registry, &histories).await?;
    registry.settle_index().await?;
    let after = check(registry, None, Depth::Names, now).await?;
    let left = after.flaws.into_iter().filter(|flaw| flaw.gravity > Gravity::Notice).collect();
    Ok(Repaired { done, left })
}
