//! `promote`, `rollback`, `pin`, `unpin`: what people do with channels.

use super::promotion::{Objections, Promotion};
use super::recorded::{self, Recorded};
use super::rescan;
use super::session::Session;
use crate::cli;
use crate::model::{Act, ChannelName, Failure, FailureClass, ImageName, Version};
use crate::registry::{self, Expect, Registry, RegistryError, Steering, steer};
use crate::report::steered::{Steered, SteeredChannel};
use crate::run;

/// Has a channel name a version, if nothing stands against it.
pub(super) async fn promote(
    session: &Session,
    arguments: &cli::Promote,
) -> Result<Steered, Failure> {
    let cli::Promote { image, because, expect, .. } = arguments;
    let Some(image) = image else {
        return Err(Failure::new(FailureClass::Usage, "an image is missing"));
    };
    let rescan::Known { address, judgements, catalog } =
        rescan::known(session, arguments.registry.as_ref()).await?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let recorded = Recorded::of(registry, image).await?;
    let image = catalog.as_ref().and_then(|catalog| catalog.images.get(&recorded.image));
    let mut promotion = Promotion {
        session,
        registry,
        recorded: &recorded,
        tests: image.map_or(&[], |image| &image.tests),
        watched: &[],
    };
    if let [one, other] = &arguments.swap[..] {
        if one == other {
            let reason = format!("`{one}` cannot be swapped with itself");
            return Err(Failure::new(FailureClass::Usage, reason));
        }
        let named = [named(&recorded, one)?, named(&recorded, other)?];
        let watched = promotion.watch(&named, judgements, &arguments.advisories).await?;
        promotion.watched = &watched;
        return swap(&promotion, because.as_deref(), [one, other], named).await;
    }
    let (Some(version), Some(channel)) = (&arguments.version, &arguments.channel) else {
        let reason = "a version and a channel are missing";
        return Err(Failure::new(FailureClass::Usage, reason));
    };
    let version = recorded.find(version)?;
    let watched = promotion.watch(&[version], judgements, &arguments.advisories).await?;
    promotion.watched = &watched;
    let overruled = overruled(&promotion, because.as_deref(), version, channel).await?;
    let steering = Steering {
        act: Act::Promoted,
        expected: expect.map_or(Expect::Any, |version| Expect::Exactly(Some(version))),
        to: version,
        held: false,
        because: because.clone(),
        // Only what was known when it was overruled.
        though_revoked: promotion.revoked(version).is_some(),
    };
    go(session, registry, &recorded.image, channel, steering, overruled).await
}

async fn swap(
    promotion: &Promotion<'_>,
    because: Option<&str>,
    channels: [&ChannelName; 2],
    named: [Version; 2],
) -> Result<Steered, Failure> {
    let Promotion { session, registry, recorded, .. } = *promotion;
    let image = &recorded.image;
    let mut against = Vec::new();
    for (channel, version) in channels.into_iter().zip(named.into_iter().rev()) {
        against.extend(overruled(promotion, because, version, channel).await?);
    }
    let author = session.author(run::new_run_id(&session.clock));
    let now = registry::swap(registry, &author, image, channels, named, because).await;
    let now = now.map_err(|error| failure(&error))?;
    let moved = channels.into_iter().zip(named).zip(now).map(|((channel, from), to)| {
        SteeredChannel { channel: channel.clone(), from: Some(from), to, held: false }
    });
    Ok(Steered {
        image: image.clone(),
        act: Act::Swapped,
        channels: moved.collect(),
        changed: true,
        overruled: against,
    })
}

/// What is done although it stands against it; an error if nobody has said why.
async fn overruled(
    promotion: &Promotion<'_>,
    because: Option<&str>,
    version: Version,
    channel: &ChannelName,
) -> Result<Vec<String>, Failure> {
    let Objections { against, unproven } = promotion.objections(version, channel).await?;
    if because.is_some() {
        return Ok(against.into_iter().chain(unproven).collect());
    }
    if let Some(reason) = unproven {
        return Err(Failure::new(FailureClass::Untrusted, reason));
    }
    if against.is_empty() {
        return Ok(against);
    }
    let image = &promotion.recorded.image;
    let reason = format!("{image} {version} cannot enter `{channel}`: {}", against.join("; "));
    Err(Failure::new(FailureClass::Blocked, reason)
        .hint("if it is right all the same, say why: `--because TEXT`, which is recorded"))
}

