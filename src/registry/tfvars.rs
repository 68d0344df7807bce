//! What all channels of an image name, for OpenTofu and Terraform: variables that they read by
//! themselves from a file of this name, and that everything else reads as JSON.
//!
//! One file an image: two runs that publish two images never write the same file. Whoever needs several
//! images merges their maps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::log;
use super::projection::Withdrawn;
use crate::model::{ArtifactRecord, ChannelName, ImageName, LogEntry, Version};

/// The whole file. Terraform warns of variables that nobody declares, so there is nothing beside the one.
#[derive(Serialize)]
pub(super) struct Variables {
    goldsmith_images: BTreeMap<ImageName, BTreeMap<ChannelName, Named>>,
}

/// What a channel names. Every field is always there, so that all channels are of one type.
#[derive(Serialize)]
struct Named {
    /// The newest log entry that says something about it.
    seq: u64,
    version: Version,
    /// File name of the disk.
    file: String,
    /// Its size in bytes.
    size: u64,
    /// Its digest: 64 hexadecimal digits.
    sha256: String,
    /// Where it lies, one place after the other; the first as `location`.
    location: Option<String>,
    locations: Vec<String>,
    /// Whether the channel stays there, whatever is published.
    held: bool,
    moved_at: Timestamp,
    /// From when on nobody should use it, and why. May lie ahead.
    revoked_from: Option<Timestamp>,
    revoked_because: Option<String>,
    /// From when on its age shows that nothing is built any more.
    fresh_until: Option<Timestamp>,
}

impl Variables {
    /// As they follow from the log of `image`; none if it has no channel.
    pub(super) fn of(log: &[LogEntry], image: &ImageName) -> Option<Self> {
        let channels: BTreeMap<ChannelName, Named> = log::channels(log)
            .into_iter()
            .filter_map(|channel| Some((channel.clone(), Named::of(log, image, channel)?)))
            .collect();
        let goldsmith_images = [(image.clone(), channels)].into();
        Some(Self { goldsmith_images }).filter(|it| !it.goldsmith_images[image].is_empty())
    }
}

impl Named {
    fn of(log: &[LogEntry], image: &ImageName, channel: &ChannelName) -> Option<Self> {
        let last = log::last_move(log, channel)?;
        let version = last.what.to;
        let (_, record) = log::published(log, version)?;
        let disk = ArtifactRecord::disk_first(&record.artifacts, image, version);
        let disk = disk.into_iter().next()?;
        let revoked = Withdrawn::of(log, version);
        let (fresh, fresh_until) = log::fresh_until(log, version);
        let seqs = [last.entry.seq, fresh, revoked.as_ref().map_or(0, |it| it.seq)];
        Some(Self {
            seq: seqs.into_iter().max().unwrap_or_default(),
            version,
            file: disk.name,
            size: disk.size,
            sha256: disk.sha256.hex(),
            location: disk.locations.first().cloned(),
            locations: disk.locations,
            held: last.what.held,
            moved_at: last.entry.at,
            revoked_from: revoked.as_ref().map(|it| it.from),
            revoked_because: revoked.map(|it| it.reason),
            fresh_until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::{Past, definition, moved, version_record};
    use crate::model::{Digest, Entry, VersionRecord};

    #[test]
    fn all_channels_of_an_image_are_in_one_map() {
        let image: ImageName = "debian-12".parse().unwrap();
        let mut past = Past::default();
        let mut enter = |day: u64, fresh_until: Option<&str>| {
            let at = format!("2026-11-{day:02}T03:00:00Z").parse().unwrap();
            let version: Version = format!("1.0.202611{day:02}").parse().unwrap();
            let place = |place: &str| format!("{place}/debian-12-v{version}.qcow2");
            let file = |end: &str| ArtifactRecord {
                name: format!("debian-12-v{version}{end}"),
                size: 3,
                sha256: Digest::of(b"abc"),
                locations: vec![place("file:///srv/images"), place("s3://images")],
            };
            let definition = definition("file:debian.pkr.hcl", "a");
            past.enter(
                at,
                VersionRecord {
                    artifacts: vec![file("-efivars.fd"), file(".qcow2")],
                    fresh_until: fresh_until.map(|until| until.parse().unwrap()),
                    ..version_record(version, at, &definition, &[])
                },
            );
            version
        };
        let old = enter(1, Some("2026-12-16T14:00:00Z"));
        enter(23, None);
        let at = "2026-11-24T03:00:00Z".parse().unwrap();
        past.push(at, moved("stable".parse().unwrap(), None, old));
        let from = Some("2026-12-31T00:00:00Z".parse().unwrap());
        let reason = "leaked key".to_owned();
        past.push(at, Entry::Revoked { version: old, reason, from, with: None });
        let variables = Variables::of(past.log(), &image).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&variables).unwrap(), @r#"
        {
          "goldsmith_images": {
            "debian-12": {
              "candidate": {
                "seq": 4,
                "version": "1.0.20261123",
                "file": "debian-12-v1.0.20261123.qcow2",
                "size": 3,
                "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "location": "file:///srv/images/debian-12-v1.0.20261123.qcow2",
                "locations": [
                  "file:///srv/images/debian-12-v1.0.20261123.qcow2",
                  "s3://images/debian-12-v1.0.20261123.qcow2"
                ],
                "held": false,
                "moved_at": "2026-11-23T03:00:00Z",
                "revoked_from": null,
                "revoked_because": null,
                "fresh_until": null
              },
              "stable": {
                "seq": 6,
                "version": "1.0.20261101",
                "file": "debian-12-v1.0.20261101.qcow2",
                "size": 3,
                "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "location": "file:///srv/images/debian-12-v1.0.20261101.qcow2",
                "locations": [
                  "file:///srv/images/debian-12-v1.0.20261101.qcow2",
                  "s3://images/debian-12-v1.0.20261101.qcow2"
                ],
                "held": false,
                "moved_at": "2026-11-24T03:00:00Z",
                "revoked_from": "2026-12-31T00:00:00Z",
                "revoked_because": "leaked key",
                "fresh_until": "2026-12-16T14:00:00Z"
              }
            }
          }
        }
        "#);
        assert!(Variables::of(&[], &image).is_none());
    }
}
