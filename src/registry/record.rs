//! Recording how a build ended.

use crate::model::{
    Entry, FailedRecord, ImageName, LogEntry, RejectedRecord, VerifiedRecord, Version,
    VersionRecord,
};

use super::projection::{Projection, refresh};
use super::transaction::{Author, Step, transact};
use super::{Registry, RegistryError, log};

/// Records that a reserved version is published: the commit point. Returns the entry's number.
///
/// The same record again is no error; another one for the same version is.
pub async fn published(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    record: VersionRecord,
) -> Result<u64, RegistryError> {
    let version = record.version;
    let done = transact(registry, author, image, |log| {
        check_reserved(log, image, version)?;
        match log::published(log, version) {
            None => Ok(Step::Append(Entry::Published(Box::new(record.clone())))),
            Some((entry, known)) if *known == record => Ok(Step::Already(entry.seq)),
            Some(_) => Err(RegistryError::AlreadyPublished { image: image.clone(), version }),
        }
    })
    .await?;
    let seq = done.seq;
    refresh(registry, Projection::Version(image.clone(), version), done).await?;
    Ok(seq)
}

/// Records that a build equals a published version, and so satisfies its slot. Returns the entry's
/// number.
pub async fn verified(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    record: VerifiedRecord,
) -> Result<u64, RegistryError> {
    let version = record.version;
    let fresh = Entry::Verified(Box::new(record));
    let done = transact(registry, author, image, |log| {
        if log::published(log, version).is_none() {
            return Err(RegistryError::NotPublished { image: image.clone(), version });
        }
        Ok(Step::once(log, author, &fresh))
    })
    .await?;
    Ok(done.seq)
}

/// Records that the build of a reserved version did not pass. Returns the entry's number.
pub async fn rejected(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    record: RejectedRecord,
) -> Result<u64, RegistryError> {
    let version = record.version;
    unpublished(registry, author, image, version, &Entry::Rejected(Box::new(record))).await
}

/// Records that the build of a reserved version came to no end. Returns the entry's number.
pub async fn failed(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    record: FailedRecord,
) -> Result<u64, RegistryError> {
    let version = record.version;
    unpublished(registry, author, image, version, &Entry::Failed(Box::new(record))).await
}

/// Appends `entry` about a reserved version that is not published.
async fn unpublished(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    entry: &Entry,
) -> Result<u64, RegistryError> {
    let done = transact(registry, author, image, |log| {
        check_reserved(log, image, version)?;
        if log::published(log, version).is_some() {
            return Err(RegistryError::AlreadyPublished { image: image.clone(), version });
        }
        Ok(Step::once(log, author, entry))
    })
    .await?;
    Ok(done.seq)
}

fn check_reserved(
    log: &[LogEntry],
    image: &ImageName,
    version: Version,
) -> Result<(), RegistryError> {
    if log::is_reserved(log, version) {
        Ok(())
    } else {
        Err(RegistryError::NotReserved { image: image.clone(), version })
    }
}
