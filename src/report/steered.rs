//! What people did with channels: the answer of `promote`, `rollback`, `pin` and `unpin`.

use std::fmt::Write as _;

use serde::Serialize;

use super::untrusted::one_line;
use crate::model::{Act, ChannelName, ImageName, Version};

/// An act, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Steered {
    /// The image.
    pub image: ImageName,
    /// What was done.
    pub act: Act,
    /// Whether anything has changed: if not, all was like that already.
    pub changed: bool,
    /// The channels.
    pub channels: Vec<SteeredChannel>,
    /// What stood against it, a sentence each; somebody has said why it is done all the same.
    pub overruled: Vec<String>,
}

/// What became of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SteeredChannel {
    /// The channel.
    pub channel: ChannelName,
    /// What it named before.
    pub from: Option<Version>,
    /// What it names.
    pub to: Version,
    /// Whether it stays there, whatever is published.
    pub held: bool,
}

impl Steered {
    /// For people.
    pub fn text(&self) -> String {
        let Self { image, act, changed, channels, overruled } = self;
        let mut text = String::new();
        for SteeredChannel { channel, from, to, held } in channels {
            let what = match act {
                Act::Unpinned if *changed => "is not held any more: it goes on from",
                Act::Unpinned => "was not held: it names",
                _ if !changed && *held => "is already held at",
                _ if !changed => "already names",
                _ if *held => "is held at",
                _ => "names",
            };
            let _ = write!(text, "{channel} of {image} {what} {to}");
            match from {
                Some(from) if from != to => drop(write!(text, ", and {from} before")),
                _ => {}
            }
            text.push('\n');
            if *held {
                let _ = writeln!(
                    text,
                    "  what is published does not enter it until `goldsmith unpin {image} {channel}`, or a `promote`"
                );
            }
        }
        for against in overruled {
            let _ = writeln!(text, "  overruled: {}", one_line(against));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steered(act: Act, changed: bool, from: Option<&str>, held: bool) -> String {
        let version = |text: &str| text.parse::<Version>().unwrap();
        let channel = SteeredChannel {
            channel: "stable".parse().unwrap(),
            from: from.map(version),
            to: version("1.0.20261101"),
            held,
        };
        let overruled = vec!["its parent base 1.0.20261001 never was in `stable`".to_owned()];
        let overruled = overruled.into_iter().filter(|_| act == Act::Promoted && changed).collect();
        let image = "debian-12".parse().unwrap();
        Steered { image, act, changed, channels: vec![channel], overruled }.text()
    }

    #[test]
    fn it_is_said_what_a_channel_names_and_whether_it_waits() {
        let told = [
            steered(Act::Promoted, true, None, false),
            steered(Act::Promoted, true, Some("1.0.20261001"), false),
            steered(Act::Promoted, false, Some("1.0.20261101"), false),
            steered(Act::RolledBack, true, Some("1.0.20261123"), true),
            steered(Act::Pinned, false, Some("1.0.20261101"), true),
            steered(Act::Unpinned, true, Some("1.0.20261101"), false),
            steered(Act::Unpinned, false, Some("1.0.20261101"), false),
        ];
        insta::assert_snapshot!(told.concat(), @"
        stable of debian-12 names 1.0.20261101
          overruled: its parent base 1.0.20261001 never was in `stable`
        stable of debian-12 names 1.0.20261101, and 1.0.20261001 before
          overruled: its parent base 1.0.20261001 never was in `stable`
        stable of debian-12 already names 1.0.20261101
        stable of debian-12 is held at 1.0.20261101, and 1.0.20261123 before
          what is published does not enter it until `goldsmith unpin debian-12 stable`, or a `promote`
        stable of debian-12 is already held at 1.0.20261101
          what is published does not enter it until `goldsmith unpin debian-12 stable`, or a `promote`
        stable of debian-12 is not held any more: it goes on from 1.0.20261101
        stable of debian-12 was not held: it names 1.0.20261101
        ");
    }
}
