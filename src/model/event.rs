//! What a run tells while it goes on. Sent once, shown in many ways.

use std::time::Duration;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ExitCode, Failure, ImageName, RunId, Version};

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run has started and knows what to build.
    RunStarted {
        /// Its id.
        run: RunId,
        /// When.
        at: Timestamp,
        /// Its folder: logs, journal, report.
        directory: Utf8PathBuf,
        /// The images that it builds.
        images: Vec<ImageName>,
    },
    /// An image cannot begin before others have come to their ends.
    ImageWaits {
        /// The image.
        image: ImageName,
        /// The others: those of its parents that this run builds.
        parents: Vec<ImageName>,
    },
    /// An image is not built after all.
    ImageSkipped {
        /// The image.
        image: ImageName,
        /// Why, in a phrase.
        why: String,
    },
    /// A stage of an image has started.
    StageStarted {
        /// The image.
        image: ImageName,
        /// The stage.
        stage: Stage,
        /// What it is about, for people.
        detail: Option<String>,
        /// How long it will take if it takes as long as the last time. Of builds only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Duration>,
    },
    /// A child process of a stage printed a line.
    Output {
        /// The image.
        image: ImageName,
        /// The stage.
        stage: Stage,
        /// The line, as hostile as whoever printed it.
        line: String,
    },
    /// A stage of an image has ended.
    StageFinished {
        /// The image.
        image: ImageName,
        /// The stage.
        stage: Stage,
        /// How.
        outcome: StageOutcome,
        /// How long it took.
        took: Duration,
        /// One phrase about the outcome, for people.
        detail: Option<String>,
    },
    /// Something that people should know.
    Note {
        /// The image, unless it concerns the whole run.
        image: Option<ImageName>,
        /// How urgent.
        level: NoteLevel,
        /// The text.
        text: String,
    },
    /// An image is finished.
    ImageFinished {
        /// The image.
        image: ImageName,
        /// How.
        outcome: ImageOutcome,
        /// How long it took in all.
        took: Duration,
    },
    /// The run is finished.
    RunFinished {
        /// The code that the process will end with.
        exit_code: ExitCode,
    },
}

/// The stages that an image goes through, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// A version is reserved.
    Reserve,
    /// The disks of its parents are fetched that do not lie on this machine.
    Fetch,
    /// The prepare step makes the template's inputs.
    Prepare,
    /// Packer builds.
    Build,
    /// The artifact is looked into.
    Evidence,
    /// Advisories are matched.
    Scan,
    /// The gate decides.
    Gate,
    /// Tests run on copies of the artifact.
    Test,
    /// The bytes go into the stores.
    Publish,
    /// The version is recorded and the channel moved.
    Record,
}

impl Stage {
    /// Its name, as reports write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Fetch => "fetch",
            Self::Prepare => "prepare",
            Self::Build => "build",
            Self::Evidence => "evidence",
            Self::Scan => "scan",
            Self::Gate => "gate",
            Self::Test => "test",
            Self::Publish => "publish",
            Self::Record => "record",
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageOutcome {
    /// Well.
    Done,
    /// It objects: the gate.
    Objected,
    /// It failed.
    Failed,
}

/// How urgent a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteLevel {
    /// Good to know.
    Info,
    /// Look at it.
    Warning,
}

/// How an image ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum ImageOutcome {
    /// A version was published.
    Published {
        /// The version.
        version: Version,
    },
    /// It equals the newest version; nothing new was published.
    VerifiedFresh {
        /// The version that it equals.
        version: Version,
    },
    /// It passed the gate and was not to be published: `--dry-run`.
    Passed,
    /// The gate objects, or nothing was proven.
    Rejected {
        /// Why, and the exit code.
        failure: Failure,
    },
    /// A stage failed.
    Failed {
        /// The stage.
        stage: Stage,
        /// Why.
        failure: Failure,
    },
}
