//! The registry on an object store: a folder of this machine, and whatever else the crate of the
//! same name can reach. Needs create-if-absent and nothing more, since a local folder has no
//! conditional update.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::object_store::local::LocalFileSystem;
use ::object_store::path::Path;
use ::object_store::prefix::PrefixStore;
use ::object_store::{
    Error, ListResult, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload,
};
use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::OnceCell;

use crate::environment::Environment;
use crate::model::{Digest, ImageName, LogEntry, ObjectsAddress, RunId};
use crate::objects::{Act, Place, Purpose, Refusal, answer, connect};

use super::{End, File, Projection, Registry, RegistryError, Shard, folder, format, layout};

/// How many entries of a log, or logs, are looked at at a time.
const FETCHES: usize = 32;

/// How long to wait each time that a store cannot say yet who was first.
const WAITS: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// A registry on an object store.
pub struct ObjectStoreRegistry {
    store: Arc<dyn ObjectStore>,
    /// The same store, as far as it goes without waiting for the disk: for what is no loss.
    hasty: Arc<dyn ObjectStore>,
    /// The folder that it is, if it is one of this machine.
    folder: Option<Utf8PathBuf>,
    /// The place that it is, if it is reached by the network.
    remote: Option<Place>,
    location: String,
    /// Set once `schema.json` is known to be there and to be ours.
    schema: OnceCell<()>,
}

impl ObjectStoreRegistry {
    /// Opens the registry in `store`, which people know as `location`.
    ///
    /// Writes nothing: an empty store is a registry without images.
    pub async fn open(store: Arc<dyn ObjectStore>, location: &str) -> Result<Self, RegistryError> {
        let location = location.to_owned();
        let hasty = store.clone();
        let registry =
            Self { store, hasty, folder: None, remote: None, location, schema: OnceCell::new() };
        registry.checked().await
    }

    /// Opens the registry at a place that is reached by the network. Writes nothing.
    pub async fn open_objects(
        address: &ObjectsAddress,
        environment: &Environment,
    ) -> Result<Self, RegistryError> {
        let refused = |refusal| RegistryError::access("open", address.location(), refusal);
        Self::at(connect(address, Purpose::Records, environment).map_err(refused)?).await
    }

