//! `goldsmith scan`: looks inside an artifact that exists and judges it. Publishes and records
//! nothing.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::judging;
use super::planning::images;
use super::reap;
use super::refusals::Refusals;
use super::run::{open_database, refresh};
use super::session::{Session, no_state};
use crate::cli;
use crate::config::Checked;
use crate::gate::{self, Case};
use crate::inputs;
use crate::matrix;
use crate::model::{
    Arch, Artifact, ArtifactFile, Before, BuildAccess, Check, Decision, Digest, EvidencePolicy,
    Expected, Failure, FailureClass, GateLists, GatePolicy, Image, ImageName, ImageOutcome,
    NoteLevel, Os, Scope, Source, Strategy,
};
use crate::process::{Log, close_log};
use crate::report::{ImageReport, Looked, Place};
use crate::run::{
    Examiner, HandedInError, Kept, RunDirectory, Subject, forget_old_runs, handed_in, new_run_id,
    objection, state_folder,
};
use crate::trivy::{self, Scanner};

/// How long the user's scanner may take if no image says it.
const SCANNER: Duration = Duration::from_hours(1);

/// What an artifact is judged as.
struct Role {
    name: ImageName,
    os: Option<Os>,
    arch: Arch,
    evidence: EvidencePolicy,
    gate: GatePolicy,
    lists: GateLists,
    /// Where `images.yml` has it, if it does.
    place: Option<Place>,
    workdir: Utf8PathBuf,
    env: Vec<String>,
    timeout: Duration,
    checks: Vec<Check>,
    source: Option<Source>,
    max_size: Option<u64>,
    access: BuildAccess,
}

