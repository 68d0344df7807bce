//! From a judged artifact to the record: published, verified fresh, or rejected and kept aside.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;

use super::Pipeline;
use super::examine::objection;
use super::image_task::{Examined, ImageTask};
use super::journal::Thing;
use super::progress::{Progress, Stopped};
use super::secrets::Seen;
use crate::model::{
    About, Advisories, ArtifactRecord, Configuration, DefinitionParts, Digest, Document,
    EvidenceDocument, Failure, FailureClass, FindingsDocument, ImageOutcome, NoteLevel, Provenance,
    Publication, RejectedRecord, Stage, StageOutcome, StoreAddress, Stored, StrategyName,
    TestResult, TestTally, VerifiedRecord, Version, VersionRecord,
};
use crate::plan;
use crate::publish::{self as stores, Origin, SIGNATURE, StoreError, Surroundings};
use crate::registry::{self, Entered, RegistryError};
use crate::report::{self, ChannelMove};
use crate::signature::Minisign;

/// Publishes: bytes first, then the record (the commit point), then the channel.
pub(super) async fn publish(
    task: &ImageTask<'_>,
    progress: &mut Progress,
    examined: Examined,
) -> Result<ImageOutcome, Stopped> {
    let Examined { version, .. } = examined;
    let outcome = ImageOutcome::Published { version };
    progress.report.outcome = outcome.clone();
    let publication =
        publication(task, &examined, &report::json::v1::image(&progress.report)).await;
    let work = async {
        let publication = signed(task, publication).await?;
        store(task, &publication).await
    };
    let stored = progress
        .stage(Stage::Publish, None, work, |stored| {
            (StageOutcome::Done, stored.first().map(|file| file.location.clone()))
        })
        .await?;
    progress.report.stored.clone_from(&stored);
    let tests = progress.report.tests.iter().map(TestResult::tally).collect();
    let report = report::json::v1::image(&progress.report);
    let entered = progress
        .stage(Stage::Record, None, record(task, &examined, (stored, tests), &report), |entered| {
            let told = match entered {
                Some(entered) => describe(task, version, *entered),
                None => "another run was faster".to_owned(),
            };
            (StageOutcome::Done, Some(told))
        })
        .await?;
    let Some(entered) = entered else {
        progress.report.stored.clear();
        return verify(task, progress, version, &examined.build.provenance).await;
    };
    if let Entered::Entered { from } = entered {
        let channel = task.image.channel.clone();
        progress.report.channel = Some(ChannelMove { channel, from, to: version });
    }
    Ok(outcome)
}

/// Records that the build equals `version`: its slot is satisfied, nothing new is published.
pub(super) async fn verify(
    task: &ImageTask<'_>,
    progress: &mut Progress,
    version: Version,
    build: &Provenance,
) -> Result<ImageOutcome, Stopped> {
    let pipeline = task.run.pipeline;
    let record = VerifiedRecord {
        version,
        definition: build.definition,
        parents: build.parents.clone(),
        started_at: build.started_at,
        fresh_until: fresh_until(task, build),
    };
    let work = async {
        let image = &task.image.name;
        match registry::verified(pipeline.registry, &pipeline.author, image, record).await {
            Err(error @ RegistryError::Stale { .. }) => {
                note_stale(task, &error);
                Ok(())
            }
            other => other.map(drop).map_err(|error| error.failure()),
        }
    };
    progress
        .stage(Stage::Record, None, work, |()| {
            (StageOutcome::Done, Some(format!("equals {version}")))
        })
        .await?;
    Ok(ImageOutcome::VerifiedFresh { version })
}

