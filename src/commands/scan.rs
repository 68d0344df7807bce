//! `goldsmith scan`: looks inside an artifact that exists and judges it. Publishes and records
//! nothing.

use std::time::Instant;

use camino::Utf8PathBuf;

use super::run::{open_database, refresh};
use super::session::Session;
use super::{Done, deliver};
use crate::cli;
use crate::gate::{self, Case};
use crate::model::{Artifact, Decision, ExitCode, Failure, FailureClass, Image, ImageOutcome};
use crate::report::ImageReport;
use crate::run::{Examiner, handed_in, objection, state_folder};
use crate::trivy::{self, Scanner};

/// Looks, judges, and prints the result.
pub(super) async fn run(session: &Session, arguments: &cli::Scan) -> Result<Done, Failure> {
    let report = scan(session, arguments).await?;
    deliver::image(session, arguments.format, &report);
    Ok(match &report.outcome {
        ImageOutcome::Rejected { failure } => Done::failed(failure),
        _ => Done::ok(ExitCode::Done),
    })
}

async fn scan(session: &Session, arguments: &cli::Scan) -> Result<ImageReport, Failure> {
    let begun = Instant::now();
    let catalog = session.catalog()?;
    let image = catalog.images.get(&arguments.image).ok_or_else(|| {
        let reason = format!("no image is called `{}` in `{}`", arguments.image, catalog.path);
        Failure::new(FailureClass::Usage, reason)
    })?;
    let path = session.existing_file(&arguments.path)?;
    let state = state_folder(&session.environment);
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

    let io = |error: std::io::Error| Failure::caused_by(FailureClass::Scan, &error);
    let scratch = tempfile::Builder::new().prefix("goldsmith-scan-").tempdir().map_err(io)?;
    let folder = Utf8PathBuf::try_from(scratch.path().to_owned())
        .map_err(|error| io(error.into_io_error()))?;
    let artifact = handed_in(&path).map_err(io)?;
    let examiner = Examiner {
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        qemu_img: qemu_img.path,
        scanner: Scanner {
            tool,
            launcher: session.launcher.clone(),
            cancellation: session.cancellation.clone(),
            log: folder.join("scan.log"),
        },
        database,
    };
    let examined = examine(session, image, &artifact, &examiner, &folder).await;
    let mut report = examined.map_err(|mut failure| {
        // It lies in the scratch folder, which is gone when this is read.
        failure.log = None;
        failure
    })?;
    report.took = begun.elapsed();
    Ok(report)
}

async fn examine(
    session: &Session,
    image: &Image,
    artifact: &Artifact,
    examiner: &Examiner,
    scratch: &camino::Utf8Path,
) -> Result<ImageReport, Failure> {
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
