//! What became of one image.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::Serialize;

use crate::model::{
    self, CaseOutcome, ChannelName, Digest, Facts, FailureClass, ImageName, ImageOutcome,
    StageOutcome, StrategyName, Version,
};
use crate::report::standing::failure_of;
use crate::report::{self, Conclusion, ImageReport, StageReport, Standing, sentence};

use super::verdict::{Since, Verdict};
use super::{Why, document::seconds};

/// What became of one image.
#[derive(Debug, Serialize)]
pub struct Image<'a> {
    /// Its name.
    pub name: &'a ImageName,
    /// `published`, `verified-fresh`, `passed` (and not to be published), `blocked`, `untrusted`,
    /// `failed` or `cancelled`.
    pub result: &'static str,
    /// What a check of a pull request says of it: `success`, `neutral` (it has what would block, and so
    /// has the version that is out) or `failure`.
    pub conclusion: Conclusion,
    /// The same as an English sentence. May quote tools and guests.
    pub summary: String,
    /// Why it was built; `null` for a scan.
    pub why: Option<Why>,
    /// The version that was reserved for it. Used only if the result is `published`.
    pub version: Option<Version>,
    /// `verified-fresh`: the version that it equals.
    pub equals: Option<Version>,
    /// How its channel moved.
    pub channel: Option<ChannelMove<'a>>,
    /// What went wrong, unless all is well.
    pub failure: Option<Failure<'a>>,
    /// What the gate said, if it came to that.
    pub verdict: Option<Verdict<'a>>,
    /// What of the findings has changed since the version that is out, if that is known.
    pub since: Option<Since<'a>>,
    /// The operating system that was found inside.
    pub os: Option<Os<'a>>,
    /// How many packages were found inside.
    pub packages: Option<usize>,
    /// How it was looked into.
    pub evidence: Option<Evidence<'a>>,
    /// Size of the artifact's files together.
    pub size: Option<u64>,
    /// Digest of the disk.
    pub digest: Option<Digest>,
    /// What it was judged by.
    pub advisories: Option<Advisories<'a>>,
    /// What its tests found, in their order.
    pub tests: Vec<Test<'a>>,
    /// The stages that it went through, in order.
    pub stages: Vec<Stage>,
    /// How long it took in all.
    pub seconds: f64,
    /// The files that were published.
    pub published: Vec<File<'a>>,
    /// The files of a rejected artifact that were kept aside.
    pub kept: Vec<File<'a>>,
    /// The log of the build.
    pub log: Option<&'a Utf8Path>,
}

/// How an image was looked into.
#[derive(Debug, Serialize)]
pub struct Evidence<'a> {
    /// The strategy, as `evidence:` in images.yml names it.
    pub strategy: StrategyName,
    /// Where in the artifact the system was found; empty where there is only one place.
    pub place: &'a str,
    /// How many libraries of languages were found.
    pub libraries: usize,
    /// What else was found, for a scan; a fact that was not checked is `null`.
    pub facts: Option<&'a Facts>,
}

impl<'a> Evidence<'a> {
    fn of(looked: &'a report::Looked) -> Self {
        let report::Looked { strategy, place, libraries, facts } = looked;
        Self { strategy: *strategy, place, libraries: *libraries, facts: facts.as_ref() }
    }
}

/// A channel that now names another version.
#[derive(Debug, Serialize)]
pub struct ChannelMove<'a> {
    /// The channel.
    pub name: &'a ChannelName,
    /// What it named before.
    pub from: Option<Version>,
    /// What it names now.
    pub to: Version,
}

impl<'a> ChannelMove<'a> {
    pub(super) fn of(moved: &'a report::ChannelMove) -> Self {
        Self { name: &moved.channel, from: moved.from, to: moved.to }
    }
}

/// What went wrong.
#[derive(Debug, Serialize)]
pub struct Failure<'a> {
    /// Its kind.
    pub class: FailureClass,
    /// The stage that failed; `null` if the gate objects.
    pub stage: Option<model::Stage>,
    /// What failed and why, in one line. May quote tools and guests.
    pub reason: &'a str,
    /// What to do about it.
    pub hints: &'a [String],
    /// The full log.
    pub log: Option<&'a Utf8Path>,
}

/// An operating system.
#[derive(Debug, Serialize)]
pub struct Os<'a> {
    /// Family in lower case.
    pub family: &'a str,
    /// Full release.
    pub release: &'a str,
}

/// The database that findings come from.
#[derive(Debug, Serialize)]
pub struct Advisories<'a> {
    /// When it was made.
    pub updated_at: Timestamp,
    /// Which demonstration data it holds.
    pub demo_data: Option<&'a str>,
}

