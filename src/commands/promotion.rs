//! Whether a version may enter a channel: asked by `promote`, and by the rules of `images.yml`.

use std::collections::BTreeMap;

use super::recorded::Recorded;
use super::rescan;
use super::session::Session;
use crate::cli;
use crate::model::{
    ChannelName, Failure, Finding, ImageName, NoteLevel, ParentRecord, Revocation, Test, Version,
    VersionRecord,
};
use crate::registry::Registry;
use crate::report::rescan::{WatchState, WatchedVersion};
use crate::run::Judgement;

/// A version of an image on its way into a channel.
#[derive(Clone, Copy)]
pub(super) struct Promotion<'a> {
    pub(super) session: &'a Session,
    pub(super) registry: &'a dyn Registry,
    pub(super) recorded: &'a Recorded,
    /// The tests that `images.yml` asks for.
    pub(super) tests: &'a [Test],
    /// What versions are worth today, if that matters.
    pub(super) watched: &'a [WatchedVersion],
}

/// What stands against it that a channel names a version, a sentence each.
#[derive(Debug, Default)]
pub(super) struct Objections {
    /// What is known against it.
    pub(super) against: Vec<String>,
    /// That nothing is proven of it today.
    pub(super) unproven: Option<String>,
}

impl Objections {
    /// All of them.
    pub(super) fn all(self) -> Vec<String> {
        self.against.into_iter().chain(self.unproven).collect()
    }
}

impl Promotion<'_> {
    /// Why `version` is withdrawn, if it is.
    pub(super) fn revoked(&self, version: Version) -> Option<&Revocation> {
        self.recorded.history.revocation(version, self.session.clock.now())
    }

    /// Judges the versions of the image by today's advisories, unless all of `versions` are withdrawn:
    /// nobody watches those.
    pub(super) async fn watch(
        &self,
        versions: &[Version],
        judgements: BTreeMap<ImageName, Judgement>,
        advisories: &cli::Advisories,
    ) -> Result<Vec<WatchedVersion>, Failure> {
        if versions.iter().all(|version| self.revoked(*version).is_some()) {
            return Ok(Vec::new());
        }
        let images = std::slice::from_ref(&self.recorded.image);
        let (session, registry) = (self.session, self.registry);
        let done = rescan::watch(session, registry, judgements, images, advisories).await?;
        Ok(done.0.versions)
    }

    /// What stands against it that `channel` names `version`.
    pub(super) async fn objections(
        &self,
        version: Version,
        channel: &ChannelName,
    ) -> Result<Objections, Failure> {
        let image = &self.recorded.image;
        let record = self.recorded.record(version)?;
        let mut objections = Objections::default();
        let against = &mut objections.against;
        if let Some(revocation) = self.revoked(version) {
            // Nobody looks at it any more: what else stands against it does not matter.
            against.push(format!("it is revoked: {}", revocation.reason));
            return Ok(objections);
        }
        against.extend(untested(self.tests, record));
        for parent in &record.provenance.parents {
            against.extend(not_there(self.registry, parent, channel).await?);
        }
        let mut watched = self.watched.iter();
        let watched = watched.find(|it| (&it.image, it.version) == (image, version));
        match watched.map(|watched| &watched.state) {
            Some(WatchState::Clean) => {}
            Some(WatchState::Blocked { findings, more }) => {
                let named = findings.iter().map(|finding| {
                    let fix = finding.fixed.as_ref();
                    let fix = fix.map_or_else(String::new, |fix| format!(", fixed in {fix}"));
                    let Finding { id, severity, source, .. } = finding;
                    format!(
                        "it would not pass the gate any more: {id} ({severity}) in {source}{fix}"
                    )
                });
                against.extend(named);
                if *more > 0 {
                    against.push(format!("and {more} more findings block it"));
                }
            }
            Some(WatchState::Untrusted(reasons)) => {
                let reasons = reasons.iter().map(|reason| reason.message.as_str());
                let reasons: Vec<&str> = reasons.collect();
                let why = reasons.join("; ");
                objections.unproven = Some(format!("nothing is proven of {version} today: {why}"));
            }
            Some(WatchState::Unwatched(why)) => self.cannot_be_judged(version, why),
            None => self.cannot_be_judged(version, "it is not among what is watched"),
        }
        Ok(objections)
    }

    fn cannot_be_judged(&self, version: Version, why: &str) {
        let text = format!("{} {version} cannot be judged again: {why}", self.recorded.image);
        self.session.events.note(None, NoteLevel::Warning, text);
    }
}

/// Those of `tests` that the version has not passed.
fn untested(tests: &[Test], record: &VersionRecord) -> Option<String> {
    let passed = |name: &str| record.tests.iter().any(|tally| tally.name == name);
    let names = tests.iter().map(|test| match test {
        Test::Boot => "boot",
        Test::Run(command) => command,
    });
    let missing: Vec<String> =
        names.filter(|name| !passed(name)).map(|name| format!("`{name}`")).collect();
    (!missing.is_empty()).then(|| format!("it has not passed the tests {}", missing.join(", ")))
}

/// That the version of a parent that it was built from never was in that channel.
async fn not_there(
    registry: &dyn Registry,
    parent: &ParentRecord,
    channel: &ChannelName,
) -> Result<Option<String>, Failure> {
    let ParentRecord { image, version } = parent;
    let log = registry.log(image, 0).await.map_err(|error| error.failure())?;
    let mut moves = log.iter().flat_map(|entry| entry.entry.moves());
    let was_there = moves.any(|what| what.channel == channel && what.to == *version);
    Ok((!was_there).then(|| format!("its parent {image} {version} never was in `{channel}`")))
}
