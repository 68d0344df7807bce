//! Runs Trivy where nothing can influence it.

use camino::Utf8Path;
use thiserror::Error;

use super::isolation::{Isolation, NO_ISOLATION};
use super::{Database, complaints, probe};
use crate::model::{Failure, FailureClass, OsIdentity, Scope, Tool};
use crate::process::{
    Cancellation, ChildEnvironment, Command, Finished, Launcher, Log, Outcome, ProcessError, Stream,
};

/// No download, no telemetry, no cache on disk that another run could hold.
const OFFLINE: [&str; 7] = [
    "--skip-db-update",
    "--skip-java-db-update",
    "--offline-scan",
    "--skip-version-check",
    "--disable-telemetry",
    "--cache-backend",
    "memory",
];

/// How much of Trivy's log is kept in memory. What does not fit counts as a complaint.
const LOG_LIMIT: usize = 4 << 20;

/// Why Trivy gave no answer. Nothing is proven then.
#[derive(Debug, Error)]
pub enum TrivyError {
    /// It did not run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended with an error.
    #[error("Trivy failed to {purpose} ({outcome}){}", .said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Failed {
        /// What it was to do.
        purpose: String,
        /// How it ended.
        outcome: Outcome,
        /// What it said last.
        said: Option<String>,
    },
    /// Its output cannot be read, or its input cannot be written.
    #[error("cannot exchange files with Trivy")]
    Io(#[from] std::io::Error),
}

impl TrivyError {
    /// The failure that a run reports. `log` is where everything that Trivy said stands.
    pub fn failure(&self, log: &Utf8Path) -> Failure {
        match self {
            Self::Process(error) => error.failure(FailureClass::Scan).log(log),
            // Trivy's own code for a Go panic: in practice a database that is cut off.
            Self::Failed { outcome: Outcome::Exited(2), .. } => {
                Failure::caused_by(FailureClass::Scan, self)
                    .hint(
                        "Trivy crashed, most likely over a damaged advisory database: \
                         leave `--db` out to download a fresh one, or copy the folder again",
                    )
                    .log(log)
            }
            Self::Failed { .. } | Self::Io(_) => {
                Failure::caused_by(FailureClass::Scan, self).log(log)
            }
        }
    }
}

/// What Trivy answered.
#[derive(Debug)]
pub struct Answer {
    /// Its report or document.
    pub text: String,
    /// What it complained about on the way.
    pub complaints: Vec<String>,
}

/// Trivy, ready to be asked.
#[derive(Debug, Clone)]
pub struct Scanner {
    /// The program.
    pub tool: Tool,
    /// Starts it.
    pub launcher: Launcher,
    /// Stops it.
    pub cancellation: Cancellation,
    /// Where everything that it says is appended.
    pub log: Log,
}

impl Scanner {
    /// Lists what is installed in the root file system `tree`: a CycloneDX document. Needs no database.
    /// The complaints are what it passed over.
    pub async fn list_tree(
        &self,
        tree: &Utf8Path,
        scope: Scope,
        scratch: &Utf8Path,
    ) -> Result<Answer, TrivyError> {
        let arguments = ["rootfs", "--format", "cyclonedx", "--pkg-types", package_types(scope)];
        let purpose = "list what is installed";
        let (text, log) = self.ask(purpose, &arguments, None, tree, scratch).await?;
        Ok(Answer { text, complaints: complaints::obstacles(&log) })
    }

    /// Looks for secrets in the root file system `tree`: a report in Trivy's JSON, in which they are
    /// masked. Needs no database. Trivy has no complaints of its own here: what it passes over is no text.
    pub async fn find_secrets(
        &self,
        tree: &Utf8Path,
        scratch: &Utf8Path,
    ) -> Result<String, TrivyError> {
        let arguments = ["rootfs", "--format", "json", "--scanners", "secret"];
        Ok(self.ask("look for secrets", &arguments, None, tree, scratch).await?.0)
    }

    /// Matches what is installed in the root file system `tree` against `database`: a report in Trivy's
    /// JSON, unfiltered. The complaints are what makes silence worthless.
    pub async fn match_tree(
        &self,
        tree: &Utf8Path,
        scope: Scope,
        database: &Database,
        scratch: &Utf8Path,
    ) -> Result<Answer, TrivyError> {
        let arguments = [
            "rootfs",
            "--format",
            "json",
            "--list-all-pkgs",
            "--scanners",
            "vuln",
            "--pkg-types",
            package_types(scope),
        ];
        let purpose = "match what is installed against the advisories";
        let (text, log) = self.ask(purpose, &arguments, Some(database), tree, scratch).await?;
        Ok(Answer { text, complaints: complaints::complaints(&log) })
    }