/// What a test found.
#[derive(Debug, Serialize)]
pub struct Test<'a> {
    /// The test: `boot`, or its command line.
    pub name: &'a str,
    /// Cases that are as they should be.
    pub passed: usize,
    /// Cases that are not.
    pub failed: usize,
    /// Cases that nobody looked at.
    pub skipped: usize,
    /// How long it took.
    pub seconds: f64,
    /// All of its cases.
    pub cases: Vec<TestCase<'a>>,
    /// Files that help to see what went wrong: pictures and logs of consoles.
    pub kept: &'a [Utf8PathBuf],
}

/// One thing that a test looks at.
#[derive(Debug, Serialize)]
pub struct TestCase<'a> {
    /// Its name. May quote guests.
    pub name: &'a str,
    /// `passed`, `failed` or `skipped`.
    pub outcome: CaseOutcome,
    /// More about it; may be empty, and quote guests.
    pub message: &'a str,
}

/// A stage that the image went through.
#[derive(Debug, Serialize)]
pub struct Stage {
    /// `reserve`, `prepare`, `build`, `evidence`, `scan`, `gate`, `test`, `publish` or
    /// `record`.
    pub stage: model::Stage,
    /// `done`, `objected` (the gate) or `failed`.
    pub outcome: StageOutcome,
    /// How long it took.
    pub seconds: f64,
}

/// A file as it lies in a store.
#[derive(Debug, Serialize)]
pub struct File<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its size.
    pub size: u64,
    /// Digest of its content.
    pub digest: Digest,
    /// Where it lies: a URL.
    pub location: &'a str,
}

impl<'a> Image<'a> {
    pub(super) fn of(image: &'a ImageReport) -> Self {
        Self {
            name: &image.image,
            result: result(image.standing()),
            summary: sentence::of_image(image),
            why: image.why.as_ref().map(Why::due),
            version: image.version,
            equals: match image.outcome {
                ImageOutcome::VerifiedFresh { version } => Some(version),
                _ => None,
            },
            channel: image.channel.as_ref().map(ChannelMove::of),
            failure: Failure::of(&image.outcome),
            verdict: image.verdict.as_ref().map(Verdict::of),
            since: image.since.as_ref().map(Since::of),
            conclusion: image.conclusion(),
            os: image.os.as_ref().map(|os| Os { family: &os.family, release: &os.release }),
            packages: image.packages,
            evidence: image.looked.as_ref().map(Evidence::of),
            size: image.size,
            digest: image.digest,
            advisories: image.advisories.as_ref().map(Advisories::of),
            tests: image.tests.iter().map(Test::of).collect(),
            stages: image.stages.iter().map(Stage::of).collect(),
            seconds: seconds(image.took),
            published: image.stored.iter().map(File::of).collect(),
            kept: image.kept.iter().map(File::of).collect(),
            log: image.log.as_deref(),
        }
    }
}

fn result(standing: Standing) -> &'static str {
    match standing {
        Standing::Published => "published",
        Standing::VerifiedFresh => "verified-fresh",
        Standing::Passed => "passed",
        Standing::Cancelled => "cancelled",
        Standing::Blocked => "blocked",
        Standing::Untrusted => "untrusted",
        Standing::Failed => "failed",
    }
}

impl<'a> Failure<'a> {
    fn of(outcome: &'a ImageOutcome) -> Option<Self> {
        failure_of(outcome).map(|failure| Self {
            class: failure.class,
            stage: match outcome {
                ImageOutcome::Failed { stage, .. } => Some(*stage),
                _ => None,
            },
            reason: &failure.reason,
            hints: &failure.hints,
            log: failure.log.as_deref(),
        })
    }
}

impl<'a> Advisories<'a> {
    pub(super) fn of(advisories: &'a model::Advisories) -> Self {
        Self { updated_at: advisories.updated_at, demo_data: advisories.fixture.as_deref() }
    }
}

impl<'a> Test<'a> {
    fn of(result: &'a model::TestResult) -> Self {
        let tally = result.tally();
        let case = |case: &'a model::TestCase| TestCase {
            name: &case.name,
            outcome: case.outcome,
            message: &case.message,
        };
        Self {
            name: &result.name,
            passed: tally.passed,
            failed: tally.failed,
            skipped: tally.skipped,
            seconds: seconds(result.took),
            cases: result.cases.iter().map(case).collect(),
            kept: &result.kept,
        }
    }
}

impl Stage {
    fn of(stage: &StageReport) -> Self {
        Self { stage: stage.stage, outcome: stage.outcome, seconds: seconds(stage.took) }
    }
}

impl<'a> File<'a> {
    fn of(stored: &'a model::Stored) -> Self {
        Self {
            name: &stored.name,
            size: stored.size,
            digest: stored.digest,
            location: &stored.location,
        }
    }
}
