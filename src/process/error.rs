//! What can go wrong with a child.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use thiserror::Error;

use super::{Cause, Outcome};
use crate::model::{Failure, FailureClass};

/// Why a child did not do its work.
#[derive(Debug, Error)]
pub enum ProcessError {
    /// The program is not there or is no program: the user's installation.
    #[error("failed to {purpose}: cannot start `{program}`")]
    NotStarted {
        /// What for.
        purpose: String,
        /// The program.
        program: Utf8PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder to run in is not there: the user's configuration.
    #[error("failed to {purpose}: there is no folder `{directory}`")]
    NoDirectory {
        /// What for.
        purpose: String,
        /// The folder.
        directory: Utf8PathBuf,
    },
    /// The log cannot be written: the machine.
    #[error("failed to {purpose}: cannot open its log")]
    Log {
        /// What for.
        purpose: String,
        /// The system's reason, with the path.
        source: io::Error,
    },
    /// `goldsmith __child` cannot be started: the machine is out of processes, memory or files.
    #[error("failed to {purpose}: cannot start a supervisor")]
    NoSupervisor {
        /// What for.
        purpose: String,
        /// The system's reason.
        source: io::Error,
    },
    /// `goldsmith __child` was killed before it said how the program ended. The program was killed
    /// too, as far as it could be reached.
    #[error("failed to {purpose}: its supervisor was killed")]
    SupervisorLost {
        /// What for.
        purpose: String,
    },
    /// The program said that it failed.
    #[error("failed to {purpose}: {outcome}{said}")]
    Failed {
        /// What for.
        purpose: String,
        /// How it ended.
        outcome: Outcome,
        /// Its last line, after a colon.
        said: String,
    },
    /// Its time was up.
    #[error("failed to {purpose}: not done after {}", friendly(*limit))]
    TimedOut {
        /// What for.
        purpose: String,
        /// How long it was given.
        limit: Duration,
    },
    /// Somebody wished to stop.
    #[error("failed to {purpose}: cancelled")]
    Cancelled {
        /// What for.
        purpose: String,
        /// Who.
        cause: Cause,
    },
}

impl ProcessError {
    /// The failure that this is to a run; of class `otherwise`, unless somebody wished to stop.
    pub fn failure(&self, otherwise: FailureClass) -> Failure {
        Failure::caused_by(self.class(otherwise), self)
    }

    /// The kind of failure: its own if it was cancelled, is not installed or was called wrongly, or
    /// if a build ran out of time; else what the caller was about.
    pub fn class(&self, otherwise: FailureClass) -> FailureClass {
        match self {
            Self::Cancelled { cause, .. } => cause.class(),
            Self::TimedOut { .. } => match otherwise {
                FailureClass::Build | FailureClass::Prepare => FailureClass::Timeout,
                otherwise => otherwise,
            },
            Self::NotStarted { .. } => FailureClass::ToolMissing,
            Self::NoDirectory { .. } => FailureClass::Config,
            Self::SupervisorLost { .. } => FailureClass::Killed,
            Self::Failed { .. } | Self::Log { .. } | Self::NoSupervisor { .. } => otherwise,
        }
    }
}

/// A duration as people write it: `45m`.
pub(crate) fn friendly(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{} s", duration.as_secs()), |duration| format!("{duration:#}"))
}
