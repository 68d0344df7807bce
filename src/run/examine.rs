//! Artifact → evidence → scan: the part of a run that `goldsmith scan` shares.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::scanner_command::ScannerCommand;
use super::{checks, probe, sbom};
use crate::clock::Clock;
use crate::environment::Environment;
use crate::evidence::{self, EvidenceError, Gathered, Question};
use crate::findings;
use crate::model::{
    Advisories, Arch, Artifact, Basis, Check, Decision, Evidence, EvidencePolicy, Failure,
    FailureClass, Inventory, Os, Probe, Scan, Scope, Strategy, StrategyName, Verdict,
};
use crate::process::{Cancellation, Launcher};
use crate::trivy::{Answer, Database, Scanner};

/// Looks into artifacts.
pub struct Examiner {
    /// Starts the tools.
    pub launcher: Launcher,
    /// Stops them.
    pub cancellation: Cancellation,
    /// What a scanner of the user's may see some of.
    pub environment: Environment,
    /// Trivy; also lists packages.
    pub scanner: Scanner,
    /// What it looks things up in.
    pub database: Database,
}

/// What is looked into, and how.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The artifact.
    pub artifact: &'a Artifact,
    /// How to look.
    pub policy: &'a EvidencePolicy,
    /// What `images.yml` says that it is, if it does.
    pub expected: Option<&'a Os>,
    /// Its architecture.
    pub arch: Arch,
    /// What the guest has handed over at the end of its build, if it was asked.
    pub collected: Option<&'a Utf8Path>,
    /// Folders in which backing files are read.
    pub backing: &'a [Utf8PathBuf],
    /// Where the user's scanner runs.
    pub workdir: &'a Utf8Path,
    /// Environment variables that the user's scanner gets besides the allow-list.
    pub env: &'a [String],
    /// How long the user's scanner, and each of the checks, may take.
    pub timeout: Duration,
    /// Further checkers.
    pub checks: &'a [Check],
}

/// What was found inside, and what a scanner can look at.
pub struct Seen {
    /// The evidence.
    pub evidence: Evidence,
    /// The files that were taken out, as a small root file system.
    tree: Option<Utf8PathBuf>,
    scope: Scope,
}

impl Examiner {
    /// What was found in `subject` at `told_at`, when nobody can look any more, with what checkers say of
    /// it now.
    pub(super) async fn again(
        &self,
        subject: &Subject<'_>,
        evidence: Evidence,
        told_at: Timestamp,
        scratch: &Utf8Path,
    ) -> Result<Seen, Failure> {
        let checks = checks::run(self, subject, scratch).await?;
        let evidence = Evidence { checks, told_at: Some(told_at), ..evidence };
        Ok(Seen { evidence, tree: None, scope: subject.policy.scope })
    }

    /// Gathers the evidence of `subject`, and asks its checkers.
    pub async fn evidence(
        &self,
        subject: &Subject<'_>,
        scratch: &Utf8Path,
    ) -> Result<Seen, Failure> {
        let mut seen = self.inside(subject, scratch).await?;
        seen.evidence.checks = checks::run(self, subject, scratch).await?;
        Ok(seen)
    }

    async fn inside(&self, subject: &Subject<'_>, scratch: &Utf8Path) -> Result<Seen, Failure> {
        let disk = subject.artifact.disk();
        let evidence = match &subject.policy.from {
            Strategy::Skip { reason, until } => {
                evidence::skipped(disk.digest, reason.clone(), *until)
            }
            Strategy::Scanner(command) => {
                let command = ScannerCommand { examiner: self, subject, command };
                command.run(scratch).await?
            }
            Strategy::Sbom(source) => {
                let (name, text) = sbom::fetch(self, subject, source, scratch).await?;
                evidence::of_document(disk.digest, &name, text).map_err(|error| error.failure())?
            }
            strategy => return self.look(subject, strategy, scratch).await,
        };
        Ok(Seen { evidence, tree: None, scope: subject.policy.scope })
    }

