//! Object stores: how one is reached, and what it means when it refuses.
//!
//! Who may is told by the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`), never by an address.

mod connect;
mod refusal;

use std::sync::Arc;

use ::object_store::multipart::MultipartStore;
use ::object_store::path::Path;
use ::object_store::{Error, ObjectStore};

pub(crate) use connect::{Purpose, connect};
pub use refusal::Refusal;
pub(crate) use refusal::{Act, answer};

/// What an object store must be able to do. All of the crate's are: they take large files in parts.
pub(crate) trait Objects: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Objects for T {}

/// The vendor's way of speaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Amazon's, which most others speak as well.
    S3,
    /// Google's.
    Gcs,
    /// Microsoft's.
    Azure,
}

/// A place in an object store.
#[derive(Clone)]
pub(crate) struct Place {
    /// The bucket.
    pub(crate) store: Arc<dyn Objects>,
    /// What all paths in there begin with.
    pub(crate) prefix: Path,
    /// How people and records call it: `s3://bucket/prefix`.
    pub(crate) location: String,
    /// The bucket's name.
    pub(crate) bucket: String,
    /// How it speaks.
    pub(crate) vendor: Vendor,
}

impl Place {
    /// What it means that `act` failed.
    pub(crate) fn refusal(&self, act: Act, error: &Error) -> Refusal {
        Refusal::of(self.vendor, &self.bucket, act, error)
    }
}
