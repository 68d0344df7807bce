//! `goldsmith diff`: which packages have changed between two published versions.

use super::recorded::{self, Recorded};
use super::session::Session;
use crate::cli;
use crate::evidence::{Sbom, SbomError, read_sbom};
use crate::inventory::{self, VersionOrder};
use crate::model::{Failure, FailureClass, ImageName, LogEntry, VersionRecord};
use crate::registry::{self, Registry};
use crate::report::{Compared, ComparedVersion};

/// Compares two versions by the inventories that are recorded of them.
pub(super) async fn run(session: &Session, arguments: &cli::Diff) -> Result<Compared, Failure> {
    let image = &arguments.image;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        registry::look(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let recorded = Recorded::of(&*registry, image).await?;
    let published = recorded.published();
    let place = |text: &String| {
        let version = recorded.find(text)?;
        Ok(published.iter().position(|(_, record)| record.version == version).unwrap_or_default())
    };
    let to = arguments.to.as_ref().map_or(Ok(published.len() - 1), place)?;
    let from = match &arguments.from {
        Some(text) => place(text)?,
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
