//! The record of versions, channels and history.
//!
//! The truth is one log for each image: numbered entries, each written only if it is not there yet,
//! so that writing entry N+1 after having read entry N is a compare-and-swap on every backend.
//! Everything else is a projection of the logs: it may be stale, it is never wrong, and it can be
//! made again.
//!
//! A backend implements `Registry` and knows nothing but paths (`layout.rs`), formats (`format.rs`)
//! and create-if-absent. What the entries mean is above it, once for all backends: a transaction
//! (`transaction.rs`) reads the log, decides, appends, and starts over when somebody was faster.

mod channel;
mod check;
#[cfg(test)]
mod contract;
mod error;
mod folder;
mod format;
mod git;
mod index;
#[cfg(test)]
mod interleavings;
mod layout;
mod lease;
mod legal;
mod log;
mod object_store;
mod open;
mod projection;
mod prune;
mod record;
mod reserve;
mod revoke;
mod steer;
mod tfvars;
mod transaction;

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::model::{Digest, History, ImageName, LogEntry, RunId};

pub use channel::{Entered, enter, named};
pub use check::{Checked, Depth, Repaired, check, repair};
pub use error::RegistryError;
pub use git::{GIT_TOKEN, GitRegistry};
pub use index::{End, Shard, remember};
pub use lease::{HEARTBEAT, Held, Lease, claim, leases, renew, still_ours};
pub use object_store::ObjectStoreRegistry;
pub use open::{Reach, glance, look, open};
pub use projection::{
    ChannelFile, Projection, VersionFile, Withdrawn, read_channel, read_version, rebuild,
};
pub use prune::{going, gone, mark, unmark};
pub use record::{Fate, Rescanned, abandon, failed, published, rejected, rescanned, verified};
pub use reserve::reserve;
pub use revoke::{Descendant, Lineage, restore, revoke};
pub use steer::{Expect, Steered, Steering, steer, swap, unpin};
pub use transaction::Author;

/// A file of a registry, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// Its path, relative to the root.
    pub path: String,
    /// Size in bytes, where that is at hand.
    pub size: Option<u64>,
}

/// A place that keeps the logs, and what is made from them.
///
/// Implementations check what they read: an entry is of the image and at the place that it says,
/// a log has no gaps, a blob is what its digest says. They are safe to use from many processes.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Where it lies, for people.
    fn location(&self) -> &str;

    /// The images that something is recorded of, sorted.
    async fn images(&self) -> Result<Vec<ImageName>, RegistryError>;

    /// The entries of the log of `image` after entry `after`, oldest first; all of them after 0.
    async fn log(&self, image: &ImageName, after: u64) -> Result<Vec<LogEntry>, RegistryError>;

    /// Writes `entry` at its `seq`, durably. The caller has read the entry before it.
    ///
    /// [`RegistryError::Conflict`] if there is an entry already. Another error does not say that
    /// the entry was not written.
    async fn append(&self, entry: &LogEntry) -> Result<(), RegistryError>;

    /// The content of a projection, if it was ever written.
    async fn projection(&self, projection: &Projection) -> Result<Option<Vec<u8>>, RegistryError>;

    /// Replaces a projection as a whole. A backend that makes projections itself together with the
    /// entry (one commit for both) has nothing to do here.
    async fn write_projection(
        &self,
        projection: &Projection,
        content: &[u8],
    ) -> Result<(), RegistryError>;

    /// The content with this digest.
    async fn blob(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError>;

    /// Keeps `content`, compressed, under its digest. Again is no error.
    ///
    /// It is durable, and there for others, with the next entry that this value appends at the
    /// latest: before that nothing names it, and a backend may bring both along at once.
    async fn put_blob(&self, content: &[u8]) -> Result<Digest, RegistryError>;

    /// The runs that have a lease, sorted.
    async fn leases(&self) -> Result<Vec<RunId>, RegistryError>;

    /// The lease of `run`, if it has one.
    async fn lease(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError>;

    /// Replaces the lease of `run` as a whole.
    async fn write_lease(&self, run: &RunId, content: &[u8]) -> Result<(), RegistryError>;

    /// Removes the lease of `run`. That there is none is no error.
    async fn remove_lease(&self, run: &RunId) -> Result<(), RegistryError>;

    /// Says who has taken `run` for dead, unless somebody has. Whether nobody had.
    async fn create_claim(&self, run: &RunId, content: &[u8]) -> Result<bool, RegistryError>;

    /// Who has taken `run` for dead, if anybody has.
    async fn claim(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError>;

    /// The content of each of `shards` of the index: none for one that is not there or that cannot
    /// be read, for it can be done without.
    async fn shards(&self, shards: &[Shard]) -> Vec<Option<Vec<u8>>> {
        vec![None; shards.len()]
    }

    /// Says that the logs of all `images` are read next: for a backend that has them at hand more
    /// quickly together.
    async fn prepare_logs(&self, _: &[ImageName]) -> Result<(), RegistryError> {
        Ok(())
    }

    /// Replaces a shard of the index as a whole. A backend without an index has nothing to do here,
    /// and one that brings it up to date together with the entry may leave it for the next one.
    async fn write_shard(&self, _: Shard, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }

    /// Writes those shards of the index that wait for the next entry.
    async fn settle_index(&self) -> Result<(), RegistryError> {
        Ok(())
    }

    /// Every file that there is, with its size in bytes where that is at hand, by the paths of
    /// `layout.rs`, in no order. A backend that keeps leases and claims elsewhere leaves them out.
    async fn all_files(&self) -> Result<Vec<File>, RegistryError>;

    /// For each of `ends` the size in bytes of its entry, if that is there and no later one is; for
    /// entry 0 it is 0, if the image has no log. None if it is otherwise, or nobody can say.
    async fn sizes_of_last(&self, ends: &[End]) -> Vec<Option<u64>> {
        vec![None; ends.len()]
    }

    /// The pasts of `images`. Those of thousands are at hand as quickly as they can be listed, if
    /// there is an index.
    async fn histories(
        &self,
        images: &[ImageName],
    ) -> Result<BTreeMap<ImageName, History>, RegistryError> {
        index::histories(self, images).await
    }

    /// The past of `image`, from its log.
    async fn history(&self, image: &ImageName) -> Result<History, RegistryError> {
        Ok(History::of(&self.log(image, 0).await?))
    }
}
