//! The bytes of versions that nobody needs: they are marked, and go later; what is recorded stays.
//!
//! An entry is the commit point of each step, so that no channel can be led to what goes. Which
//! versions nobody needs is decided elsewhere.

use jiff::Timestamp;

use crate::model::{Entry, ImageName, LogEntry, Version};

use super::log::Bytes;
use super::projection::{Projection, refresh};
use super::transaction::{Author, Done, Step, transact};
use super::{Registry, RegistryError, log};

/// Marks the bytes of the published `version`: they may go after `after`. Whether that is news.
///
/// Refused if a channel names it.
pub async fn mark(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    after: Timestamp,
) -> Result<bool, RegistryError> {
    let mut news = false;
    let done = transact(registry, author, image, |log| {
        check_published(log, image, version)?;
        Ok(match log::bytes(log, version) {
            (_, Bytes::Gone) => {
                return Err(RegistryError::Pruned { image: image.clone(), version });
            }
            (Some(entry), Bytes::Marked(_)) => {
                news = entry.run == author.run;
                Step::Already(entry.seq)
            }
            _ => {
                check_unnamed(log, image, version)?;
                news = true;
                Step::Append(Entry::Marked { version, after })
            }
        })
    })
    .await?;
    bring_up_to_date(registry, image, version, done).await?;
    Ok(news)
}

/// Keeps the bytes of `version` that was marked. Whether it was.
pub async fn unmark(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    because: &str,
) -> Result<bool, RegistryError> {
    let mut news = false;
    let entry = Entry::Unmarked { version, because: because.to_owned() };
    let done = transact(registry, author, image, |log| {
        check_published(log, image, version)?;
        if let Some(ours) = log.iter().rev().find(|it| it.run == author.run && it.entry == entry) {
            news = true;
            return Ok(Step::Already(ours.seq));
        }
        Ok(match log::bytes(log, version).1 {
            Bytes::Gone => return Err(RegistryError::Pruned { image: image.clone(), version }),
            Bytes::Marked(_) => {
                news = true;
                Step::Append(entry.clone())
            }
            Bytes::There => Step::Already(log::head(log)),
        })
    })
    .await?;
    bring_up_to_date(registry, image, version, done).await?;
    Ok(news)
}

/// Says that the bytes of `version` go now from `places`: from here on nobody can take it back. The
/// caller removes them after this, and then says what is left ([`gone`]).
///
/// Refused if it is not marked, or its time has not come, or a channel names it.
pub async fn going(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    places: &[String],
) -> Result<(), RegistryError> {
    let done = transact(registry, author, image, |log| {
        check_published(log, image, version)?;
        match log::bytes(log, version) {
            (Some(entry), Bytes::Gone) => Ok(Step::Already(entry.seq)),
            (_, Bytes::Marked(after)) if author.clock.now() >= after => {
                check_unnamed(log, image, version)?;
                Ok(Step::Append(Entry::Pruned { version, left: places.to_vec() }))
            }
            _ => Err(RegistryError::Unmarked { image: image.clone(), version }),
        }
    })
    .await?;
    bring_up_to_date(registry, image, version, done).await
}

/// Says where bytes of `version`, which go, still lie. What is said already is not said again.
pub async fn gone(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    left: &[String],
) -> Result<(), RegistryError> {
    let done = transact(registry, author, image, |log| match log::bytes(log, version) {
        (Some(entry), Bytes::Gone) => {
            let says = matches!(&entry.entry, Entry::Pruned { left: said, .. } if said == left);
            Ok(if says {
                Step::Already(entry.seq)
            } else {
                Step::Append(Entry::Pruned { version, left: left.to_vec() })
            })
        }
        _ => Err(RegistryError::Unmarked { image: image.clone(), version }),
    })
    .await?;
    bring_up_to_date(registry, image, version, done).await
}

fn check_published(
    log: &[LogEntry],
    image: &ImageName,
    version: Version,
) -> Result<(), RegistryError> {
    match log::published(log, version) {
        Some(_) => Ok(()),
        None => Err(RegistryError::NotPublished { image: image.clone(), version }),
    }
}

fn check_unnamed(
    log: &[LogEntry],
    image: &ImageName,
    version: Version,
) -> Result<(), RegistryError> {
    match log::naming(log, version).into_iter().next() {
        Some(channel) => Err(RegistryError::Needed { image: image.clone(), version, channel }),
        None => Ok(()),
    }
}

async fn bring_up_to_date(
    registry: &dyn Registry,
    image: &ImageName,
    version: Version,
    done: Done,
) -> Result<(), RegistryError> {
    refresh(registry, [Projection::Version(image.clone(), version)], done).await
}
