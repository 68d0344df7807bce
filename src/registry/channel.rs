//! Moving channels.
//!
//! A channel names a published version. It goes forward, in the order in which versions were
//! published; going back is an act of its own and not in here.

use crate::model::{ChannelName, Entry, ImageName, LogEntry, Version, VersionRecord};

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
    let record = log::last_move(&log, channel).and_then(|last| log::published(&log, last.to));
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
}

/// Moves `channel` from `expected` to the published version `to`. Returns the entry's number.
///
/// Refused if the channel does not name `expected`, or if `to` is older. The same move again is no
/// error.
pub async fn advance(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    channel: &ChannelName,
    expected: Option<Version>,
    to: Version,
) -> Result<u64, RegistryError> {
    let done = transact(registry, author, image, |log| {
        let order = Order::of(log, image, channel, to)?;
        if let Order::There { seq, from } = order
            && (expected == from || expected == Some(to))
        {
            return Ok(Step::Already(seq));
        }
        let found = order.current(to);
        if found != expected {
            return Err(RegistryError::ChannelMoved {
                image: image.clone(),
                channel: channel.clone(),
                expected,
                found,
            });
        }
        if let Order::Older { current } = order {
            return Err(RegistryError::Backwards {
                image: image.clone(),
                channel: channel.clone(),
                current,
                to,
            });
        }
        Ok(Step::Append(Entry::Moved { channel: channel.clone(), from: found, to }))
    })
    .await?;
    let seq = done.seq;
    refresh(registry, Projection::Channel(image.clone(), channel.clone()), done).await?;
    Ok(seq)
}

/// Moves `channel` to the published `version`, unless another run has brought it to a newer one:
/// what a run does with what it has published.
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
            Order::Newer { current: from } => {
                entered = Entered::Entered { from };
                Ok(Step::Append(Entry::Moved { channel: channel.clone(), from, to: version }))
            }
        })
        .await?;
    refresh(registry, Projection::Channel(image.clone(), channel.clone()), done).await?;
    Ok(entered)
}

/// Where a version stands beside what a channel names.
#[derive(Clone, Copy)]
enum Order {
    /// The channel names it.
    There { seq: u64, from: Option<Version> },
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
        Ok(match log::last_move(log, channel) {
            None => Self::Newer { current: None },
            Some(last) if last.to == version => {
                Self::There { seq: last.entry.seq, from: last.from }
            }
            Some(last) if place(last.to) > Some(published) => Self::Older { current: last.to },
            Some(last) => Self::Newer { current: Some(last.to) },
        })
    }

    /// What the channel names.
    fn current(self, version: Version) -> Option<Version> {
        match self {
            Self::There { .. } => Some(version),
            Self::Older { current } => Some(current),
            Self::Newer { current } => current,
        }
    }
}