/// Looks and judges.
pub(super) async fn run(session: &Session, arguments: &cli::Scan) -> Result<ImageReport, Failure> {
    let begun = Instant::now();
    let role = role(session, arguments).await?;
    let path = session.existing(&arguments.path)?;
    let backing = arguments.backing.iter().map(|folder| session.existing(folder));
    let backing = backing.collect::<Result<Vec<_>, _>>()?;
    let state = state_folder(&session.environment)?;
    let database = match &arguments.advisories.db {
        Some(folder) => Some(open_database(session, folder)?),
        None => None,
    };
    // What asks for nothing of the artifact is done while it is read: Trivy tells its version, and the
    // database is downloaded.
    let scanner = async {
        let tool = trivy::find(&session.environment, &session.launcher, &session.cancellation);
        let tool = tool.await?;
        let database = match database {
            Some(database) => database,
            None => refresh(session, &tool, &state, &arguments.advisories.db_repository).await?,
        };
        Ok((tool, database))
    };
    let ((tool, database), artifact) = tokio::try_join!(scanner, taken(session, &path))?;

    // As for a run: nothing that was taken out stays behind for long, there is room, and a log is still
    // there when it is named.
    reap::before_run(session, &state).await;
    let _ = forget_old_runs(&state);
    let (directory, mut journal) =
        RunDirectory::create(&state, &new_run_id(&session.clock), session.clock)
            .map_err(|error| no_state(&error))?;
    let log = Log::from(directory.log(role.name.as_str()));
    let examiner = Examiner {
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        environment: session.environment.clone(),
        scanner: Scanner {
            tool,
            launcher: session.launcher.clone(),
            cancellation: session.cancellation.clone(),
            log: log.clone(),
        },
        database,
    };
    let examined = examine(session, &role, &artifact, &backing, &examiner, &directory.work()).await;
    if let Err(error) = directory.finish(&mut journal, Kept::Nothing) {
        let text = format!("the scratch space could not be removed: {error}");
        session.events.note(Some(&role.name), NoteLevel::Warning, text);
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

/// What the artifact is judged as: an image of `images.yml`, or by the defaults.
async fn role(session: &Session, arguments: &cli::Scan) -> Result<Role, Failure> {
    let mut role = match &arguments.image {
        Some(name) => of_image(session, name).await?,
        None => Role {
            name: name_of(&arguments.path),
            os: arguments.os.clone(),
            arch: arguments.arch.unwrap_or(Arch::Amd64),
            evidence: EvidencePolicy::AUTO,
            gate: GatePolicy::default(),
            lists: GateLists::default(),
            place: None,
            workdir: session.directory.clone(),
            env: Vec::new(),
            timeout: SCANNER,
            checks: Vec::new(),
            source: None,
            max_size: None,
            access: BuildAccess::default(),
        },
    };
    if arguments.full {
        role.evidence.scope = Scope::Full;
    }
    if let Some(strategy) = arguments.evidence {
        role.evidence.from = match strategy {
            cli::ScanStrategy::Auto => Strategy::Auto,
            cli::ScanStrategy::Disk => Strategy::Disk,
            cli::ScanStrategy::Container => Strategy::Container,
            cli::ScanStrategy::Rootfs => Strategy::Rootfs,
        };
    }
    // Whoever names an artifact wants it looked at, and its guest is not there to be asked.
    if matches!(role.evidence.from, Strategy::Skip { .. } | Strategy::Guest | Strategy::Clone) {
        role.evidence.from = Strategy::Auto;
    }
    Ok(role)
}

async fn of_image(session: &Session, name: &ImageName) -> Result<Role, Failure> {
    let Checked { mut catalog, warnings, later, places, .. } = session.catalog()?;
    let mut lists = judging::lists(session, &mut catalog, &places, warnings.sources()).await?;
    let image: &Image = catalog.images.get(name).ok_or_else(|| {
        let reason = format!("no image is called `{name}` in `{}`", catalog.path);
        let names = catalog.images.keys().map(ImageName::as_str);
        Failure::new(FailureClass::Usage, reason).hint(
            match matrix::most_similar(name.as_str(), names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("images.yml has: {}", images(&catalog)),
            },
        )
    })?;
    let refusals = Refusals { later, sources: warnings.sources().clone() };
    refusals.refuse_judging(session, image)?;
    Ok(Role {
        name: image.name.clone(),
        os: Some(image.os.clone()),
        arch: image.arch,
        evidence: image.evidence.clone(),
        gate: image.gate.clone(),
        lists: lists.remove(&image.name).unwrap_or_default(),
        place: Some(session.place(&catalog, image)),
        workdir: image.workdir.clone(),
        env: image.env.clone(),
        timeout: image.timeout.test,
        checks: image.checks.clone(),
        source: Some(image.source),
        max_size: image.max_size,
        access: inputs::access(image),
    })
}

/// What an artifact is called that is no image: as its file, as far as that can be a name.
fn name_of(path: &Utf8Path) -> ImageName {
    let stem = path.file_stem().unwrap_or_default().to_lowercase();
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let name: String = stem.chars().map(|c| if plain(c) { c } else { '-' }).take(100).collect();
    let name = name.trim_matches(['.', '_', '-']);
    name.parse().unwrap_or_else(|_| "artifact".parse().expect("a valid name"))
}

/// The artifact, with its digest. Reads every byte.
async fn taken(session: &Session, path: &Utf8Path) -> Result<Artifact, Failure> {
    let wish = session.cancellation.clone();
    let path = path.to_owned();
    let taken = tokio::task::spawn_blocking(move || {
        if path.is_dir() {
            // A folder has no digest of its own, and nothing of it is published.
            let digest = Digest::of(path.as_str().as_bytes());
            return Ok(Artifact {
                builder: None,
                files: vec![ArtifactFile { path, size: 0, digest }],
            });
        }
        handed_in(&path, &wish)
    });
    let taken = taken.await.map_err(std::io::Error::from).map_err(HandedInError::from).flatten();
    taken.map_err(|error| error.failure())
}

async fn examine(
    session: &Session,
    role: &Role,
    artifact: &Artifact,
    backing: &[Utf8PathBuf],
    examiner: &Examiner,
    scratch: &Utf8Path,
) -> Result<ImageReport, Failure> {
    let subject = Subject {
        artifact,
        policy: &role.evidence,
        expected: role.os.as_ref(),
        arch: role.arch,
        collected: None,
        backing,
        workdir: &role.workdir,
        env: &role.env,
        timeout: role.timeout,
        checks: &role.checks,
    };
    let seen = examiner.evidence(&subject, scratch).await?;
    let scan = examiner.scan(&seen, scratch).await?;
    let evidence = seen.evidence;
    // Without anybody who says what it has to be, it is what it says itself.
    let found = evidence
        .os
        .as_ref()
        .map(|os| Os { family: os.family.clone(), release: os.release.clone() });
    let unknown = Os { family: "an operating system".to_owned(), release: String::new() };
    let is_file = !artifact.disk().path.is_dir();
    let expected = Expected {
        source: role.source,
        max_size: role.max_size.filter(|_| is_file),
        size: is_file.then(|| artifact.size()),
        access: role.access.clone(),
        ..Expected::os(role.os.clone().or(found).unwrap_or(unknown))
    };
    let verdict = gate::judge(&Case {
        subject: artifact.disk().digest,
        expected: &expected,
        evidence: &evidence,
        scan: scan.as_ref(),
        policy: &role.gate,
        lists: &role.lists,
        before: &Before::default(),
        now: session.clock.now(),
    });
    let outcome = match verdict.decision {
        Decision::Passed => ImageOutcome::Passed,
        Decision::Blocked | Decision::Untrusted => {
            ImageOutcome::Rejected { failure: objection(&verdict) }
        }
    };
    let mut report = ImageReport::new(role.name.clone(), outcome);
    report.packages = Some(evidence.inventory.packages.len());
    if !artifact.disk().path.is_dir() {
        report.size = Some(artifact.size());
        report.digest = Some(artifact.disk().digest);
    }
    report.advisories = scan.map(|scan| scan.advisories);
    report.verdict = Some(verdict);
    report.waive_until = role.gate.waive_until(session.clock.now());
    report.place.clone_from(&role.place);
    report.looked = Some(Looked::with_facts(&evidence));
    report.os = evidence.os;
    Ok(report)
}
