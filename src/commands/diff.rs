//! `goldsmith diff`: what has changed between two published versions.

use std::rc::Rc;

use serde::de::DeserializeOwned;

use super::recorded::{self, Recorded};
use super::session::Session;
use crate::cli;
use crate::evidence::{Sbom, SbomError, read_sbom};
use crate::inventory::{self, VersionOrder};
use crate::model::{
    Configuration, Digest, Entry, Failure, FailureClass, FindingsDocument, ImageName, InvalidName,
    LogEntry, Version, VersionRecord,
};
use crate::registry::{self, Registry, RegistryError};
use crate::report::{Compared, ComparedFindings, ComparedVersion, SizeChange};

/// Compares two versions by what is recorded of them.
pub(super) async fn run(session: &Session, arguments: &cli::Diff) -> Result<Compared, Failure> {
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        registry::glance(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let registry = &*registry;
    let (one, other) = operands(registry, arguments).await?;
    let (from, to) = (one.side(), other.side());
    let (before, from_version) = inventory(&one.recorded.image, &from, registry).await?;
    let (after, to_version) = inventory(&other.recorded.image, &to, registry).await?;
    let order = VersionOrder::of_ecosystems(&(&before.ecosystems | &after.ecosystems));
    let diff = inventory::diff(&before.packages, &after.packages, order);
    let findings = match (one.findings(registry).await?, other.findings(registry).await?) {
        (Some(then), Some(now)) => Some(ComparedFindings::of(from_version.version, &then, &now)),
        _ => None,
    };
    let configuration = match (one.setup(registry).await?, other.setup(registry).await?) {
        (Some(then), Some(now)) => Some(now.since(&then)),
        _ => None,
    };
    let sizes = SizeChange::of(
        (&one.recorded.image, from.1.version, &from.1.artifacts),
        (&other.recorded.image, to.1.version, &to.1.artifacts),
    );
    Ok(Compared { from: from_version, to: to_version, diff, findings, sizes, configuration })
}

/// A version of an image, among all that is recorded of it.
struct Operand {
    recorded: Rc<Recorded>,
    version: Version,
}

/// The two versions that are meant.
async fn operands(
    registry: &dyn Registry,
    arguments: &cli::Diff,
) -> Result<(Operand, Operand), Failure> {
    let cli::Diff { image, from, to, .. } = arguments;
    let newest = |recorded: &Recorded| recorded.published().last().map(|(_, it)| it.version);
    let Some((image, what)) = image.split_once('@') else {
        let recorded = Rc::new(read(registry, image).await?);
        let find = |text: &String| recorded.find(text);
        let to = to.as_ref().map(find).transpose()?.or_else(|| newest(&recorded));
        let to = to.ok_or_else(|| nothing(&recorded))?;
        let from = match from {
            Some(text) => recorded.find(text)?,
            None => before(&recorded, to)?,
        };
        let operand = |version| Operand { recorded: Rc::clone(&recorded), version };
        return Ok((operand(from), operand(to)));
    };
    if to.is_some() {
        let reason = "`IMAGE@VERSION` is compared with one other version";
        return Err(Failure::new(FailureClass::Usage, reason)
            .hint("`goldsmith diff debian-12@stable candidate`, or `… debian-13@stable`"));
    }
    let recorded = Rc::new(read(registry, image).await?);
    let one = Operand { version: recorded.find(what)?, recorded: Rc::clone(&recorded) };
    let other = match from.as_ref().map(|text| text.split_once('@').ok_or(text)) {
        None => Operand { version: newest(&recorded).ok_or_else(|| nothing(&recorded))?, recorded },
        Some(Err(text)) => Operand { version: recorded.find(text)?, recorded },
        Some(Ok((image, what))) => {
            let recorded = read(registry, image).await?;
            Operand { version: recorded.find(what)?, recorded: Rc::new(recorded) }
        }
    };
    Ok((one, other))
}

async fn read(registry: &dyn Registry, image: &str) -> Result<Recorded, Failure> {
    let image: ImageName = image.parse().map_err(|why: InvalidName| {
        Failure::new(FailureClass::Usage, format!("`{image}` is not the name of an image: {why}"))
    })?;
    Recorded::of(registry, &image).await
}

/// The version that was published before `version`.
fn before(recorded: &Recorded, version: Version) -> Result<Version, Failure> {
    let published = recorded.published().into_iter().map(|(_, record)| record.version);
    let earlier = published.take_while(|known| *known != version).last();
    earlier.ok_or_else(|| {
        let Recorded { image, history, .. } = recorded;
        let reason = if history.published.len() == 1 {
            format!("{version} is the only published version of `{image}`")
        } else {
            format!("{version} is the first published version of `{image}`")
        };
        Failure::new(FailureClass::Usage, reason)
    })
}

fn nothing(recorded: &Recorded) -> Failure {
    let reason = format!("no version of `{}` is published", recorded.image);
    Failure::new(FailureClass::Usage, reason)
}

impl Operand {
    /// What is recorded of it.
    fn side(&self) -> (&LogEntry, &VersionRecord) {
        let mut published = self.recorded.published().into_iter();
        published
            .find(|(_, record)| record.version == self.version)
            .expect("it was found among what is published")
    }

    /// What was found in it, the last time that anybody looked, if it was kept.
    async fn findings(&self, registry: &dyn Registry) -> Result<Option<FindingsDocument>, Failure> {
        let log = self.recorded.log.iter().rev();
        let mut rescanned = log.filter_map(|entry| match &entry.entry {
            Entry::Rescanned { version, findings, .. } if *version == self.version => *findings,
            _ => None,
        });
        let digest = rescanned.next().or(self.side().1.findings);
        document(registry, digest.as_ref()).await
    }

    /// How its system is set up, if it was kept.
    async fn setup(&self, registry: &dyn Registry) -> Result<Option<Configuration>, Failure> {
        let setup: Option<Configuration> =
            document(registry, self.side().1.configuration.as_ref()).await?;
        Ok(setup.filter(|setup| setup.schema == Configuration::SCHEMA))
    }
}

/// A blob that can be done without: nothing if it is not there, or not what is expected.
async fn document<T: DeserializeOwned>(
    registry: &dyn Registry,
    digest: Option<&Digest>,
) -> Result<Option<T>, Failure> {
    let Some(digest) = digest else { return Ok(None) };
    match registry.blob(digest).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(RegistryError::BlobMissing { .. }) => Ok(None),
        Err(error) => Err(error.failure()),
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
        image: image.clone(),
        version: record.version,
        published_at: entry.at,
        os: record.os.clone(),
        packages: sbom.packages.len(),
    };
    Ok((sbom, version))
}
