//! Where things lie in a registry: the same paths on every backend, relative to its root.
//!
//! ```text
//! schema.json                                  version of this layout and its formats
//! images/<image>/log/<seq>.json                the truth; written once
//! images/<image>/versions/<version>.json       projection
//! images/<image>/channels/<channel>.json       projection
//! images/<image>/goldsmith.auto.tfvars.json    projection: all channels, for Terraform
//! index/<shard>.json                           cache of what all logs say; two hexadecimal digits
//! runs/<run>.json                              lease of a run that is at work
//! runs/<run>.claimed.json                      says who has taken that run for dead; written once
//! blobs/<sha256>.zst                           inventories and reports
//! ```
//!
//! `<seq>` has at least eight digits, so that a listing sorts: `00000001.json`. A longer number is
//! written out. Every number has one spelling; other files in the folder are not entries.

use crate::model::{ChannelName, Digest, ImageName, RunId, Version};

use super::{Projection, Shard};

/// The version of layout and formats.
pub(super) const SCHEMA_FILE: &str = "schema.json";

/// The folder with a folder for each image.
pub(super) const IMAGES: &str = "images";

/// A path with the registry's location before it, for people.
pub(super) fn place(location: &str, path: &str) -> String {
    format!("{}/{path}", location.trim_end_matches('/'))
}

/// The folder of an image's log.
pub(super) fn log_folder(image: &ImageName) -> String {
    format!("{IMAGES}/{image}/log")
}

/// The file of a log entry.
pub(super) fn entry(image: &ImageName, seq: u64) -> String {
    format!("{}/{}", log_folder(image), entry_name(seq))
}

fn entry_name(seq: u64) -> String {
    format!("{seq:08}.json")
}

/// The number of the entry in a file called `name`; none for other files.
pub(super) fn entry_seq(name: &str) -> Option<u64> {
    let seq = name.strip_suffix(".json")?.parse().ok()?;
    (seq > 0 && entry_name(seq) == name).then_some(seq)
}

/// The file of a projection.
pub(super) fn projection(projection: &Projection) -> String {
    match projection {
        Projection::Version(image, version) => format!("{IMAGES}/{image}/versions/{version}.json"),
        Projection::Channel(image, channel) => format!("{IMAGES}/{image}/channels/{channel}.json"),
        Projection::Variables(image) => format!("{IMAGES}/{image}/{VARIABLES}"),
    }
}

/// The file of an image with variables.
const VARIABLES: &str = "goldsmith.auto.tfvars.json";

/// The file of a part of the index.
pub(super) fn shard(shard: Shard) -> String {
    format!("index/{shard}.json")
}

/// The folder of the leases.
pub(super) const RUNS: &str = "runs";

/// The file of a lease.
pub(super) fn lease(run: &RunId) -> String {
    format!("{RUNS}/{run}.json")
}

/// The run whose lease is in a file called `name`; none for other files.
pub(super) fn leased(name: &str) -> Option<RunId> {
    let run = name.strip_suffix(".json").filter(|run| !run.ends_with(CLAIMED))?;
    run.parse().ok()
}

/// The file that says who has taken a run for dead.
pub(super) fn claim(run: &RunId) -> String {
    format!("{RUNS}/{run}{CLAIMED}.json")
}

const CLAIMED: &str = ".claimed";

/// The file of a blob.
pub(super) fn blob(digest: &Digest) -> String {
    format!("blobs/{}.zst", digest.hex())
}

/// What a file of a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Schema,
    Entry(ImageName, u64),
    Projection(Projection),
    Shard(Shard),
    Lease(RunId),
    Claim(RunId),
    Blob(Digest),
}

/// What lies at `path`; none if it is nothing of ours.
pub(super) fn part(path: &str) -> Option<Part> {
    let parts: Vec<&str> = path.split('/').collect();
    let part = match parts[..] {
        [SCHEMA_FILE] => Part::Schema,
        [IMAGES, image, "log", name] => Part::Entry(image.parse().ok()?, entry_seq(name)?),
        [IMAGES, image, "versions", name] => {
            let version: Version = name.strip_suffix(".json")?.parse().ok()?;
            Part::Projection(Projection::Version(image.parse().ok()?, version))
        }
        [IMAGES, image, "channels", name] => {
            let channel: ChannelName = name.strip_suffix(".json")?.parse().ok()?;
            Part::Projection(Projection::Channel(image.parse().ok()?, channel))
        }
        [IMAGES, image, VARIABLES] => Part::Projection(Projection::Variables(image.parse().ok()?)),
        ["index", name] => Part::Shard(name.strip_suffix(".json")?.parse().ok()?),
        [RUNS, name] => match name.strip_suffix(".json")?.strip_suffix(CLAIMED) {
            Some(run) => Part::Claim(run.parse().ok()?),
            None => Part::Lease(leased(name)?),
        },
        ["blobs", name] => {
            let hex = name.strip_suffix(".zst")?;
            Part::Blob(format!("sha256:{hex}").parse().ok()?)
        }
        _ => return None,
    };
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_entry_has_one_name(seq in 1u64..) {
            prop_assert_eq!(entry_seq(&entry_name(seq)), Some(seq));
        }
    }

    #[test]
    fn every_file_of_a_registry_is_known_by_its_path() {
        let image: ImageName = "debian-12".parse().unwrap();
        let run: RunId = "r1".parse().unwrap();
        let digest = Digest::of(b"");
        let (version, channel) = ("1.0.20261123.2".parse().unwrap(), "stable".parse().unwrap());
        let version = Projection::Version(image.clone(), version);
        let channel = Projection::Channel(image.clone(), channel);
        let variables = Projection::Variables(image.clone());
        let of = Shard::of(&image);
        for (path, known) in [
            (SCHEMA_FILE.to_owned(), Part::Schema),
            (entry(&image, 7), Part::Entry(image, 7)),
            (projection(&version), Part::Projection(version)),
            (projection(&channel), Part::Projection(channel)),
            (projection(&variables), Part::Projection(variables)),
            (shard(of), Part::Shard(of)),
            (lease(&run), Part::Lease(run.clone())),
            (claim(&run), Part::Claim(run)),
            (blob(&digest), Part::Blob(digest)),
        ] {
            assert_eq!(part(&path), Some(known), "{path}");
        }
        for foreign in [
            "README",
            "index/x.json",
            "index/0.json",
            "index/AB.json",
            "images/debian-12/log/1.json",
            "images/Debian/log/00000001.json",
            "images/debian-12/versions/1.0.20261123.1.json",
            "images/debian-12/log/00000001.json/x",
            "blobs/abc.zst",
            "runs/r1.json~",
        ] {
            assert_eq!(part(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn other_files_are_no_entries() {
        for name in [
            "1.json",
            "00000000.json",
            "000000001.json",
            "+0000001.json",
            "00000001.json#1",
            "00000001.json.tmp",
            ".00000001.json",
            "README",
            "99999999999999999999999.json",
        ] {
            assert_eq!(entry_seq(name), None, "{name}");
        }
    }
}
