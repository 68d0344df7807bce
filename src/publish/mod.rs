//! Where the bytes of a version go: one file a store.
//!
//! A version appears in a store as a whole or not at all, and never changes after that. Beside the
//! bytes lie the documents, `SHA256SUMS` for `sha256sum --check`, and `manifest.json`
//! (`Manifest`), which is written last and tells a reader without goldsmith that the version is
//! complete. What is published is decided by the registry alone.

mod beside;
mod content;
#[cfg(test)]
mod contract;
mod copy;
mod directory;
mod error;
mod fetch;
mod fill;
mod holding;
mod incoming;
mod locate;
mod manifest;
mod objects;
mod oci;
mod open;
mod provenance;
mod shelf;

use async_trait::async_trait;

use crate::model::{Digest, ImageName, Publication, Stored, Version};

pub use beside::{LARGEST_DOCUMENT, beside, listing};
pub use content::Content;
pub use directory::DirectoryStore;
pub use error::StoreError;
pub use fetch::{FetchError, Fetched, Fetcher, Target, Told, Whence, cached, digest_at};
pub use holding::holding;
pub use locate::open_for;
pub use manifest::{CHECKSUMS, MANIFEST, Manifest, ManifestFile, SIGNATURE};
pub use objects::ObjectsStore;
pub use oci::{OciError, OciStore};
pub use open::{Surroundings, open};
pub use provenance::{BUILD_TYPE, BUILDER, Origin, PROVENANCE, statement};

/// A version that is to go: no record names it and none ever will, or the record says that its bytes go.
#[derive(Debug, Clone)]
pub struct Unpublished {
    /// The image.
    pub image: ImageName,
    /// The version. Of these two there is one only, ever.
    pub version: Version,
    /// Digest of the disk, if it is known.
    pub disk: Option<Digest>,
    /// Whether it lies with those that did not pass.
    pub rejected: bool,
}

/// A place for the bytes of versions.
///
/// A call that is dropped stops soon and leaves nothing that readers see.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where it lies, for people.
    fn location(&self) -> &str;

    /// Brings a version into the store, whole and durable, and says where the files of its artifact
    /// lie, in their order.
    ///
    /// The digests of the artifact are checked on the way. The same artifact again is no error and
    /// copies nothing: a run that was killed after this is followed by one that publishes the same.
    /// The documents of the first stay. A version that is there with another artifact is refused.
    async fn put(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError>;

    /// Keeps the artifact of a build that did not pass aside, in the same form. One is kept for an
    /// image: the one before goes when this one is complete.
    async fn keep_rejected(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError>;

    /// Opens the file that lies at `location`, as [`Stored::location`] has it or beside such a one,
    /// from byte `from` on. Only what a reader of the store may do is needed.
    ///
    /// [`StoreError::NotThere`] if there is no such file. No pieces if it ends before `from`.
    async fn read(&self, location: &str, from: u64) -> Result<Content, StoreError>;

    /// The size in bytes of the file that lies at `location`, as [`Stored::location`] has it; none if
    /// nothing lies there, or it is no place in this store. Reads nothing of it.
    async fn size(&self, location: &str) -> Result<Option<u64>, StoreError>;

    /// Removes the version that is named, whole, if it is there. Says where it lay. The caller has
    /// made sure that nobody can publish it any more. Another artifact under its name stays.
    async fn withdraw(&self, unpublished: &Unpublished) -> Result<Option<String>, StoreError>;

    /// Removes what killed writers left behind, and says where it lay. Leaves alone what a living
    /// writer is at.
    async fn sweep(&self) -> Result<Vec<String>, StoreError>;
}
