//! What consumers need to know of a version: the answer of `show`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::quantity::size;
use super::untrusted::one_line;
use crate::model::{ArtifactRecord, ChannelName, ImageName, Version};

/// A version, for whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// The image.
    pub image: ImageName,
    /// The channel that was asked for, if one was.
    pub channel: Option<ChannelName>,
    /// The version.
    pub version: Version,
    /// When it was published.
    pub published_at: Timestamp,
    /// Whether the channel stays there, whatever is published.
    pub held: bool,
    /// Why it is revoked, if it is by now.
    pub revoked: Option<String>,
    /// From when on its age shows that nothing is built any more, if anything does.
    pub fresh_until: Option<Timestamp>,
    /// Since when its bytes are gone, if they are.
    pub pruned_at: Option<Timestamp>,
    /// From when on its bytes may go, if nobody needs them.
    pub prune_after: Option<Timestamp>,
    /// Its files, the disk first.
    pub artifacts: Vec<ArtifactRecord>,
}

/// What Terraform's variable `images` has of an image.
#[derive(Serialize)]
struct Variable<'a> {
    version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a ChannelName>,
    file: &'a str,
    size: u64,
    sha256: String,
    location: &'a str,
    revoked: bool,
    fresh_until: Option<Timestamp>,
}

impl Shown {
    /// For people.
    pub fn text(&self) -> String {
        let Self { image, channel, version, published_at, held, revoked, .. } = self;
        let Self { pruned_at, prune_after, artifacts, .. } = self;
        let mut text = format!("{image} {version}\n");
        let mut fact = |label: &str, value: &str| {
            let _ = writeln!(text, "  {label:<10} {}", one_line(value));
        };
        if let Some(channel) = channel {
            let held = if *held { " (held)" } else { "" };
            fact("channel", &format!("{channel}{held}"));
        }
        fact("published", &published_at.strftime("%Y-%m-%d %H:%M UTC").to_string());
        if let Some(until) = self.fresh_until {
            fact("fresh", &format!("until {}", until.strftime("%Y-%m-%d %H:%M UTC")));
        }
        if let Some(why) = revoked {
            fact("REVOKED", why);
        }
        let moment = |at: &Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        if let Some(at) = pruned_at {
            fact("PRUNED", &format!("{}: its files are gone", moment(at)));
        }
        if let Some(after) = prune_after {
            let undo = format!("`goldsmith prune {image} --undo {version}` keeps them");
            fact("marked", &format!("its files go after {}: {undo}", moment(after)));
        }
        for ArtifactRecord { name, size: bytes, sha256, locations } in artifacts {
            fact("file", &format!("{name}, {}", size(*bytes)));
            fact("", &format!("sha256:{}", sha256.hex()));
            for location in locations {
                fact("", location);
            }
        }
        text
    }

    /// For a shell: `NAME='value'` a line, of the disk.
    pub fn env(&self) -> String {
        let (file, location, digest, bytes) = self.disk();
        let channel = self.channel.as_ref().map(ToString::to_string).unwrap_or_default();
        let values = [
            ("IMAGE", self.image.to_string()),
            ("VERSION", self.version.to_string()),
            ("CHANNEL", channel),
            ("FILE", file.to_owned()),
            ("SIZE", bytes.to_string()),
            ("SHA256", digest),
            ("LOCATION", location.to_owned()),
            ("FRESH_UNTIL", self.fresh_until.map(|until| until.to_string()).unwrap_or_default()),
            ("REVOKED", self.revoked.clone().unwrap_or_default()),
        ];
        let line = |(name, value): (&str, String)| {
            // Nothing means anything within single quotes but their end.
            let value = one_line(&value).replace('\'', r"'\''");
            format!("GOLDSMITH_{name}='{value}'\n")
        };
        values.into_iter().map(line).collect()
    }

    fn disk(&self) -> (&str, &str, String, u64) {
        let disk = self.artifacts.first();
        let location = disk.and_then(|disk| disk.locations.first());
        (
            disk.map_or("", |disk| disk.name.as_str()),
            location.map_or("", String::as_str),
            disk.map(|disk| disk.sha256.hex()).unwrap_or_default(),
            disk.map_or(0, |disk| disk.size),
        )
    }
}

/// For OpenTofu and Terraform: the variable `images`, as JSON (`*.auto.tfvars.json`).
pub fn tfvars(shown: &[Shown]) -> String {
    let variable = |shown: &'_ Shown| {
        let (file, location, sha256, size) = shown.disk();
        serde_json::to_value(Variable {
            version: shown.version,
            channel: shown.channel.as_ref(),
            file,
            size,
            sha256,
            location,
            revoked: shown.revoked.is_some(),
            fresh_until: shown.fresh_until,
        })
    };
    let images: BTreeMap<&str, serde_json::Value> = shown
        .iter()
        .filter_map(|shown| Some((shown.image.as_str(), variable(shown).ok()?)))
        .collect();
    let mut text = format!("{:#}", serde_json::json!({ "images": images }));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn shown() -> Shown {
        Shown {
            image: "debian-12".parse().unwrap(),
            channel: Some("stable".parse().unwrap()),
            version: "1.0.20261101".parse().unwrap(),
            published_at: "2026-11-01T03:12:00Z".parse().unwrap(),
            held: true,
            revoked: Some("it's $(leaked)\n::error::".to_owned()),
            fresh_until: Some("2026-12-16T14:10:00Z".parse().unwrap()),
            pruned_at: Some("2026-12-24T00:00:00Z".parse().unwrap()),
            prune_after: None,
            artifacts: vec![ArtifactRecord {
                name: "debian-12-v1.0.20261101.qcow2".to_owned(),
                size: 3,
                sha256: Digest::of(b"abc"),
                locations: vec!["file:///srv/images/debian-12-v1.0.20261101.qcow2".to_owned()],
            }],
        }
    }

    #[test]
    fn people_shells_and_terraform_are_told() {
        let told = [shown().text(), shown().env(), tfvars(&[shown()])];
        insta::assert_snapshot!(told.join("\n"), @r#"
        debian-12 1.0.20261101
          channel    stable (held)
          published  2026-11-01 03:12 UTC
          fresh      until 2026-12-16 14:10 UTC
          REVOKED    it's $(leaked) ::error::
          PRUNED     2026-12-24 00:00 UTC: its files are gone
          file       debian-12-v1.0.20261101.qcow2, 3 B
                     sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                     file:///srv/images/debian-12-v1.0.20261101.qcow2

        GOLDSMITH_IMAGE='debian-12'
        GOLDSMITH_VERSION='1.0.20261101'
        GOLDSMITH_CHANNEL='stable'
        GOLDSMITH_FILE='debian-12-v1.0.20261101.qcow2'
        GOLDSMITH_SIZE='3'
        GOLDSMITH_SHA256='ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
        GOLDSMITH_LOCATION='file:///srv/images/debian-12-v1.0.20261101.qcow2'
        GOLDSMITH_FRESH_UNTIL='2026-12-16T14:10:00Z'
        GOLDSMITH_REVOKED='it'\''s $(leaked) ::error::'

        {
          "images": {
            "debian-12": {
              "channel": "stable",
              "file": "debian-12-v1.0.20261101.qcow2",
              "fresh_until": "2026-12-16T14:10:00Z",
              "location": "file:///srv/images/debian-12-v1.0.20261101.qcow2",
              "revoked": true,
              "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
              "size": 3,
              "version": "1.0.20261101"
            }
          }
        }
        "#);
    }
}