/// Keeps the artifact aside and records why it did not pass. Nothing is published, no channel moves.
pub(super) async fn reject(
    task: &ImageTask<'_>,
    progress: &mut Progress,
    examined: &Examined,
) -> Result<ImageOutcome, Stopped> {
    let failure = objection(&examined.verdict).log(task.log.when_closed());
    let outcome = ImageOutcome::Rejected { failure };
    progress.report.outcome = outcome.clone();
    if task.run.pipeline.options.dry_run {
        return Ok(outcome);
    }
    let publication = publication(task, examined, &report::json::v1::image(&progress.report)).await;
    let aside = task.image.stores.first().filter(|_| !task.is_judged_again());
    let disk = examined.build.artifact.disk().digest;
    let upload = aside.map(|store| upload(task, examined.version, disk, store, true));
    let stored = progress
        .stage(
            Stage::Publish,
            Some("keeping it aside".to_owned()),
            keep(task, &publication, upload.as_ref()),
            |_| (StageOutcome::Done, Some("kept aside, not published".to_owned())),
        )
        .await?;
    progress.report.kept.clone_from(&stored);
    let report = report::json::v1::image(&progress.report);
    let work = async {
        let pipeline = task.run.pipeline;
        let report = pipeline.registry.put_blob(report.as_bytes()).await;
        let kept = blobs(task, examined).await.map_err(|error| error.failure())?;
        let record = RejectedRecord {
            version: examined.version,
            provenance: task.provenance(&examined.build.provenance),
            policy: Some(task.image.judged_by()),
            waivers: Some(task.run.pipeline.lists[&task.image.name].waivers_digest()),
            advisories_updated_at: advisories(examined).map(|advisories| advisories.updated_at),
            verdict: examined.verdict.decision,
            reasons: examined.verdict.reasons.iter().map(|reason| reason.message.clone()).collect(),
            locations: stored.iter().map(|file| file.location.clone()).collect(),
            artifacts: artifact_records(stored),
            inventory: kept.inventory,
            findings: Some(kept.findings),
            evidence: kept.evidence,
            report: report.map_err(|error| error.failure())?,
        };
        let image = &task.image.name;
        match registry::rejected(pipeline.registry, &pipeline.author, image, record).await {
            // It passed before another policy or other advisories, in a run beside this one.
            Err(RegistryError::AlreadyPublished { version, .. }) if task.is_judged_again() => {
                let text = format!(
                    "another run has published {version}: that it does not pass here is not recorded"
                );
                pipeline.events.note(Some(image), NoteLevel::Warning, text);
                Ok(())
            }
            recorded => recorded.map(drop).map_err(|error| error.failure()),
        }
    };
    progress.stage(Stage::Record, None, work, |()| (StageOutcome::Done, None)).await?;
    if let Some(upload) = upload {
        let _ = task.note(|journal| journal.done(&upload));
    }
    Ok(outcome)
}

/// Until when a build is as fresh as the image is to be. A catalog that was read has no cadence that
/// the calendar does not know.
fn fresh_until(task: &ImageTask<'_>, build: &Provenance) -> Option<Timestamp> {
    plan::fresh_until(task.image, build.started_at).ok().flatten()
}

/// What is kept of a build that did not pass.
struct KeptBlobs {
    inventory: Option<Digest>,
    findings: Digest,
    evidence: Option<Digest>,
}

/// Keeps what a rejected artifact is judged again by, as far as that cannot be had from itself, and
/// what people ask about it.
async fn blobs(task: &ImageTask<'_>, examined: &Examined) -> Result<KeptBlobs, RegistryError> {
    let (registry, evidence) = (task.run.pipeline.registry, &examined.evidence);
    let inventory = match evidence.inventory.document.as_bytes() {
        [] => None,
        document => Some(registry.put_blob(document).await?),
    };
    let findings = registry.put_blob(&found(examined).to_json()).await?;
    // A guest is there to be asked only once.
    let scope = task.image.evidence.scope;
    let told = (evidence.strategy == StrategyName::Guest).then(|| {
        let before = task.told.borrow();
        EvidenceDocument::of(evidence, scope, &examined.verdict, before.as_ref()).to_json()
    });
    let evidence = match told {
        Some(json) => Some(registry.put_blob(&json).await?),
        None => None,
    };
    Ok(KeptBlobs { inventory, findings, evidence })
}

