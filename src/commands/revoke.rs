//! `goldsmith revoke`: withdraws a version, and perhaps what was built from it; or takes that back.

use jiff::Timestamp;

use super::recorded::{self, Recorded};
use super::session::Session;
use crate::cli;
use crate::model::{Failure, History, ImageName, ParentRecord, Revocation, Version};
use crate::registry::{self, Author, Descendant, Lineage, Registry};
use crate::report::revoked::{Revoked, RevokedVersion};
use crate::run;

/// Withdraws a version, or lets it be used again.
pub(super) async fn run(session: &Session, arguments: &cli::Revoke) -> Result<Revoked, Failure> {
    let cli::Revoke { image, because, undo, .. } = arguments;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let version = Recorded::of(registry, image).await?.find(&arguments.version)?;
    let lineage = Lineage::of(registry).await.map_err(|error| error.failure())?;
    let now = session.clock.now();
    let withdrawal = Withdrawal {
        author: &session.author(run::new_run_id(&session.clock)),
        because,
        undo: *undo,
        from: arguments.at.unwrap_or(now),
        descendants: arguments.descendants,
        now,
    };
    let (versions, left) = withdrawal.on(registry, &lineage, image, version).await?;
    let from = (!undo).then_some(arguments.at).flatten();
    Ok(Revoked { undone: *undo, from, versions, left })
}

/// What is to be done to a version, and perhaps to what was built from it.
pub(super) struct Withdrawal<'a> {
    pub(super) author: &'a Author,
    /// Why, for whoever uses it.
    pub(super) because: &'a str,
    /// Whether it may be used again.
    pub(super) undo: bool,
    /// From when on, if not.
    pub(super) from: Timestamp,
    /// Whether what was built from it goes along.
    pub(super) descendants: bool,
    pub(super) now: Timestamp,
}

impl Withdrawal<'_> {
    /// Does it to `version`. What became of it and of its descendants; and the descendants that are as
    /// they were.
    pub(super) async fn on(
        &self,
        registry: &dyn Registry,
        lineage: &Lineage,
        image: &ImageName,
        version: Version,
    ) -> Result<(Vec<RevokedVersion>, Vec<RevokedVersion>), Failure> {
        let mut versions = vec![self.alone(registry, image, version, None).await?];
        let mut left = Vec::new();
        for Descendant { image, version, parent } in lineage.descendants(image, version) {
            if self.descendants {
                versions.push(self.alone(registry, &image, version, Some(parent)).await?);
            } else {
                let history = registry.history(&image).await.map_err(|error| error.failure())?;
                let is_out = history.revocation(version, self.now).is_some();
                if is_out == self.undo {
                    left.push(listed(&image, version, false, &history));
                }
            }
        }
        Ok((versions, left))
    }

    async fn alone(
        &self,
        registry: &dyn Registry,
        image: &ImageName,
        version: Version,
        with: Option<ParentRecord>,
    ) -> Result<RevokedVersion, Failure> {
        let Self { author, because, undo, from, .. } = self;
        let done = if *undo {
            registry::restore(registry, author, image, version, because).await
        } else {
            let reason = (*because).to_owned();
            let revocation = Revocation { reason, from: *from, with };
            registry::revoke(registry, author, image, version, &revocation).await
        };
        let changed = done.map_err(|error| error.failure())?;
        let history = registry.history(image).await.map_err(|error| error.failure())?;
        Ok(listed(image, version, changed, &history))
    }
}

fn listed(image: &ImageName, version: Version, changed: bool, history: &History) -> RevokedVersion {
    let channels = history.channels.iter().filter(|(_, names)| **names == version);
    RevokedVersion {
        image: image.clone(),
        version,
        changed,
        channels: channels.map(|(channel, _)| channel.clone()).collect(),
    }
}
