//! Strategy `{ scanner: … }`: the user's command looks into the artifact, and what it answers is judged
//! like any other finding.

use std::io::Read as _;
use std::time::Duration;

use camino::Utf8Path;

use super::examine::{Examiner, Subject};
use crate::clock::Clock;
use crate::evidence;
use crate::findings;
use crate::model::{Evidence, Failure, FailureClass};
use crate::process::{ChildEnvironment, Command};

/// What two clocks may differ by.
const SECOND: Duration = Duration::from_secs(1);
/// The largest answer.
const LARGEST: u64 = 256 << 20;

/// The user's scanner.
pub(super) struct ScannerCommand<'a> {
    pub(super) examiner: &'a Examiner,
    pub(super) subject: &'a Subject<'a>,
    pub(super) command: &'a str,
}

impl ScannerCommand<'_> {
    /// Runs it. What it prints on its standard output is its answer.
    pub(super) async fn run(&self, scratch: &Utf8Path) -> Result<Evidence, Failure> {
        let Self { examiner, subject, command } = self;
        let log = &examiner.scanner.log;
        let io = |error: std::io::Error| Failure::caused_by(FailureClass::Scan, &error);
        let answer = scratch.join("scanner-answer");
        let private = scratch.join("scanner");
        fs_err::create_dir_all(&private).map_err(io)?;
        let disk = subject.artifact.disk();
        let environment = ChildEnvironment::allowed(&examiner.environment)
            .pass(&examiner.environment, subject.env)
            .set("GOLDSMITH_ARTIFACT", disk.path.as_str())
            .set("GOLDSMITH_DIGEST", disk.digest.to_string())
            .set("TMPDIR", private.as_str());
        let started_at = Clock::system().now();
        let command =
            Command::new("/bin/sh", "look into the artifact with the scanner of images.yml")
                .arguments(["-c", r#"exec >"$0"; eval "$1""#, answer.as_str(), command])
                .directory(subject.workdir)
                .environment(environment)
                .timeout(subject.timeout)
                .log(log);
        let finished = examiner.launcher.run(&command, &examiner.cancellation, |_| {}).await;
        let finished = finished.and_then(crate::process::Finished::success);
        finished.map_err(|error| {
            error.failure(FailureClass::Scan).log(log.path()).hint(
                "a scanner that ends with another code than 0 has failed; \
                 if it says so that it found something, end the command with `|| [ $? = CODE ]`",
            )
        })?;
        let mut text = String::new();
        let file = fs_err::File::open(&answer).map_err(io)?;
        file.take(LARGEST + 1).read_to_string(&mut text).map_err(io)?;
        let reported = if text.len() as u64 > LARGEST {
            return Err(Failure::new(FailureClass::Scan, "the scanner's answer is too large"));
        } else {
            findings::read_any(&text).map_err(|error| {
                Failure::caused_by(FailureClass::Scan, &error).log(log.path()).hint(
                    "the command has to print Trivy's JSON, CycloneDX with vulnerabilities, or SARIF, \
                     and nothing else, on its standard output",
                )
            })?
        };
        // What an earlier run has left is no answer; a second covers rounding.
        if let Some(made) = reported.made_at.filter(|made| *made + SECOND < started_at) {
            let reason = format!("the scanner's answer was made at {made}, before it was asked");
            return Err(Failure::new(FailureClass::Scan, reason).log(log.path()));
        }
        let said = match &reported.tool {
            Some((name, version)) => format!("{} of {name} {version}", reported.format),
            None => reported.format.to_string(),
        };
        let findings::Reported { os, end_of_life, findings, .. } = reported;
        Ok(evidence::of_scanner(disk.digest, said, os, end_of_life, findings))
    }
}