/// What the packages were matched against, if they were.
fn advisories(examined: &Examined) -> Option<&Advisories> {
    examined.scan.as_ref().map(|scan| &scan.advisories)
}

/// Everything that was found, unjudged.
fn found(examined: &Examined) -> FindingsDocument {
    let scanned = examined.scan.iter().flat_map(|scan| &scan.findings);
    let findings = scanned.chain(&examined.evidence.findings).cloned().collect();
    let made = advisories(examined).map(|advisories| advisories.updated_at);
    FindingsDocument::of(findings, made)
}

async fn publication(task: &ImageTask<'_>, examined: &Examined, report: &str) -> Publication {
    let document = |name: &str, content: &str| Document {
        name: name.to_owned(),
        content: content.as_bytes().to_vec(),
    };
    let pipeline = task.run.pipeline;
    let (inventory, advisories) = (&examined.evidence.inventory, advisories(examined));
    let provenance = task.provenance(&examined.build.provenance);
    let mut publication = Publication {
        image: task.image.name.clone(),
        version: examined.version,
        artifact: examined.build.artifact.clone(),
        documents: vec![
            document("inventory.cdx.json", &inventory.document),
            document("report.json", report),
        ],
        about: Some(About {
            run: pipeline.author.run.clone(),
            run_url: pipeline.author.run_url.clone(),
            // Only a plan needs all of its parts.
            provenance: Provenance {
                definition_parts: DefinitionParts::new(),
                ..provenance.clone()
            },
            advisories_updated_at: advisories.map(|advisories| advisories.updated_at),
            fixture: advisories.and_then(|advisories| advisories.fixture.clone()),
            os: examined.evidence.os.clone(),
            packages: inventory.packages.len(),
            package_set: inventory.package_set(),
            verdict: examined.verdict.decision,
        }),
    };
    let seen = Seen::of(task.image, &pipeline.environment).await;
    let same = provenance.definition == task.planned.definition.digest;
    let origin = Origin {
        image: task.image,
        folder: pipeline.catalog.path.parent().unwrap_or(&pipeline.catalog.path),
        provenance: &provenance,
        // Those of today say nothing of a build from another definition.
        variables: same.then_some(seen.variables),
        secret_variables: seen.secret,
        run_url: pipeline.author.run_url.as_deref(),
    };
    publication.documents.extend(stores::statement(&publication, &origin));
    publication
}

/// `publication` with the signature of its checksums, if its image wants one.
async fn signed(
    task: &ImageTask<'_>,
    mut publication: Publication,
) -> Result<Publication, Failure> {
    let Some(signing) = &task.image.sign else { return Ok(publication) };
    let listing = stores::Manifest::of(&publication).map_err(|error| error.failure())?;
    let checksums = listing.checksums();
    let Pipeline { environment, launcher, cancellation, .. } = task.run.pipeline;
    let minisign = Minisign { environment, launcher, cancellation };
    let about = format!("{} {}", publication.image, publication.version);
    let content = minisign.sign(signing, checksums.as_bytes(), &about).await?;
    publication.documents.push(Document { name: SIGNATURE.to_owned(), content });
    Ok(publication)
}

/// Puts the bytes into every store of the image.
async fn store(task: &ImageTask<'_>, publication: &Publication) -> Result<Vec<Stored>, Failure> {
    refuse_demonstration(task)?;
    if let Some(leased) = &task.run.leased {
        leased.check().await?;
    }
    let disk = publication.artifact.disk().digest;
    let mut stored = Vec::new();
    for address in &task.image.stores {
        let upload = upload(task, publication.version, disk, address, false);
        task.note(|journal| journal.intend(&upload))?;
        let store = stores::open(address, surroundings(task)).map_err(|error| error.failure())?;
        match unless_stopped(task, store.put(publication)).await {
            Ok(files) => stored.extend(files),
            Err(failure) => {
                // A store that fails keeps nothing. One that was not listened to until it was done
                // may hold all of it.
                let cancelled = task.run.pipeline.cancellation.requested().is_some();
                if !cancelled {
                    task.note(|journal| journal.done(&upload))?;
                }
                return Err(failure);
            }
        }
    }
    Ok(stored)
}

