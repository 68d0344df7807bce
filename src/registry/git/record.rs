//! Writing to the branch: a commit, a push, and again when somebody else was faster.

use std::time::SystemTime;

use tokio::time::sleep;

use super::cache::{Draft, Expected, Lock, pause};
use super::refusal::Refusal;
use super::state::{Schema, State, kept};
use super::{GitRegistry, blob_path, draft, log};
use crate::model::{History, LogEntry};
use crate::registry::{Projection, RegistryError, Shard, format, index, layout};

/// How often a push is tried. Whenever it fails somebody else has got on, so that even a crowd is
/// through long before.
const PUSHES: u32 = 100;

/// How often it is tried when nobody can say what became of it.
const UNCLEAR: u32 = 4;

/// What a commit records.
pub(super) enum Record<'a> {
    /// An entry of a log.
    Entry(&'a LogEntry),
    /// A file that is made from one, and was not as it should be.
    Projection(&'a Projection, &'a [u8]),
    /// Shards of the index that wait for the next commit.
    Index,
}

impl GitRegistry {
    /// Brings `record` to the server, in a commit that follows its newest.
    pub(super) async fn record(&self, record: &Record<'_>) -> Result<(), RegistryError> {
        let mut state = self.state.lock().await;
        let lock = self.cache.lock().await?;
        if state.asked.is_none() {
            let tip = self.cache.fetch(&lock).await?;
            state.fetched(tip);
        }
        let message = match record {
            Record::Entry(entry) => draft::message(entry),
            Record::Projection(projection, _) => {
                format!("{}: a file made from its log is made again\n", projection.image())
            }
            Record::Index => "the index is made again\n".to_owned(),
        };
        let at = match record {
            Record::Entry(entry) => entry.at,
            Record::Projection(..) | Record::Index => jiff::Timestamp::now(),
        };
        let branch = format!("refs/heads/{}", self.cache.branch);
        let mut unclear = 0;
        for attempt in 1..=PUSHES {
            let Some(files) = self.files(&mut state, record, unclear > 0).await? else {
                return Ok(());
            };
            let parent = state.tip.clone();
            let draft = Draft {
                parent: parent.as_ref(),
                message: &message,
                at: at.as_second().max(0),
                files: &files,
            };
            let made = self.cache.commit(&lock, &draft).await?;
            let asked = SystemTime::now();
            let expected = parent.as_ref().map_or(Expected::Nothing, Expected::At);
            match self.cache.push(&lock, Some(&made.commit), &branch, expected).await? {
                Ok(_) => {
                    self.cache.remember(&lock, asked, Some(&made.commit));
                    let pushed = files.into_iter().zip(made.files);
                    let pushed = pushed.map(|((path, content), id)| (path, content, id));
                    state.pushed(made.commit, pushed.collect());
                    state.blobs.clear();
                    state.shards.clear();
                    return Ok(());
                }
                Err(Refusal::Outrun) => {}
                Err(Refusal::Unclear(_)) if unclear < UNCLEAR => unclear += 1,
                Err(refusal) => return Err(self.cache.refused("write", refusal)),
            }
            if unclear > 0 || attempt > 1 {
                sleep(pause(attempt)).await;
            }
            self.catch_up(&mut state, &lock).await?;
        }
        let image = match record {
            Record::Entry(LogEntry { image, .. }) => image,
            Record::Projection(projection, _) => projection.image(),
            // Whoever was faster has written what is newer.
            Record::Index => return Ok(()),
        };
        Err(RegistryError::Busy { image: image.clone(), attempts: PUSHES as usize })
    }

    /// Fetches what others have pushed. Blobs that wait go on waiting.
    async fn catch_up(&self, state: &mut State, lock: &Lock) -> Result<(), RegistryError> {
        let tip = self.cache.fetch(lock).await?;
        state.fetched(tip);
        Ok(())
    }

    /// The files that `record` writes, with what follows from them; none if it is there, which it is
    /// only where an answer was lost (`is_retry`).
    async fn files(
        &self,
        state: &mut State,
        record: &Record<'_>,
        is_retry: bool,
    ) -> Result<Option<Vec<(String, Vec<u8>)>>, RegistryError> {
        let mut files = match record {
            Record::Projection(projection, content) => {
                state.look(&self.cache, &[layout::IMAGES.to_owned()].into()).await?;
                vec![(layout::projection(projection), content.to_vec())]
            }
            Record::Index if state.shards.is_empty() => return Ok(None),
            Record::Index => {
                state.look(&self.cache, &["index".to_owned()].into()).await?;
                Vec::new()
            }
            Record::Entry(entry) => match self.follows(state, entry, is_retry).await? {
                Some(files) => files,
                None => return Ok(None),
            },
        };
        if state.schema != Schema::Ours {
            files.push((layout::SCHEMA_FILE.to_owned(), format::schema()));
        }
        files
            .extend(state.blobs.iter().map(|(digest, packed)| (blob_path(digest), packed.clone())));
        let written = |path: &str, files: &[(String, Vec<u8>)]| {
            files.iter().any(|(written, _)| written == path)
        };
        for (shard, content) in &state.shards {
            let path = layout::shard(*shard);
            if !written(&path, &files) {
                files.push((path, content.clone()));
            }
        }
        Ok(Some(files))
    }

    /// The entry, and what is made from its log.
    async fn follows(
        &self,
        state: &mut State,
        entry: &LogEntry,
        is_retry: bool,
    ) -> Result<Option<Vec<(String, Vec<u8>)>>, RegistryError> {
        let image = &entry.image;
        let folders = [layout::log_folder(image), "index".to_owned()];
        state.look(&self.cache, &folders.into()).await?;
        let path = layout::entry(image, entry.seq);
        let content = format::json(entry);
        if let Some(id) = state.file(&path) {
            let found = state.read(&self.cache, &[id], format::MAX_FILE).await?.remove(0);
            if is_retry && kept(found, &self.place(&path))?.as_ref() == Some(&content) {
                state.blobs.clear();
                return Ok(None);
            }
            return Err(RegistryError::Conflict { image: image.clone(), seq: entry.seq });
        }
        let mut log = log(state, &self.cache, image, 0).await?;
        let head = log.last().map_or(0, |entry| entry.seq);
        if head + 1 != entry.seq {
            let path = self.place(&layout::entry(image, head + 1));
            return Err(RegistryError::Gap { path });
        }
        log.push(entry.clone());
        let mut files = Vec::new();
        for projection in Projection::changed_by(&log) {
            if let Some(content) = projection.render(&log) {
                files.push((layout::projection(&projection), content));
            }
        }
        let shard = Shard::of(image);
        let known = match state.shards.get(&shard) {
            Some(waiting) => Some(waiting.clone()),
            None => match state.file(&layout::shard(shard)) {
                Some(id) => {
                    let found = state.read(&self.cache, &[id], format::MAX_FILE).await?.remove(0);
                    // A shard can be done without, whatever is wrong with it.
                    kept(found, "").ok().flatten()
                }
                None => None,
            },
        };
        let size = content.len() as u64;
        if let Some(shard_content) = index::with(known.as_deref(), image, size, History::of(&log)) {
            files.push((layout::shard(shard), shard_content));
        }
        // The entry last, for whoever reads the commit.
        files.push((path, content));
        Ok(Some(files))
    }
}
