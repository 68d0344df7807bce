//! `goldsmith versions`: what is published of an image, and what has become of its channels.

use super::recorded::{self, Recorded};
use super::session::Session;
use crate::cli;
use crate::model::{BlockingFinding, Entry, Failure, LogEntry, Version};
use crate::registry;
use crate::report::versions::{
    ChannelEvent, ChannelHistory, ListedChannel, ListedVersion, State, Versions,
};

/// One of the two answers.
pub(super) enum Answer {
    /// What is published.
    Versions(Versions),
    /// What has become of the channels.
    History(ChannelHistory),
}

/// Lists what is asked for.
pub(super) async fn run(session: &Session, arguments: &cli::Versions) -> Result<Answer, Failure> {
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        registry::glance(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let recorded = Recorded::of(&*registry, &arguments.image).await?;
    Ok(if arguments.history {
        Answer::History(history(&recorded))
    } else {
        Answer::Versions(versions(session, &recorded))
    })
}

fn versions(session: &Session, recorded: &Recorded) -> Versions {
    let Recorded { image, log, history } = recorded;
    let now = session.clock.now();
    let listed = recorded.published().into_iter().rev().map(|(entry, record)| {
        let version = record.version;
        let naming = history.channels.iter().filter(|(_, names)| **names == version);
        let channels = naming.map(|(channel, _)| ListedChannel {
            channel: channel.clone(),
            held: history.held.contains(channel),
        });
        let blocking: Vec<String> =
            blocking(log, version).iter().map(|finding| finding.id.clone()).collect();
        let revoked = history.revoked.get(&version);
        let state = if history.pruned.contains_key(&version) {
            State::Pruned
        } else if history.revocation(version, now).is_some() {
            State::Revoked
        } else if history.marked.contains_key(&version) {
            State::Marked
        } else if blocking.is_empty() {
            State::Good
        } else {
            State::Blocked
        };
        ListedVersion {
            version,
            published_at: entry.at,
            channels: channels.collect(),
            state,
            revoked: revoked.map(|revocation| revocation.reason.clone()),
            revoked_from: revoked.map(|revocation| revocation.from),
            blocking,
            size: record.artifacts.iter().map(|artifact| artifact.size).sum(),
        }
    });
    Versions { image: image.clone(), versions: listed.collect() }
}

/// What would block `version`, as of the last time that somebody looked.
fn blocking(log: &[LogEntry], version: Version) -> &[BlockingFinding] {
    let mut last = log.iter().rev().filter_map(|entry| match &entry.entry {
        Entry::Rescanned { version: of, blocking, .. } if *of == version => Some(&blocking[..]),
        _ => None,
    });
    last.next().unwrap_or_default()
}

fn history(recorded: &Recorded) -> ChannelHistory {
    let events = recorded.log.iter().rev().flat_map(|entry| {
        let event = |what, version| ChannelEvent {
            seq: entry.seq,
            at: entry.at,
            what,
            channel: None,
            from: None,
            version,
            by: entry.by.clone(),
            run: entry.run.to_string(),
            run_url: entry.run_url.clone(),
            because: None,
        };
        match &entry.entry {
            Entry::Revoked { version, reason, .. } => {
                vec![ChannelEvent { because: Some(reason.clone()), ..event("revoked", *version) }]
            }
            Entry::Restored { version, reason } => {
                vec![ChannelEvent { because: Some(reason.clone()), ..event("restored", *version) }]
            }
            Entry::Marked { version, .. } => vec![event("marked", *version)],
            Entry::Pruned { version, .. } => vec![event("pruned", *version)],
            Entry::Unmarked { version, because } => {
                vec![ChannelEvent { because: Some(because.clone()), ..event("unmarked", *version) }]
            }
            other => {
                let moves = other.moves().map(|what| ChannelEvent {
                    channel: Some(what.channel.clone()),
                    from: what.from,
                    because: what.because.map(str::to_owned),
                    ..event(what.act.as_str(), what.to)
                });
                moves.collect()
            }
        }
    });
    ChannelHistory { image: recorded.image.clone(), events: events.collect() }
}
