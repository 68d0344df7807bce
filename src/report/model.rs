//! What a run did, as one value. Every renderer reads this and nothing else.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use jiff::civil;

use crate::model::{
    Advisories, Bucket, ChannelName, Decision, Digest, Due, Evidence, ExitCode, Facts, ImageName,
    ImageOutcome, OsIdentity, RunId, Since, Skipped, Soak, Stage, StageOutcome, Stored,
    StrategyName, TestResult, Tool, Verdict, Version,
};

use super::{Conclusion, Standing, Tally};

/// The report of one run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// Version of goldsmith.
    pub goldsmith: String,
    /// When the run started.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// The code that the process ends with.
    pub exit_code: ExitCode,
    /// Time that goldsmith itself took: the run's, less waiting for child processes.
    pub own_time: Duration,
    /// Which demonstration data the run used, if any. Marks the report even if nothing was judged.
    pub fixture: Option<String>,
    /// The external programs.
    pub tools: Vec<Tool>,
    /// The images that were built or judged, in the order of the plan.
    pub images: Vec<ImageReport>,
    /// The images that were not, in the order of the plan.
    pub skipped: Vec<Skipped>,
    /// Versions that entered a channel now although an earlier run published them.
    pub caught_up: Vec<CaughtUp>,
    /// Versions that were to move on to another channel by themselves.
    pub promotions: Vec<Promotion>,
    /// What was done after runs that were stopped half-way.
    pub reaped: Vec<Reaped>,
    /// The run's folder: logs, journal, this report as JSON.
    pub directory: Option<Utf8PathBuf>,
}

/// The report of one image: of its way through a run, or of a scan alone.
#[derive(Debug, Clone)]
pub struct ImageReport {
    /// The image.
    pub image: ImageName,
    /// Why it was built; nothing for a scan.
    pub why: Option<Due>,
    /// The version that was reserved for it.
    pub version: Option<Version>,
    /// Whether that version is published and recorded, also if something failed after that.
    pub recorded: bool,
    /// How it ended.
    pub outcome: ImageOutcome,
    /// How its channel moved.
    pub channel: Option<ChannelMove>,
    /// The stages that it went through, in order.
    pub stages: Vec<StageReport>,
    /// How long it took in all.
    pub took: Duration,
    /// The operating system that was found inside.
    pub os: Option<OsIdentity>,
    /// How many packages were found inside.
    pub packages: Option<usize>,
    /// How it was looked into.
    pub looked: Option<Looked>,
    /// Bytes of the artifact's files together.
    pub size: Option<u64>,
    /// Digest of the disk.
    pub digest: Option<Digest>,
    /// What it was judged by.
    pub advisories: Option<Advisories>,
    /// What the gate said, if it came to that.
    pub verdict: Option<Verdict>,
    /// What of the findings has changed since the version that is out, if that is known.
    pub since: Option<Since>,
    /// The last day that a waiver could name which is written now, for entries to paste.
    pub waive_until: Option<civil::Date>,
    /// Where `images.yml` has it, if it does.
    pub place: Option<Place>,
    /// What its tests found, if it came to that.
    pub tests: Vec<TestResult>,
    /// The files that were published.
    pub stored: Vec<Stored>,
    /// The files of a rejected artifact that were kept aside.
    pub kept: Vec<Stored>,
    /// The log of the build.
    pub log: Option<Utf8PathBuf>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as seen from the root of the repository where there is one.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// How an image was looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The strategy.
    pub strategy: StrategyName,
    /// Where in the artifact the system was found; empty where there is only one place.
    pub place: String,
    /// How many libraries of languages were found.
    pub libraries: usize,
    /// What else was found; nothing in reports that go further than to who asked.
    pub facts: Option<Facts>,
}

impl Looked {
    /// Without the facts, which name users and files.
    pub fn of(evidence: &Evidence) -> Self {
        Self {
            strategy: evidence.strategy,
            place: evidence.place.clone(),
            libraries: evidence.inventory.libraries.len(),
            facts: None,
        }
    }

    /// With the facts.
    pub fn with_facts(evidence: &Evidence) -> Self {
        Self { facts: Some(evidence.facts.clone()), ..Self::of(evidence) }
    }
}

/// A channel that now names another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMove {
    /// The channel.
    pub channel: ChannelName,
    /// What it named before.
    pub from: Option<Version>,
    /// What it names now.
    pub to: Version,
}

