//! Why a plugin is not there.

use std::io;

use thiserror::Error;

use super::constraint::Constraint;
use super::mirror::MirrorError;
use crate::model::{
    Digest, Failure, FailureClass, Platform, PluginLock, PluginSource, PluginVersion,
};
use crate::process::ProcessError;

/// Why nothing can be built with a plugin.
#[derive(Debug, Error)]
pub enum PluginError {
    /// The lock does not say which one to take: whoever changed a template.
    #[error("{} has no version of `{source_}` that is `{constraint}`", PluginLock::FILE)]
    NotLocked {
        /// The plugin.
        source_: PluginSource,
        /// What a template admits.
        constraint: Constraint,
    },
    /// The lock does not know it for this machine: whoever made it.
    #[error("{} does not have `{source_}` {version} for {platform}", PluginLock::FILE)]
    OtherPlatforms {
        /// The plugin.
        source_: PluginSource,
        /// The version.
        version: PluginVersion,
        /// This machine's platform.
        platform: Platform,
    },
    /// It is another program than the one that was locked: somebody may have tampered with it.
    #[error(
        "`{place}` is not the program that {} names: it is {found}, and {expected} is locked",
        PluginLock::FILE
    )]
    Mismatch {
        /// The file, or where it came from.
        place: String,
        /// What it is.
        found: Digest,
        /// What it should be.
        expected: Digest,
    },
    /// It is not installed: the machine.
    #[error("the Packer plugin `{source_}` ({wanted}) is not installed{because}")]
    Missing {
        /// The plugin.
        source_: PluginSource,
        /// The version, or what a template admits.
        wanted: String,
        /// Why something that lies there does not count, after a colon.
        because: String,
    },
    /// Packer could not install it: the network, most often.
    #[error("Packer cannot install {plugins}: {said}")]
    Init {
        /// Which plugins, and which versions of them.
        plugins: String,
        /// What it said.
        said: String,
    },
    /// Only a mirror could give the program for another machine, and there is none: whoever asked.
    #[error("the program of `{source_}` {version} for {platform} is not known")]
    NoMirror {
        /// The plugin.
        source_: PluginSource,
        /// The version.
        version: PluginVersion,
        /// The other machine's platform.
        platform: Platform,
    },
    /// A mirror did not deliver it.
    #[error("`{source_}` cannot be had from the mirror `{mirror}`")]
    Mirror {
        /// The plugin.
        source_: PluginSource,
        /// Where the mirror is.
        mirror: String,
        /// Why.
        #[source]
        error: Box<MirrorError>,
    },
    /// There is no folder for plugins: the machine.
    #[error("there is no folder for Packer's plugins")]
    NoFolder,
    /// The folder of plugins cannot be used: the machine.
    #[error("the plugins of Packer cannot be looked at")]
    Access(#[from] io::Error),
    /// Packer could not be run, or somebody wished to stop.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl PluginError {
    /// The failure as it is told.
    pub fn failure(&self) -> Failure {
        let class = match self {
            Self::Process(error) => error.class(FailureClass::PluginMissing),
            Self::Mirror { error, .. } => match **error {
                MirrorError::Cancelled(cause) => cause.class(),
                _ => FailureClass::PluginMissing,
            },
            _ => FailureClass::PluginMissing,
        };
        let failure = Failure::caused_by(class, self);
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotLocked { .. } => {
                "run `goldsmith plugins` and commit what it writes into goldsmith.lock"
            }
            Self::OtherPlatforms { .. } => {
                "run `goldsmith plugins` on a machine like this one, or with `--platform` where there \
                 is a mirror, and commit goldsmith.lock"
            }
            Self::NoMirror { .. } => {
                "run `goldsmith plugins` on such a machine, or name a folder or a server that has the \
                 plugins for it by `plugins: { mirror: … }` in images.yml"
            }
            Self::Mismatch { .. } => {
                "find out where it comes from before you use it; if it is right, remove its digest \
                 from goldsmith.lock and run `goldsmith plugins`"
            }
            Self::Missing { .. } => {
                "run `goldsmith plugins`; without network, name a folder or a server that has them \
                 by `plugins: { mirror: … }` in images.yml"
            }
            Self::Init { said, .. } if said.contains("rate limit") => {
                "set `PACKER_GITHUB_API_TOKEN`, which only asks GitHub more often, or use a mirror: \
                 `plugins: { mirror: … }` in images.yml"
            }
            Self::Init { .. } => {
                "without network, name a folder or a server that has them by \
                 `plugins: { mirror: … }` in images.yml"
            }
            Self::Mirror { error, .. } if !matches!(**error, MirrorError::Cancelled(_)) => {
                "how a mirror is laid out is said in docs/plugins.md; nothing is taken from \
                 elsewhere while one is named"
            }
            Self::NoFolder => {
                "set `HOME`, or `PACKER_PLUGIN_PATH` to one absolute path: Packer looks there"
            }
            Self::Mirror { .. } | Self::Access(_) | Self::Process(_) => return None,
        })
    }
}
