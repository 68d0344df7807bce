//! What can go wrong with a registry, and what to do about it.

use std::error::Error;
use std::io;

use jiff::Timestamp;
use thiserror::Error;

use crate::model::{ChannelName, Digest, Failure, FailureClass, ImageName, Version};
use crate::objects::Refusal;

/// Why the registry did not do what it was asked to.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The file system or the service below refused. The machine's fault, or a missing permission.
    #[error("cannot {action} `{path}`")]
    Access {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server does not let us. A missing permission, or a rule of the forge.
    #[error("the server does not let goldsmith {action} `{location}`: {said}")]
    Denied {
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// The registry.
        location: String,
        /// What the server said.
        said: String,
    },
    /// The server did not answer, or not in a way that says what became of the question. The
    /// network, or the server.
    #[error("cannot reach `{location}`: {said}")]
    Unanswered {
        /// The registry.
        location: String,
        /// What was the matter.
        said: String,
    },
    /// A registry in a repository needs the git program.
    #[error("there is no `git` on the search path")]
    NoGit,
    /// The address is none that a registry can be at. The configuration.
    #[error("`{location}` cannot be a registry: {said}")]
    Unusable {
        /// The address, without secrets.
        location: String,
        /// Why not.
        said: String,
    },
    /// A commit was to be signed and could not be. The configuration of git, or a missing key.
    #[error("the commit that records it could not be signed: {said}")]
    Unsigned {
        /// What the program said that signs.
        said: String,
    },
    /// Somebody else wrote this entry first. Nobody's fault; read again and decide again.
    #[error("another run wrote entry {seq} of `{image}` first")]
    Conflict {
        /// The image.
        image: ImageName,
        /// The entry.
        seq: u64,
    },
    /// Others were faster so many times that it looks wrong.
    #[error("gave up writing to the log of `{image}` after {attempts} attempts")]
    Busy {
        /// The image.
        image: ImageName,
        /// How many.
        attempts: usize,
    },
    /// A file cannot be read as what it must be: torn or edited. The registry is damaged.
    #[error("`{path}` is damaged")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An entry is missing although later ones are there. The registry is damaged.
    #[error("`{path}` is missing, although there are later entries")]
    Gap {
        /// The file that should be there.
        path: String,
    },
    /// A file is about something else than its path says. The registry was tampered with.
    #[error("`{path}` says that it is {claim}")]
    Misplaced {
        /// The file.
        path: String,
        /// What it says of itself.
        claim: String,
    },
    /// A folder holds a file whose name is no UTF-8 or has control characters. Not ours.
    #[error("`{path}` holds a file whose name cannot be read")]
    ForeignName {
        /// The folder.
        path: String,
    },
    /// A file was written by a later goldsmith. This one is too old for it.
    #[error("`{path}` has schema {schema}, and this goldsmith knows up to {known}")]
    TooNew {
        /// The file.
        path: String,
        /// Its schema.
        schema: u64,
        /// The newest that this binary knows.
        known: u32,
    },
    /// A blob is not there. The registry is damaged.
    #[error("`{path}` is missing")]
    BlobMissing {
        /// The file that should be there.
        path: String,
    },
    /// A blob has another content than its name says. The registry is damaged.
    #[error("`{path}` holds something else: its content has digest `{found}`")]
    BlobChanged {
        /// The file.
        path: String,
        /// What its content has.
        found: Digest,
    },
    /// Something is too large to be kept. A mistake of the caller.
    #[error("`{path}` would hold {size} bytes, and a registry keeps at most {limit}")]
    TooLarge {
        /// The file that it would be.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The most that is kept, in bytes.
        limit: u64,
    },
    /// A version is used that nobody reserved. A mistake of the caller.
    #[error("version {version} of `{image}` was never reserved")]
    NotReserved {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// A version is to be written a second time. Versions are immutable.
    #[error("version {version} of `{image}` is published already")]
    AlreadyPublished {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// The run was taken for dead, and its version was given up. Nobody's fault: its machine was
    /// suspended for a while, or could not reach the registry.
    #[error("version {version} of `{image}` was given up: this run was taken for dead")]
    Abandoned {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// A version is named that was never published.
    #[error("version {version} of `{image}` was never published")]
    NotPublished {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// A channel does not name what its mover expected. Somebody else moved it.
    #[error(
        "channel `{channel}` of `{image}` names {}, and was expected to name {}",
        or_nothing(.found.as_ref()),
        or_nothing(.expected.as_ref())
    )]
    ChannelMoved {
        /// The image.
        image: ImageName,
        /// The channel.
        channel: ChannelName,
        /// What the mover expected.
        expected: Option<Version>,
        /// What it names.
        found: Option<Version>,
    },
    /// A rule would move a channel that somebody holds where it is.
    #[error("channel `{channel}` of `{image}` is held at {at}")]
    ChannelHeld {
        /// The image.
        image: ImageName,
        /// The channel.
        channel: ChannelName,
        /// What it names.
        at: Version,
    },
    /// A channel has never named a version. The user's fault.
    #[error("channel `{channel}` of `{image}` names no version")]
    ChannelEmpty {
        /// The image.
        image: ImageName,
        /// The channel.
        channel: ChannelName,
    },
    /// A channel would name a version that is withdrawn.
    #[error("version {version} of `{image}` is revoked: {because}")]
    Revoked {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
        /// Why, in the words of whoever did it.
        because: String,
    },
    /// The bytes of a version go soon.
    #[error("the bytes of version {version} of `{image}` go after {after}: nobody needed them")]
    Marked {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
        /// When they go.
        after: Timestamp,
    },
    /// The bytes of a version are gone.
    #[error("the bytes of version {version} of `{image}` are gone: it was pruned")]
    Pruned {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// The bytes of a version are needed that were to go.
    #[error("version {version} of `{image}` is needed: channel `{channel}` names it")]
    Needed {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
        /// The channel.
        channel: ChannelName,
    },
    /// A version is to go that nobody has marked, or whose time has not come.
    #[error("version {version} of `{image}` is not to go, or not yet")]
    Unmarked {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// The log has the entry, but a file made from the log could not be brought up to date.
    #[error("entry {seq} of `{image}` is recorded, but a file made from the log is not up to date")]
    Stale {
        /// The image.
        image: ImageName,
        /// The entry that is recorded.
        seq: u64,
        /// Why.
        source: Box<RegistryError>,
    },
}

fn or_nothing(version: Option<&Version>) -> String {
    version.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}

impl RegistryError {
    /// The refusal of a system below. An I/O error in its causes is taken for the cause: what
    /// stands above it says the same with more words.
    pub(super) fn access(
        action: &'static str,
        path: impl Into<String>,
        error: impl Error + Send + Sync + 'static,
    ) -> Self {
        let source = match io_cause(&error) {
            Some(cause) => cause.into(),
            None => error.into(),
        };
        Self::Access { action, path: path.into(), source }
    }

    /// A file that is not what it must be.
    pub(super) fn damaged(
        path: impl Into<String>,
        why: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Damaged { path: path.into(), source: why.into() }
    }

    /// The failure that this means for an image.
    pub fn failure(&self) -> Failure {
        let class = match self {
            Self::NoGit => FailureClass::ToolMissing,
            Self::Unusable { .. } => FailureClass::Config,
            _ => FailureClass::Registry,
        };
        let failure = Failure::caused_by(class, self);
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Access { source, .. } => {
                if let Some(refusal) = source.downcast_ref::<Refusal>() {
                    return refusal.hint();
                }
                let io = source.downcast_ref::<io::Error>()?;
                match io.kind() {
                    // EPERM, as opposed to EACCES, is also what a file system without hard links
                    // answers, and those make an entry appear only once.
                    io::ErrorKind::PermissionDenied if io.raw_os_error() == Some(1) => {
                        "the user that runs goldsmith needs write access there, and the file system needs hard links"
                    }
                    io::ErrorKind::PermissionDenied => {
                        "the user that runs goldsmith needs access to it"
                    }
                    io::ErrorKind::ReadOnlyFilesystem => {
                        "mount the registry writable, or name another one under `registry:`"
                    }
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        "free some space there, then run it again"
                    }
                    io::ErrorKind::Unsupported => {
                        "the registry needs a file system with hard links"
                    }
                    _ => return None,
                }
            }
            Self::Denied { action: "write", .. } => {
                "its token needs permission to write (`contents: write` on GitHub, `repository: write` on Forgejo and Gitea), and no rule of the forge may protect the branch from it"
            }
            Self::Denied { .. } => {
                "check the address, and the token: `GOLDSMITH_GIT_TOKEN`, else the forge's own"
            }
            Self::Unanswered { .. } => {
                "what is recorded is recorded as a whole or not at all: run it again"
            }
            Self::Unsigned { .. } => {
                "`GOLDSMITH_GIT_SIGNING_KEY` names the key, else `user.signingKey` of git's configuration; without `GOLDSMITH_GIT_SIGN` nothing is signed"
            }
            Self::Conflict { .. } | Self::Busy { .. } => "other runs are writing: run it again",
            Self::Damaged { .. } | Self::BlobChanged { .. } => {
                "goldsmith never writes part of such a file: restore it from a backup"
            }
            Self::Gap { .. } | Self::BlobMissing { .. } => {
                "goldsmith never deletes such a file: restore it from a backup"
            }
            Self::Misplaced { .. } => {
                "goldsmith never moves such a file: somebody did, so restore it from a backup"
            }
            Self::ForeignName { .. } => "goldsmith gives no file such a name: remove it",
            Self::TooNew { .. } => "use the goldsmith version that the other runners use",
            Self::AlreadyPublished { .. } => {
                "versions are immutable: build a new one with `goldsmith run --force`"
            }
            Self::Abandoned { .. } => {
                "a machine that sleeps, or whose clock is wrong, looks dead to others: run it again"
            }
            Self::ChannelMoved { .. } => {
                "somebody else moved it: look at what it names now and decide again"
            }
            Self::Stale { source, .. } => return source.hint(),
            Self::Marked { .. } => "`goldsmith prune IMAGE --undo VERSION` keeps them",
            Self::Pruned { .. } => "`goldsmith versions IMAGE` lists those that are there",
            Self::TooLarge { .. }
            | Self::NoGit
            | Self::Unusable { .. }
            | Self::NotReserved { .. }
            | Self::NotPublished { .. }
            | Self::ChannelEmpty { .. }
            | Self::ChannelHeld { .. }
            | Self::Needed { .. }
            | Self::Unmarked { .. }
            | Self::Revoked { .. } => return None,
        })
    }
}

/// The deepest I/O error among an error and its causes, made anew since it cannot be moved out.
fn io_cause(error: &(dyn Error + 'static)) -> Option<io::Error> {
    let mut deepest = None;
    let mut next = Some(error);
    while let Some(error) = next {
        deepest = error.downcast_ref::<io::Error>().or(deepest);
        next = error.source();
    }
    let deepest = deepest?;
    Some(match deepest.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(deepest.kind(), deepest.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: &RegistryError) -> String {
        let failure = error.failure();
        let hints = failure.hints.join(" / ");
        format!("{}\n  {hints}\n", failure.reason)
    }

    #[test]
    fn every_failure_says_what_to_do() {
        let image: ImageName = "debian-12".parse().unwrap();
        let channel: ChannelName = "candidate".parse().unwrap();
        let version: Version = "1.0.20261123".parse().unwrap();
        let path = || "/srv/registry/images/debian-12/log/00000007.json".to_owned();
        let refused = |code| {
            let below = ::object_store::Error::Generic {
                store: "LocalFileSystem",
                source: Box::new(io::Error::from_raw_os_error(code)),
            };
            RegistryError::access("write", path(), below)
        };
        let torn = serde_json::from_str::<u8>("{").unwrap_err();
        let errors = [
            refused(1),
            refused(13),
            refused(28),
            refused(30),
            refused(5),
            RegistryError::Conflict { image: image.clone(), seq: 7 },
            RegistryError::Busy { image: image.clone(), attempts: 200 },
            RegistryError::damaged(path(), torn),
            RegistryError::Gap { path: path() },
            RegistryError::Misplaced { path: path(), claim: "entry 1 of `other`".to_owned() },
            RegistryError::ForeignName { path: "/srv/registry/images".to_owned() },
            RegistryError::TooNew {
                path: "/srv/registry/schema.json".to_owned(),
                schema: 2,
                known: 1,
            },
            RegistryError::BlobMissing { path: "/srv/registry/blobs/ab.zst".to_owned() },
            RegistryError::BlobChanged {
                path: "/srv/registry/blobs/ab.zst".to_owned(),
                found: Digest::of(b""),
            },
            RegistryError::AlreadyPublished { image: image.clone(), version },
            RegistryError::Abandoned { image: image.clone(), version },
            RegistryError::ChannelMoved {
                image: image.clone(),
                channel: channel.clone(),
                expected: None,
                found: Some(version),
            },
            RegistryError::ChannelEmpty { image: image.clone(), channel },
            RegistryError::Revoked {
                image: image.clone(),
                version,
                because: "leaked key".to_owned(),
            },
            RegistryError::Stale { image, seq: 7, source: Box::new(refused(28)) },
        ];
        let told: String = errors.iter().map(told).collect();
        insta::assert_snapshot!(told, @"
        cannot write `/srv/registry/images/debian-12/log/00000007.json`: Operation not permitted (os error 1)
          the user that runs goldsmith needs write access there, and the file system needs hard links
        cannot write `/srv/registry/images/debian-12/log/00000007.json`: Permission denied (os error 13)
          the user that runs goldsmith needs access to it
        cannot write `/srv/registry/images/debian-12/log/00000007.json`: No space left on device (os error 28)
          free some space there, then run it again
        cannot write `/srv/registry/images/debian-12/log/00000007.json`: Read-only file system (os error 30)
          mount the registry writable, or name another one under `registry:`
        cannot write `/srv/registry/images/debian-12/log/00000007.json`: Input/output error (os error 5)
          
        another run wrote entry 7 of `debian-12` first
          other runs are writing: run it again
        gave up writing to the log of `debian-12` after 200 attempts
          other runs are writing: run it again
        `/srv/registry/images/debian-12/log/00000007.json` is damaged: invalid type: map, expected u8 at line 1 column 0
          goldsmith never writes part of such a file: restore it from a backup
        `/srv/registry/images/debian-12/log/00000007.json` is missing, although there are later entries
          goldsmith never deletes such a file: restore it from a backup
        `/srv/registry/images/debian-12/log/00000007.json` says that it is entry 1 of `other`
          goldsmith never moves such a file: somebody did, so restore it from a backup
        `/srv/registry/images` holds a file whose name cannot be read
          goldsmith gives no file such a name: remove it
        `/srv/registry/schema.json` has schema 2, and this goldsmith knows up to 1
          use the goldsmith version that the other runners use
        `/srv/registry/blobs/ab.zst` is missing
          goldsmith never deletes such a file: restore it from a backup
        `/srv/registry/blobs/ab.zst` holds something else: its content has digest `sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`
          goldsmith never writes part of such a file: restore it from a backup
        version 1.0.20261123 of `debian-12` is published already
          versions are immutable: build a new one with `goldsmith run --force`
        version 1.0.20261123 of `debian-12` was given up: this run was taken for dead
          a machine that sleeps, or whose clock is wrong, looks dead to others: run it again
        channel `candidate` of `debian-12` names 1.0.20261123, and was expected to name nothing
          somebody else moved it: look at what it names now and decide again
        channel `candidate` of `debian-12` names no version
          
        version 1.0.20261123 of `debian-12` is revoked: leaked key
          
        entry 7 of `debian-12` is recorded, but a file made from the log is not up to date: cannot write `/srv/registry/images/debian-12/log/00000007.json`: No space left on device (os error 28)
          free some space there, then run it again
        ");
    }
}
