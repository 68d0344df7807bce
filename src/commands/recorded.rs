//! What is recorded of an image, and the versions of it that people name.

use super::session::Session;
use crate::matrix;
use crate::model::{
    Address, Entry, Failure, FailureClass, History, ImageName, LogEntry, Version, VersionRecord,
};
use crate::registry::Registry;

/// The log of an image of which something is published.
pub(super) struct Recorded {
    pub(super) image: ImageName,
    pub(super) log: Vec<LogEntry>,
    pub(super) history: History,
}

/// Where versions are recorded: in what `--registry` names, or in what `images.yml` does.
pub(super) fn address(session: &Session, given: Option<&String>) -> Result<Address, Failure> {
    match given {
        Some(url) => session.registry_address(url),
        None => Ok(session.catalog()?.catalog.registry),
    }
}

impl Recorded {
    /// An error if nothing of `image` is published.
    pub(super) async fn of(registry: &dyn Registry, image: &ImageName) -> Result<Self, Failure> {
        let log = registry.log(image, 0).await.map_err(|error| error.failure())?;
        let history = History::of(&log);
        if history.published.is_empty() {
            return Err(nothing_of(image, registry).await);
        }
        Ok(Self { image: image.clone(), log, history })
    }

    /// The published versions, oldest first.
    pub(super) fn published(&self) -> Vec<(&LogEntry, &VersionRecord)> {
        let records = self.log.iter().filter_map(|entry| match &entry.entry {
            Entry::Published(record) => Some((entry, &**record)),
            _ => None,
        });
        records.collect()
    }

    /// What is recorded of `version`.
    pub(super) fn record(&self, version: Version) -> Result<&VersionRecord, Failure> {
        let published = self.published().into_iter();
        let mut records = published.map(|(_, record)| record);
        let found = records.find(|record| record.version == version);
        found.ok_or_else(|| self.no_such(&version.to_string()))
    }

    /// The published version that `text` names, by itself or by a channel.
    pub(super) fn find(&self, text: &str) -> Result<Version, Failure> {
        let version: Option<Version> = text.parse().ok();
        let channel = text.parse().ok();
        let named = channel.and_then(|channel| self.history.channels.get(&channel).copied());
        let mut versions = version.into_iter().chain(named);
        let found = versions.find(|version| self.history.published.contains(version));
        found.ok_or_else(|| self.no_such(text))
    }

    fn no_such(&self, text: &str) -> Failure {
        let Self { image, history, .. } = self;
        let reason = if text.parse::<Version>().is_ok() {
            format!("version {text} of `{image}` was never published")
        } else {
            format!("`{image}` has no channel `{text}`, and a version it is not either")
        };
        let newest = history.published.iter().rev().take(3).map(ToString::to_string);
        let channels = history.channels.keys().map(ToString::to_string);
        let known: Vec<String> = newest.chain(channels).collect();
        Failure::new(FailureClass::Usage, reason).hint(format!("there are: {}", known.join(", ")))
    }
}

/// Why there is nothing to look at.
async fn nothing_of(image: &ImageName, registry: &dyn Registry) -> Failure {
    let reason = format!("no version of `{image}` is published in `{}`", registry.location());
    let failure = Failure::new(FailureClass::Usage, reason);
    let known = registry.images().await.unwrap_or_default();
    match matrix::most_similar(image.as_str(), known.iter().map(ImageName::as_str)) {
        Some(name) if name != image.as_str() => failure.hint(format!("did you mean `{name}`?")),
        _ => failure,
    }
}
