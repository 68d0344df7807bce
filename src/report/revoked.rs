//! What was withdrawn, or taken back: the answer of `revoke`.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{ChannelName, ImageName, Version};

/// What was withdrawn, or is used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// Whether it was taken back.
    pub undone: bool,
    /// From when on, if it was not.
    pub from: Option<Timestamp>,
    /// The versions, those that others were built from first.
    pub versions: Vec<RevokedVersion>,
    /// Versions that were built from these and are as they were.
    pub left: Vec<RevokedVersion>,
}

/// A version that was withdrawn, or could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedVersion {
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// Whether that is news.
    pub changed: bool,
    /// The channels that name it, and go on doing so.
    pub channels: Vec<ChannelName>,
}

impl Revoked {
    /// For people.
    pub fn text(&self) -> String {
        let Self { undone, from, versions, left } = self;
        let mut text = String::new();
        for RevokedVersion { image, version, changed, channels } in versions {
            let what = match (undone, changed) {
                (true, true) => "may be used again",
                (true, false) => "was not revoked",
                (false, true) => "is revoked",
                (false, false) => "was revoked already",
            };
            let from = match from {
                Some(from) if *changed && !undone => format!(" from {from} on"),
                _ => String::new(),
            };
            let _ = writeln!(text, "{image} {version} {what}{from}");
            for channel in channels.iter().filter(|_| !undone) {
                let _ = writeln!(
                    text,
                    "  {channel} still names it: `goldsmith rollback {image} {channel}` takes it back"
                );
            }
        }
        for RevokedVersion { image, version, .. } in left {
            let _ = writeln!(text, "{image} {version} was built from it, and stays as it was");
        }
        if !left.is_empty() {
            let option = "`--descendants`";
            let _ = writeln!(text, "  with {option}, what was built from it goes along");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(image: &str, channels: &[&str], changed: bool) -> RevokedVersion {
        RevokedVersion {
            image: image.parse().unwrap(),
            version: "1.0.20261101".parse().unwrap(),
            changed,
            channels: channels.iter().map(|channel| channel.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn it_is_said_who_is_led_there_still() {
        let now = Revoked {
            undone: false,
            from: None,
            versions: vec![version("base", &["candidate", "stable"], true)],
            left: vec![version("web", &["stable"], false)],
        };
        let later = Revoked {
            from: Some("2026-12-31T00:00:00Z".parse().unwrap()),
            versions: vec![version("base", &[], true), version("web", &["stable"], false)],
            left: Vec::new(),
            ..now.clone()
        };
        let undone = Revoked {
            undone: true,
            versions: vec![version("base", &["stable"], true), version("web", &[], false)],
            ..later.clone()
        };
        insta::assert_snapshot!([now.text(), later.text(), undone.text()].concat(), @"
        base 1.0.20261101 is revoked
          candidate still names it: `goldsmith rollback base candidate` takes it back
          stable still names it: `goldsmith rollback base stable` takes it back
        web 1.0.20261101 was built from it, and stays as it was
          with `--descendants`, what was built from it goes along
        base 1.0.20261101 is revoked from 2026-12-31T00:00:00Z on
        web 1.0.20261101 was revoked already
          stable still names it: `goldsmith rollback web stable` takes it back
        base 1.0.20261101 may be used again
        web 1.0.20261101 was not revoked
        ");
    }
}