/// What the journal calls the bytes on their way into `store`, until a record knows them.
fn upload(
    task: &ImageTask<'_>,
    version: Version,
    disk: Digest,
    store: &StoreAddress,
    rejected: bool,
) -> Thing {
    Thing::Upload {
        image: task.image.name.clone(),
        version,
        digest: disk,
        store: store.clone(),
        rejected,
        registry: task.registry(),
    }
}

/// What the journal calls the record of `version`, until all of it is written.
fn being_recorded(task: &ImageTask<'_>, version: Version) -> Thing {
    Thing::Record {
        image: task.image.name.clone(),
        version,
        channel: task.image.channel.clone(),
        registry: task.registry(),
    }
}

/// Demonstration data proves nothing about an image, so nobody else may come upon one that was
/// judged by it.
fn refuse_demonstration(task: &ImageTask<'_>) -> Result<(), Failure> {
    let fixture = &task.run.pipeline.database.fixture;
    if fixture.is_none() || task.image.stores.iter().all(StoreAddress::is_local) {
        return Ok(());
    }
    let reason = "judged by demonstration data: only a store on this machine may get it";
    Err(Failure::new(FailureClass::Publish, reason)
        .hint("run without `--db` to use the real database"))
}

/// Keeps a rejected artifact aside, in the first store: one copy is enough to judge it again. What
/// lies there already goes on lying there, with the report of the run that built it.
async fn keep(
    task: &ImageTask<'_>,
    publication: &Publication,
    upload: Option<&Thing>,
) -> Result<Vec<Stored>, Failure> {
    if task.is_judged_again() {
        return Ok(task.stored.borrow().clone());
    }
    let Some(address) = task.image.stores.first() else {
        return Ok(Vec::new());
    };
    if let Some(upload) = upload {
        task.note(|journal| journal.intend(upload))?;
    }
    let store = stores::open(address, surroundings(task)).map_err(|error| error.failure())?;
    unless_stopped(task, store.keep_rejected(publication)).await
}

/// What stores on servers need of this machine.
fn surroundings<'a>(task: &'a ImageTask<'_>) -> Surroundings<'a> {
    let pipeline = task.run.pipeline;
    Surroundings { environment: &pipeline.environment, state: &pipeline.state }
}

/// What a store did, unless somebody wishes to stop before it is done. A store that is no longer
/// listened to leaves nothing half-written.
async fn unless_stopped<T>(
    task: &ImageTask<'_>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        done = work => done.map_err(|error| error.failure()),
        request = task.run.pipeline.cancellation.beyond(None) => Err(request.cause.failure()),
    }
}

