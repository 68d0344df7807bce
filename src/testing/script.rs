//! A test that somebody wrote: a command line.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::{CaseOutcome, TestCase, TestResult};
use crate::process::{
    Cancellation, ChildEnvironment, Command, Finished, Launcher, Line, Log, Redaction, Stream,
    friendly,
};

use super::tap::Tap;
use super::{Clones, MAX_MESSAGE, MAX_NAME, TestingError, begin, results};

/// A command line that tests a copy of an artifact.
pub struct Script<'a> {
    /// What `/bin/sh -c` gets.
    pub command: &'a str,
    /// Where it runs.
    pub directory: &'a Utf8Path,
    /// What it sees besides where the copy and the folder for results are.
    pub environment: ChildEnvironment,
    /// How long it may take.
    pub timeout: Duration,
    /// How long it may take to stop.
    pub grace: Duration,
    /// What nobody may see of its output.
    pub redaction: Redaction,
    /// Where its output is appended.
    pub log: &'a Log,
}

impl Script<'_> {
    /// Runs it on a copy of `disk`. Everything of that lies in `folder`, which is empty.
    pub async fn run(
        self,
        disk: &Utf8Path,
        folder: &Utf8Path,
        clones: &Clones,
        mut on_line: impl FnMut(Line<'_>),
    ) -> Result<TestResult, TestingError> {
        let name = begin(self.command, MAX_NAME);
        let copy = clones.of(disk, folder).await?;
        let results = folder.join("results");
        fs_err::create_dir(&results)?;
        let environment = self
            .environment
            .clone()
            .set("GOLDSMITH_ARTIFACT", copy.as_str())
            .set("GOLDSMITH_RESULTS", results.as_str());
        let command = Command::new("/bin/sh", format!("test the image with `{name}`"))
            .arguments(["-c", self.command])
            .directory(self.directory)
            .environment(environment)
            .timeout(self.timeout)
            .grace(self.grace)
            .redaction(self.redaction.clone())
            .log(self.log);
        let mut tap = Tap::default();
        let listen = |line: Line<'_>| {
            if line.stream == Stream::Stdout {
                tap.push(&String::from_utf8_lossy(line.bytes));
            }
            on_line(line);
        };
        let Clones { launcher, cancellation, .. } = clones;
        let finished = run(launcher, cancellation, &command, listen).await?;
        if finished.leftover > 0 {
            let text = format!(
                "processes that the test had left behind were killed: {}",
                finished.leftover
            );
            on_line(Line { stream: Stream::Stderr, bytes: text.as_bytes(), continues: false });
        }
        let took = finished.took;
        let of_files = tokio::task::spawn_blocking(move || results::read(&results))
            .await
            .map_err(std::io::Error::from)
            .flatten()?;
        let mut cases = if tap.is_there() { tap.finish() } else { Vec::new() };
        cases.extend(of_files);
        conclude(&name, &mut cases, end(&finished));
        for case in &mut cases {
            case.name = self.redaction.text(&case.name).into_owned();
            case.message = self.redaction.text(&case.message).into_owned();
        }
        Ok(TestResult { name, cases, took, kept: Vec::new() })
    }
}

/// Runs `command` to its end, unless somebody wishes to stop.
async fn run(
    launcher: &Launcher,
    cancellation: &Cancellation,
    command: &Command,
    on_line: impl FnMut(Line<'_>),
) -> Result<Finished, TestingError> {
    let finished = launcher.run(command, cancellation, on_line).await?;
    if finished.cancelled.is_some() { Ok(finished.success()?) } else { Ok(finished) }
}

/// How the script ended, if not well.
fn end(finished: &Finished) -> Option<String> {
    if let Some(limit) = finished.timed_out {
        return Some(format!("not done after {}", friendly(limit)));
    }
    if finished.succeeded() {
        return None;
    }
    let said = finished.stderr.last_line().or_else(|| finished.stdout.last_line());
    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
    Some(format!("{}{said}", finished.outcome))
}

/// Adds what the end of the script says to what it told. A script that ends badly has failed,
/// whatever its cases say; where it told nothing, its end is all there is.
fn conclude(name: &str, cases: &mut Vec<TestCase>, end: Option<String>) {
    let told = cases.iter().any(|case| case.outcome == CaseOutcome::Failed);
    match end {
        Some(why) if !told => cases.push(TestCase::failed(name, begin(&why, MAX_MESSAGE))),
        None if cases.is_empty() => cases.push(TestCase::passed(name, "")),
        _ => {}
    }
}

/// Where the files of a test lie, made afresh.
pub fn folder_of(work: &Utf8Path, number: usize) -> std::io::Result<Utf8PathBuf> {
    let folder = work.join(format!("test-{}", number + 1));
    let _ = fs_err::remove_dir_all(&folder);
    fs_err::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concluded(mut cases: Vec<TestCase>, end: Option<&str>) -> String {
        conclude("./smoke.sh", &mut cases, end.map(str::to_owned));
        let told = |case: &TestCase| format!("{:?} {} {}", case.outcome, case.name, case.message);
        cases.iter().map(told).collect::<Vec<_>>().join("; ").trim_end().to_owned()
    }

    #[test]
    fn a_script_that_ends_badly_has_failed_whatever_its_cases_say() {
        let passed = || vec![TestCase::passed("boots", "")];
        let failed = || vec![TestCase::failed("boots", "no")];
        insta::assert_snapshot!([
            concluded(Vec::new(), None),
            concluded(Vec::new(), Some("exit status 3: oh")),
            concluded(passed(), None),
            concluded(passed(), Some("not done after 15m")),
            concluded(failed(), Some("exit status 1")),
            concluded(failed(), None),
        ].join("\n"), @"
        Passed ./smoke.sh
        Failed ./smoke.sh exit status 3: oh
        Passed boots
        Passed boots ; Failed ./smoke.sh not done after 15m
        Failed boots no
        Failed boots no
        ");
    }
}