/// A version that an earlier run published, and that entered its channel in this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtUp {
    /// The image.
    pub image: ImageName,
    /// How its channel moved.
    pub moved: ChannelMove,
}

/// A version that was to move on to another channel by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// By which rule.
    pub rule: Soak,
    /// What the channel named before.
    pub instead_of: Option<Version>,
    /// What stands against it, a sentence each; nothing if the channel names it now.
    pub refused: Vec<String>,
}

/// What was done after a run that was stopped half-way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaped {
    /// The run.
    pub run: RunId,
    /// The machine that it ran on, if it was another one.
    pub host: Option<String>,
    /// What was done.
    pub done: Vec<Deed>,
    /// What could not be done, and why; it is tried again the next time.
    pub left: Vec<String>,
}

/// Something that was done after such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Processes that it had started, and that nobody had stopped, are killed.
    ProcessesKilled {
        /// How many.
        count: u32,
    },
    /// Its scratch space is removed.
    ScratchRemoved {
        /// Where it was.
        path: Utf8PathBuf,
    },
    /// Its edited copy of a template is removed.
    CopyRemoved {
        /// Where it was.
        path: Utf8PathBuf,
    },
    /// What it had brought into a store is removed.
    UploadRemoved {
        /// Where it was.
        place: String,
    },
    /// The version that it had reserved is given up.
    GivenUp {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
    },
    /// A version that it had published has entered its channel.
    Entered {
        /// The image.
        image: ImageName,
        /// How the channel moved.
        moved: ChannelMove,
    },
    /// Files that are made from the log of an image are up to date again.
    Rebuilt {
        /// The image.
        image: ImageName,
    },
}

/// A stage that an image went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    /// The stage.
    pub stage: Stage,
    /// How it ended.
    pub outcome: StageOutcome,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// How long the run took.
    pub fn took(&self) -> Duration {
        self.finished_at.duration_since(self.started_at).try_into().unwrap_or_default()
    }

    /// What the images were judged by. A run has one advisory database.
    pub fn advisories(&self) -> Option<&Advisories> {
        self.images.iter().find_map(|image| image.advisories.as_ref())
    }

    /// Which demonstration data the run used, said by the run or by any of its images.
    pub fn demo_data(&self) -> Option<&str> {
        self.fixture.as_deref().or_else(|| self.images.iter().find_map(ImageReport::demo_data))
    }
}

impl ImageReport {
    /// A report that knows no more than how the image ended.
    pub fn new(image: ImageName, outcome: ImageOutcome) -> Self {
        Self {
            image,
            why: None,
            version: None,
            recorded: false,
            outcome,
            channel: None,
            stages: Vec::new(),
            took: Duration::ZERO,
            os: None,
            packages: None,
            looked: None,
            size: None,
            digest: None,
            advisories: None,
            verdict: None,
            since: None,
            waive_until: None,
            place: None,
            tests: Vec::new(),
            stored: Vec::new(),
            kept: Vec::new(),
            log: None,
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.outcome)
    }

    /// What a check says of it.
    pub fn conclusion(&self) -> Conclusion {
        let known = |verdict: &Verdict| verdict.in_bucket(Bucket::NotNew).next().is_some();
        match self.standing().is_good() {
            true if self.verdict.as_ref().is_some_and(known) => Conclusion::Neutral,
            true => Conclusion::Success,
            false => Conclusion::Failure,
        }
    }

    /// How many findings there are; nothing if that was not proven.
    pub fn tally(&self) -> Option<Tally> {
        self.verdict
            .as_ref()
            .filter(|verdict| verdict.decision != Decision::Untrusted)
            .map(Tally::of)
    }

    /// The version that people can use now: published by this run, or found to be fresh.
    pub fn live_version(&self) -> Option<Version> {
        match self.outcome {
            ImageOutcome::Published { version } | ImageOutcome::VerifiedFresh { version } => {
                Some(version)
            }
            _ => None,
        }
    }

    /// The log that says more about what went wrong, where there is one.
    pub fn log_to_read(&self) -> Option<&Utf8Path> {
        match &self.outcome {
            ImageOutcome::Failed { failure, .. } => failure.log.as_deref().or(self.log.as_deref()),
            ImageOutcome::Rejected { failure } => failure.log.as_deref(),
            _ => None,
        }
    }

    /// Which demonstration data the image was judged by, if any.
    pub fn demo_data(&self) -> Option<&str> {
        self.advisories.as_ref()?.fixture.as_deref()
    }
}