    async fn at(place: Place) -> Result<Self, RegistryError> {
        let bucket: Arc<dyn ObjectStore> = place.store.clone();
        let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(bucket, place.prefix.clone()));
        let registry = Self {
            hasty: store.clone(),
            store,
            folder: None,
            location: place.location.clone(),
            remote: Some(place),
            schema: OnceCell::new(),
        };
        registry.checked().await
    }

    /// Opens the registry in `folder`, which is there. Writes nothing.
    pub async fn open_folder(folder: &Utf8Path) -> Result<Self, RegistryError> {
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| RegistryError::access("open", folder.as_str(), error))?;
        let registry = Self {
            store: Arc::new(store.clone().with_fsync(true)),
            hasty: Arc::new(store),
            folder: Some(folder.to_owned()),
            remote: None,
            location: folder.as_str().to_owned(),
            schema: OnceCell::new(),
        };
        registry.checked().await
    }

    async fn checked(self) -> Result<Self, RegistryError> {
        // What is known only of a store that was written to: see `ensure_schema`.
        let is_known = self.remote.is_none();
        if self.check_schema().await? && is_known {
            self.schema.set(()).expect("nobody else has it yet");
        }
        Ok(self)
    }

    /// Whether `schema.json` is there. An error if it is not ours.
    async fn check_schema(&self) -> Result<bool, RegistryError> {
        let Some(bytes) = self.read(layout::SCHEMA_FILE, format::MAX_FILE).await? else {
            return Ok(false);
        };
        format::check_schema(&bytes, &self.place(layout::SCHEMA_FILE))?;
        Ok(true)
    }

    /// Makes sure that there is a `schema.json` before anything else is written, and that the store
    /// does not write it a second time: there are some that ignore the condition, and then two runs
    /// could write one entry.
    async fn ensure_schema(&self) -> Result<(), RegistryError> {
        let ensure = || async {
            if !self.create(layout::SCHEMA_FILE, format::schema()).await? {
                self.check_schema().await?;
            } else if self.remote.is_some()
                && self.create(layout::SCHEMA_FILE, format::schema()).await?
            {
                let path = self.place(layout::SCHEMA_FILE);
                return Err(RegistryError::access("write", path, Refusal::Unconditional));
            }
            Ok(())
        };
        self.schema.get_or_try_init(ensure).await.copied()
    }

    /// The whole path, for people.
    fn place(&self, path: &str) -> String {
        layout::place(&self.location, path)
    }

    /// What it means that `act` failed on `path`.
    fn failed(&self, act: Act, path: &str, error: Error) -> RegistryError {
        let (verb, path) = (act.verb(), self.place(path));
        match &self.remote {
            Some(place) => RegistryError::access(verb, path, place.refusal(act, &error)),
            None => RegistryError::access(verb, path, error),
        }
    }

    /// The content of a file of at most `limit` bytes, if it is there.
    async fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        let failed = |error| self.failed(Act::Read, path, error);
        let found = match self.store.get(&Path::from(path)).await {
            Ok(found) => found,
            Err(error @ Error::NotFound { .. }) => {
                // A bucket that is missing is no registry without images.
                let refusal = self.remote.as_ref().map(|place| place.refusal(Act::Read, &error));
                let is_missing = matches!(refusal, Some(Refusal::NoBucket(_)));
                return if is_missing { Err(failed(error)) } else { Ok(None) };
            }
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > limit {
            let why = format!("it has {} bytes, at most {limit} are read", found.meta.size);
            return Err(RegistryError::damaged(self.place(path), why));
        }
        Ok(Some(found.bytes().await.map_err(failed)?.into()))
    }

    /// Writes a file as a whole if it is not there. Whether it was not.
    async fn create(&self, path: &str, content: Vec<u8>) -> Result<bool, RegistryError> {
        let (file, content) = (Path::from(path), PutPayload::from(content));
        for wait in WAITS {
            let create = self.store.put_opts(&file, content.clone(), PutMode::Create.into());
            match create.await {
                Ok(_) => return Ok(true),
                Err(error @ Error::AlreadyExists { .. }) => {
                    // S3 says so of two that write at once, of whom it may be that neither has.
                    let undecided =
                        answer(&error).is_some_and(|it| it.code == "ConditionalRequestConflict");
                    if !undecided {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(self.failed(Act::Write, path, error)),
            }
            tokio::time::sleep(wait).await;
        }
        Ok(false)
    }

    /// Writes a file as a whole, whatever was there.
    async fn replace(&self, path: &str, content: Vec<u8>) -> Result<(), RegistryError> {
        self.replace_in(&*self.store, path, content).await
    }

    async fn replace_in(
        &self,
        store: &dyn ObjectStore,
        path: &str,
        content: Vec<u8>,
    ) -> Result<(), RegistryError> {
        store
            .put(&Path::from(path), content.into())
            .await
            .map(drop)
            .map_err(|error| self.failed(Act::Write, path, error))
    }

    /// What is in a folder.
    async fn list(&self, folder: &str) -> Result<ListResult, RegistryError> {
        self.store.list_with_delimiter(Some(&Path::from(folder))).await.map_err(|error| match error
        {
            Error::InvalidPath { .. } => RegistryError::ForeignName { path: self.place(folder) },
            error => self.failed(Act::List, folder, error),
        })
    }

    /// The number of the newest entry in the log of `image`, and its size in bytes; both are 0 if
    /// it has none.
    async fn last(&self, image: &ImageName) -> Result<(u64, u64), RegistryError> {
        let listing = self.list(&layout::log_folder(image)).await?;
        let entry = |object: &ObjectMeta| {
            Some((layout::entry_seq(object.location.filename()?)?, object.size))
        };
        Ok(listing.objects.iter().filter_map(entry).max().unwrap_or_default())
    }

    /// Does `look` in the folder that this is, on a thread where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Utf8Path) -> T + Send + 'static,
    ) -> Option<T> {
        let folder = self.folder.clone()?;
        tokio::task::spawn_blocking(move || look(&folder)).await.ok()
    }
}

#[async_trait]
impl Registry for ObjectStoreRegistry {
    fn location(&self) -> &str {
        &self.location
    }

    async fn images(&self) -> Result<Vec<ImageName>, RegistryError> {
        let listing = self.list(layout::IMAGES).await?;
        let mut images: Vec<ImageName> = listing
            .common_prefixes
            .iter()
            .filter_map(|folder| folder.filename()?.parse().ok())
            .collect();
        images.sort();
        Ok(images)
    }

    async fn log(&self, image: &ImageName, after: u64) -> Result<Vec<LogEntry>, RegistryError> {
        // The listing finds the end only. A listing that runs beside a writer may show entry N+1
        // and not N, but N was there before: what is missing when asked for by name is missing.
        let (head, _) = self.last(image).await?;
        if head < after {
            return Err(RegistryError::Gap { path: self.place(&layout::entry(image, head + 1)) });
        }
        let entry = |seq, content: Option<Vec<u8>>| {
            let path = self.place(&layout::entry(image, seq));
            match content {
                Some(content) => format::entry(&content, image, seq, &path),
                None => Err(RegistryError::Gap { path }),
            }
        };
        let (wanted, seqs) = (image.clone(), after + 1..=head);
        let read = self.blocking(move |root| folder::entries(root, &wanted, seqs)).await;
        if let Some(contents) = read {
            let refused = |seq, error: io::Error| {
                let path = self.place(&layout::entry(image, seq));
                match error.kind() {
                    io::ErrorKind::FileTooLarge => RegistryError::damaged(path, error),
                    _ => RegistryError::access("read", path, error),
                }
            };
            let contents = (after + 1..).zip(contents);
            return contents
                .map(|(seq, content)| {
                    let content = content.map_err(|error| refused(seq, error))?;
                    entry(seq, content)
                })
                .collect();
        }
        stream::iter(after + 1..=head)
            .map(|seq| async move {
                let content = self.read(&layout::entry(image, seq), format::MAX_FILE).await;
                Ok::<_, RegistryError>((seq, content?))
            })
            .buffered(FETCHES)
            .map(|read| read.and_then(|(seq, content)| entry(seq, content)))
            .try_collect()
            .await
    }