    /// Looks at the files inside.
    async fn look(
        &self,
        subject: &Subject<'_>,
        strategy: &Strategy,
        scratch: &Utf8Path,
    ) -> Result<Seen, Failure> {
        let scope = subject.policy.scope;
        let chosen = self.choose(subject, strategy).await?;
        if chosen == StrategyName::Sbom {
            let disk = subject.artifact.disk();
            let name = disk.path.file_name().unwrap_or_default();
            let text = sbom::read(&disk.path)?;
            let evidence = evidence::of_document(disk.digest, name, text);
            let evidence = evidence.map_err(|error| error.failure())?;
            return Ok(Seen { evidence, tree: None, scope });
        }
        let mut gathered = self.gather(subject, chosen, scratch).await?;
        let tree = gathered.tree().to_owned();
        let log = self.scanner.log.path();
        let secrets = gathered.secrets().map(Utf8Path::to_owned);
        let secrets = async {
            let Some(secrets) = &secrets else { return Ok(None) };
            self.scanner.find_secrets(secrets, scratch).await.map(Some)
        };
        let (answer, secrets) =
            tokio::join!(self.scanner.list_tree(&tree, scope, scratch), secrets);
        let Answer { text, complaints } = answer.map_err(|error| error.failure(log))?;
        if let Some(secrets) = secrets.map_err(|error| error.failure(log))? {
            let secrets = findings::read_secrets(&secrets)
                .map_err(|error| Failure::caused_by(FailureClass::Scan, &error).log(log))?;
            gathered.add_secrets(secrets);
        }
        let evidence = gathered.complete(&text, complaints);
        let evidence = evidence.map_err(|error| error.failure().log(log))?;
        Ok(Seen { evidence, tree: Some(tree), scope })
    }

    /// What `auto` means for this artifact.
    async fn choose(
        &self,
        subject: &Subject<'_>,
        strategy: &Strategy,
    ) -> Result<StrategyName, Failure> {
        match strategy {
            Strategy::Disk => Ok(StrategyName::Disk),
            Strategy::Guest => Ok(StrategyName::Guest),
            Strategy::Container => Ok(StrategyName::Container),
            Strategy::Rootfs => Ok(StrategyName::Rootfs),
            Strategy::Clone => Ok(StrategyName::Clone),
            _ if subject.collected.is_some() => Ok(StrategyName::Guest),
            _ => {
                let path = subject.artifact.disk().path.clone();
                let looks = blocking(move || Ok(evidence::looks(&path)?)).await?;
                Ok(looks.strategy())
            }
        }
    }

    /// Collects the files. Reading happens on a thread of its own.
    async fn gather(
        &self,
        subject: &Subject<'_>,
        strategy: StrategyName,
        scratch: &Utf8Path,
    ) -> Result<Gathered, Failure> {
        let disk = subject.artifact.disk().clone();
        let path = match strategy {
            StrategyName::Guest => {
                let Some(collected) = subject.collected else {
                    let reason = "the guest was not asked: that happens at the end of a build";
                    let hint = "build the image with goldsmith, or look with `evidence: disk`";
                    return Err(Failure::new(FailureClass::Scan, reason).hint(hint));
                };
                collected.to_owned()
            }
            StrategyName::Clone => {
                let reason = "`evidence: clone` is not available yet";
                return Err(Failure::new(FailureClass::Config, reason));
            }
            _ => disk.path.clone(),
        };
        let further: Vec<_> = match strategy {
            StrategyName::Disk => further(subject.artifact).map(|file| file.path.clone()).collect(),
            _ => Vec::new(),
        };
        let (expected, backing) = (subject.expected.cloned(), subject.backing.to_vec());
        let architecture = subject.arch.as_str();
        let (scope, scratch) = (subject.policy.scope, scratch.to_owned());
        let cancellation = self.cancellation.clone();
        blocking(move || {
            let question = Question {
                path: &path,
                subject: disk.digest,
                expected: expected.as_ref(),
                scope,
                backing: &backing,
                architecture,
                scratch: &scratch,
                cancellation: &cancellation,
            };
            let mut gathered = match strategy {
                StrategyName::Container => evidence::container(&question)?,
                StrategyName::Rootfs => evidence::rootfs(&question)?,
                StrategyName::Guest => evidence::guest::guest(&question)?,
                _ => evidence::disk(&question)?,
            };
            for path in &further {
                let obstacles = evidence::further_disks(&Question { path, ..question });
                gathered.add_obstacles(obstacles);
            }
            Ok(gathered)
        })
        .await
    }

