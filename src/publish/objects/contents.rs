//! The objects of a store: reading, writing and removing them, with errors that say where.

use std::sync::Arc;

use ::object_store::path::Path;
use ::object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore as _, ObjectStoreExt as _,
    PutMode, PutOptions, PutPayload,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::model::{Digest, Hasher};
use crate::objects::{Act, Objects, Place};

use super::super::fill::{other_digest, other_size};
use super::super::manifest::ManifestFile;
use super::super::{Content, StoreError};

/// The name under which an object carries the digest of its content, in hexadecimal digits.
const SHA256: &str = "sha256";

/// More bytes than any manifest, journal or document has that is read as a whole.
const MAX_READ: u64 = 64 << 20;

/// The objects of a store, by paths within it.
pub(super) struct Contents {
    at: Place,
    least_part: u64,
}

/// An object that is there.
pub(super) struct Found {
    pub(super) size: u64,
    /// What it says of its content, if it was written by goldsmith.
    pub(super) sha256: Option<Digest>,
}

impl Contents {
    /// What is at `at`, in parts of at least `least_part` bytes.
    pub(super) fn new(at: Place, least_part: u64) -> Self {
        Self { at, least_part }
    }

    /// The size of the smallest part that is not the last, in bytes.
    pub(super) fn least_part(&self) -> u64 {
        self.least_part
    }

    pub(super) fn location(&self) -> &str {
        &self.at.location
    }

    pub(super) fn store(&self) -> &Arc<dyn Objects> {
        &self.at.store
    }

    /// The whole path of an object.
    pub(super) fn path(&self, path: &str) -> Result<Path, StoreError> {
        let whole = format!("{}/{path}", self.at.prefix);
        Path::parse(&whole).map_err(|_| StoreError::UnsafeName {
            name: path.to_owned(),
            why: "an object cannot have it",
        })
    }

    /// Where an object lies, for people and records.
    pub(super) fn place(&self, path: &str) -> String {
        format!("{}/{path}", self.at.location)
    }

    /// What it means that `act` failed on `path`.
    pub(super) fn refused(&self, act: Act, path: &str, error: &Error) -> StoreError {
        refused(&self.at, act, path, error)
    }

