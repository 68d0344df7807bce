//! The registry on a branch of a git repository, by the git program: the same files as elsewhere, and
//! a commit for each entry.
//!
//! What makes it safe is that a server moves a branch only from where the writer thinks it is: the
//! compare-and-swap of all entries, of all images. Whoever loses looks whether his place in the log
//! is still free, and goes on if it is. What follows from an entry is in the same commit: the files
//! that are made from the log, the index, and the blobs that the entry names.
//!
//! Leases are no part of the branch, since they would make a commit a minute: each is a ref of its
//! own, which comes and goes (`leases.rs`).

mod address;
mod answers;
mod cache;
mod contents;
mod credentials;
mod draft;
mod leases;
mod program;
mod record;
mod refusal;
mod remote;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard};

use crate::model::{Digest, History, ImageName, LogEntry, RunId};

use self::cache::Cache;
pub use self::credentials::OWN_TOKEN as GIT_TOKEN;
use self::record::Record;
use self::state::{State, kept};
use self::tree::{Node, ObjectId};
use super::{End, File, Projection, Registry, RegistryError, Shard, format, index, layout};

/// For how long a branch that was fetched is thought to be where it was, by all processes of this
/// machine. A burst of questions is one to the server; an answer may be so much older than its question.
const FRESH: Duration = Duration::from_secs(2);

/// A registry on a branch.
pub struct GitRegistry {
    cache: Cache,
    fresh: Duration,
    state: Mutex<State>,
}

impl GitRegistry {
    /// Fetches the branch. One that is not there is a registry without images. At a `glance`, what another
    /// process has just fetched will do; whoever writes or cleans up has to know all that was there when
    /// it began.
    async fn begin(cache: Cache, fresh: Duration, glance: bool) -> Result<Self, RegistryError> {
        let mut state = State::default();
        if let Some(answer) = cache.answer(fresh).filter(|_| glance) {
            state.tip = answer.tip;
            state.asked = Instant::now().checked_sub(answer.age);
        }
        let registry = Self { cache, fresh, state: Mutex::new(state) };
        drop(registry.known(&[]).await?);
        Ok(registry)
    }

    /// The branch as it is now.
    async fn now(&self) -> Result<MutexGuard<'_, State>, RegistryError> {
        let mut state = self.state.lock().await;
        if state.asked.is_none_or(|asked| asked.elapsed() >= self.fresh) {
            let lock = self.cache.lock().await?;
            let tip = self.cache.fetch(&lock).await?;
            state.fetched(tip);
        }
        Ok(state)
    }

    /// The branch as it is now, of which `folders` were looked at.
    async fn known(&self, folders: &[String]) -> Result<MutexGuard<'_, State>, RegistryError> {
        let mut state = self.now().await?;
        state.look(&self.cache, &folders.iter().cloned().collect()).await?;
        Ok(state)
    }

    fn place(&self, path: &str) -> String {
        layout::place(&self.cache.location, path)
    }

    /// The content of the file at `path`, if it is there.
    async fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        let mut state = self.now().await?;
        self.read_in(&mut state, path, limit).await
    }

    async fn read_in(
        &self,
        state: &mut State,
        path: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        state.look(&self.cache, &[folder.to_owned()].into()).await?;
        let Some(id) = state.file(path) else { return Ok(None) };
        let found = state.read(&self.cache, &[id], limit).await?.remove(0);
        kept(found, &self.place(path))
    }
}

/// Where a blob lies in the branch. Of the paths, this alone differs: a folder is written anew with
/// every commit that changes something in it, and with years of blobs in one, that would be
/// megabytes.
fn blob_path(digest: &Digest) -> String {
    let path = layout::blob(digest);
    let (folder, name) = path.split_once('/').unwrap_or(("", &path));
    format!("{folder}/{}/{name}", &name[..2])
}

/// The entries in a folder with a log: number and object, in order.
fn entries(folder: &state::Folder) -> BTreeMap<u64, ObjectId> {
    let entry = |(name, node): (&String, &Node)| match node {
        Node::File(id) => Some((layout::entry_seq(name)?, id.clone())),
        Node::Folder | Node::Foreign => None,
    };
    folder.iter().filter_map(entry).collect()
}

