//! The files of a version, as the log remembers them.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Digest, ImageName, Stored, Version};

/// One file of a version and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// Its file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content.
    pub sha256: Digest,
    /// Every place where it lies.
    pub locations: Vec<String>,
}

impl ArtifactRecord {
    /// The files of a version, the disk first. Records have them in this order, except for early
    /// ones, which go by the names: `-efivars.fd` is before `.qcow2` there.
    pub fn disk_first(files: &[Self], image: &ImageName, version: Version) -> Vec<Self> {
        let stem = stem(image, version);
        let is_disk = |file: &Self| {
            file.name
                .strip_prefix(&stem)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut files = files.to_vec();
        // Stable: the others keep their order.
        files.sort_by_key(|file| !is_disk(file));
        files
    }

    /// Its places that are on a machine: this one, perhaps.
    pub fn local_paths(&self) -> impl Iterator<Item = Utf8PathBuf> {
        self.locations.iter().filter_map(|location| {
            let path = Url::parse(location).ok()?.to_file_path().ok()?;
            Utf8PathBuf::from_path_buf(path).ok()
        })
    }

    /// The file in each of its places.
    pub fn stored(&self) -> impl Iterator<Item = Stored> {
        self.locations.iter().map(|location| Stored {
            name: self.name.clone(),
            size: self.size,
            digest: self.sha256,
            location: location.clone(),
        })
    }
}

/// What the file names of a version begin with.
pub(super) fn stem(image: &ImageName, version: Version) -> String {
    format!("{image}-v{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_comes_first_however_old_the_record_is() {
        let (image, version) = ("base".parse().unwrap(), "1.0.20261123".parse().unwrap());
        let first = |names: &[&str]| {
            let file = |name: &&str| ArtifactRecord {
                name: (*name).to_owned(),
                size: 0,
                sha256: Digest::of(b""),
                locations: Vec::new(),
            };
            let files: Vec<_> = names.iter().map(file).collect();
            let ordered = ArtifactRecord::disk_first(&files, &image, version);
            ordered.into_iter().map(|file| file.name).collect::<Vec<_>>().join(" ")
        };
        let told = [
            first(&["base-v1.0.20261123-efivars.fd", "base-v1.0.20261123.raw"]),
            first(&["base-v1.0.20261123.raw", "base-v1.0.20261123-efivars.fd"]),
            first(&["base-v1.0.20261123", "base-v1.0.20261123-b", "base-v1.0.20261123-a"]),
            first(&["by-hand.raw", "another.fd"]),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        base-v1.0.20261123.raw base-v1.0.20261123-efivars.fd
        base-v1.0.20261123.raw base-v1.0.20261123-efivars.fd
        base-v1.0.20261123 base-v1.0.20261123-b base-v1.0.20261123-a
        by-hand.raw another.fd
        ");
    }
}
