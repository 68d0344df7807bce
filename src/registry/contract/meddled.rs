//! A registry that lets a test act at the very moment before something happens.

use async_trait::async_trait;

use crate::model::{Digest, ImageName, LogEntry, RunId};
use crate::registry::{End, File, Projection, Registry, RegistryError, Shard};

/// What is about to happen.
pub(crate) enum Call<'a> {
    /// Something is read, other than by the index.
    Read,
    /// The index is read, or checked.
    Index,
    /// A shard of the index is written.
    WriteShard,
    /// An entry is appended.
    Append(&'a LogEntry),
    /// A projection is written.
    WriteProjection,
    /// A blob is written.
    PutBlob,
}

/// Acts before a call goes through.
#[async_trait]
pub(crate) trait Meddler: Send + Sync {
    /// Acts.
    async fn before(&self, call: Call<'_>);

    /// What is said of an entry that was appended.
    async fn answer(&self, _: &LogEntry) -> Result<(), RegistryError> {
        Ok(())
    }
}

/// A registry with somebody in between.
pub(crate) struct Meddled<'a, M> {
    pub(crate) registry: &'a dyn Registry,
    pub(crate) meddler: M,
}

#[async_trait]
impl<M: Meddler> Registry for Meddled<'_, M> {
    fn location(&self) -> &str {
        self.registry.location()
    }

    async fn images(&self) -> Result<Vec<ImageName>, RegistryError> {
        self.meddler.before(Call::Read).await;
        self.registry.images().await
    }

    async fn log(&self, image: &ImageName, after: u64) -> Result<Vec<LogEntry>, RegistryError> {
        self.meddler.before(Call::Read).await;
        self.registry.log(image, after).await
    }

    async fn append(&self, entry: &LogEntry) -> Result<(), RegistryError> {
        self.meddler.before(Call::Append(entry)).await;
        self.registry.append(entry).await?;
        self.meddler.answer(entry).await
    }

    async fn projection(&self, projection: &Projection) -> Result<Option<Vec<u8>>, RegistryError> {
        self.meddler.before(Call::Read).await;
        self.registry.projection(projection).await
    }

    async fn write_projection(
        &self,
        projection: &Projection,
        content: &[u8],
    ) -> Result<(), RegistryError> {
        self.meddler.before(Call::WriteProjection).await;
        self.registry.write_projection(projection, content).await
    }

    async fn shards(&self, shards: &[Shard]) -> Vec<Option<Vec<u8>>> {
        self.meddler.before(Call::Index).await;
        self.registry.shards(shards).await
    }

    async fn write_shard(&self, shard: Shard, content: &[u8]) -> Result<(), RegistryError> {
        self.meddler.before(Call::WriteShard).await;
        self.registry.write_shard(shard, content).await
    }

    async fn sizes_of_last(&self, ends: &[End]) -> Vec<Option<u64>> {
        self.meddler.before(Call::Index).await;
        self.registry.sizes_of_last(ends).await
    }

    async fn settle_index(&self) -> Result<(), RegistryError> {
        self.registry.settle_index().await
    }

    async fn all_files(&self) -> Result<Vec<File>, RegistryError> {
        self.meddler.before(Call::Read).await;
        self.registry.all_files().await
    }

    async fn leases(&self) -> Result<Vec<RunId>, RegistryError> {
        self.registry.leases().await
    }

    async fn lease(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        self.registry.lease(run).await
    }

    async fn write_lease(&self, run: &RunId, content: &[u8]) -> Result<(), RegistryError> {
        self.registry.write_lease(run, content).await
    }

    async fn remove_lease(&self, run: &RunId) -> Result<(), RegistryError> {
        self.registry.remove_lease(run).await
    }

    async fn create_claim(&self, run: &RunId, content: &[u8]) -> Result<bool, RegistryError> {
        self.registry.create_claim(run, content).await
    }

    async fn claim(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        self.registry.claim(run).await
    }

    async fn blob(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        self.meddler.before(Call::Read).await;
        self.registry.blob(digest).await
    }

    async fn put_blob(&self, content: &[u8]) -> Result<Digest, RegistryError> {
        self.meddler.before(Call::PutBlob).await;
        self.registry.put_blob(content).await
    }
}
