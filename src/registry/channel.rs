//! What runs do with channels.
//!
//! A channel names a published version. A run brings it forward, in the order in which versions were
//! published, unless somebody holds it. What people do with a channel is an act of theirs, `steer.rs`.

use crate::model::{Act, ChannelName, Entry, ImageName, LogEntry, Version, VersionRecord};

use super::projection::{Projection, refresh};
use super::transaction::{Author, Step, transact};
use super::{Registry, RegistryError, log};

/// What is recorded of the version that `channel` names, if it names one. From the log, and never
/// behind it.
pub async fn named(
    registry: &dyn Registry,
    image: &ImageName,
    channel: &ChannelName,
) -> Result<Option<VersionRecord>, RegistryError> {
    let log = registry.log(image, 0).await?;
    let record = log::last_move(&log, channel).and_then(|last| log::published(&log, last.what.to));
    Ok(record.map(|(_, record)| record.clone()))
}

/// How it ended when a version was to enter a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The channel names it.
    Entered {
        /// What the channel named before.
        from: Option<Version>,
    },
    /// The channel names a newer version already, from another run, and goes on doing so.
    Outrun {
        /// The newer version.
        by: Version,
    },
    /// The channel is held where it is.
    Held {
        /// What it names.
        at: Version,
    },
}

/// Moves `channel` to the published `version`, unless another run has brought it to a newer one or
/// somebody holds it where it is: what a run does with what it has published.
pub async fn enter(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    channel: &ChannelName,
    version: Version,
) -> Result<Entered, RegistryError> {
    let mut entered = Entered::Entered { from: None };
    let done =
        transact(registry, author, image, |log| match Order::of(log, image, channel, version)? {
            Order::There { seq, from } => {
                entered = Entered::Entered { from };
                Ok(Step::Already(seq))
            }
            Order::Older { current } => {
                entered = Entered::Outrun { by: current };
                Ok(Step::Already(log::head(log)))
            }
            Order::Held { current } => {
                entered = Entered::Held { at: current };
                Ok(Step::Already(log::head(log)))
            }
            Order::Newer { current: from } => {
                log::check_bytes(log, image, version)?;
                entered = Entered::Entered { from };
                Ok(Step::Append(Entry::Moved {
                    channel: channel.clone(),
                    from,
                    to: version,
                    act: Act::Entered,
                    held: false,
                    because: None,
                }))
            }
        })
        .await?;
    refresh(registry, Projection::naming(image, [channel]), done).await?;
    Ok(entered)
}

/// Where a version stands beside what a channel names.
#[derive(Clone, Copy)]
enum Order {
    /// The channel names it.
    There { seq: u64, from: Option<Version> },
    /// The channel is held at another one.
    Held { current: Version },
    /// It was published before what the channel names.
    Older { current: Version },
    /// It was published after what the channel names, if it names anything.
    Newer { current: Option<Version> },
}

impl Order {
    fn of(
        log: &[LogEntry],
        image: &ImageName,
        channel: &ChannelName,
        version: Version,
    ) -> Result<Self, RegistryError> {
        let place = |version| log::published(log, version).map(|(entry, _)| entry.seq);
        let Some(published) = place(version) else {
            return Err(RegistryError::NotPublished { image: image.clone(), version });
        };
        let Some(log::LastMove { entry, what }) = log::last_move(log, channel) else {
            return Ok(Self::Newer { current: None });
        };
        let current = what.to;
        Ok(if current == version {
            Self::There { seq: entry.seq, from: what.from }
        } else if what.held {
            Self::Held { current }
        } else if place(current) > Some(published) {
            Self::Older { current }
        } else {
            Self::Newer { current: Some(current) }
        })
    }
}