/// The log of `image` after entry `after`, from a state that has looked at its folder.
async fn log(
    state: &mut State,
    cache: &Cache,
    image: &ImageName,
    after: u64,
) -> Result<Vec<LogEntry>, RegistryError> {
    let place = |seq| layout::place(&cache.location, &layout::entry(image, seq));
    let entries = entries(&state.folder(&layout::log_folder(image)));
    let head = entries.keys().next_back().copied().unwrap_or(0);
    if head < after {
        return Err(RegistryError::Gap { path: place(head + 1) });
    }
    let mut seqs = Vec::new();
    let mut ids = Vec::new();
    let mut gap = None;
    for (expected, (seq, id)) in (after + 1..).zip(entries.range(after + 1..)) {
        if *seq != expected {
            gap = Some(expected);
            break;
        }
        seqs.push(*seq);
        ids.push(id.clone());
    }
    // The same log is read again and again while it grows.
    let mut read = state.known_entries(image, after, &ids);
    let found = state.read(cache, &ids[read.len()..], format::MAX_FILE).await?;
    for (seq, found) in seqs.into_iter().skip(read.len()).zip(found) {
        let path = place(seq);
        let content =
            kept(found, &path)?.ok_or_else(|| RegistryError::Gap { path: path.clone() })?;
        read.push(format::entry(&content, image, seq, &path)?);
    }
    // What is wrong before it is told first, as elsewhere.
    if let Some(seq) = gap {
        return Err(RegistryError::Gap { path: place(seq) });
    }
    if after == 0 {
        state.know_entries(ids, &read);
    }
    Ok(read)
}

#[async_trait]
impl Registry for GitRegistry {
    fn location(&self) -> &str {
        &self.cache.location
    }

    async fn images(&self) -> Result<Vec<ImageName>, RegistryError> {
        let state = self.known(&[layout::IMAGES.to_owned()]).await?;
        let folder = state.folder(layout::IMAGES);
        let images = folder.iter().filter(|(_, node)| **node == Node::Folder);
        let mut images: Vec<ImageName> = images.filter_map(|(name, _)| name.parse().ok()).collect();
        images.sort();
        Ok(images)
    }

    async fn log(&self, image: &ImageName, after: u64) -> Result<Vec<LogEntry>, RegistryError> {
        let mut state = self.known(&[layout::log_folder(image)]).await?;
        log(&mut state, &self.cache, image, after).await
    }

    async fn append(&self, entry: &LogEntry) -> Result<(), RegistryError> {
        self.record(&Record::Entry(entry)).await
    }

    async fn projection(&self, projection: &Projection) -> Result<Option<Vec<u8>>, RegistryError> {
        let path = layout::projection(projection);
        let mut state = self.known(&[]).await?;
        let kept_before = state.tip.as_ref().and_then(|tip| self.cache.kept(tip, &path));
        if let Some(content) = kept_before {
            return Ok(Some(content));
        }
        let content = self.read_in(&mut state, &path, format::MAX_FILE).await?;
        if let (Some(tip), Some(content)) = (&state.tip, &content) {
            self.cache.keep(tip, &path, content);
        }
        Ok(content)
    }

    async fn write_projection(
        &self,
        projection: &Projection,
        content: &[u8],
    ) -> Result<(), RegistryError> {
        self.record(&Record::Projection(projection, content)).await
    }

    async fn blob(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let path = blob_path(digest);
        let waiting = self.state.lock().await.blobs.get(digest).cloned();
        let packed = match waiting {
            Some(packed) => Some(packed),
            None => self.read(&path, format::MAX_BLOB).await?,
        };
        match packed {
            Some(packed) => format::unpack(&packed, digest, &self.place(&path)),
            None => Err(RegistryError::BlobMissing { path: self.place(&path) }),
        }
    }

    async fn put_blob(&self, content: &[u8]) -> Result<Digest, RegistryError> {
        let digest = Digest::of(content);
        let packed = format::pack(content, &self.place(&blob_path(&digest)))?;
        // The entry that names it brings it along.
        self.state.lock().await.blobs.insert(digest, packed);
        Ok(digest)
    }

    async fn leases(&self) -> Result<Vec<RunId>, RegistryError> {
        self.leased_runs().await
    }

    async fn lease(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        self.read_lease(run).await
    }

    async fn write_lease(&self, run: &RunId, content: &[u8]) -> Result<(), RegistryError> {
        self.push_lease(run, content).await
    }

    async fn remove_lease(&self, run: &RunId) -> Result<(), RegistryError> {
        self.drop_lease(run).await
    }

    async fn create_claim(&self, run: &RunId, content: &[u8]) -> Result<bool, RegistryError> {
        self.push_claim(run, content).await
    }

    async fn claim(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        self.read_claim(run).await
    }

