//! What the registry knows of earlier versions, for the gate and for reports.

use crate::model::{
    Before, ChannelName, Digest, Entry, Finding, FindingsDocument, History, Image, KnownFindings,
    KnownPackages, LogEntry, Version, VersionRecord,
};
use crate::registry::{Registry, RegistryError};

/// What is known of earlier versions of an image.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// What the gate has to know.
    pub(super) before: Before,
    /// The version that is out, with its findings, if they were kept.
    pub(super) out: Option<(Version, Vec<Finding>)>,
}

/// Reads what the registry knows of `image`, of which `history` is known. `only_introduced`: a change is
/// judged, and nothing is published of it.
pub(super) async fn past(
    registry: &dyn Registry,
    image: &Image,
    history: &History,
    definition: &Digest,
    only_introduced: bool,
) -> Result<Past, RegistryError> {
    let Some(newest) = history.newest() else {
        return Ok(Past {
            before: Before { only_introduced, ..Before::default() },
            ..Past::default()
        });
    };
    let log = registry.log(&image.name, 0).await?;
    let packages = record(&log, newest).map(|record| KnownPackages {
        version: newest,
        count: record.packages,
        same_definition: record.provenance.definition == *definition,
    });
    let named = |channel: &ChannelName| history.channels.get(channel).copied();
    let is_out = named(&image.channel).or(Some(newest));
    // Of a change, what is out counts: what another channel names is no reason to bring it back.
    let granted = match &image.gate.new_only {
        Some(channel) if !only_introduced => named(channel),
        _ => is_out.filter(|_| only_introduced),
    };
    let out = findings(registry, &log, is_out).await?;
    let granted = match &out {
        Some((version, findings)) if granted == Some(*version) => {
            Some((*version, findings.clone()))
        }
        _ => findings(registry, &log, granted).await?,
    };
    let granted = granted.map(|(version, findings)| KnownFindings {
        version,
        findings: findings.iter().map(Into::into).collect(),
    });
    Ok(Past { before: Before { granted, only_introduced, packages }, out })
}

fn record(log: &[LogEntry], version: Version) -> Option<&VersionRecord> {
    log.iter().rev().find_map(|entry| match &entry.entry {
        Entry::Published(record) if record.version == version => Some(&**record),
        _ => None,
    })
}

/// The findings that were kept of `version`. What an older goldsmith has not kept, or what is not
/// there any more, is not known: then nothing is excused by it.
async fn findings(
    registry: &dyn Registry,
    log: &[LogEntry],
    version: Option<Version>,
) -> Result<Option<(Version, Vec<Finding>)>, RegistryError> {
    let known = version.and_then(|version| Some((version, record(log, version)?.findings?)));
    let Some((version, digest)) = known else { return Ok(None) };
    let bytes = match registry.blob(&digest).await {
        Ok(bytes) => bytes,
        Err(RegistryError::BlobMissing { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let document: Option<FindingsDocument> = serde_json::from_slice(&bytes).ok();
    Ok(document.map(|document| (version, document.findings)))
}
