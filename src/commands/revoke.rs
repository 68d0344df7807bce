//! `goldsmith revoke`: withdraws a version, and perhaps what was built from it; or takes that back.

use super::recorded::{self, Recorded};
use super::session::Session;
use crate::cli;
use crate::model::{Failure, History, ImageName, ParentRecord, Revocation, Version};
use crate::registry::{self, Author, Registry};
use crate::report::revoked::{Revoked, RevokedVersion};
use crate::run;

/// Withdraws a version, or lets it be used again.
pub(super) async fn run(session: &Session, arguments: &cli::Revoke) -> Result<Revoked, Failure> {
    let cli::Revoke { image, because, undo, .. } = arguments;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let version = Recorded::of(registry, image).await?.find(&arguments.version)?;
    let descendants = registry::descendants(registry, image, version).await;
    let descendants = descendants.map_err(|error| error.failure())?;
    let author = session.author(run::new_run_id(&session.clock));
    let now = session.clock.now();
    let from = arguments.at.unwrap_or(now);
    let act = |with| Act { author: &author, because, undo: *undo, from, with };
    let mut versions = vec![act(None).on(registry, image, version).await?];
    let mut left = Vec::new();
    for descendant in descendants {
        let (of, version) = (&descendant.image, descendant.version);
        if arguments.descendants {
            versions.push(act(Some(descendant.parent.clone())).on(registry, of, version).await?);
        } else {
            let history = registry.history(of).await.map_err(|error| error.failure())?;
            let is_out = history.revocation(version, now).is_some();
            if is_out == *undo {
                left.push(listed(of, version, false, &history));
            }
        }
    }
    let from = (!undo).then_some(arguments.at).flatten();
    Ok(Revoked { undone: *undo, from, versions, left })
}

/// What is to be done to a version.
struct Act<'a> {
    author: &'a Author,
    because: &'a str,
    undo: bool,
    from: jiff::Timestamp,
    with: Option<ParentRecord>,
}

impl Act<'_> {
    async fn on(
        &self,
        registry: &dyn Registry,
        image: &ImageName,
        version: Version,
    ) -> Result<RevokedVersion, Failure> {
        let Self { author, because, undo, from, with } = self;
        let done = if *undo {
            registry::restore(registry, author, image, version, because).await
        } else {
            let reason = (*because).to_owned();
            let revocation = Revocation { reason, from: *from, with: with.clone() };
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
