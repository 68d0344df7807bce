//! Finishes what runs that were stopped have left half done in the registry.

use crate::model::{Catalog, Failure, History, ImageName};
use crate::registry::{self, Author, Entered, Registry, RegistryError};
use crate::report::{CaughtUp, ChannelMove};

/// Lets published versions enter their channel whose run was stopped on the way there. They passed
/// the gate and are recorded: only the pointer is missing, and no build that is not due would move
/// it.
pub async fn catch_up(
    registry: &dyn Registry,
    author: &Author,
    catalog: &Catalog,
    histories: impl IntoIterator<Item = (&ImageName, &History)>,
) -> Result<Vec<CaughtUp>, Failure> {
    let mut caught_up = Vec::new();
    for (image, history) in histories {
        let (Some(version), Some(known)) = (history.stranded, catalog.images.get(image)) else {
            continue;
        };
        let channel = &known.channel;
        let from = match registry::enter(registry, author, image, channel, version).await {
            Ok(Entered::Entered { from }) => from,
            Ok(Entered::Outrun { .. } | Entered::Held { .. }) => continue,
            // It is in the log, and whoever reads the channel next brings its file up to date.
            Err(RegistryError::Stale { .. }) => history.channels.get(channel).copied(),
            Err(error) => return Err(error.failure()),
        };
        let moved = ChannelMove { channel: channel.clone(), from, to: version };
        caught_up.push(CaughtUp { image: image.clone(), moved });
    }
    Ok(caught_up)
}
