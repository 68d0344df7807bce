//! How a child ended.

use std::fmt;
use std::io;
use std::time::Duration;

use super::{Cause, ProcessError, Tail};

/// The end of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It ended by itself with this status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit status {code}"),
            Self::Signalled(9) => f.write_str("killed by SIGKILL"),
            Self::Signalled(15) => f.write_str("killed by SIGTERM"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

/// A child that has ended, with everything that it had started.
#[derive(Debug)]
pub struct Finished {
    /// What it was run for.
    pub purpose: String,
    /// How the program ended.
    pub outcome: Outcome,
    /// Who wished it to stop, if somebody did while it ran.
    pub cancelled: Option<Cause>,
    /// The limit, if it was stopped because its time was up.
    pub timed_out: Option<Duration>,
    /// Processes that were still there after the program had ended by itself, and were killed.
    pub leftover: u32,
    /// Processes that could not be killed: another user's, or waiting for a dead disk.
    pub stuck: u32,
    /// How long it took.
    pub took: Duration,
    /// The end of its standard output.
    pub stdout: Tail,
    /// The end of its standard error.
    pub stderr: Tail,
    /// Why the log is incomplete, if it is.
    pub log_error: Option<io::Error>,
}

impl Finished {
    /// Whether it ended with status 0, by itself.
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Exited(0) && self.cancelled.is_none() && self.timed_out.is_none()
    }

    /// Makes an error of anything but success.
    pub fn success(self) -> Result<Self, ProcessError> {
        if self.succeeded() {
            return Ok(self);
        }
        let Self { purpose, .. } = self;
        Err(if let Some(cause) = self.cancelled {
            ProcessError::Cancelled { purpose, cause }
        } else if let Some(limit) = self.timed_out {
            ProcessError::TimedOut { purpose, limit }
        } else {
            let said = self.stderr.last_line().or_else(|| self.stdout.last_line());
            ProcessError::Failed {
                purpose,
                outcome: self.outcome,
                said: said.map(|line| format!(": {line}")).unwrap_or_default(),
            }
        })
    }
}