    async fn shards(&self, shards: &[Shard]) -> Vec<Option<Vec<u8>>> {
        let nothing = vec![None; shards.len()];
        // No newer than what is known: whoever wants pasts as they are now has asked for them, and
        // whoever has just written knows what he wrote.
        let mut state = self.state.lock().await;
        if state.look(&self.cache, &["index".to_owned()].into()).await.is_err() {
            return nothing;
        }
        let ids: Vec<Option<ObjectId>> =
            shards.iter().map(|shard| state.file(&layout::shard(*shard))).collect();
        let wanted: Vec<ObjectId> = ids.iter().flatten().cloned().collect();
        let Ok(found) = state.read(&self.cache, &wanted, format::MAX_FILE).await else {
            return nothing;
        };
        let mut found = found.into_iter();
        let content = |(shard, id): (&Shard, Option<ObjectId>)| {
            let content = id.and_then(|_| kept(found.next()?, "").ok().flatten());
            state.shards.get(shard).cloned().or(content)
        };
        shards.iter().zip(ids).map(content).collect()
    }

    async fn all_files(&self) -> Result<Vec<File>, RegistryError> {
        let mut state = self.now().await?;
        let Some(tip) = state.tip.clone() else { return Ok(Vec::new()) };
        let listing = state.list(&self.cache, &tip, &[], true).await?;
        let file = |entry: tree::Entry| {
            let path = match entry.path.split('/').collect::<Vec<_>>()[..] {
                [folder @ "blobs", first, name] if name.starts_with(first) => {
                    format!("{folder}/{name}")
                }
                _ => entry.path,
            };
            File { path, size: None }
        };
        Ok(listing.into_iter().map(file).collect())
    }

    async fn write_shard(&self, shard: Shard, content: &[u8]) -> Result<(), RegistryError> {
        // A commit for what is no loss would cost more than it saves.
        self.state.lock().await.shards.insert(shard, content.to_vec());
        Ok(())
    }

    async fn settle_index(&self) -> Result<(), RegistryError> {
        self.record(&Record::Index).await
    }

    async fn sizes_of_last(&self, ends: &[End]) -> Vec<Option<u64>> {
        let nothing = vec![None; ends.len()];
        let mut state = self.state.lock().await;
        let folders: BTreeSet<String> =
            ends.iter().map(|end| layout::log_folder(&end.image)).collect();
        if state.look(&self.cache, &folders).await.is_err() {
            return nothing;
        }
        let last = |end: &End| {
            let folder = state.folder(&layout::log_folder(&end.image));
            entries(&folder).pop_last().filter(|(seq, _)| *seq == end.seq)
        };
        let ids: Vec<Option<ObjectId>> =
            ends.iter().map(|end| last(end).map(|(_, id)| id)).collect();
        let wanted: Vec<ObjectId> = ids.iter().flatten().cloned().collect();
        let Ok(found) = state.read(&self.cache, &wanted, format::MAX_FILE).await else {
            return nothing;
        };
        let mut found = found.into_iter();
        let size = |(end, id): (&End, Option<ObjectId>)| {
            if id.is_some() {
                return Some(kept(found.next()?, "").ok()??.len() as u64);
            }
            let folder = state.folder(&layout::log_folder(&end.image));
            (end.seq == 0 && folder.is_empty()).then_some(0)
        };
        ends.iter().zip(ids).map(size).collect()
    }

    async fn prepare_logs(&self, images: &[ImageName]) -> Result<(), RegistryError> {
        let folders: Vec<String> = images.iter().map(layout::log_folder).collect();
        let mut state = self.known(&folders).await?;
        let ids: Vec<ObjectId> = folders
            .iter()
            .flat_map(|folder| entries(&state.folder(folder)).into_values())
            .collect();
        // What is wrong with one is told to whoever reads it.
        state.read(&self.cache, &ids, format::MAX_FILE).await.map(drop)
    }

    async fn histories(
        &self,
        images: &[ImageName],
    ) -> Result<BTreeMap<ImageName, History>, RegistryError> {
        {
            // The shards, and the ends by which they are believed, all at once.
            let logs = images.iter().map(layout::log_folder);
            let folders: Vec<String> = logs.chain(["index".to_owned()]).collect();
            let mut state = self.known(&folders).await?;
            let shards: BTreeSet<Shard> = images.iter().map(Shard::of).collect();
            let shards = shards.into_iter().filter_map(|shard| state.file(&layout::shard(shard)));
            let ends = images.iter().filter_map(|image| {
                let folder = state.folder(&layout::log_folder(image));
                entries(&folder).pop_last().map(|(_, id)| id)
            });
            let ids: Vec<ObjectId> = shards.chain(ends).collect();
            state.read(&self.cache, &ids, format::MAX_FILE).await?;
        }
        index::histories(self, images).await
    }
}
