//! The published versions of an image, and what has become of its channels: the answers of `versions`.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::Timestamp;
use serde::Serialize;

use super::quantity::size;
use super::style;
use super::table::{Cell, Column, Table};
use super::untrusted::{one_line, shorten};
use crate::model::{ChannelName, ImageName, Version};

/// So many columns words of people take at most.
const MOST: usize = 40;

/// The published versions of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// The image.
    pub image: ImageName,
    /// The versions, newest first.
    pub versions: Vec<ListedVersion>,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedVersion {
    /// The version.
    pub version: Version,
    /// When it was published.
    pub published_at: Timestamp,
    /// The channels that name it.
    pub channels: Vec<ListedChannel>,
    /// What it is worth, as far as is known.
    pub state: State,
    /// Why it is revoked, if it is, or will be.
    pub revoked: Option<String>,
    /// From when on.
    pub revoked_from: Option<Timestamp>,
    /// The advisories with which the last look found that it would not pass any more.
    pub blocking: Vec<String>,
    /// What its files come to, in bytes.
    pub size: u64,
}

/// A channel that names a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedChannel {
    /// The channel.
    pub channel: ChannelName,
    /// Whether it stays there, whatever is published.
    pub held: bool,
}

/// What a version is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing is known against it.
    Good,
    /// It would not pass the gate any more.
    Blocked,
    /// It is withdrawn.
    Revoked,
    /// Nobody needs its bytes: they go soon.
    Marked,
    /// Its bytes are gone.
    Pruned,
}

impl State {
    fn cell(self) -> Cell {
        match self {
            Self::Good => Cell::new("good", Style::new()),
            Self::Blocked => Cell::new("blocked", style::BAD),
            Self::Revoked => Cell::new("revoked", style::BAD),
            Self::Marked => Cell::new("marked", style::WARNING),
            Self::Pruned => Cell::new("pruned", style::QUIET),
        }
    }
}

impl Versions {
    /// For people.
    pub fn text(&self, width: usize) -> String {
        let mut table = Table::new([
            Column::left("version"),
            Column::left("published"),
            Column::left("channels"),
            Column::left("state"),
            Column::right("size").spare(2),
            Column::left("why").spare(1),
        ]);
        for listed in &self.versions {
            let channels = listed.channels.iter().map(|it| {
                let held = if it.held { " (held)" } else { "" };
                format!("{}{held}", it.channel)
            });
            let channels: Vec<String> = channels.collect();
            let why = match (&listed.revoked, listed.revoked_from) {
                (Some(why), Some(from)) if listed.state != State::Revoked => {
                    format!("ends {}: {why}", from.strftime("%Y-%m-%d"))
                }
                (Some(why), _) => why.clone(),
                _ => listed.blocking.join(", "),
            };
            table.row([
                Cell::new(listed.version.to_string(), style::STRONG),
                Cell::plain(listed.published_at.strftime("%Y-%m-%d %H:%M").to_string()),
                Cell::plain(channels.join(", ")),
                listed.state.cell(),
                Cell::plain(size(listed.size)),
                Cell::new(shorten(&one_line(&why), MOST).into_owned(), style::QUIET),
            ]);
        }
        table.render("", width)
    }
}

/// What has become of the channels of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelHistory {
    /// The image.
    pub image: ImageName,
    /// What happened, newest first.
    pub events: Vec<ChannelEvent>,
}

/// A move of a channel, or that a version was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelEvent {
    /// The entry in the log.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened: `entered`, `promoted`, `rolled-back`, `pinned`, `unpinned`, `swapped`, `revoked` or
    /// `restored`.
    pub what: &'static str,
    /// The channel, if it is about one.
    pub channel: Option<ChannelName>,
    /// What it named before.
    pub from: Option<Version>,
    /// The version that it is about.
    pub version: Version,
    /// Who, if it is known.
    pub by: Option<String>,
    /// The run.
    pub run: String,
    /// Where that can be looked at, if anywhere.
    pub run_url: Option<String>,
    /// Why, if somebody has said so.
    pub because: Option<String>,
}