/// Writes the record, the commit point, and then moves the channel. Nothing if another run has
/// judged the same artifact again and published it meanwhile.
async fn record(
    task: &ImageTask<'_>,
    examined: &Examined,
    (stored, tests): (Vec<Stored>, Vec<TestTally>),
    report: &str,
) -> Result<Option<Entered>, Failure> {
    let pipeline = task.run.pipeline;
    let (registry, author) = (pipeline.registry, &pipeline.author);
    let (image, version) = (&task.image.name, examined.version);
    task.note(|journal| journal.intend(&being_recorded(task, version)))?;
    let work = async {
        let inventory = &examined.evidence.inventory;
        let record = VersionRecord {
            version,
            provenance: task.provenance(&examined.build.provenance),
            advisories_updated_at: advisories(examined).map(|advisories| advisories.updated_at),
            fixture: advisories(examined).and_then(|advisories| advisories.fixture.clone()),
            os: examined.evidence.os.clone(),
            artifacts: artifact_records(stored),
            packages: inventory.packages.len(),
            package_set: inventory.package_set(),
            inventory: registry.put_blob(inventory.document.as_bytes()).await?,
            findings: Some(registry.put_blob(&found(examined).to_json()).await?),
            configuration: match Configuration::of(&examined.evidence.facts) {
                Some(configuration) => Some(registry.put_blob(&configuration.to_json()).await?),
                None => None,
            },
            report: registry.put_blob(report.as_bytes()).await?,
            verdict: examined.verdict.decision,
            tests,
            signature: task.image.sign.as_ref().map(|_| SIGNATURE.to_owned()),
            fresh_until: fresh_until(task, &examined.build.provenance),
            further: BTreeMap::new(),
        };
        match registry::published(registry, author, image, record).await {
            Err(error @ RegistryError::Stale { .. }) => {
                note_stale(task, &error);
                return Ok(Recorded::Stale);
            }
            Err(RegistryError::AlreadyPublished { .. }) if task.is_judged_again() => {
                return Ok(Recorded::ByAnother);
            }
            other => drop(other?),
        }
        Ok(Recorded::Whole)
    };
    let recorded = work.await.map_err(|error: RegistryError| error.failure())?;
    task.recorded.set(recorded != Recorded::ByAnother);
    // That this cannot be noted does no harm: whoever cleans up looks into the log.
    let disk = examined.build.artifact.disk().digest;
    for store in &task.image.stores {
        let _ = task.note(|journal| journal.done(&upload(task, version, disk, store, false)));
    }
    let done = || task.note(|journal| journal.done(&being_recorded(task, version)));
    if recorded == Recorded::ByAnother {
        let _ = done();
        return Ok(None);
    }
    let channel = &task.image.channel;
    match registry::enter(registry, author, image, channel, version).await {
        Err(error @ RegistryError::Stale { .. }) => {
            note_stale(task, &error);
            let from = task.history.channels.get(channel).copied();
            Ok(Some(Entered::Entered { from }))
        }
        entered => {
            let entered = entered.map_err(|error| error.failure())?;
            // What is not up to date is for the next one who cleans up.
            if recorded == Recorded::Whole {
                let _ = done();
            }
            Ok(Some(entered))
        }
    }
}

/// What came of writing the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recorded {
    /// It is written.
    Whole,
    /// It is written, and a file that is made from it is not up to date.
    Stale,
    /// Another run has written it.
    ByAnother,
}

/// What is in the log is recorded, also when the files that are made from the log could not be
/// brought up to date.
fn note_stale(task: &ImageTask<'_>, error: &RegistryError) {
    let events = &task.run.pipeline.events;
    events.note(Some(&task.image.name), NoteLevel::Warning, error.failure().reason);
}

/// One record a file, with every place where it lies, in the order of the artifact.
fn artifact_records(stored: Vec<Stored>) -> Vec<ArtifactRecord> {
    let mut records: IndexMap<String, ArtifactRecord> = IndexMap::new();
    for file in stored {
        records
            .entry(file.name.clone())
            .or_insert(ArtifactRecord {
                name: file.name,
                size: file.size,
                sha256: file.digest,
                locations: Vec::new(),
            })
            .locations
            .push(file.location);
    }
    records.into_values().collect()
}

fn describe(task: &ImageTask<'_>, version: Version, entered: Entered) -> String {
    let channel = &task.image.channel;
    match entered {
        Entered::Entered { from: Some(from) } => format!("{channel}: {from} → {version}"),
        Entered::Entered { from: None } => format!("{channel}: {version}"),
        Entered::Outrun { by } => format!("{channel} stays at {by}, which is newer"),
        Entered::Held { at } => format!("{channel} is held at {at}"),
    }
}