    /// What is at `path`, if there is something.
    pub(super) async fn look(&self, path: &str) -> Result<Option<Found>, StoreError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = match self.store().get_opts(&self.path(path)?, options).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.refused(Act::Read, path, &error)),
        };
        let says = found.attributes.get(&Attribute::Metadata(SHA256.into()));
        let sha256 = says.and_then(|hex| format!("sha256:{}", hex.as_ref()).parse().ok());
        Ok(Some(Found { size: found.meta.size, sha256 }))
    }

    /// The content of a small object, if it is there.
    pub(super) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |error: Error| self.refused(Act::Read, path, &error);
        let found = match self.store().get(&self.path(path)?).await {
            Ok(found) => found,
            Err(error @ Error::NotFound { .. }) => {
                let refused = failed(error);
                return if refused.is_missing_bucket() { Err(refused) } else { Ok(None) };
            }
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > MAX_READ {
            let difference =
                format!("it has {} bytes, at most {MAX_READ} are read", found.meta.size);
            return Err(StoreError::Damaged { path: self.place(path).into(), difference });
        }
        Ok(Some(found.bytes().await.map_err(failed)?.into()))
    }

    /// Opens the object at `path` from byte `from` on.
    pub(super) async fn open(&self, path: &str, from: u64) -> Result<Content, StoreError> {
        let missing = || StoreError::NotThere { location: self.place(path) };
        let range = (from > 0).then_some(GetRange::Offset(from));
        let options = GetOptions { range, ..GetOptions::default() };
        let found = match self.store().get_opts(&self.path(path)?, options).await {
            Ok(found) => found,
            Err(error @ Error::NotFound { .. }) => {
                let refused = self.refused(Act::Read, path, &error);
                return Err(if refused.is_missing_bucket() { refused } else { missing() });
            }
            Err(error) => {
                let refused = self.refused(Act::Read, path, &error);
                // Nobody has a piece of what ends before it.
                if from > 0 {
                    let found = self.look(path).await?.ok_or_else(missing)?;
                    if found.size <= from {
                        return Ok(Content::at_end(found.size));
                    }
                }
                return Err(refused);
            }
        };
        let (size, at, path) = (found.meta.size, self.at.clone(), path.to_owned());
        if found.range.start != from {
            let difference = format!("it is sent from byte {}, not {from}", found.range.start);
            return Err(StoreError::Damaged { path: self.place(&path).into(), difference });
        }
        let pieces =
            found.into_stream().map_err(move |error| refused(&at, Act::Read, &path, &error));
        Ok(Content { size, pieces: pieces.boxed() })
    }

    /// The digest of an object, from its content; none if it is not there.
    async fn digest(&self, path: &str) -> Result<Option<Digest>, StoreError> {
        let failed = |error: Error| self.refused(Act::Read, path, &error);
        let found = match self.store().get(&self.path(path)?).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (mut stream, mut hasher) = (found.into_stream(), Hasher::default());
        while let Some(bytes) = stream.try_next().await.map_err(failed)? {
            hasher.update(&bytes);
        }
        Ok(Some(hasher.finish()))
    }

    /// How the object at `path` differs from what a manifest says, if it does. It is read only if
    /// it does not carry the digest itself.
    pub(super) async fn difference(
        &self,
        path: &str,
        listed: &ManifestFile,
    ) -> Result<Option<String>, StoreError> {
        let missing = || Some("it is missing".to_owned());
        let Some(found) = self.look(path).await? else {
            return Ok(missing());
        };
        if found.size != listed.size {
            return Ok(Some(other_size(found.size, listed.size)));
        }
        if found.sha256 == Some(listed.sha256) {
            return Ok(None);
        }
        Ok(match self.digest(path).await? {
            None => missing(),
            Some(digest) if digest == listed.sha256 => None,
            Some(digest) => Some(other_digest(digest, listed.sha256)),
        })
    }

    /// Writes a small object, whatever was there.
    pub(super) async fn write(&self, path: &str, content: Vec<u8>) -> Result<(), StoreError> {
        let sha256 = Digest::of(&content);
        self.send(path, content.into(), sha256, PutMode::Overwrite).await.map(drop)
    }

    /// Writes a small object if there is none. Whether there was none.
    pub(super) async fn create(&self, path: &str, content: Vec<u8>) -> Result<bool, StoreError> {
        let sha256 = Digest::of(&content);
        self.send(path, content.into(), sha256, PutMode::Create).await
    }

    /// Writes `content`, whose digest is `sha256`, in one request. Whether it was written.
    pub(super) async fn send(
        &self,
        path: &str,
        content: Bytes,
        sha256: Digest,
        mode: PutMode,
    ) -> Result<bool, StoreError> {
        let attributes = carrying(sha256);
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        let content = PutPayload::from_bytes(content);
        match self.store().put_opts(&self.path(path)?, content, options).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.refused(Act::Write, path, &error)),
        }
    }

    /// Removes an object. That there is none is no error.
    pub(super) async fn remove(&self, path: &str) -> Result<(), StoreError> {
        match self.store().delete(&self.path(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.refused(Act::Remove, path, &error)),
        }
    }
}

/// What it means that `act` failed on `path`, which is below `at`.
fn refused(at: &Place, act: Act, path: &str, error: &Error) -> StoreError {
    let path = format!("{}/{path}", at.location);
    StoreError::Refused { action: act.verb(), path, source: at.refusal(act, error) }
}

/// What an object carries that has the digest `sha256`.
pub(super) fn carrying(sha256: Digest) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(SHA256.into()), sha256.hex())])
}
