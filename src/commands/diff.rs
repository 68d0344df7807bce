//! `goldsmith diff`: which packages have changed between two published versions.

use super::session::Session;
use crate::cli;
use crate::evidence::{Sbom, SbomError, read_sbom};
use crate::inventory::{self, VersionOrder};
use crate::matrix;
use crate::model::{
    Entry, Failure, FailureClass, History, ImageName, LogEntry, Version, VersionRecord,
};
use crate::registry::{self, Registry};
use crate::report::{Compared, ComparedVersion};

/// Compares two versions by the inventories that are recorded of them.
pub(super) async fn run(session: &Session, arguments: &cli::Diff) -> Result<Compared, Failure> {
    let image = &arguments.image;
    let address = match &arguments.registry {
        Some(url) => session.registry_address(url)?,
        None => session.catalog()?.catalog.registry,
    };
    let registry = registry::look(&address).await.map_err(|error| error.failure())?;
    let log = registry.log(image, 0).await.map_err(|error| error.failure())?;
    let published = published(&log);
    if published.is_empty() {
        return Err(nothing_of(image, &*registry).await);
    }
    let history = History::of(&log);
    let to = match &arguments.to {
        Some(text) => find(image, text, &published, &history)?,
        None => published.len() - 1,
    };
    let from = match &arguments.from {
        Some(text) => find(image, text, &published, &history)?,
        None => to.checked_sub(1).ok_or_else(|| {
            let only = published[to].1.version;
            let reason = format!("{only} is the only published version of `{image}`");
            Failure::new(FailureClass::Usage, reason)
        })?,
    };
    let (before, from) = inventory(image, &published[from], &*registry).await?;
    let (after, to) = inventory(image, &published[to], &*registry).await?;
    let order = VersionOrder::of_ecosystems(&(&before.ecosystems | &after.ecosystems));
    let diff = inventory::diff(&before.packages, &after.packages, order);
    Ok(Compared { image: image.clone(), from, to, diff })
}

/// The published versions, oldest first.
fn published(log: &[LogEntry]) -> Vec<(&LogEntry, &VersionRecord)> {
    let records = log.iter().filter_map(|entry| match &entry.entry {
        Entry::Published(record) => Some((entry, &**record)),
        _ => None,
    });
    records.collect()
}

/// The place of the version that `text` names, by itself or by a channel.
fn find(
    image: &ImageName,
    text: &str,
    published: &[(&LogEntry, &VersionRecord)],
    history: &History,
) -> Result<usize, Failure> {
    let version: Option<Version> = text.parse().ok();
    let named = text.parse().ok().and_then(|channel| history.channels.get(&channel).copied());
    let at = version
        .into_iter()
        .chain(named)
        .find_map(|version| published.iter().position(|(_, record)| record.version == version));
    at.ok_or_else(|| {
        let reason = match version {
            Some(version) => format!("version {version} of `{image}` was never published"),
            None => format!("`{image}` has no channel `{text}`, and a version it is not either"),
        };
        let newest = published.iter().rev().take(3).map(|(_, record)| record.version.to_string());
        let channels = history.channels.keys().map(ToString::to_string);
        let known: Vec<String> = newest.chain(channels).collect();
        Failure::new(FailureClass::Usage, reason).hint(format!("there are: {}", known.join(", ")))
    })
}

/// Why there is nothing to compare.
async fn nothing_of(image: &ImageName, registry: &dyn Registry) -> Failure {
    let reason = format!("no version of `{image}` is published in `{}`", registry.location());
    let failure = Failure::new(FailureClass::Usage, reason);
    let known = registry.images().await.unwrap_or_default();
    match matrix::most_similar(image.as_str(), known.iter().map(ImageName::as_str)) {
        Some(name) if name != image.as_str() => failure.hint(format!("did you mean `{name}`?")),
        _ => failure,
    }
}

/// The inventory of a version.
async fn inventory(
    image: &ImageName,
    (entry, record): &(&LogEntry, &VersionRecord),
    registry: &dyn Registry,
) -> Result<(Sbom, ComparedVersion), Failure> {
    let bytes = registry.blob(&record.inventory).await.map_err(|error| error.failure())?;
    let sbom = read_sbom(&String::from_utf8_lossy(&bytes)).map_err(|error| {
        let version = record.version;
        // Nobody has looked, or a scanner that does not tell what it has seen.
        if let SbomError::Empty = error {
            let reason = format!("there is no inventory of `{image}` {version}");
            return Failure::new(FailureClass::Usage, reason);
        }
        let failure = Failure::caused_by(FailureClass::Registry, &error);
        let reason =
            format!("the inventory of `{image}` {version} cannot be read: {}", failure.reason);
        Failure { reason, ..failure }
    })?;
    let version = ComparedVersion {
        version: record.version,
        published_at: entry.at,
        os: record.os.clone(),
        packages: sbom.packages.len(),
    };
    Ok((sbom, version))
}
