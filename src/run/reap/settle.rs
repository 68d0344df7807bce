//! Brings what a dead run has left in a registry and in stores to an end: finishes what is recorded,
//! gives up what is not.
//!
//! The log decides. A version that is published is finished: its channel, the files made from the
//! log. One that is not is given up in the log first, and only then do its bytes go: should the run
//! be alive after all, it can no longer publish them. All of this can be done twice, and by two at a
//! time.

use crate::model::{ChannelName, Failure, ImageName, RunId, StoreAddress, Version};
use crate::publish::{self as stores, Surroundings, Unpublished};
use crate::registry::{self, Author, Entered, Fate, Registry, RegistryError};
use crate::report::{ChannelMove, Deed};

use super::chores::{Unsettled, Upload};

/// What was done, and why the rest was not.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) done: Vec<Deed>,
    pub(super) left: Vec<String>,
}

impl Outcome {
    /// Notes a failure; nothing if there is none.
    fn leave<T>(&mut self, what: &str, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(failure) => {
                self.left.push(format!("{what}: {}", failure.reason));
                None
            }
        }
    }
}

/// Settles what `run` has left of one image.
pub(super) async fn settle(
    registry: &dyn Registry,
    author: &Author,
    run: &RunId,
    unsettled: &Unsettled,
    here: Surroundings<'_>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let image = &unsettled.image;
    let name = image.as_str();
    let known = |error: RegistryError| error.failure();
    let before = registry.history(image).await.map_err(known);
    let Some(before) = outcome.leave(name, before) else {
        return outcome;
    };
    let fate = registry::abandon(registry, author, image, run).await.map_err(known);
    let Some(fate) = outcome.leave(name, fate) else {
        return outcome;
    };
    match fate {
        Fate::Abandoned(version) => {
            outcome.done.push(Deed::GivenUp { image: image.clone(), version });
            withdraw(&mut outcome, unsettled, version, here).await;
        }
        Fate::Failed(version) => withdraw(&mut outcome, unsettled, version, here).await,
        Fate::None | Fate::Published(_) | Fate::Rejected(_) => {}
    }
    let recorded = unsettled.record.as_ref().and_then(|(version, channel)| {
        let version = version.or(match fate {
            Fate::Published(version) => Some(version),
            _ => None,
        })?;
        before.published.contains(&version).then_some((version, channel))
    });
    if let Some((version, channel)) = recorded {
        if before.stranded == Some(version) {
            let from = before.channels.get(channel).copied();
            match registry::enter(registry, author, image, channel, version).await {
                Ok(Entered::Entered { from }) => outcome.entered(image, channel, from, version),
                Ok(Entered::Outrun { .. } | Entered::Held { .. }) => {}
                Err(RegistryError::Stale { .. }) => outcome.entered(image, channel, from, version),
                Err(error) => drop(outcome.leave::<()>(name, Err(error.failure()))),
            }
        }
        let rebuilt = registry::rebuild(registry, image).await.map_err(known);
        if outcome.leave(name, rebuilt).is_some_and(|written| !written.is_empty()) {
            outcome.done.push(Deed::Rebuilt { image: image.clone() });
        }
    }
    for upload in &unsettled.uploads {
        let unknown = upload.version.filter(|version| !before.reserved.contains(version));
        if let Some(version) = unknown {
            // As when a disk is not mounted: this is not the registry that the run knew.
            outcome.left.push(format!(
                "{name}: `{}` knows nothing of {version}, so its files stay where they are",
                registry.location()
            ));
        }
    }
    sweep(&mut outcome, unsettled, here).await;
    outcome
}

impl Outcome {
    fn entered(
        &mut self,
        image: &ImageName,
        channel: &ChannelName,
        from: Option<Version>,
        to: Version,
    ) {
        let moved = ChannelMove { channel: channel.clone(), from, to };
        self.done.push(Deed::Entered { image: image.clone(), moved });
    }
}

/// Removes the bytes of `version`, which nobody can publish any more.
async fn withdraw(
    outcome: &mut Outcome,
    unsettled: &Unsettled,
    version: Version,
    here: Surroundings<'_>,
) {
    for upload in &unsettled.uploads {
        if upload.version.is_some_and(|known| known != version) {
            continue;
        }
        let unpublished = Unpublished {
            image: unsettled.image.clone(),
            version,
            disk: upload.digest,
            rejected: upload.rejected,
        };
        let withdraw = async { stores::open(&upload.store, here)?.withdraw(&unpublished).await };
        let removed = withdraw.await.map_err(|error| error.failure());
        if let Some(Some(place)) = outcome.leave(unsettled.image.as_str(), removed) {
            outcome.done.push(Deed::UploadRemoved { place });
        }
    }
}

/// Removes what was on its way into the stores when its writer died.
async fn sweep(outcome: &mut Outcome, unsettled: &Unsettled, here: Surroundings<'_>) {
    let mut swept: Vec<&StoreAddress> = Vec::new();
    for Upload { store, .. } in &unsettled.uploads {
        if swept.contains(&store) {
            continue;
        }
        swept.push(store);
        let sweep = async { stores::open(store, here)?.sweep().await };
        let removed = sweep.await.map_err(|error| error.failure());
        let places = outcome.leave(unsettled.image.as_str(), removed).unwrap_or_default();
        outcome.done.extend(places.into_iter().map(|place| Deed::UploadRemoved { place }));
    }
}
