//! How an image stands after a run, in one word.

use serde::Serialize;

use crate::model::{ExitCode, Failure, ImageOutcome};

/// How an image stands, from good to bad. Finer than the outcome where people act differently,
/// coarser elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// A version was published.
    Published,
    /// It equals the newest version; nothing new was published.
    VerifiedFresh,
    /// It passed the gate and was not to be published.
    Passed,
    /// The run was cancelled before the image was through.
    Cancelled,
    /// The gate objects.
    Blocked,
    /// Nothing was proven.
    Untrusted,
    /// A stage failed.
    Failed,
}

impl Standing {
    /// Every standing, in the order in which they are counted up.
    pub const ALL: [Self; 7] = [
        Self::Published,
        Self::VerifiedFresh,
        Self::Passed,
        Self::Blocked,
        Self::Untrusted,
        Self::Failed,
        Self::Cancelled,
    ];

    /// How an image with this outcome stands.
    pub fn of(outcome: &ImageOutcome) -> Self {
        let (failure, otherwise) = match outcome {
            ImageOutcome::Published { .. } => return Self::Published,
            ImageOutcome::VerifiedFresh { .. } => return Self::VerifiedFresh,
            ImageOutcome::Passed => return Self::Passed,
            ImageOutcome::Rejected { failure } => (failure, Self::Blocked),
            ImageOutcome::Failed { failure, .. } => (failure, Self::Failed),
        };
        match failure.class.exit_code() {
            ExitCode::Interrupted | ExitCode::Terminated => Self::Cancelled,
            ExitCode::Untrusted => Self::Untrusted,
            _ => otherwise,
        }
    }

    /// Whether all is well.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Published | Self::VerifiedFresh | Self::Passed)
    }

    /// The word for people: `3 published, 1 blocked`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::VerifiedFresh => "verified fresh",
            Self::Passed => "passed",
            Self::Cancelled => "cancelled",
            Self::Blocked => "blocked",
            Self::Untrusted => "untrusted",
            Self::Failed => "failed",
        }
    }

    /// The sign before the word. Never the only bearer of the meaning.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Published | Self::VerifiedFresh | Self::Passed => "✓",
            Self::Untrusted => "?",
            Self::Cancelled | Self::Blocked | Self::Failed => "✗",
        }
    }
}

/// What a check says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// Nothing to object to.
    Success,
    /// It has findings that would block, and the version that is out has them as well: nothing that
    /// the change under test could be blamed for.
    Neutral,
    /// It is not as it should be.
    Failure,
}

/// The failure in an outcome that is not good.
pub fn failure_of(outcome: &ImageOutcome) -> Option<&Failure> {
    match outcome {
        ImageOutcome::Rejected { failure } | ImageOutcome::Failed { failure, .. } => Some(failure),
        ImageOutcome::Published { .. }
        | ImageOutcome::VerifiedFresh { .. }
        | ImageOutcome::Passed => None,
    }
}
