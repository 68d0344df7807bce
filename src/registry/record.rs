//! Recording how a build ended.

use jiff::Timestamp;

use crate::model::{
    BlockingFinding, Digest, Entry, FailedRecord, ImageName, LogEntry, RejectedRecord, RunId,
    VerifiedRecord, Version, VersionRecord,
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
        check_not_abandoned(log, image, version)?;
        match log::published(log, version) {
            None => Ok(Step::Append(Entry::Published(Box::new(record.clone())))),
            Some((entry, known)) if *known == record => Ok(Step::Already(entry.seq)),
            Some(_) => Err(RegistryError::AlreadyPublished { image: image.clone(), version }),
        }
    })
    .await?;
    let seq = done.seq;
    refresh(registry, [Projection::Version(image.clone(), version)], done).await?;
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
    let seq = done.seq;
    refresh(registry, Projection::about(image, version, &done.log), done).await?;
    Ok(seq)
}

/// Records what later advisories say of a published version: of `findings` is kept where they lie.
/// Returns the entry's number. What the last entry of this kind says already is not said again.
pub async fn rescanned(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    rescanned: &Rescanned,
) -> Result<u64, RegistryError> {
    let version = rescanned.version;
    let done = transact(registry, author, image, |log| {
        if log::published(log, version).is_none() {
            return Err(RegistryError::NotPublished { image: image.clone(), version });
        }
        Ok(match log::last_rescan(log, version) {
            Some((seq, blocking, findings))
                if *blocking == rescanned.blocking && findings == Some(&rescanned.findings) =>
            {
                Step::Already(seq)
            }
            _ => Step::Append(Entry::Rescanned {
                version,
                blocking: rescanned.blocking.clone(),
                advisories_updated_at: Some(rescanned.advisories_updated_at),
                findings: Some(rescanned.findings),
            }),
        })
    })
    .await?;
    Ok(done.seq)
}

/// What later advisories say of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescanned {
    /// The version.
    pub version: Version,
    /// What would block it now.
    pub blocking: Vec<BlockingFinding>,
    /// When the advisories were made.
    pub advisories_updated_at: Timestamp,
    /// Blob with its findings.
    pub findings: Digest,
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
        check_not_abandoned(log, image, version)?;
        Ok(Step::once(log, author, entry))
    })
    .await?;
    Ok(done.seq)
}

/// What became of the version that a run has reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The run has reserved none.
    None,
    /// It is published.
    Published(Version),
    /// It did not pass: a later run may judge it again, and publish it.
    Rejected(Version),
    /// It failed.
    Failed(Version),
    /// The run came to no end with it, and was taken for dead.
    Abandoned(Version),
}

/// Gives up the version of `image` that the dead run `run` has reserved, unless it came to an end.
/// Says what became of it. After it is given up nobody can publish it, not even that run: what lies
/// of it in stores may go.
pub async fn abandon(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    run: &RunId,
) -> Result<Fate, RegistryError> {
    let mut fate = Fate::None;
    transact(registry, author, image, |log| {
        Ok(match fate_in(log, run) {
            Ok(found) => {
                fate = found;
                Step::Already(log::head(log))
            }
            Err(version) => {
                fate = Fate::Abandoned(version);
                Step::Append(Entry::Abandoned { version })
            }
        })
    })
    .await?;
    Ok(fate)
}

/// What `log` says became of the version that `run` has reserved; the version, if it says nothing.
fn fate_in(log: &[LogEntry], run: &RunId) -> Result<Fate, Version> {
    let Some((_, version)) = log::reserved_by(log, run) else {
        return Ok(Fate::None);
    };
    let ended = log.iter().rev().find_map(|entry| match &entry.entry {
        Entry::Published(record) if record.version == version => Some(Fate::Published(version)),
        Entry::Rejected(record) if record.version == version => Some(Fate::Rejected(version)),
        Entry::Failed(record) if record.version == version => Some(Fate::Failed(version)),
        Entry::Abandoned { version: given_up } if *given_up == version => {
            Some(Fate::Abandoned(version))
        }
        _ => None,
    });
    ended.ok_or(version)
}

fn check_not_abandoned(
    log: &[LogEntry],
    image: &ImageName,
    version: Version,
) -> Result<(), RegistryError> {
    if log::is_abandoned(log, version) {
        return Err(RegistryError::Abandoned { image: image.clone(), version });
    }
    Ok(())
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
