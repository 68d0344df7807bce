//! `goldsmith show`: what consumers need to know of a version. Reads a file or two, and no log.

use super::recorded::{self, Recorded};
use super::session::Session;
use crate::cli;
use crate::model::{ArtifactRecord, ChannelName, Failure, FailureClass, ImageName, Version};
use crate::registry::{self, Projection, Registry, RegistryError, VersionFile, Withdrawn};
use crate::report::shown::Shown;

/// Looks at each version that is named: `debian-12`, `debian-12@stable`, `debian-12@1.0.20261101`.
pub(super) async fn run(session: &Session, arguments: &cli::Show) -> Result<Vec<Shown>, Failure> {
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        registry::glance(&address, &session.reach()).await.map_err(|error| error.failure())?;
    if arguments.format == cli::ShowFormat::Env && arguments.images.len() > 1 {
        let reason = "the variables of a shell are of one image";
        return Err(Failure::new(FailureClass::Usage, reason)
            .hint("ask for each by itself, or for `--format json`"));
    }
    let mut all = Vec::new();
    for text in &arguments.images {
        all.push(find(session, &*registry, text).await?.0);
    }
    Ok(all)
}

/// The version that `text` names, for consumers and as it is recorded.
pub(super) async fn find(
    session: &Session,
    registry: &dyn Registry,
    text: &str,
) -> Result<(Shown, VersionFile), Failure> {
    let usage = |reason: String| Failure::new(FailureClass::Usage, reason);
    let (image, what) = match text.split_once('@') {
        Some((image, what)) => (image, Some(what)),
        None => (text, None),
    };
    let image: ImageName = image.parse().map_err(|why| usage(format!("`{text}`: {why}")))?;
    let version = what.and_then(|what| what.parse::<Version>().ok());
    let channel = match (what, version) {
        (Some(what), None) => {
            Some(what.parse::<ChannelName>().map_err(|why| usage(format!("`{text}`: {why}")))?)
        }
        _ => None,
    };
    let read = |error: RegistryError| error.failure();
    let mut held = false;
    let version = match (&channel, version) {
        (Some(channel), _) => {
            let file = registry::read_channel(registry, &image, channel).await.map_err(read)?;
            if let Some(file) = file {
                held = file.held;
                file.version
            } else {
                let recorded = Recorded::of(registry, &image).await?;
                held = recorded.history.held.contains(channel);
                recorded.find(channel.as_str())?
            }
        }
        (None, Some(version)) => version,
        (None, None) => newest(session, registry, &image).await?,
    };
    let file = match registry::read_version(registry, &image, version).await.map_err(read)? {
        Some(file) => file,
        None => made_anew(registry, &image, version).await?,
    };
    let now = session.clock.now();
    let revoked = file.revoked.clone().filter(|it| it.from <= now);
    let revoked = revoked.map(|Withdrawn { reason, .. }| reason);
    let shown = Shown {
        artifacts: ArtifactRecord::disk_first(&file.record.artifacts, &image, version),
        image,
        channel,
        version,
        published_at: file.published_at,
        held,
        revoked,
        fresh_until: file.record.fresh_until,
        pruned_at: file.pruned_at,
        prune_after: file.prune_after,
    };
    Ok((shown, file))
}

/// The newest version that may be used.
async fn newest(
    session: &Session,
    registry: &dyn Registry,
    image: &ImageName,
) -> Result<Version, Failure> {
    let histories = registry.histories(std::slice::from_ref(image)).await;
    let histories = histories.map_err(|error| error.failure())?;
    let now = session.clock.now();
    let known = histories.get(image);
    let newest = known.and_then(|history| {
        let mut versions = history.published.iter().rev().copied();
        versions.find(|version| history.revocation(*version, now).is_none())
    });
    if let Some(version) = newest {
        return Ok(version);
    }
    Recorded::of(registry, image).await?;
    let reason = format!("every version of `{image}` is revoked");
    Err(Failure::new(FailureClass::Blocked, reason))
}

/// The file of a version, where it is not there: as it follows from the log.
async fn made_anew(
    registry: &dyn Registry,
    image: &ImageName,
    version: Version,
) -> Result<VersionFile, Failure> {
    let recorded = Recorded::of(registry, image).await?;
    recorded.record(version)?;
    let content = Projection::Version(image.clone(), version).render(&recorded.log);
    serde_json::from_slice(&content.unwrap_or_default())
        .map_err(|error| Failure::caused_by(FailureClass::Registry, &error))
}
