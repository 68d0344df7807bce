//! Artifacts that no build of this run made.
//!
//! Beside a disk that an earlier run kept lies a record of its build: with it, everything goes on
//! as it would have gone on in that run. Of any other file nobody knows how it came about.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::model::{Artifact, ArtifactFile, BuildRecord, Digest, Failure, FailureClass, ImageName};
use crate::process::{self, Cancellation};

/// Why an artifact cannot be taken over.
#[derive(Debug, Error)]
pub enum HandedInError {
    /// A file cannot be read, or somebody wished to stop: the user's path, or the machine.
    #[error("cannot read the artifact")]
    Unreadable(#[from] io::Error),
    /// The record cannot be understood: written by another goldsmith, or edited.
    #[error("`{path}` is no record of a build")]
    Record {
        /// The record.
        path: Utf8PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The record was written by a later goldsmith.
    #[error("`{path}` has schema {schema}, and this goldsmith knows up to {}", BuildRecord::SCHEMA)]
    TooNew {
        /// The record.
        path: Utf8PathBuf,
        /// Its schema.
        schema: u32,
    },
    /// The artifact was built as another image.
    #[error("`{path}` was built as `{image}`")]
    OtherImage {
        /// The artifact.
        path: Utf8PathBuf,
        /// What it was built as.
        image: ImageName,
    },
    /// A file is not what the build left.
    #[error("`{path}` changed after the build: its digest is {found} instead of {expected}")]
    Changed {
        /// The file.
        path: Utf8PathBuf,
        /// What it has.
        found: Digest,
        /// What it had.
        expected: Digest,
    },
}

impl HandedInError {
    /// The failure that a run reports.
    pub fn failure(&self) -> Failure {
        let class = match self {
            Self::Changed { .. } => FailureClass::ArtifactChanged,
            _ => FailureClass::Usage,
        };
        let failure = process::failure(self, class);
        match self {
            Self::Unreadable(_) | Self::OtherImage { .. } => failure,
            Self::Record { .. } | Self::TooNew { .. } | Self::Changed { .. } => failure.hint(
                "to hand it in as a disk of unknown origin, move `*.build.json` beside it away",
            ),
        }
    }
}

/// An artifact of one file, with its digest of now. Reads every byte; fails as soon as somebody
/// wishes to stop.
pub fn handed_in(path: &Utf8Path, cancellation: &Cancellation) -> Result<Artifact, HandedInError> {
    Ok(Artifact { builder: None, files: vec![file(path, cancellation)?] })
}

/// The record of the build that left the disk `path`, if an earlier run kept one, with its files
/// where they lie now and checked.
pub(super) fn kept(
    image: &ImageName,
    path: &Utf8Path,
    cancellation: &Cancellation,
) -> Result<Option<BuildRecord>, HandedInError> {
    let place = record_of(path);
    let text = match fs_err::read_to_string(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let unreadable = |source| HandedInError::Record { path: place.clone(), source };
    let mut record: BuildRecord = serde_json::from_str(&text).map_err(unreadable)?;
    if record.schema > BuildRecord::SCHEMA {
        return Err(HandedInError::TooNew { path: place, schema: record.schema });
    }
    if record.image != *image {
        return Err(HandedInError::OtherImage { path: path.to_owned(), image: record.image });
    }
    let folder = path.parent().unwrap_or(Utf8Path::new("/"));
    for (index, built) in record.artifact.files.iter_mut().enumerate() {
        // The disk may have another name now; what belongs to it has not.
        let there = match index {
            0 => path.to_owned(),
            _ => folder.join(built.path.file_name().unwrap_or_default()),
        };
        let now = file(&there, cancellation)?;
        if now.digest != built.digest {
            let (found, expected) = (now.digest, built.digest);
            return Err(HandedInError::Changed { path: there, found, expected });
        }
        *built = now;
    }
    if record.artifact.files.is_empty() {
        let source = serde::de::Error::custom("it names no file");
        return Err(HandedInError::Record { path: place, source });
    }
    Ok(Some(record))
}

/// Keeps `record` beside its disk.
pub(super) fn keep(record: &BuildRecord) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(record)?;
    text.push('\n');
    fs_err::write(record_of(&record.artifact.disk().path), text)
}

fn record_of(disk: &Utf8Path) -> Utf8PathBuf {
    format!("{disk}.build.json").into()
}

fn file(path: &Utf8Path, cancellation: &Cancellation) -> io::Result<ArtifactFile> {
    // Opening a pipe waits for somebody to write to it, and a device may never end.
    if !fs_err::metadata(path)?.is_file() {
        let why = format!("`{path}` is no regular file");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let (digest, size) = Digest::of_reader(cancellation.guard(fs_err::File::open(path)?))?;
    Ok(ArtifactFile { path: path.to_owned(), size, digest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Provenance;

    #[test]
    fn what_may_never_end_is_no_artifact() {
        let error = handed_in("/dev/zero".into(), &Cancellation::new()).unwrap_err();
        insta::assert_snapshot!(error.failure().reason, @"cannot read the artifact: `/dev/zero` is no regular file");
    }

    /// A disk with its firmware variables, as a build has left them, and the record of it.
    fn built(folder: &Utf8Path) -> BuildRecord {
        let wish = Cancellation::new();
        let files = ["disk.qcow2", "efivars.fd"].map(|name| {
            let path = folder.join(name);
            fs_err::write(&path, name).unwrap();
            file(&path, &wish).unwrap()
        });
        BuildRecord {
            schema: BuildRecord::SCHEMA,
            image: "debian-12".parse().unwrap(),
            provenance: Provenance {
                commit: None,
                definition: Digest::of(b"definition"),
                definition_parts: [("prepare".to_owned(), "0123456789ab".to_owned())].into(),
                materials: Vec::new(),
                parents: Vec::new(),
                started_at: "2026-11-23T10:00:00Z".parse().unwrap(),
                handed_in: false,
                stamped: false,
                tools: [("packer".to_owned(), "1.16.0".to_owned())].into(),
                plugins: Vec::new(),
                custom_data: std::collections::BTreeMap::new(),
                built_by: None,
                built_at: None,
            },
            artifact: Artifact { builder: Some("transcend.qemu".to_owned()), files: files.into() },
        }
    }

    #[test]
    fn what_was_kept_is_found_again_also_elsewhere_and_only_if_it_is_the_same() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [here, there] =
            [&here, &there].map(|folder| Utf8Path::from_path(folder.path()).unwrap());
        let record = built(here);
        keep(&record).unwrap();
        for name in ["disk.qcow2", "disk.qcow2.build.json", "efivars.fd"] {
            fs_err::copy(here.join(name), there.join(name)).unwrap();
        }
        let wish = Cancellation::new();
        let found =
            |image: &str, disk: &str| kept(&image.parse().unwrap(), &there.join(disk), &wish);

        let again = found("debian-12", "disk.qcow2").unwrap().unwrap();
        assert_eq!(again.artifact.files[1].path, there.join("efivars.fd"));
        assert_eq!(again.provenance, record.provenance);
        assert_eq!(found("debian-12", "efivars.fd").unwrap(), None, "no record lies beside it");

        let told = |error: HandedInError| {
            let failure = error.failure();
            let reason = failure.reason.replace(there.as_str(), "FOLDER");
            format!("{:?}: {reason}", failure.class)
        };
        insta::assert_snapshot!(told(found("debian-13", "disk.qcow2").unwrap_err()), @"Usage: `FOLDER/disk.qcow2` was built as `debian-12`");
        fs_err::write(there.join("efivars.fd"), "other").unwrap();
        insta::assert_snapshot!(told(found("debian-12", "disk.qcow2").unwrap_err()), @"ArtifactChanged: `FOLDER/efivars.fd` changed after the build: its digest is sha256:d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa instead of sha256:ef728bdb42ec4344ce56052f6701b7a7507674b34484009ba54f52836b605691");
        fs_err::write(there.join("disk.qcow2.build.json"), "{}").unwrap();
        insta::assert_snapshot!(told(found("debian-12", "disk.qcow2").unwrap_err()), @"Usage: `FOLDER/disk.qcow2.build.json` is no record of a build: missing field `schema` at line 1 column 2");
    }
}
