//! `promote`, `rollback`, `pin`, `unpin`: what people do with channels.

use super::recorded::{self, Recorded, has_catalog};
use super::rescan;
use super::session::Session;
use crate::cli;
use crate::model::{
    Act, ChannelName, Failure, FailureClass, ImageName, NoteLevel, ParentRecord, Test, Version,
    VersionRecord,
};
use crate::registry::{self, Expect, Registry, RegistryError, Steering, steer};
use crate::report::rescan::WatchState;
use crate::report::steered::{Steered, SteeredChannel};
use crate::run;

/// Has a channel name a version, if nothing stands against it.
pub(super) async fn promote(
    session: &Session,
    arguments: &cli::Promote,
) -> Result<Steered, Failure> {
    let cli::Promote { image, because, expect, .. } = arguments;
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::open(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let recorded = Recorded::of(registry, image).await?;
    if let [one, other] = &arguments.swap[..] {
        return swap(session, registry, arguments, &recorded, [one, other]).await;
    }
    let (Some(version), Some(channel)) = (&arguments.version, &arguments.channel) else {
        let reason = "a version and a channel are missing";
        return Err(Failure::new(FailureClass::Usage, reason));
    };
    let version = recorded.find(version)?;
    let against = objections(session, registry, arguments, &recorded, version, channel).await?;
    let overruled = overruled(image, version, channel, because.as_ref(), against)?;
    let steering = Steering {
        act: Act::Promoted,
        expected: expect.map_or(Expect::Any, |version| Expect::Exactly(Some(version))),
        to: version,
        held: false,
        because: because.clone(),
        though_revoked: because.is_some(),
    };
    go(session, registry, image, channel, steering, overruled).await
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

async fn swap(
    session: &Session,
    registry: &dyn Registry,
    arguments: &cli::Promote,
    recorded: &Recorded,
    channels: [&ChannelName; 2],
) -> Result<Steered, Failure> {
    let (image, because) = (&recorded.image, arguments.because.as_ref());
    let [one, other] = channels;
    if one == other {
        let reason = format!("`{one}` cannot be swapped with itself");
        return Err(Failure::new(FailureClass::Usage, reason));
    }
    let (of_one, of_other) = (named(recorded, one)?, named(recorded, other)?);
    let mut all = Vec::new();
    for (version, channel) in [(of_other, one), (of_one, other)] {
        let against = objections(session, registry, arguments, recorded, version, channel).await?;
        all.extend(overruled(image, version, channel, because, against)?);
    }
    let author = session.author(run::new_run_id(&session.clock));
    let because = arguments.because.as_deref();
    let now = registry::swap(registry, &author, image, channels, because).await;
    let now = now.map_err(|error| failure(&error))?;
    let moved = |channel: &ChannelName, to, from| SteeredChannel {
        channel: channel.clone(),
        from: Some(from),
        to,
        held: false,
    };
    Ok(Steered {
        image: image.clone(),
        act: Act::Swapped,
        channels: vec![moved(one, now[0], now[1]), moved(other, now[1], now[0])],
        changed: true,
        overruled: all,
    })
}

/// What stands against it that `channel` names `version`, a sentence each.
async fn objections(
    session: &Session,
    registry: &dyn Registry,
    arguments: &cli::Promote,
    recorded: &Recorded,
    version: Version,
    channel: &ChannelName,
) -> Result<Vec<String>, Failure> {
    let record = recorded.record(version)?;
    let image = &recorded.image;
    if let Some(revocation) = recorded.history.revocation(version, session.clock.now()) {
        // Nobody looks at it any more: what else stands against it does not matter.
        return Ok(vec![format!("it is revoked: {}", revocation.reason)]);
    }
    let mut against = Vec::new();
    against.extend(untested(session, image, record)?);
    for parent in &record.provenance.parents {
        against.extend(not_there(registry, parent, channel).await?);
    }
    let (_, judgements) = rescan::known(session, arguments.registry.as_ref()).await?;
    let images = [image.clone()];
    let watched =
        rescan::watch(session, registry, judgements, &images, &arguments.advisories).await?.0;
    let watched = watched.versions.into_iter().find(|watched| watched.version == version);
    match watched.map(|watched| watched.state) {
        Some(WatchState::Clean) => {}
        Some(WatchState::Blocked { findings, more }) => {
            let named = findings.iter().map(|finding| {
                let fix = finding.fixed.as_ref();
                let fix = fix.map_or_else(String::new, |fix| format!(", fixed in {fix}"));
                format!("{} ({}) in {}{fix}", finding.id, finding.severity, finding.source)
            });
            against
                .extend(named.map(|what| format!("it would not pass the gate any more: {what}")));
            if more > 0 {
                against.push(format!("and {more} more findings block it"));
            }
        }
        Some(WatchState::Untrusted(reasons)) => {
            let reasons = reasons.iter().map(|reason| reason.message.as_str());
            let reasons: Vec<&str> = reasons.collect();
            let reason = format!("nothing is proven of {version} today: {}", reasons.join("; "));
            return match arguments.because {
                Some(_) => Ok(against.into_iter().chain([reason]).collect()),
                None => Err(Failure::new(FailureClass::Untrusted, reason)),
            };
        }
        state @ (Some(WatchState::Unwatched(_)) | None) => {
            let why = match state {
                Some(WatchState::Unwatched(why)) => why,
                _ => "it is not among what is watched".to_owned(),
            };
            let text = format!("{image} {version} cannot be judged again: {why}");
            session.events.note(None, NoteLevel::Warning, text);
        }
    }
    Ok(against)
}

/// Tests that `images.yml` asks for and that the version has not passed.
fn untested(
    session: &Session,
    image: &ImageName,
    record: &VersionRecord,
) -> Result<Option<String>, Failure> {
    if !has_catalog(session) {
        return Ok(None);
    }
    let catalog = session.catalog()?.catalog;
    let Some(known) = catalog.images.get(image) else { return Ok(None) };
    let passed = |name: &str| record.tests.iter().any(|tally| tally.name == name);
    let missing = known.tests.iter().map(|test| match test {
        Test::Boot => "boot",
        Test::Run(command) => command,
    });
    let missing: Vec<String> =
        missing.filter(|name| !passed(name)).map(|name| format!("`{name}`")).collect();
    Ok((!missing.is_empty()).then(|| format!("it has not passed the tests {}", missing.join(", "))))
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

/// What is done although it stands against it; an error if nobody has said why.
fn overruled(
    image: &ImageName,
    version: Version,
    channel: &ChannelName,
    because: Option<&String>,
    against: Vec<String>,
) -> Result<Vec<String>, Failure> {
    if against.is_empty() || because.is_some() {
        return Ok(against);
    }
    let reason = format!("{image} {version} cannot enter `{channel}`: {}", against.join("; "));
    Err(Failure::new(FailureClass::Blocked, reason)
        .hint("if it is right all the same, say why: `--because TEXT`, which is recorded"))
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
    let done = match steer(registry, &author, image, channel, &steering).await {
        Ok(done) => done,
        Err(error) => return Err(failure(&error)),
    };
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
    earlier.find(|version| history.revocation(*version, today).is_none()).ok_or_else(|| {
        let reason = format!(
            "channel `{channel}` of `{image}` has named nothing before {now} that may be used"
        );
        Failure::new(FailureClass::Usage, reason).hint("name a version: `--to VERSION`")
    })
}
