//! What can go wrong with a store, and what to do about it.

use std::io;

use camino::Utf8PathBuf;
use thiserror::Error;

use super::OciError;
use crate::model::{Failure, FailureClass, ImageName, Version};
use crate::objects::Refusal;

/// Why a version was not stored.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file name that is not safe in a store. The template's fault, or an attack.
    #[error("`{}` cannot be the name of a file in a store: {why}", name.escape_default())]
    UnsafeName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An image has the name of a folder that the store needs itself. The user's fault.
    #[error("an image cannot be called `{image}` in this store")]
    ReservedName {
        /// The image.
        image: ImageName,
    },
    /// The artifact is not what the build left. Somebody or something changed it.
    #[error("`{path}` changed after the build: {difference}")]
    ArtifactChanged {
        /// The file.
        path: Utf8PathBuf,
        /// What is there now instead of what was recorded at the end of the build.
        difference: String,
    },
    /// The artifact cannot be read.
    #[error("the artifact cannot be read")]
    ArtifactUnreadable {
        /// What the system said; names the file.
        source: io::Error,
    },
    /// The version is there with another content. Versions are immutable.
    #[error("`{path}` holds version {version} of `{image}` with other content")]
    AlreadyStored {
        /// The folder.
        path: Utf8PathBuf,
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// Something is in the way that goldsmith did not make.
    #[error("`{path}` is in the way, and it is no complete version of `{image}`")]
    InTheWay {
        /// What is in the way.
        path: Utf8PathBuf,
        /// The image.
        image: ImageName,
    },
    /// A stored file is not what the manifest beside it says. The store is damaged.
    #[error("`{path}` is damaged: {difference}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is there instead of what the manifest says.
        difference: String,
    },
    /// There is not enough room. Nothing was written.
    #[error(
        "`{path}` has {} MiB free, and {} MiB are needed", free >> 20, needed.div_ceil(1 << 20)
    )]
    NoSpace {
        /// Where.
        path: Utf8PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The file system refused. The machine's fault, or a missing permission.
    #[error("cannot write to the store")]
    Access(
        /// What the system said; names the file.
        #[from]
        io::Error,
    ),
    /// The file system lets nobody read. The machine's fault, or a missing permission.
    #[error("cannot read from the store")]
    Unreadable(
        /// What the system said; names the file.
        io::Error,
    ),
    /// There is no such file. Somebody has removed it, or the bucket or repository is another one.
    #[error("there is no `{location}`")]
    NotThere {
        /// Where nothing lies.
        location: String,
    },
    /// A record names a place that no store is. Its fault, or an attack.
    #[error("`{}` is no place in a store that goldsmith knows", location.escape_default())]
    NoPlace {
        /// What it names.
        location: String,
    },
    /// An OCI registry, or the way to it.
    #[error(transparent)]
    Oci(
        /// What it did.
        #[from]
        OciError,
    ),
    /// An object store refused. A missing permission, the network, or the store's own trouble.
    #[error("cannot {action} `{path}`")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Why not.
        source: Refusal,
    },
    /// The caller does not want it any more.
    #[error("storing was cancelled")]
    Cancelled,
}

impl StoreError {
    /// The failure that this means for an image.
    pub fn failure(&self) -> Failure {
        let class = match self {
            Self::ArtifactChanged { .. } => FailureClass::ArtifactChanged,
            _ => FailureClass::Publish,
        };
        let failure = Failure::caused_by(class, self);
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// Whether it may be otherwise in a while, so that what was sent is worth keeping.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Refused { source, .. } => source.is_passing(),
            Self::Oci(error) => error.is_passing(),
            _ => false,
        }
    }

    /// Whether there is no bucket at all.
    pub(super) fn is_missing_bucket(&self) -> bool {
        matches!(self, Self::Refused { source: Refusal::NoBucket(_), .. })
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ArtifactChanged { .. } => {
                "nothing may touch an artifact between build and publish: look for a post-processor or another job that does"
            }
            Self::AlreadyStored { .. } => {
                "versions are immutable: build a new one with `goldsmith run --force`"
            }
            Self::InTheWay { .. } => "look at it, and move it away if nobody needs it",
            Self::Damaged { .. } => {
                "goldsmith never changes a stored file: restore it from a backup, or build a new version"
            }
            Self::NoSpace { .. } => "free some space there, then run it again",
            Self::ReservedName { .. } => "rename the image in images.yml",
            Self::Access(source)
            | Self::Unreadable(source)
            | Self::ArtifactUnreadable { source } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "the user that runs goldsmith needs access to it"
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "mount the store writable, or name another one under `stores:`"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space there, then run it again"
                }
                _ => return None,
            },
            Self::Oci(error) => return error.hint(),
            Self::Refused { source, .. } => return source.hint(),
            Self::UnsafeName { .. }
            | Self::NotThere { .. }
            | Self::NoPlace { .. }
            | Self::Cancelled => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_to_do() {
        let path = || Utf8PathBuf::from("/srv/images/debian-12/1.0.20261123");
        let image: ImageName = "debian-12".parse().unwrap();
        let refused = |code| StoreError::Access(io::Error::from_raw_os_error(code));
        let errors = [
            StoreError::UnsafeName { name: "a\n../b".to_owned(), why: "it contains a slash" },
            StoreError::ReservedName { image: "rejected".parse().unwrap() },
            StoreError::ArtifactChanged {
                path: "/run/out/disk.qcow2".into(),
                difference: "it has 5 bytes instead of 7".to_owned(),
            },
            StoreError::AlreadyStored {
                path: path(),
                image: image.clone(),
                version: "1.0.20261123".parse().unwrap(),
            },
            StoreError::InTheWay { path: path(), image },
            StoreError::Damaged { path: path(), difference: "it is missing".to_owned() },
            StoreError::NoSpace { path: path(), needed: 5 << 30, free: 1 << 30 },
            refused(13),
            refused(28),
            refused(30),
            StoreError::Cancelled,
        ];
        let told: Vec<String> = errors
            .iter()
            .map(|error| {
                let failure = error.failure();
                let hints = failure.hints.join(" / ");
                format!("{:?}: {}\n  {hints}\n", failure.class, failure.reason)
            })
            .collect();
        insta::assert_snapshot!(told.concat(), @r"
        Publish: `a\n../b` cannot be the name of a file in a store: it contains a slash
          
        Publish: an image cannot be called `rejected` in this store
          rename the image in images.yml
        ArtifactChanged: `/run/out/disk.qcow2` changed after the build: it has 5 bytes instead of 7
          nothing may touch an artifact between build and publish: look for a post-processor or another job that does
        Publish: `/srv/images/debian-12/1.0.20261123` holds version 1.0.20261123 of `debian-12` with other content
          versions are immutable: build a new one with `goldsmith run --force`
        Publish: `/srv/images/debian-12/1.0.20261123` is in the way, and it is no complete version of `debian-12`
          look at it, and move it away if nobody needs it
        Publish: `/srv/images/debian-12/1.0.20261123` is damaged: it is missing
          goldsmith never changes a stored file: restore it from a backup, or build a new version
        Publish: `/srv/images/debian-12/1.0.20261123` has 1024 MiB free, and 5120 MiB are needed
          free some space there, then run it again
        Publish: cannot write to the store: Permission denied (os error 13)
          the user that runs goldsmith needs access to it
        Publish: cannot write to the store: No space left on device (os error 28)
          free some space there, then run it again
        Publish: cannot write to the store: Read-only file system (os error 30)
          mount the store writable, or name another one under `stores:`
        Publish: storing was cancelled
        ");
    }
}
