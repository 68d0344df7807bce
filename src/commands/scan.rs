//! `goldsmith scan`: looks inside an artifact that exists and judges it. Publishes and records
//! nothing.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::planning::images;
use super::refusals::Refusals;
use super::run::{open_database, refresh};
use super::session::{Session, no_state};
use crate::cli;
use crate::config::Checked;
use crate::gate::{self, Case};
use crate::matrix;
use crate::model::{Decision, Failure, FailureClass, Image, ImageName, ImageOutcome, NoteLevel};
use crate::process::{Log, close_log};
use crate::report::ImageReport;
use crate::run::{
    Examiner, HandedInError, Kept, RunDirectory, forget_old_runs, handed_in, new_run_id, objection,
    state_folder,
};
use crate::trivy::{self, Scanner};

/// Looks and judges.
pub(super) async fn run(session: &Session, arguments: &cli::Scan) -> Result<ImageReport, Failure> {
    let begun = Instant::now();
    let Checked { catalog, warnings, later, .. } = session.catalog()?;
    let image = catalog.images.get(&arguments.image).ok_or_else(|| {
        let reason = format!("no image is called `{}` in `{}`", arguments.image, catalog.path);
        let names = catalog.images.keys().map(ImageName::as_str);
        Failure::new(FailureClass::Usage, reason).hint(
            match matrix::most_similar(arguments.image.as_str(), names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("images.yml has: {}", images(&catalog)),
            },
        )
    })?;
    let refusals = Refusals { later, sources: warnings.sources().clone() };
    refusals.refuse_judging(session, image)?;
    let path = session.existing_file(&arguments.path)?;
    let state = state_folder(&session.environment)?;
    let database = match &arguments.db {
        Some(folder) => Some(open_database(session, folder)?),
        None => None,
    };
    let tool = trivy::find(&session.environment, &session.launcher, &session.cancellation).await?;
    let qemu_img = session.qemu_img().await?;
    let database = match database {
        Some(database) => database,
        None => refresh(session, &tool, &state).await?,
    };

    // As for a run: room for a whole disk, and a log that is still there when it is named.
    let _ = forget_old_runs(&state);
    let (directory, mut journal) =
        RunDirectory::create(&state, &new_run_id(&session.clock), session.clock)
            .map_err(|error| no_state(&error))?;
    let log = Log::from(directory.log(image.name.as_str()));
    let examiner = Examiner {
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        qemu_img: qemu_img.path,
        scanner: Scanner {
            tool,
            launcher: session.launcher.clone(),
            cancellation: session.cancellation.clone(),
            log: log.clone(),
        },
        database,
    };
    let examined = examine(session, image, path, &examiner, &directory.work()).await;
    if let Err(error) = directory.finish(&mut journal, Kept::Nothing) {
        let text = format!("the scratch space could not be removed: {error}");
        session.events.note(Some(&image.name), NoteLevel::Warning, text);
    }
    let path = log.path().to_owned();
    let closed = tokio::task::spawn_blocking(move || close_log(&path)).await;
    let now = match closed {
        Ok(Ok(closed)) => closed,
        _ => log.path().to_owned(),
    };
    let mut report = examined.map_err(|failure| match failure.log {
        Some(_) => failure.log(&now),
        None => failure,
    })?;
    report.took = begun.elapsed();
    report.log = Some(now);
    Ok(report)
}

async fn examine(
    session: &Session,
    image: &Image,
    path: Utf8PathBuf,
    examiner: &Examiner,
    scratch: &Utf8Path,
) -> Result<ImageReport, Failure> {
    let wish = session.cancellation.clone();
    let taken = tokio::task::spawn_blocking(move || handed_in(&path, &wish))
        .await
        .map_err(std::io::Error::from)
        .map_err(HandedInError::from)
        .flatten();
    let artifact = taken.map_err(|error| error.failure())?;
    let evidence = examiner.evidence(artifact.disk(), scratch).await?;
    let scan = examiner.scan(&evidence, scratch).await?;
    let verdict = gate::judge(&Case {
        subject: artifact.disk().digest,
        expected: &image.os,
        evidence: &evidence,
        scan: &scan,
        policy: &image.gate,
        now: session.clock.now(),
    });
    let outcome = match verdict.decision {
        Decision::Passed => ImageOutcome::Passed,
        Decision::Blocked | Decision::Untrusted => {
            ImageOutcome::Rejected { failure: objection(&verdict) }
        }
    };
    let mut report = ImageReport::new(image.name.clone(), outcome);
    report.os = evidence.os;
    report.packages = Some(evidence.inventory.packages.len());
    report.size = Some(artifact.size());
    report.digest = Some(artifact.disk().digest);
    report.advisories = Some(scan.advisories);
    report.verdict = Some(verdict);
    Ok(report)
}
