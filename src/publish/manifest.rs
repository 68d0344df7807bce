//! What a stored version consists of: the checked list of its files, `manifest.json` and
//! `SHA256SUMS`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::model::{About, Digest, ImageName, Publication, Version};

use super::StoreError;

/// File name of the manifest.
pub const MANIFEST: &str = "manifest.json";

/// File name of the checksums.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// File name of the signature of the checksums. They are signed without it.
pub const SIGNATURE: &str = "SHA256SUMS.minisig";

/// The version of the manifest's format that this binary writes.
const SCHEMA: u32 = 1;

/// `manifest.json`: what a version consists of. Written last; a folder without it is no version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the format: 1.
    pub schema: u32,
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// The files of the artifact, the disk first.
    pub files: Vec<ManifestFile>,
    /// The documents beside them.
    pub documents: Vec<ManifestFile>,
    /// What is known of the version, if it was written down in a way that this goldsmith knows.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// One file of a stored version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its file name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole content: `sha256:…`.
    pub sha256: Digest,
}

impl Manifest {
    /// What `publication` will consist of. Refuses names that are not safe or not distinct.
    pub fn of(publication: &Publication) -> Result<Self, StoreError> {
        let files: Vec<ManifestFile> = publication
            .file_names()
            .into_iter()
            .zip(&publication.artifact.files)
            .map(|((_, name), file)| ManifestFile { name, size: file.size, sha256: file.digest })
            .collect();
        let documents: Vec<ManifestFile> = publication
            .documents
            .iter()
            .map(|document| ManifestFile {
                name: document.name.clone(),
                size: document.content.len() as u64,
                sha256: Digest::of(&document.content),
            })
            .collect();
        let mut taken = BTreeSet::from([MANIFEST, CHECKSUMS]);
        for ManifestFile { name, .. } in files.iter().chain(&documents) {
            let refused = match unsafe_because(name) {
                None if taken.insert(name) => continue,
                None => "another file has it",
                Some(why) => why,
            };
            return Err(StoreError::UnsafeName { name: name.clone(), why: refused });
        }
        Ok(Self {
            schema: SCHEMA,
            image: publication.image.clone(),
            version: publication.version,
            files,
            documents,
            about: publication.about.clone(),
        })
    }

    /// The content of `manifest.json`.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).expect("names and numbers always serialize");
        json.push(b'\n');
        json
    }

    /// The content of `SHA256SUMS`, as `sha256sum` prints it: of all files but its own signature.
    pub fn checksums(&self) -> String {
        let mut lines = String::new();
        for file in self.all().filter(|file| file.name != SIGNATURE) {
            writeln!(lines, "{}  {}", file.sha256.hex(), file.name)
                .expect("writing to memory does not fail");
        }
        lines
    }

    /// Whether both are of the same version: the same artifact, and documents of the same names.
    pub(super) fn is_same_version(&self, other: &Self) -> bool {
        let names = |manifest: &Self| -> Vec<String> {
            manifest.documents.iter().map(|document| document.name.clone()).collect()
        };
        (self.schema, &self.image, self.version) == (other.schema, &other.image, other.version)
            && self.files == other.files
            && names(self) == names(other)
    }

    /// The files of the artifact, then the documents.
    pub fn all(&self) -> impl Iterator<Item = &ManifestFile> {
        self.files.iter().chain(&self.documents)
    }
}

/// Whether a file may have this name.
pub(super) fn is_safe(name: &str) -> bool {
    unsafe_because(name).is_none()
}

/// Why a file may not have this name. Names come from Packer and stand in paths, URLs and
/// `SHA256SUMS`, where a line break or a backslash would have to be escaped.
fn unsafe_because(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 255 {
        Some("it is longer than 255 bytes")
    } else if name.starts_with('.') {
        Some("it starts with a dot")
    } else if name.contains(['/', '\\']) {
        Some("it contains a slash")
    } else if name.contains(char::is_control) {
        Some("it contains a control character")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artifact, ArtifactFile, Document};

    fn publication(files: &[&str], documents: &[&str]) -> Publication {
        Publication {
            image: "debian-12".parse().unwrap(),
            version: "1.0.20261123.2".parse().unwrap(),
            artifact: Artifact {
                builder: None,
                files: files
                    .iter()
                    .map(|path| ArtifactFile {
                        path: (*path).into(),
                        size: path.len() as u64,
                        digest: Digest::of(path.as_bytes()),
                    })
                    .collect(),
            },
            documents: documents
                .iter()
                .map(|name| Document { name: (*name).to_owned(), content: b"{}\n".to_vec() })
                .collect(),
            about: None,
        }
    }

    #[test]
    fn the_manifest_names_every_file() {
        let publication = publication(&["out/disk.qcow2", "out/efivars.fd"], &["sbom.cdx.json"]);
        let manifest = Manifest::of(&publication).unwrap();
        insta::assert_snapshot!(String::from_utf8(manifest.to_json()).unwrap(), @r#"
        {
          "schema": 1,
          "image": "debian-12",
          "version": "1.0.20261123.2",
          "files": [
            {
              "name": "debian-12-v1.0.20261123.2.qcow2",
              "size": 14,
              "sha256": "sha256:041f5d827504dd556ba1f959e4d1ac212a1a01fbbac097e8344da1f3488ef574"
            },
            {
              "name": "debian-12-v1.0.20261123.2-efivars.fd",
              "size": 14,
              "sha256": "sha256:35ede53f147d4db9becf621cc3015951a0b335a224b5dcf77c806298c78e605d"
            }
          ],
          "documents": [
            {
              "name": "sbom.cdx.json",
              "size": 3,
              "sha256": "sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356"
            }
          ]
        }
        "#);
        insta::assert_snapshot!(manifest.checksums(), @"
        041f5d827504dd556ba1f959e4d1ac212a1a01fbbac097e8344da1f3488ef574  debian-12-v1.0.20261123.2.qcow2
        35ede53f147d4db9becf621cc3015951a0b335a224b5dcf77c806298c78e605d  debian-12-v1.0.20261123.2-efivars.fd
        ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356  sbom.cdx.json
        ");
        let read: Manifest = serde_json::from_slice(&manifest.to_json()).unwrap();
        assert_eq!(read, manifest);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "x".repeat(256);
        for document in [
            "../../etc/cron.d/x",
            "/etc/passwd",
            "..",
            ".hidden",
            "",
            "a\\b",
            "a\nb",
            "manifest.json",
            "SHA256SUMS",
            "debian-12-v1.0.20261123.2.qcow2",
            "twice",
            &long,
        ] {
            let publication = publication(&["disk.qcow2"], &["twice", document]);
            let refused = Manifest::of(&publication);
            assert!(matches!(refused, Err(StoreError::UnsafeName { .. })), "{document:?}");
        }
        let same = publication(&["disk.qcow2", "a/x", "b/x"], &[]);
        assert!(Manifest::of(&same).is_err());
        let hostile = publication(&["disk.q\ncow2"], &[]);
        assert!(Manifest::of(&hostile).is_err());
    }
}
