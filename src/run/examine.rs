//! Artifact → evidence → scan: the part of a run that `goldsmith scan` shares.

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use crate::clock::Clock;
use crate::evidence::{ConvertedDisk, DiskLister, EvidenceSource as _, Listing};
use crate::findings;
use crate::model::{
    Advisories, Artifact, ArtifactFile, Decision, Evidence, Failure, FailureClass, Obstacle,
    OsIdentity, Probe, Scan, Verdict,
};
use crate::process::{Cancellation, Launcher};
use crate::trivy::{Database, Scanner};

/// Looks into artifacts.
pub struct Examiner {
    /// Starts the tools.
    pub launcher: Launcher,
    /// Stops them.
    pub cancellation: Cancellation,
    /// The program `qemu-img`.
    pub qemu_img: Utf8PathBuf,
    /// Trivy; also lists disks.
    pub scanner: Scanner,
    /// What it looks things up in.
    pub database: Database,
}

struct TrivyLister(Scanner);

#[async_trait]
impl DiskLister for TrivyLister {
    async fn list(&self, raw: &Utf8Path, scratch: &Utf8Path) -> Result<Listing, Failure> {
        let answer = self.0.list_disk(raw, scratch).await;
        let answer = answer.map_err(|error| error.failure(self.0.log.path()))?;
        Ok(Listing { document: answer.text, obstacles: answer.complaints })
    }
}

impl Examiner {
    /// Gathers the evidence of `disk`.
    pub async fn evidence(
        &self,
        disk: &ArtifactFile,
        scratch: &Utf8Path,
    ) -> Result<Evidence, Failure> {
        let source = ConvertedDisk {
            launcher: self.launcher.clone(),
            cancellation: self.cancellation.clone(),
            qemu_img: self.qemu_img.clone(),
            log: self.scanner.log.clone(),
            lister: TrivyLister(self.scanner.clone()),
        };
        source.gather(disk, scratch).await.map_err(|error| error.failure())
    }

    /// Matches the inventory against the advisories, and asks the question whose answer is known.
    pub async fn scan(&self, evidence: &Evidence, scratch: &Utf8Path) -> Result<Scan, Failure> {
        let log = self.scanner.log.path();
        let inventory = scratch.join("inventory.cdx.json");
        fs_err::write(&inventory, &evidence.inventory.document)
            .map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
        // The machine's clock, not the run's: it is compared with the time that Trivy writes.
        let started_at = Clock::system().now();
        let answer = self
            .scanner
            .match_inventory(&inventory, &self.database, scratch)
            .await
            .map_err(|error| error.failure(log))?;
        let report = findings::read(&answer.text)
            .map_err(|error| Failure::caused_by(FailureClass::Scan, &error).log(log))?;
        let probe = match &evidence.os {
            Some(os) => self.probe(os, scratch).await?,
            None => Probe::NotAsked,
        };
        Ok(Scan {
            findings: report.findings,
            os: report.os,
            end_of_life: report.end_of_life,
            packages: report.packages,
            scanner: self.scanner.tool.clone(),
            advisories: Advisories {
                updated_at: self.database.updated_at,
                fixture: self.database.fixture.clone(),
                probe,
            },
            made_at: report.made_at,
            started_at,
            about_subject: report.artifact == inventory.as_str(),
            complaints: answer.complaints,
        })
    }

    async fn probe(&self, os: &OsIdentity, scratch: &Utf8Path) -> Result<Probe, Failure> {
        let log = self.scanner.log.path();
        let text = self
            .scanner
            .probe(os, &self.database, scratch)
            .await
            .map_err(|error| error.failure(log))?;
        let Some(text) = text else {
            return Ok(Probe::NotAsked);
        };
        let report = findings::read(&text)
            .map_err(|error| Failure::caused_by(FailureClass::Scan, &error).log(log))?;
        Ok(match report.findings.len() {
            0 => Probe::Silent,
            count => Probe::Answered(count),
        })
    }
}

/// The failure that stands for a verdict which is not "passed".
pub fn objection(verdict: &Verdict) -> Failure {
    let class = match verdict.decision {
        Decision::Untrusted => FailureClass::Untrusted,
        Decision::Blocked | Decision::Passed => FailureClass::Blocked,
    };
    let failure = Failure::new(class, super::phrase::of_verdict(verdict));
    verdict.reasons.iter().fold(failure, |failure, reason| failure.hint(reason.help.clone()))
}

/// Files of an artifact that cannot hold a system: firmware variables, checksums, descriptions.
const HARMLESS: [&str; 6] = ["fd", "json", "md5", "sha256", "sha512", "txt"];

/// What of an artifact nobody has looked into: every file but the first disk, unless it is known to
/// be harmless. Names prove nothing (QEMU's additional disks have no extension), so doubt counts.
pub(super) fn unseen(artifact: &Artifact) -> impl Iterator<Item = Obstacle> {
    let further = artifact.files.iter().skip(1);
    further
        .filter(|file| !file.path.extension().is_some_and(|known| HARMLESS.contains(&known)))
        .map(|file| Obstacle {
            what: format!(
                "`{}` is a further file of the artifact, and only the first disk is looked into",
                file.path.file_name().unwrap_or_default()
            ),
        })
}