    async fn append(&self, entry: &LogEntry) -> Result<(), RegistryError> {
        self.ensure_schema().await?;
        let path = layout::entry(&entry.image, entry.seq);
        if self.create(&path, format::json(entry)).await? {
            Ok(())
        } else {
            Err(RegistryError::Conflict { image: entry.image.clone(), seq: entry.seq })
        }
    }

    async fn projection(&self, projection: &Projection) -> Result<Option<Vec<u8>>, RegistryError> {
        self.read(&layout::projection(projection), format::MAX_FILE).await
    }

    async fn write_projection(
        &self,
        projection: &Projection,
        content: &[u8],
    ) -> Result<(), RegistryError> {
        self.ensure_schema().await?;
        self.replace(&layout::projection(projection), content.to_vec()).await
    }

    async fn leases(&self) -> Result<Vec<RunId>, RegistryError> {
        let listing = self.list(layout::RUNS).await?;
        let files = listing.objects.iter().filter_map(|object| object.location.filename());
        let mut runs: Vec<RunId> = files.filter_map(layout::leased).collect();
        runs.sort();
        Ok(runs)
    }

    async fn lease(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        self.read(&layout::lease(run), format::MAX_FILE).await
    }

    async fn write_lease(&self, run: &RunId, content: &[u8]) -> Result<(), RegistryError> {
        self.ensure_schema().await?;
        self.replace(&layout::lease(run), content.to_vec()).await
    }

    async fn remove_lease(&self, run: &RunId) -> Result<(), RegistryError> {
        let path = layout::lease(run);
        match self.store.delete(&Path::from(path.as_str())).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(Act::Remove, &path, error)),
        }
    }

    async fn create_claim(&self, run: &RunId, content: &[u8]) -> Result<bool, RegistryError> {
        self.ensure_schema().await?;
        self.create(&layout::claim(run), content.to_vec()).await
    }

    async fn claim(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        self.read(&layout::claim(run), format::MAX_FILE).await
    }

    async fn shards(&self, shards: &[Shard]) -> Vec<Option<Vec<u8>>> {
        let wanted = shards.to_vec();
        if let Some(found) = self.blocking(move |root| folder::shards(root, &wanted)).await {
            return found;
        }
        stream::iter(shards.to_vec())
            .map(|shard| async move {
                self.read(&layout::shard(shard), format::MAX_FILE).await.ok().flatten()
            })
            .buffered(FETCHES)
            .collect()
            .await
    }

    async fn all_files(&self) -> Result<Vec<File>, RegistryError> {
        let failed = |error| match error {
            Error::InvalidPath { .. } => RegistryError::ForeignName { path: self.location.clone() },
            error => self.failed(Act::List, "", error),
        };
        let listing = self.store.list(None).map_err(failed);
        let file =
            |found: ObjectMeta| File { path: found.location.to_string(), size: Some(found.size) };
        listing.map_ok(file).try_collect().await
    }

    async fn write_shard(&self, shard: Shard, content: &[u8]) -> Result<(), RegistryError> {
        self.ensure_schema().await?;
        self.replace_in(&*self.hasty, &layout::shard(shard), content.to_vec()).await
    }

    async fn sizes_of_last(&self, ends: &[End]) -> Vec<Option<u64>> {
        let asked = ends.to_vec();
        if let Some(sizes) = self.blocking(move |root| folder::sizes_of_last(root, &asked)).await {
            return sizes;
        }
        stream::iter(ends.to_vec())
            .map(|end| async move {
                let (seq, size) = self.last(&end.image).await.ok()?;
                (seq == end.seq).then_some(size)
            })
            .buffered(FETCHES)
            .collect()
            .await
    }

    async fn blob(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let path = layout::blob(digest);
        match self.read(&path, format::MAX_BLOB).await? {
            Some(packed) => format::unpack(&packed, digest, &self.place(&path)),
            None => Err(RegistryError::BlobMissing { path: self.place(&path) }),
        }
    }

    async fn put_blob(&self, content: &[u8]) -> Result<Digest, RegistryError> {
        let digest = Digest::of(content);
        let path = layout::blob(&digest);
        let packed = format::pack(content, &self.place(&path))?;
        self.ensure_schema().await?;
        if !self.create(&path, packed.clone()).await? {
            // A damaged blob of that name is made good: there is only one right content.
            match self.blob(&digest).await {
                Err(RegistryError::BlobChanged { .. } | RegistryError::Damaged { .. }) => {
                    self.replace(&path, packed).await?;
                }
                other => drop(other?),
            }
        }
        Ok(digest)
    }
}

#[cfg(test)]
mod tests;
