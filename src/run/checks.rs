//! `checks:` other people's checkers look at the artifact, or at what it is made of, and the gate
//! judges what they object to.

use std::io::{ErrorKind, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::Mutex;

use super::examine::{Examiner, Subject};
use crate::findings;
use crate::model::{Check, CheckResult, Failure, FailureClass};
use crate::process::{ChildEnvironment, Command, Outcome};

/// The largest answer.
const LARGEST: u64 = 64 << 20;
/// Whose turn it is to write an answer into a file that `images.yml` names.
static ANSWERS: Mutex<()> = Mutex::const_new(());
/// Results of all checkers together.
const RESULTS: usize = 20_000;

/// What the checkers of `subject` object to. One that comes to no answer is a failure: nothing is
/// known then.
pub(super) async fn run(
    examiner: &Examiner,
    subject: &Subject<'_>,
    scratch: &Utf8Path,
) -> Result<Vec<CheckResult>, Failure> {
    let mut all = Vec::new();
    for (number, check) in subject.checks.iter().enumerate() {
        let private = scratch.join(format!("check-{number}"));
        all.extend(one(examiner, subject, check, &private).await?);
    }
    if all.len() > RESULTS {
        let reason = format!("the checks of images.yml have more than {RESULTS} results");
        return Err(Failure::new(FailureClass::Scan, reason));
    }
    Ok(all)
}

async fn one(
    examiner: &Examiner,
    subject: &Subject<'_>,
    check: &Check,
    private: &Utf8Path,
) -> Result<Vec<CheckResult>, Failure> {
    // Images of one folder name the same file: one after the other, or one would be judged by what was
    // said of another.
    let _turn = match check.sarif {
        Some(_) => Some(ANSWERS.lock().await),
        None => None,
    };
    let log = &examiner.scanner.log;
    let io = |error: std::io::Error| Failure::caused_by(FailureClass::Scan, &error);
    let answer = fresh(check, subject.workdir, private)?;
    let temporary = private.join("tmp");
    fs_err::create_dir_all(&temporary).map_err(io)?;
    let disk = subject.artifact.disk();
    let environment = ChildEnvironment::allowed(&examiner.environment)
        .pass(&examiner.environment, subject.env)
        .set("GOLDSMITH_ARTIFACT", disk.path.as_str())
        .set("GOLDSMITH_DIGEST", disk.digest.to_string())
        .set("TMPDIR", temporary.as_str());
    let printed = private.join("printed");
    let command = Command::new("/bin/sh", "run a check of images.yml")
        .arguments(["-c", r#"exec >"$0"; eval "$1""#, printed.as_str(), &check.run])
        .directory(subject.workdir)
        .environment(environment)
        .timeout(subject.timeout)
        .log(log);
    let finished = examiner.launcher.run(&command, &examiner.cancellation, |_| {}).await;
    let finished = finished.map_err(|error| error.failure(FailureClass::Scan).log(log.path()))?;
    // Checkers end with another code than 0 when they find something: their SARIF says what it was.
    let ended = matches!(finished.outcome, Outcome::Exited(_));
    if !ended || finished.cancelled.is_some() || finished.timed_out.is_some() {
        finished.success().map_err(|error| error.failure(FailureClass::Scan).log(log.path()))?;
    }
    let answer = answer.unwrap_or(printed);
    let (path, shown) = (answer.clone(), check.run.clone());
    let failed = move |why: String| {
        let reason = format!("the check `{shown}` has no answer: {why}");
        Failure::new(FailureClass::Scan, reason).hint(
            "the command has to write SARIF 2.1.0 to the file that `sarif` names, or print it",
        )
    };
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        let file = fs_err::File::open(&path)?;
        // A pipe has no end.
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        file.take(LARGEST + 1).read_to_string(&mut text)?;
        Ok(text)
    });
    let text = read.await.map_err(std::io::Error::from).flatten();
    let text = text.map_err(|error| failed(error.to_string()).log(log.path()))?;
    if text.len() as u64 > LARGEST {
        return Err(failed("it is too large".to_owned()).log(log.path()));
    }
    findings::read_checks(&text).map_err(|error| {
        let source = std::error::Error::source(&error);
        let source = source.map(|source| format!(": {source}")).unwrap_or_default();
        failed(format!("{error}{source}")).log(log.path())
    })
}

/// Where the check writes its answer, if not to its standard output. What an earlier run has left there
/// is no answer, and is removed.
fn fresh(
    check: &Check,
    workdir: &Utf8Path,
    private: &Utf8Path,
) -> Result<Option<Utf8PathBuf>, Failure> {
    let io = |error: std::io::Error| Failure::caused_by(FailureClass::Scan, &error);
    fs_err::create_dir_all(private).map_err(io)?;
    let Some(path) = check.sarif.as_ref().map(|path| workdir.join(path)) else { return Ok(None) };
    if !matches!(path.extension(), Some("sarif" | "json")) {
        let reason = format!("`{path}` of a check is not called as SARIF is");
        let failure = Failure::new(FailureClass::Config, reason);
        return Err(failure.hint("what lies there is removed before the check runs: let the name end in `.sarif` or `.json`"));
    }
    match fs_err::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(error)),
        _ => Ok(Some(path)),
    }
}
