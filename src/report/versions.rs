//! The published versions of an image, and what has become of its channels: the answers of `versions`.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::Timestamp;
use serde::Serialize;

use super::quantity::size;
use super::style;
use super::table::{Cell, Column, Table};
use super::untrusted::{one_line, shorten};
use crate::model::{Act, ChannelName, ImageName, Version};

/// So many columns words of people take at most.
const MOST: usize = 60;

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
}

impl State {
    fn cell(self) -> Cell {
        match self {
            Self::Good => Cell::new("good", Style::new()),
            Self::Blocked => Cell::new("blocked", style::BAD),
            Self::Revoked => Cell::new("revoked", style::BAD),
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
            Column::right("size").spare(1),
            Column::left("why").spare(2),
        ]);
        for listed in &self.versions {
            let channels = listed.channels.iter().map(|it| {
                let held = if it.held { " (held)" } else { "" };
                format!("{}{held}", it.channel)
            });
            let channels: Vec<String> = channels.collect();
            let why = match (&listed.revoked, listed.revoked_from) {
                (Some(why), Some(from)) if listed.state != State::Revoked => {
                    format!("revoked from {from} on: {why}")
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

impl ChannelEvent {
    /// The word for `act`.
    pub fn word(act: Act) -> &'static str {
        act.as_str()
    }
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