impl ChannelHistory {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            let at = event.at.strftime("%Y-%m-%d %H:%M");
            let _ = write!(text, "{at}  ");
            match (&event.channel, event.from) {
                (Some(channel), Some(from)) if from != event.version => {
                    let _ = write!(text, "{channel} {}: {from} → {}", event.what, event.version);
                }
                (Some(channel), _) => {
                    let _ = write!(text, "{channel} {}: {}", event.what, event.version);
                }
                (None, _) => {
                    let _ = write!(text, "{} {}", event.version, event.what);
                }
            }
            if let Some(by) = &event.by {
                let _ = write!(text, " by {}", one_line(by));
            }
            let _ = writeln!(text, " ({})", event.run_url.as_deref().unwrap_or(&event.run));
            if let Some(because) = &event.because {
                let _ = writeln!(text, "                  {}", one_line(because));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: &str) -> Timestamp {
        format!("{day}T03:12:00Z").parse().unwrap()
    }

    fn listed(version: &str, channels: &[(&str, bool)], state: State) -> ListedVersion {
        let channels = channels.iter().map(|(channel, held)| ListedChannel {
            channel: channel.parse().unwrap(),
            held: *held,
        });
        ListedVersion {
            version: version.parse().unwrap(),
            published_at: at("2026-11-01"),
            channels: channels.collect(),
            state,
            revoked: None,
            revoked_from: None,
            blocking: Vec::new(),
            size: 642_000_000,
        }
    }

    #[test]
    fn what_is_published_and_what_it_is_worth() {
        let good = listed("1.0.20261127", &[("candidate", false)], State::Good);
        let blocking = vec!["CVE-2026-1234".to_owned()];
        let stable = [("stable", true), ("blue", false)];
        let blocked = ListedVersion { blocking, ..listed("1.0.20261101", &stable, State::Blocked) };
        let revoked = Some("leaked key\u{1b}[31m".to_owned());
        let revoked = ListedVersion {
            revoked: revoked.clone(),
            revoked_from: Some(at("2026-10-20")),
            ..listed("1.0.20261002", &[], State::Revoked)
        };
        let later = ListedVersion {
            revoked: Some("end of support".to_owned()),
            revoked_from: Some(at("2026-12-31")),
            ..listed("1.0.20260901", &[], State::Good)
        };
        let image = "debian-12".parse().unwrap();
        let versions = Versions { image, versions: vec![good, blocked, revoked, later] };
        let text = anstream::adapter::strip_str(&versions.text(100)).to_string();
        insta::assert_snapshot!(text, @"
        version       published         channels             state    why
        1.0.20261127  2026-11-01 03:12  candidate            good     
        1.0.20261101  2026-11-01 03:12  stable (held), blue  blocked  CVE-2026-1234
        1.0.20261002  2026-11-01 03:12                       revoked  leaked key
        1.0.20260901  2026-11-01 03:12                       good     ends 2026-12-31: end of support
        ");
    }

    #[test]
    fn who_did_what_with_a_channel() {
        let event =
            |what, channel: Option<&str>, from: Option<&str>, because: Option<&str>| ChannelEvent {
                seq: 7,
                at: at("2026-11-27"),
                what,
                channel: channel.map(|channel| channel.parse().unwrap()),
                from: from.map(|from| from.parse().unwrap()),
                version: "1.0.20261101".parse().unwrap(),
                by: Some("ann\u{1b}[31m".to_owned()).filter(|_| because.is_some()),
                run: "20261127t031200z-5f3a9c".to_owned(),
                run_url: because.map(|_| "https://forge.example/runs/7".to_owned()),
                because: because.map(str::to_owned),
            };
        let (stable, newer) = (Some("stable"), Some("1.0.20261123"));
        let events = vec![
            event("revoked", None, None, Some("leaked key")),
            event("unpinned", stable, Some("1.0.20261101"), None),
            event("rolled-back", stable, newer, Some("boots no more")),
            event("entered", stable, None, None),
        ];
        let history = ChannelHistory { image: "debian-12".parse().unwrap(), events };
        insta::assert_snapshot!(history.text(), @"
        2026-11-27 03:12  1.0.20261101 revoked by ann (https://forge.example/runs/7)
                          leaked key
        2026-11-27 03:12  stable unpinned: 1.0.20261101 (20261127t031200z-5f3a9c)
        2026-11-27 03:12  stable rolled-back: 1.0.20261123 → 1.0.20261101 by ann (https://forge.example/runs/7)
                          boots no more
        2026-11-27 03:12  stable entered: 1.0.20261101 (20261127t031200z-5f3a9c)
        ");
    }
}
