//! What a test found.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// What one test of an image found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// The test: `boot`, or its command line.
    pub name: String,
    /// Its cases, in their order. Never empty.
    pub cases: Vec<TestCase>,
    /// How long it took.
    pub took: Duration,
    /// Files that help to see what went wrong: pictures of the console.
    pub kept: Vec<Utf8PathBuf>,
}

/// One thing that a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCase {
    /// Its name.
    pub name: String,
    /// What came of it.
    pub outcome: CaseOutcome,
    /// More about it; often empty. As hostile as whoever printed it.
    pub message: String,
}

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseOutcome {
    /// It is as it should be.
    Passed,
    /// It is not.
    Failed,
    /// Nobody looked: never the same as passed.
    Skipped,
}

/// A test in numbers: what the registry remembers of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestTally {
    /// The test: `boot`, or its command line.
    pub name: String,
    /// Cases that are as they should be.
    pub passed: usize,
    /// Cases that are not.
    pub failed: usize,
    /// Cases that nobody looked at.
    pub skipped: usize,
}

impl TestResult {
    /// Whether no case failed.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The cases that failed.
    pub fn failures(&self) -> impl Iterator<Item = &TestCase> {
        self.cases.iter().filter(|case| case.outcome == CaseOutcome::Failed)
    }

    /// It in numbers.
    pub fn tally(&self) -> TestTally {
        let count = |outcome| self.cases.iter().filter(|case| case.outcome == outcome).count();
        TestTally {
            name: self.name.clone(),
            passed: count(CaseOutcome::Passed),
            failed: count(CaseOutcome::Failed),
            skipped: count(CaseOutcome::Skipped),
        }
    }
}

impl TestCase {
    /// A case with this outcome.
    pub fn new(outcome: CaseOutcome, name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), outcome, message: message.into() }
    }

    /// A case that is as it should be.
    pub fn passed(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CaseOutcome::Passed, name, message)
    }

    /// A case that is not.
    pub fn failed(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CaseOutcome::Failed, name, message)
    }

    /// A case that nobody looked at.
    pub fn skipped(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(CaseOutcome::Skipped, name, message)
    }
}
