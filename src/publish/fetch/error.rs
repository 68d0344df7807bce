//! Why a file of a version could not be had.

use std::io;

use camino::Utf8PathBuf;
use thiserror::Error;

use super::super::StoreError;
use crate::model::{Failure, FailureClass};

/// Why a file could not be fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The record of the version names no place.
    #[error("`{name}` lies nowhere: its bytes are not kept any more")]
    Nowhere {
        /// The file.
        name: String,
    },
    /// Of no place came what was published.
    #[error("none of the places where `{name}` lies has it as it was published")]
    NoPlaceIsGood {
        /// The file.
        name: String,
        /// What came of each place, a sentence each.
        tried: Vec<String>,
        /// Whether it is at none of them any more.
        is_gone: bool,
    },
    /// The record of the version names something that is no file name. Its fault, or an attack.
    #[error("`{}` cannot be the name of a file", name.escape_default())]
    UnsafeName {
        /// The name.
        name: String,
    },
    /// It cannot be written here.
    #[error("`{path}` cannot be written")]
    Target {
        /// Where.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is not enough room here.
    #[error(transparent)]
    Room(StoreError),
}

/// What to do about bytes that are not kept any more.
const ANOTHER: &str = "name another version (`goldsmith versions IMAGE`), or build the image again";

impl FetchError {
    /// The failure that this means.
    pub fn failure(&self) -> Failure {
        let class = match self {
            Self::Target { .. } | Self::UnsafeName { .. } => FailureClass::Usage,
            Self::Room(_) => FailureClass::DiskFull,
            Self::Nowhere { .. } | Self::NoPlaceIsGood { .. } => FailureClass::Publish,
        };
        let failure = Failure::caused_by(class, self);
        match self {
            Self::Nowhere { .. } => failure.hint(ANOTHER),
            Self::NoPlaceIsGood { tried, is_gone, .. } => {
                let failure =
                    tried.iter().fold(failure, |failure, tried| failure.hint(tried.clone()));
                if *is_gone { failure.hint(ANOTHER) } else { failure }
            }
            Self::Room(_) => failure.hint("free some space there, or name another folder"),
            Self::Target { .. } | Self::UnsafeName { .. } => failure,
        }
    }
}
