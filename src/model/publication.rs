//! What is handed to a store.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::artifact_record::stem;
use super::{Artifact, Decision, Digest, ImageName, OsIdentity, Provenance, RunId, Version};

/// One version of one image on its way into a store.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The image.
    pub image: ImageName,
    /// The reserved version.
    pub version: Version,
    /// The bytes, with the digests taken at the end of the build.
    pub artifact: Artifact,
    /// Small files that go beside the bytes.
    pub documents: Vec<Document>,
    /// What is known of it, for readers without goldsmith.
    pub about: Option<About>,
}

/// What a record says of a version, and a store beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The run that put it there.
    pub run: RunId,
    /// Where that run can be looked at, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// How the artifact came about.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// When the advisory database was made that it was judged by; nothing where it was judged by none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories_updated_at: Option<Timestamp>,
    /// Which demonstration data it was judged by, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
    /// What the scan found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsIdentity>,
    /// Number of packages.
    pub packages: usize,
    /// Digest of package names and versions.
    pub package_set: Digest,
    /// The gate's decision.
    pub verdict: Decision,
}

/// A small file beside the bytes.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its file name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// A file as it lies in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content.
    pub digest: Digest,
    /// Where it lies: a URL.
    pub location: String,
}

impl Publication {
    /// File names in the store: `debian-12-v1.0.20261123.qcow2` for the disk, and the same stem
    /// with the file's own name for further files. What was in a store before is named as it was.
    pub fn file_names(&self) -> Vec<(Utf8PathBuf, String)> {
        let stem = stem(&self.image, self.version);
        self.artifact
            .files
            .iter()
            .enumerate()
            .map(|(index, file)| {
                let name = match (index, file.path.extension(), file.path.file_name()) {
                    (0, Some(extension), _) => format!("{stem}.{extension}"),
                    (0, None, _) => stem.clone(),
                    (_, _, name) => {
                        format!("{stem}-{}", self.own_name(name.unwrap_or("file")))
                    }
                };
                (file.path.clone(), name)
            })
            .collect()
    }

    /// The name of a further file without what a store, or a build under its scratch name, has put
    /// before it.
    fn own_name<'a>(&self, name: &'a str) -> &'a str {
        let own = || {
            let named = name.strip_prefix(self.image.as_str())?.strip_prefix("-v")?;
            let (version, own) = named.split_once('-')?;
            version.parse::<Version>().ok().map(|_| own)
        };
        own().filter(|own| !own.is_empty()).unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ArtifactFile;

    #[test]
    fn what_was_stored_before_is_not_named_twice() {
        let names = |files: &[&str]| {
            let file = |path: &&str| ArtifactFile {
                path: (*path).into(),
                size: 0,
                digest: Digest::of(b""),
            };
            let publication = Publication {
                image: "base".parse().unwrap(),
                version: "1.0.20261123.2".parse().unwrap(),
                artifact: Artifact { builder: None, files: files.iter().map(file).collect() },
                documents: Vec::new(),
                about: None,
            };
            let names = publication.file_names().into_iter().map(|(_, name)| name);
            names.collect::<Vec<_>>()
        };
        let first = names(&["disk.raw", "efivars.fd", "base-v1-notes.txt", "base-v1.0.20261123-"]);
        insta::assert_snapshot!(first.join("\n"), @"
        base-v1.0.20261123.2.raw
        base-v1.0.20261123.2-efivars.fd
        base-v1.0.20261123.2-base-v1-notes.txt
        base-v1.0.20261123.2-base-v1.0.20261123-
        ");
        let again: Vec<&str> = first.iter().map(String::as_str).collect();
        assert_eq!(names(&again), first);
        let earlier = names(&["disk.raw", "base-v1.0.20261123-efivars.fd"]);
        assert_eq!(earlier, first[..2]);
    }
}
