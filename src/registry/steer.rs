//! What people do with channels: promote, take back, pin, let go, swap.
//!
//! Every act is one entry in the log, and says what the channel named when it was decided: who decides
//! on what is past is refused.

use crate::model::{Act, ChannelName, Entry, ImageName, LogEntry, Named, Version};

use super::projection::{Projection, refresh};
use super::transaction::{Author, Step, transact};
use super::{Registry, RegistryError, log};

/// An act of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steering {
    /// Which.
    pub act: Act,
    /// What the channel has to name before.
    pub expected: Expect,
    /// What it is to name.
    pub to: Version,
    /// Whether it is to stay there.
    pub held: bool,
    /// Why, in their words.
    pub because: Option<String>,
    /// Whether a version may be named that is withdrawn.
    pub though_revoked: bool,
}

/// What a channel has to name, for an act to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Whatever it names.
    Any,
    /// This version, or nothing.
    Exactly(Option<Version>),
    /// This version, or nothing, and nobody may hold it there: what rules expect.
    Free(Option<Version>),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steered {
    /// What the channel named before.
    pub from: Option<Version>,
    /// Whether anything has changed: if not, all was like that already.
    pub changed: bool,
}

/// Does `steering` with `channel`.
///
/// Refused if the channel does not name what is expected, or is held although it must not be, or if the version is not published, or is
/// withdrawn. What is like that already is no error, and is not recorded again.
pub async fn steer(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    channel: &ChannelName,
    steering: &Steering,
) -> Result<Steered, RegistryError> {
    let Steering { act, expected, to, held, because, though_revoked } = steering;
    let mut steered = Steered { from: None, changed: false };
    let done = transact(registry, author, image, |log| {
        let (image, channel, to) = (image.clone(), channel.clone(), *to);
        if log::published(log, to).is_none() {
            return Err(RegistryError::NotPublished { image, version: to });
        }
        log::check_bytes(log, &image, to)?;
        let last = log::last_move(log, &channel);
        let entry = |from| Entry::Moved {
            channel: channel.clone(),
            from,
            to,
            act: *act,
            held: *held,
            because: because.clone(),
        };
        if let Some(last) = last
            && last.entry.run == author.run
            && last.entry.entry == entry(last.what.from)
        {
            // Ours: the answer was lost on the way.
            steered = Steered { from: last.what.from, changed: true };
            return Ok(Step::Already(last.entry.seq));
        }
        let found = last.map(|last| last.what.to);
        match *expected {
            Expect::Exactly(expected) | Expect::Free(expected) if expected != found => {
                return Err(RegistryError::ChannelMoved { image, channel, expected, found });
            }
            Expect::Free(Some(at)) if last.is_some_and(|last| last.what.held) => {
                return Err(RegistryError::ChannelHeld { image, channel, at });
            }
            Expect::Any | Expect::Exactly(_) | Expect::Free(_) => {}
        }
        let now = author.clock.now();
        if let Some((_, revocation)) = log::revoked(log, to)
            && revocation.from <= now
            && !though_revoked
        {
            let because = revocation.reason;
            return Err(RegistryError::Revoked { image, version: to, because });
        }
        steered = Steered { from: found, changed: true };
        Ok(match last {
            Some(last) if last.what.to == to && last.what.held == *held => {
                steered.changed = false;
                Step::Already(last.entry.seq)
            }
            _ => Step::Append(entry(found)),
        })
    })
    .await?;
    refresh(registry, Projection::naming(image, [channel]), done).await?;
    Ok(steered)
}

/// Lets `channel` go again: the next version enters it. Returns what it names, and whether it was held.
pub async fn unpin(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    channel: &ChannelName,
    because: Option<&str>,
) -> Result<(Version, bool), RegistryError> {
    let mut at = None;
    let done = transact(registry, author, image, |log| {
        let last = log::last_move(log, channel).ok_or_else(|| empty(image, channel))?;
        let to = last.what.to;
        let own = last.entry.run == author.run && last.what.act == Act::Unpinned;
        at = Some((to, last.what.held || own));
        if !last.what.held {
            return Ok(Step::Already(last.entry.seq));
        }
        Ok(Step::Append(Entry::Moved {
            channel: channel.clone(),
            from: Some(to),
            to,
            act: Act::Unpinned,
            held: false,
            because: because.map(str::to_owned),
        }))
    })
    .await?;
    refresh(registry, Projection::naming(image, [channel]), done).await?;
    at.ok_or_else(|| empty(image, channel))
}

/// Has two channels, which name `expected`, take each other's version, in one step. Returns what each
/// names now. Refused if one of them names something else: it was not what somebody decided on.
pub async fn swap(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    channels: [&ChannelName; 2],
    expected: [Version; 2],
    because: Option<&str>,
) -> Result<[Version; 2], RegistryError> {
    let mut now = None;
    let names = |log: &[LogEntry], channel: &ChannelName| {
        log::last_move(log, channel).map(|last| last.what.to).ok_or_else(|| empty(image, channel))
    };
    let [one, other] = channels;
    let done = transact(registry, author, image, |log| {
        let (of_one, of_other) = (names(log, one)?, names(log, other)?);
        let last = log::last_move(log, one);
        let ours = last.filter(|last| {
            last.entry.run == author.run && matches!(last.entry.entry, Entry::Swapped { .. })
        });
        if let Some(last) = ours {
            // The answer was lost on the way.
            now = Some([of_one, of_other]);
            return Ok(Step::Already(last.entry.seq));
        }
        let found = [of_one, of_other];
        for ((channel, expected), found) in channels.into_iter().zip(expected).zip(found) {
            if expected != found {
                return Err(RegistryError::ChannelMoved {
                    image: image.clone(),
                    channel: channel.clone(),
                    expected: Some(expected),
                    found: Some(found),
                });
            }
        }
        now = Some([of_other, of_one]);
        let named = |channel: &ChannelName, version| Named { channel: channel.clone(), version };
        Ok(Step::Append(Entry::Swapped {
            channels: [named(one, of_other), named(other, of_one)],
            because: because.map(str::to_owned),
        }))
    })
    .await?;
    refresh(registry, Projection::naming(image, channels), done).await?;
    now.ok_or_else(|| empty(image, one))
}

fn empty(image: &ImageName, channel: &ChannelName) -> RegistryError {
    RegistryError::ChannelEmpty { image: image.clone(), channel: channel.clone() }
}
