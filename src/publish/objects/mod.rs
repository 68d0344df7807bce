//! A store in an object store.
//!
//! ```text
//! <prefix>/<image>/<version>/                       a version
//!     debian-12-v1.0.20261123.qcow2                 the disk, then further files of the artifact
//!     …                                             the documents
//!     SHA256SUMS
//!     manifest.json                                 written last: what has none is no version
//! <prefix>/rejected/<image>/<version>/              a build that did not pass, in the same form
//! <prefix>/.incoming/<image>/<version>.json         what has been sent of a version (`Journal`)
//! <prefix>/.incoming/rejected/<image>/<version>.json
//! ```
//!
//! A file appears when the last of its parts is there and the digest of what was read is that of the
//! artifact; it carries the digest, so that nobody has to read it to know that it is whole. What a
//! killed writer has sent stands in the journal, and the next one sends the rest. There are no
//! locks: a journal that nobody has written to for a day has been left behind, and who was only slow
//! starts his upload anew.

mod contents;
mod journal;
mod parts;
mod shelf;
#[cfg(test)]
mod tests;
mod upload;

use std::time::Duration;

use ::object_store::path::Path;
use ::object_store::{ObjectMeta, ObjectStore as _};
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;

use crate::environment::Environment;
use crate::model::{ImageName, ObjectsAddress, Publication, Stored, Version};
use crate::objects::{Act, Purpose, connect};

use super::{Content, Store, StoreError, Unpublished};
use contents::Contents;
use journal::INCOMING;
use shelf::Shelf;

/// The folder for builds that did not pass. No image can have this name.
const REJECTED: &str = "rejected";

/// Since when nobody has sent anything of what was left behind. Longer than any part takes, and
/// than any two clocks differ.
const ABANDONED: Duration = Duration::from_hours(24);

/// A store in an object store.
pub struct ObjectsStore {
    contents: Contents,
    /// After how long an upload has been left behind.
    abandoned: Duration,
}

impl ObjectsStore {
    /// The store at `address`, for whom `environment` says that we are. Asks nobody yet.
    pub fn new(address: &ObjectsAddress, environment: &Environment) -> Result<Self, StoreError> {
        let refused = |source| {
            let path = address.location();
            StoreError::Refused { action: "open", path, source }
        };
        let place = connect(address, Purpose::Bytes, environment).map_err(refused)?;
        Ok(Self { contents: Contents::new(place, parts::PART), abandoned: ABANDONED })
    }

    /// Where the versions of `image` are.
    fn published(&self, image: &ImageName) -> Result<Shelf<'_>, StoreError> {
        if image.as_str() == REJECTED {
            return Err(StoreError::ReservedName { image: image.clone() });
        }
        Ok(Shelf::new(&self.contents, image.to_string(), image.clone()))
    }

    /// Where the rejected builds of `image` are.
    fn rejected(&self, image: &ImageName) -> Shelf<'_> {
        Shelf::new(&self.contents, format!("{REJECTED}/{image}"), image.clone())
    }

    /// Removes what was left behind below `folder` of the journals.
    async fn sweep_below(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let (contents, now) = (&self.contents, Timestamp::now());
        let found: Vec<ObjectMeta> = contents
            .store()
            .list(Some(&contents.path(folder)?))
            .try_collect()
            .await
            .map_err(|error| contents.refused(Act::List, folder, &error))?;
        let mut removed = Vec::new();
        for journal in found {
            let age = now.as_second() - journal.last_modified.timestamp();
            if age >= self.abandoned.as_secs().cast_signed()
                && let Some((shelf, version)) = self.shelf_of(&journal.location)
            {
                removed.extend(shelf.clear(version).await?);
            }
        }
        Ok(removed)
    }

    /// Removes what was left behind of the versions in `folder`. That it stays is no reason not to
    /// store another one.
    async fn tidy(&self, folder: &str) {
        drop(self.sweep_below(&format!("{INCOMING}/{folder}")).await);
    }

    /// Whose journal lies at `path`.
    fn shelf_of(&self, path: &Path) -> Option<(Shelf<'_>, Version)> {
        let within = path.prefix_match(&self.contents.path(INCOMING).ok()?)?;
        let parts: Vec<String> = within.map(|part| part.as_ref().to_owned()).collect();
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (shelf, name) = match names[..] {
            [image, name] => (self.published(&image.parse().ok()?).ok()?, name),
            [REJECTED, image, name] => (self.rejected(&image.parse().ok()?), name),
            _ => return None,
        };
        Some((shelf, name.strip_suffix(".json")?.parse().ok()?))
    }
}

#[async_trait]
impl Store for ObjectsStore {
    fn location(&self) -> &str {
        self.contents.location()
    }

    async fn put(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let shelf = self.published(&publication.image)?;
        self.tidy(&publication.image.to_string()).await;
        shelf.store(publication).await
    }

    async fn keep_rejected(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let shelf = self.rejected(&publication.image);
        self.tidy(&format!("{REJECTED}/{}", publication.image)).await;
        let stored = shelf.store(publication).await?;
        shelf.keep_newest().await?;
        Ok(stored)
    }

    async fn read(&self, location: &str, from: u64) -> Result<Content, StoreError> {
        let within = location.strip_prefix(self.contents.location());
        let within = within.and_then(|rest| rest.strip_prefix('/')).filter(|path| !path.is_empty());
        match within {
            Some(path) => self.contents.open(path, from).await,
            None => Err(StoreError::NoPlace { location: location.to_owned() }),
        }
    }

    async fn size(&self, location: &str) -> Result<Option<u64>, StoreError> {
        let within = location.strip_prefix(self.contents.location());
        match within.and_then(|rest| rest.strip_prefix('/')) {
            Some(path) => Ok(self.contents.look(path).await?.map(|found| found.size)),
            None => Ok(None),
        }
    }

    async fn withdraw(&self, unpublished: &Unpublished) -> Result<Option<String>, StoreError> {
        let Unpublished { image, version, disk, rejected } = unpublished;
        let shelf = if *rejected { self.rejected(image) } else { self.published(image)? };
        shelf.withdraw(*version, *disk).await
    }

    async fn sweep(&self) -> Result<Vec<String>, StoreError> {
        self.sweep_below(INCOMING).await
    }
}
