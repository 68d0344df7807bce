//! Asks the scanner about one document.

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::Rescanner;
use super::kept::KeptAnswers;
use crate::clock::Clock;
use crate::findings::{self, ReferencedReport};
use crate::model::{Digest, Failure, FailureClass, Finding};
use crate::rescan::{Answer, Batch, Found};
use crate::trivy;

/// Asks, or knows the answer already.
pub(super) struct Asker<'a> {
    pub(super) rescanner: &'a Rescanner<'a>,
    pub(super) kept: KeptAnswers,
}

/// What is asked about.
pub(super) enum Question {
    /// A document of many inventories.
    Batch(Batch),
    /// An inventory of somebody else's.
    Alone(Digest, String),
}

/// An answer.
pub(super) enum Asked {
    /// To a document of many inventories.
    Batch { batch: Batch, answer: Answer, kept: bool },
    /// To an inventory of somebody else's.
    Alone { inventory: Digest, answer: Result<Box<Alone>, Failure>, kept: bool },
}

/// What was said of an inventory that was asked about by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alone {
    /// Everything but the findings.
    pub(super) answer: Answer,
    /// The findings.
    pub(super) findings: Vec<Finding>,
}

impl Asker<'_> {
    /// Asks. That an inventory of somebody else's cannot be matched stops no other.
    pub(super) async fn ask(&self, question: Question) -> Result<Asked, Failure> {
        match question {
            Question::Batch(batch) => {
                let (answer, kept) = self.batch(&batch).await?;
                Ok(Asked::Batch { batch, answer, kept })
            }
            Question::Alone(inventory, text) => match self.alone(&inventory, text).await {
                Ok((answer, kept)) => {
                    Ok(Asked::Alone { inventory, answer: Ok(Box::new(answer)), kept })
                }
                Err(failure) if failure.class == FailureClass::Scan => {
                    Ok(Asked::Alone { inventory, answer: Err(failure), kept: false })
                }
                Err(failure) => Err(failure),
            },
        }
    }

    async fn batch(&self, batch: &Batch) -> Result<(Answer, bool), Failure> {
        let question = Digest::of(batch.document.as_bytes());
        if let Some(answer) = self.kept.get(&question) {
            return Ok((answer, true));
        }
        let said = self.trivy(&question, &batch.document).await?;
        let read = move || {
            let ReferencedReport { report, listed, found } =
                findings::read_referenced(&said.answer.text)?;
            let found = found.into_iter();
            let found = found.map(|(reference, path, finding)| Found { reference, path, finding });
            Ok(Answer {
                started_at: said.started_at,
                made_at: report.made_at,
                about_subject: report.artifact == said.target,
                os: report.os,
                end_of_life: report.end_of_life,
                complaints: said.answer.complaints,
                listed,
                found: found.collect(),
                packages: report.packages,
            })
        };
        let answer = self.read(read).await?;
        self.kept.put(&question, &answer);
        Ok((answer, false))
    }

    async fn alone(&self, inventory: &Digest, text: String) -> Result<(Alone, bool), Failure> {
        if let Some(answer) = self.kept.get(inventory) {
            return Ok((answer, true));
        }
        let said = self.trivy(inventory, &text).await?;
        let read = move || {
            let report = findings::read(&said.answer.text)?;
            let answer = Answer {
                started_at: said.started_at,
                made_at: report.made_at,
                about_subject: report.artifact == said.target,
                os: report.os,
                end_of_life: report.end_of_life,
                complaints: said.answer.complaints,
                listed: std::collections::BTreeSet::new(),
                found: Vec::new(),
                packages: report.packages,
            };
            Ok(Alone { answer, findings: report.findings })
        };
        let alone = self.read(read).await?;
        self.kept.put(inventory, &alone);
        Ok((alone, false))
    }

    async fn trivy(&self, question: &Digest, document: &str) -> Result<Said, Failure> {
        let Rescanner { scanner, database, scratch, .. } = self.rescanner;
        let target = scratch.join(format!("{}.cdx.json", question.hex()));
        fs_err::write(&target, document)
            .map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
        // The machine's clock, not the run's: it is compared with the time that Trivy writes.
        let started_at = Clock::system().now();
        let answer = scanner.match_inventory(&target, database, scratch).await;
        let _ = fs_err::remove_file(&target);
        let answer = answer.map_err(|error| error.failure(scanner.log.path()))?;
        Ok(Said { started_at, target: target.into_string(), answer })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, findings::ReadError> + Send + 'static,
    ) -> Result<T, Failure> {
        let log: &Utf8Path = self.rescanner.scanner.log.path();
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
        read.map_err(|error| Failure::caused_by(FailureClass::Scan, &error).log(log))
    }
}

/// What Trivy has said, and of what.
struct Said {
    started_at: jiff::Timestamp,
    target: String,
    answer: trivy::Answer,
}
