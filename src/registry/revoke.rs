//! Withdrawing versions, and taking that back.

use crate::model::{Entry, ImageName, LogEntry, ParentRecord, Revocation, Version};

use super::projection::{Projection, refresh};
use super::transaction::{Author, Done, Step, transact};
use super::{Registry, RegistryError, log};

/// Withdraws the published `version`, from `from` on if that is given, else at once. Whether that is
/// news: withdrawn in the same way already, nothing is recorded.
pub async fn revoke(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    revocation: &Revocation,
) -> Result<bool, RegistryError> {
    let Revocation { reason, from, with } = revocation;
    let mut news = false;
    let done = transact(registry, author, image, |log| {
        check_published(log, image, version)?;
        // Whoever says it again, later, takes nothing back.
        if let Some((entry, known)) = log::revoked(log, version)
            && known.from <= *from
        {
            news = entry.run == author.run;
            return Ok(Step::Already(entry.seq));
        }
        news = true;
        Ok(Step::Append(Entry::Revoked {
            version,
            reason: reason.clone(),
            from: Some(*from),
            with: with.clone(),
        }))
    })
    .await?;
    bring_up_to_date(registry, image, version, done).await?;
    Ok(news)
}

/// Lets `version` be used again that was withdrawn. Whether it was.
pub async fn restore(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    version: Version,
    reason: &str,
) -> Result<bool, RegistryError> {
    let mut news = false;
    let done = transact(registry, author, image, |log| {
        check_published(log, image, version)?;
        let entry = Entry::Restored { version, reason: reason.to_owned() };
        if let Some(ours) = log.iter().rev().find(|it| it.run == author.run && it.entry == entry) {
            news = true;
            return Ok(Step::Already(ours.seq));
        }
        news = log::revoked(log, version).is_some();
        Ok(if news { Step::Append(entry) } else { Step::Already(log::head(log)) })
    })
    .await?;
    bring_up_to_date(registry, image, version, done).await?;
    Ok(news)
}

/// What was built from what: all published versions of all images, and their parents.
#[derive(Debug, Default)]
pub struct Lineage(Vec<(ParentRecord, Vec<ParentRecord>)>);

impl Lineage {
    /// Reads every log.
    pub async fn of(registry: &dyn Registry) -> Result<Self, RegistryError> {
        let mut published = Vec::new();
        for image in registry.images().await? {
            for entry in registry.log(&image, 0).await? {
                if let Entry::Published(record) = entry.entry {
                    let of = ParentRecord { image: image.clone(), version: record.version };
                    published.push((of, record.provenance.parents));
                }
            }
        }
        Ok(Self(published))
    }

    /// The versions that were built from `version` of `image`, and those that were built from them,
    /// parents before children.
    pub fn descendants(&self, image: &ImageName, version: Version) -> Vec<Descendant> {
        let mut found: Vec<Descendant> = Vec::new();
        let mut next = vec![ParentRecord { image: image.clone(), version }];
        while let Some(parent) = next.pop() {
            for (of, parents) in &self.0 {
                let is_known = |it: &Descendant| it.image == of.image && it.version == of.version;
                if parents.contains(&parent) && !found.iter().any(is_known) {
                    next.push(of.clone());
                    let ParentRecord { image, version } = of.clone();
                    found.push(Descendant { image, version, parent: parent.clone() });
                }
            }
        }
        found
    }
}

/// A version that was built from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descendant {
    /// Its image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// What it was built from.
    pub parent: ParentRecord,
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

/// Its own file says so, and that of every channel that names it.
async fn bring_up_to_date(
    registry: &dyn Registry,
    image: &ImageName,
    version: Version,
    done: Done,
) -> Result<(), RegistryError> {
    refresh(registry, Projection::about(image, version, &done.log), done).await
}