    /// Matches the CycloneDX document at `inventory` against `database`: a report in Trivy's JSON,
    /// unfiltered. The complaints are what makes silence worthless.
    pub async fn match_inventory(
        &self,
        inventory: &Utf8Path,
        database: &Database,
        scratch: &Utf8Path,
    ) -> Result<Answer, TrivyError> {
        let arguments = ["sbom", "--format", "json", "--list-all-pkgs", "--scanners", "vuln"];
        let purpose = "match the inventory against the advisories";
        let (text, log) = self.ask(purpose, &arguments, Some(database), inventory, scratch).await?;
        Ok(Answer { text, complaints: complaints::complaints(&log) })
    }

    /// Whether a complaint is about packages of an operating system alone.
    pub fn is_about_system(complaint: &str) -> bool {
        complaints::is_about_system(complaint)
    }

    /// Whether Trivy has advisories for libraries with package URLs of this type.
    pub fn covers(kind: &str) -> bool {
        probe::is_covered(kind)
    }

    /// Asks about packages so old that a database which knows `os`, or else `libraries` of these kinds,
    /// must object: the report, in Trivy's JSON. None for what Trivy has no advisories for.
    pub async fn probe(
        &self,
        os: Option<&OsIdentity>,
        libraries: impl Iterator<Item = &str>,
        database: &Database,
        scratch: &Utf8Path,
    ) -> Result<Option<String>, TrivyError> {
        let question = os.and_then(probe::question);
        let question = question.or_else(|| probe::question_for_libraries(libraries));
        let Some(question) = question else {
            return Ok(None);
        };
        let path = scratch.join("probe.cdx.json");
        fs_err::write(&path, question)?;
        let answer = self.match_inventory(&path, database, scratch).await?;
        Ok(Some(answer.text))
    }

    /// Runs Trivy in an empty folder of its own: a `.trivyignore` or `trivy.yaml` where it runs, or
    /// a `TRIVY_…` variable, would decide for the gate. It has no network, where this machine can do
    /// without.
    async fn ask(
        &self,
        purpose: &str,
        arguments: &[&str],
        database: Option<&Database>,
        target: &Utf8Path,
        scratch: &Utf8Path,
    ) -> Result<(String, String), TrivyError> {
        let private = camino_tempfile_in(scratch)?;
        let folder = Utf8Path::from_path(private.path()).unwrap_or(scratch);
        let (cwd, cache, temporary) =
            (folder.join("cwd"), folder.join("cache"), folder.join("tmp"));
        for folder in [&cwd, &cache, &temporary] {
            fs_err::create_dir(folder)?;
        }
        let output = folder.join("output.json");
        let cache = database.map_or(cache.as_path(), |database| &database.folder);
        let isolation = Isolation::find(&self.launcher, &self.cancellation).await;
        let command = if let Some(isolation) = isolation {
            isolation.command(self.tool.path.as_str(), purpose)
        } else {
            self.log.note(NO_ISOLATION)?;
            Command::new(&self.tool.path, purpose)
        };
        let command = command
            .arguments(arguments.iter().copied())
            .arguments(["--cache-dir", cache.as_str(), "--output", output.as_str()])
            .arguments(OFFLINE)
            .arguments([target.as_str()])
            .directory(&cwd)
            .environment(
                ChildEnvironment::default()
                    .set("HOME", folder.as_str())
                    .set("TMPDIR", temporary.as_str())
                    .set("PATH", "/usr/bin:/bin"),
            )
            .log(&self.log);
        let mut log = String::new();
        let finished = self
            .launcher
            .run(&command, &self.cancellation, |line| {
                if line.stream == Stream::Stderr && log.len() < LOG_LIMIT {
                    log.push_str(&String::from_utf8_lossy(line.bytes));
                    log.push('\n');
                }
            })
            .await?;
        if log.len() >= LOG_LIMIT {
            log.push_str("\tERROR\ttoo much was said to be read\n");
        }
        Self::check(finished, &log)?;
        Ok((fs_err::read_to_string(&output)?, log))
    }

    fn check(finished: Finished, log: &str) -> Result<(), TrivyError> {
        match finished.outcome {
            Outcome::Exited(0) => Ok(()),
            outcome if finished.cancelled.is_none() && finished.timed_out.is_none() => {
                let said = complaints::reason(log);
                Err(TrivyError::Failed { purpose: finished.purpose, outcome, said })
            }
            _ => Err(finished.success().err().map_or_else(
                || std::io::Error::other("Trivy was stopped").into(),
                TrivyError::Process,
            )),
        }
    }
}

fn camino_tempfile_in(scratch: &Utf8Path) -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("trivy-").tempdir_in(scratch)
}

fn package_types(scope: Scope) -> &'static str {
    match scope {
        Scope::Os => "os",
        Scope::Full => "os,library",
    }
}