    /// Matches what was found against the advisories, and asks the question whose answer is known.
    /// `None` if the evidence rests on no list of packages.
    pub async fn scan(&self, seen: &Seen, scratch: &Utf8Path) -> Result<Option<Scan>, Failure> {
        let evidence = &seen.evidence;
        if !matches!(evidence.basis, Basis::Packages | Basis::Document) {
            return Ok(None);
        }
        let log = self.scanner.log.path();
        // The machine's clock, not the run's: it is compared with the time that Trivy writes.
        let started_at = Clock::system().now();
        let matched = async {
            if let Some(tree) = &seen.tree {
                let answer = self.scanner.match_tree(tree, seen.scope, &self.database, scratch);
                return Ok((tree.clone(), answer.await.map_err(|error| error.failure(log))?));
            }
            let inventory = scratch.join("inventory.cdx.json");
            fs_err::write(&inventory, &evidence.inventory.document)
                .map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
            let answer = self.scanner.match_inventory(&inventory, &self.database, scratch);
            let answer = answer.await.map_err(|error| error.failure(log))?;
            Ok((inventory, answer))
        };
        let (matched, probe) = tokio::join!(matched, self.probe(evidence, scratch));
        let (target, mut answer) = matched?;
        let probe = probe?;
        let libraries = evidence.basis == Basis::Document && evidence.inventory.packages.is_empty();
        // That it has nothing to say about the system does not matter where the guest has.
        let guest = evidence.pending_asked && probe == Probe::NotAsked;
        if libraries || guest {
            answer.complaints.retain(|complaint| !Scanner::is_about_system(complaint));
        }
        let report = findings::read(&answer.text)
            .map_err(|error| Failure::caused_by(FailureClass::Scan, &error).log(log))?;
        Ok(Some(Scan {
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
            about_subject: report.artifact == target.as_str(),
            uncovered: probe::uncovered(&evidence.inventory.libraries),
            complaints: answer.complaints,
        }))
    }

    async fn probe(&self, evidence: &Evidence, scratch: &Utf8Path) -> Result<Probe, Failure> {
        let Inventory { packages, libraries, .. } = &evidence.inventory;
        let kinds = probe::kinds(&evidence.basis, packages, libraries);
        probe::ask(&self.scanner, &self.database, evidence.os.as_ref(), &kinds, scratch).await
    }
}

/// Does work on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| EvidenceError::Io(error.into())).flatten();
    done.map_err(|error| error.failure())
}

/// The failure that stands for a verdict which is not "passed".
pub fn objection(verdict: &Verdict) -> Failure {
    let class = match verdict.decision {
        Decision::Untrusted => FailureClass::Untrusted,
        Decision::Blocked | Decision::Passed => FailureClass::Blocked,
    };
    let failure = Failure::new(class, super::phrase::of_reasons(verdict));
    verdict.reasons.iter().fold(failure, |failure, reason| failure.hint(reason.help.clone()))
}

/// Files of an artifact that cannot hold a system: firmware variables, checksums, descriptions.
const HARMLESS: [&str; 6] = ["fd", "json", "md5", "sha256", "sha512", "txt"];

/// What of an artifact besides the first disk may hold a system: every file, unless it is known to be
/// harmless. Names prove nothing (QEMU's additional disks have no extension), so doubt counts.
fn further(artifact: &Artifact) -> impl Iterator<Item = &crate::model::ArtifactFile> {
    let further = artifact.files.iter().skip(1);
    further.filter(|file| !file.path.extension().is_some_and(|known| HARMLESS.contains(&known)))
}