/// Takes a channel back, and holds it there.
pub(super) async fn rollback(
    session: &Session,
    arguments: &cli::Rollback,
) -> Result<Steered, Failure> {
    let cli::Rollback { image, channel, because, .. } = arguments;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let recorded = Recorded::of(registry, image).await?;
    let now = named(&recorded, channel)?;
    let to = match arguments.to {
        Some(version) => recorded.record(version)?.version,
        None => before(session, &recorded, channel, now)?,
    };
    let steering = Steering {
        act: Act::RolledBack,
        // What the decision rests on: somebody may be faster.
        expected: Expect::Exactly(Some(now)),
        to,
        held: true,
        because: because.clone(),
        though_revoked: because.is_some(),
    };
    go(session, registry, image, channel, steering, Vec::new()).await
}

/// Has a channel stay where it is, or at another version.
pub(super) async fn pin(session: &Session, arguments: &cli::Pin) -> Result<Steered, Failure> {
    let cli::Pin { image, channel, because, .. } = arguments;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let recorded = Recorded::of(registry, image).await?;
    let (expected, to) = if let Some(version) = arguments.version {
        (Expect::Any, recorded.record(version)?.version)
    } else {
        let now = named(&recorded, channel)?;
        (Expect::Exactly(Some(now)), now)
    };
    let steering = Steering {
        act: Act::Pinned,
        expected,
        to,
        held: true,
        because: because.clone(),
        though_revoked: because.is_some(),
    };
    go(session, registry, image, channel, steering, Vec::new()).await
}

/// Lets a channel go again.
pub(super) async fn unpin(session: &Session, arguments: &cli::Unpin) -> Result<Steered, Failure> {
    let cli::Unpin { image, channel, because, .. } = arguments;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    Recorded::of(registry, image).await?;
    let author = session.author(run::new_run_id(&session.clock));
    let done = registry::unpin(registry, &author, image, channel, because.as_deref()).await;
    let (at, changed) = done.map_err(|error| failure(&error))?;
    let moved = SteeredChannel { channel: channel.clone(), from: Some(at), to: at, held: false };
    Ok(Steered {
        image: image.clone(),
        act: Act::Unpinned,
        channels: vec![moved],
        changed,
        overruled: Vec::new(),
    })
}

async fn go(
    session: &Session,
    registry: &dyn Registry,
    image: &ImageName,
    channel: &ChannelName,
    steering: Steering,
    overruled: Vec<String>,
) -> Result<Steered, Failure> {
    let author = session.author(run::new_run_id(&session.clock));
    let done = steer(registry, &author, image, channel, &steering).await;
    let done = done.map_err(|error| failure(&error))?;
    let moved = SteeredChannel {
        channel: channel.clone(),
        from: done.from,
        to: steering.to,
        held: steering.held,
    };
    Ok(Steered {
        image: image.clone(),
        act: steering.act,
        channels: vec![moved],
        changed: done.changed,
        overruled,
    })
}

/// A refusal is no failure of the registry.
fn failure(error: &RegistryError) -> Failure {
    let class = match error {
        RegistryError::Revoked { .. } => FailureClass::Blocked,
        RegistryError::ChannelEmpty { .. }
        | RegistryError::Marked { .. }
        | RegistryError::Pruned { .. }
        | RegistryError::ChannelMoved { .. }
        | RegistryError::NotPublished { .. } => FailureClass::Usage,
        _ => return error.failure(),
    };
    Failure { class, ..error.failure() }
}

/// What `channel` names.
fn named(recorded: &Recorded, channel: &ChannelName) -> Result<Version, Failure> {
    recorded.history.channels.get(channel).copied().ok_or_else(|| {
        let Recorded { image, history, .. } = recorded;
        let reason = format!("channel `{channel}` of `{image}` names no version");
        let known: Vec<String> = history.channels.keys().map(ToString::to_string).collect();
        let hint = if known.is_empty() {
            "it has no channels".to_owned()
        } else {
            format!("it has: {}", known.join(", "))
        };
        Failure::new(FailureClass::Usage, reason).hint(hint)
    })
}

/// What `channel` named before it came to `now`: the last version that may still be used.
fn before(
    session: &Session,
    recorded: &Recorded,
    channel: &ChannelName,
    now: Version,
) -> Result<Version, Failure> {
    let Recorded { image, log, history } = recorded;
    let today = session.clock.now();
    let moves = log.iter().flat_map(|entry| entry.entry.moves());
    let been: Vec<Version> =
        moves.filter(|what| what.channel == channel).map(|what| what.to).collect();
    // The way back: of what came before the channel first named this version.
    let first = been.iter().position(|version| *version == now).unwrap_or_default();
    let mut earlier = been[..first].iter().rev().copied();
    let may_be_used = |version: &Version| {
        history.revocation(*version, today).is_none()
            && !history.pruned.contains_key(version)
            && !history.marked.contains_key(version)
    };
    earlier.find(may_be_used).ok_or_else(|| {
        let reason = format!(
            "channel `{channel}` of `{image}` has named nothing before {now} that may be used"
        );
        Failure::new(FailureClass::Usage, reason).hint("name a version: `--to VERSION`")
    })
}
