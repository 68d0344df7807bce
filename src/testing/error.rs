//! What keeps a test from being done at all.

use std::io;

use thiserror::Error;

use crate::model::{Failure, FailureClass};
use crate::process::{self, ProcessError};

/// Why a test could not be done. The machine's fault, or somebody wished to stop.
#[derive(Debug, Error)]
pub enum TestingError {
    /// A file could not be read or written.
    #[error("cannot test the image")]
    Io(#[from] io::Error),
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// There was no room for it before somebody wished to stop.
    #[error("{}", .0.reason)]
    Stopped(Failure),
}

impl TestingError {
    /// The failure that a run reports.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Io(_) => process::failure(self, FailureClass::TestFailed),
            Self::Stopped(failure) => failure.clone(),
            Self::Process(error) => error.failure(FailureClass::TestFailed),
        }
    }
}
