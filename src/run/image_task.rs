//! One image on its way through the stages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::before::past;
use super::dispatcher::Run;
use super::examine::{Examiner, Subject};
use super::handed_in::keep;
use super::journal::{Journal, Thing};
use super::parents::BuiltUpon;
use super::progress::{Progress, Stopped};
use super::regate::{KeptAside, kept_aside, still_broken};
use super::turn::Turn;
use super::{Pipeline, build, phrase, publish, test};
use crate::gate::{self, Case};
use crate::inputs;
use crate::model::{
    Address, Artifact, Basis, BuildRecord, Decision, Evidence, EvidenceDocument, ExitCode,
    Expected, FailedRecord, Failure, FailureClass, History, Image, ImageOutcome, ImageRelease,
    NoteLevel, ParentRecord, Planned, Provenance, Scan, Since, Stage, StageOutcome, Stored,
    TestResult, Verdict, Version,
};
use crate::plan::Slots;
use crate::process::{Log, close_log};
use crate::registry;
use crate::report::{ImageReport, Looked};
use crate::trivy::Scanner;

/// One image of one run.
pub(super) struct ImageTask<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) image: &'a Image,
    pub(super) planned: Planned,
    /// What its build has of the budget.
    pub(super) turn: Turn<'a>,
    pub(super) history: &'a History,
    /// Decides which slot the build satisfies.
    pub(super) started_at: Timestamp,
    /// Scratch space of this image.
    pub(super) work: Utf8PathBuf,
    /// Everything that the tools said.
    pub(super) log: Log,
    /// What was built, once it is, until it is recorded as published.
    pub(super) built: RefCell<Option<BuildRecord>>,
    /// What its guest has told at the end of its build, if it was asked.
    pub(super) collected: RefCell<Option<Utf8PathBuf>>,
    /// The versions that it is built upon, once they are known.
    pub(super) built_upon: RefCell<Vec<BuiltUpon>>,
    /// Whether the version is written down in what is built.
    pub(super) stamped: Cell<bool>,
    /// Where it lies aside already, under its version; nothing for what was built in this run.
    pub(super) stored: RefCell<Vec<Stored>>,
    /// What the guest of what lies aside has told when it was built, if nobody else can tell it.
    pub(super) told: RefCell<Option<EvidenceDocument>>,
    /// Whether the record, the commit point, is written.
    pub(super) recorded: Cell<bool>,
}

/// An artifact that has been looked at and judged.
pub(super) struct Examined {
    pub(super) version: Version,
    pub(super) build: BuildRecord,
    pub(super) evidence: Evidence,
    /// Nothing where the evidence rests on no list of packages.
    pub(super) scan: Option<Scan>,
    pub(super) verdict: Verdict,
}

impl<'a> ImageTask<'a> {
    pub(super) fn new(
        run: &'a Run<'a>,
        image: &'a Image,
        planned: Planned,
        turn: Turn<'a>,
    ) -> Self {
        Self {
            run,
            image,
            planned,
            turn,
            history: &run.pipeline.histories[&image.name],
            started_at: run.pipeline.clock.now(),
            work: run.directory.work().join(image.name.as_str()),
            log: Log::new(run.directory.log(image.name.as_str()), image.max_log),
            built: RefCell::new(None),
            collected: RefCell::new(None),
            built_upon: RefCell::new(Vec::new()),
            stamped: Cell::new(false),
            stored: RefCell::new(Vec::new()),
            told: RefCell::new(None),
            recorded: Cell::new(false),
        }
    }

    /// Goes all the way, or as far as it gets. Says whether an artifact is left in the scratch
    /// space: all there is of a build that came to grief afterwards.
    pub(super) async fn go(self) -> (ImageReport, bool) {
        let pipeline = self.run.pipeline;
        let progress =
            Progress::new(&self.image.name, pipeline.events.clone(), pipeline.cancellation.clone());
        let took = self.history.satisfied.as_ref().and_then(|satisfied| satisfied.took);
        let mut progress = progress.usually(took.map(|took| Duration::from_secs(took.into())));
        progress.report.why = Some(self.planned.why.clone());
        let mut ended = Box::pin(self.stages(&mut progress)).await;
        let left = self.artifact_left(&ended);
        match (&left, &mut ended) {
            (Some(record), Err(stopped)) => self.keep(record, &mut stopped.failure),
            _ => {
                // Scratch space that is in nobody's way; the run removes what is left of it.
                let _ = fs_err::remove_dir_all(&self.work);
            }
        }
        if let (Some(version), Err(stopped)) = (progress.report.version, &ended) {
            self.record_failure(version, stopped).await;
        }
        progress.report.recorded = self.recorded.get();
        if let (Err(stopped), Some(version), true) =
            (&mut ended, progress.report.version, self.recorded.get())
        {
            let hint = format!(
                "{version} is published and recorded: the next run brings it into its channel"
            );
            stopped.failure.hints.insert(0, hint);
        }
        // Used, or a gap in the versions, which is normal: nothing to clean up either way.
        if progress.report.version.is_some() && !self.is_judged_again() {
            let _ = self.note(|journal| journal.done(&self.reservation()));
        }
        progress.report.log = self.close_log(&mut ended).await;
        (progress.finish(ended), left.is_some())
    }

    /// Closes the log, and has whoever names it name the file that is there. That file, if there is
    /// one.
    async fn close_log(&self, ended: &mut Result<ImageOutcome, Stopped>) -> Option<Utf8PathBuf> {
        let Pipeline { events, cancellation, .. } = self.run.pipeline;
        let path = self.log.path();
        let mut now = path.exists().then(|| path.to_owned())?;
        // Whoever is in such a hurry is not kept waiting; the next run does it.
        if !cancellation.requested().is_some_and(|request| request.at_once) {
            let path = path.to_owned();
            match tokio::task::spawn_blocking(move || close_log(&path)).await {
                Ok(Ok(closed)) => now = closed,
                Ok(Err(error)) => {
                    let text = format!("the log stays uncompressed: {error}");
                    events.note(Some(&self.image.name), NoteLevel::Warning, text);
                }
                Err(_) => {}
            }
        }
        if let Ok(ImageOutcome::Rejected { failure }) | Err(Stopped { failure, .. }) = ended
            && let Some(named) = &mut failure.log
            && (named == path || *named == self.log.when_closed())
        {
            named.clone_from(&now);
        }
        Some(now)
    }

    /// What a finished build left and nobody took over.
    fn artifact_left(&self, ended: &Result<ImageOutcome, Stopped>) -> Option<BuildRecord> {
        let Err(Stopped { stage, failure }) = ended else {
            return None;
        };
        // What somebody stopped is not wanted, and what has changed could not be gone on with.
        let useless = matches!(
            failure.class,
            FailureClass::Interrupted | FailureClass::Terminated | FailureClass::ArtifactChanged
        );
        let record = self.built.borrow().clone()?;
        let ours = record.artifact.disk().path.starts_with(&self.work);
        (*stage > Stage::Build && !useless && ours && !self.recorded.get()).then_some(record)
    }

    /// Keeps what a build left, for a run that goes on from there.
    fn keep(&self, record: &BuildRecord, failure: &mut Failure) {
        let _ = fs_err::remove_dir_all(self.scratch());
        let kept = Thing::KeptArtifact { path: self.work.clone() };
        if let Err(error) = self.note(|journal| journal.created(&kept)) {
            let text = format!("the artifact may be cleaned up: {}", error.reason);
            let events = &self.run.pipeline.events;
            events.note(Some(&self.image.name), NoteLevel::Warning, text);
        }
        let disk = &record.artifact.disk().path;
        failure.hints.push(format!(
            "the artifact is kept; to go on from there: `goldsmith run --from-artifact {}={disk}`",
            self.image.name
        ));
        if let Err(error) = keep(record) {
            let text = format!("how the artifact was built is not kept with it: {error}");
            let events = &self.run.pipeline.events;
            events.note(Some(&self.image.name), NoteLevel::Warning, text);
        }
    }

    /// Records a build that came to no end, so that later runs know how often it was tried. It is no
    /// reason to fail in yet another way if that cannot be done.
    async fn record_failure(&self, version: Version, stopped: &Stopped) {
        let pipeline = self.run.pipeline;
        let Stopped { stage, failure } = stopped;
        let given = pipeline.options.given.contains_key(&self.image.name);
        // What is judged again stays as it is, rejected, and costs no build.
        if given || self.is_judged_again() || !is_attempt(failure.class) {
            return;
        }
        let record = FailedRecord {
            version,
            definition: self.planned.definition.digest,
            parents: self.parents(),
            started_at: self.started_at,
            class: failure.class,
            stage: Some(*stage),
            reason: failure.reason.clone(),
        };
        let (registry, author, image) = (pipeline.registry, &pipeline.author, &self.image.name);
        if let Err(error) = registry::failed(registry, author, image, record).await {
            let text = format!(
                "that the build failed is not recorded, so it does not count as an attempt: {}",
                error.failure().reason
            );
            pipeline.events.note(Some(image), NoteLevel::Warning, text);
        }
    }

    /// Space for what looking inside takes.
    fn scratch(&self) -> Utf8PathBuf {
        self.work.join("scratch")
    }

    /// How `artifact` came about, if this run has built it.
    pub(super) fn record(&self, artifact: Artifact) -> BuildRecord {
        let packer = self.run.pipeline.tools.packer.iter();
        BuildRecord {
            schema: BuildRecord::SCHEMA,
            image: self.image.name.clone(),
            provenance: Provenance {
                commit: self.run.pipeline.commit.clone(),
                definition: self.planned.definition.digest,
                definition_parts: self.planned.definition.parts(),
                materials: Vec::new(),
                parents: self.parents(),
                started_at: self.started_at,
                handed_in: false,
                stamped: false,
                tools: packer.map(|tool| (tool.name.clone(), tool.version.clone())).collect(),
                plugins: Vec::new(),
                custom_data: BTreeMap::new(),
                built_by: Some(self.run.id.clone()),
                built_at: Some(self.run.pipeline.clock.now()),
            },
            artifact,
        }
    }

    /// The versions that it is built upon.
    fn parents(&self) -> Vec<ParentRecord> {
        self.built_upon.borrow().iter().map(BuiltUpon::record).collect()
    }

    async fn stages(&self, progress: &mut Progress) -> Result<ImageOutcome, Stopped> {
        let (version, build) = self.build(progress).await?;
        self.turn.built();
        self.built.replace(Some(build.clone()));
        progress.report.size = Some(build.artifact.size());
        progress.report.digest = Some(build.artifact.disk().digest);
        let examined = self.examine(progress, version, build).await?;
        let pipeline = self.run.pipeline;
        if examined.verdict.decision != Decision::Passed {
            return publish::reject(self, progress, &examined).await;
        }
        if !pipeline.options.dry_run
            && let Some(equal) = self.equal_version(&examined).await?
        {
            return publish::verify(self, progress, equal, &examined.build.provenance).await;
        }
        self.test(progress, &examined).await?;
        if pipeline.options.dry_run {
            return Ok(ImageOutcome::Passed);
        }
        publish::publish(self, progress, examined).await
    }

    /// What is judged, and the version that it gets if it passes: the one that it was built as.
    async fn build(&self, progress: &mut Progress) -> Result<(Version, BuildRecord), Stopped> {
        let stopped = |failure| Stopped { stage: Stage::Prepare, failure };
        let Some(kept) = kept_aside(self).await.map_err(stopped)? else {
            let version = self.reserve(progress).await?;
            return Ok((version, build::artifact(self, progress, version).await?));
        };
        let KeptAside { version, build, stored, told } = kept;
        self.stored.replace(stored);
        self.told.replace(told);
        if !self.run.pipeline.options.dry_run {
            progress.report.version = Some(version);
        }
        Ok((version, build))
    }

    /// Whether an artifact is judged again that an earlier run has built and kept aside.
    pub(super) fn is_judged_again(&self) -> bool {
        !self.stored.borrow().is_empty()
    }

    /// One reservation for an image and run, before anything is built under its name.
    async fn reserve(&self, progress: &mut Progress) -> Result<Version, Stopped> {
        let pipeline = self.run.pipeline;
        if pipeline.options.dry_run {
            return Ok(self.planned.version);
        }
        let scheme = &self.image.version;
        let work = async {
            let slots = Slots::new(&self.image.rebuild.every, &scheme.timezone)
                .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
            self.note(|journal| journal.intend(&self.reservation()))?;
            let version = registry::reserve(
                pipeline.registry,
                &pipeline.author,
                &self.image.name,
                scheme.base,
                slots.day(self.started_at),
            )
            .await
            .map_err(|error| error.failure())?;
            Ok(version)
        };
        let version = progress
            .stage(Stage::Reserve, None, work, |version| {
                (StageOutcome::Done, Some(version.to_string()))
            })
            .await?;
        progress.report.version = Some(version);
        Ok(version)
    }

    /// What the journal calls the version that is reserved for this task. Which one it is, the log
    /// knows.
    fn reservation(&self) -> Thing {
        Thing::Reservation { image: self.image.name.clone(), registry: self.registry() }
    }

    /// Where the registry lies.
    pub(super) fn registry(&self) -> Address {
        self.run.pipeline.catalog.registry.clone()
    }

    /// Writes into the run's journal. A run that cannot say what it creates must not create it.
    pub(super) fn note(
        &self,
        write: impl FnOnce(&mut Journal) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        write(&mut self.run.journal.borrow_mut())
            .map_err(|error| Failure::caused_by(FailureClass::Registry, &error))
    }

    /// Looks inside, matches advisories, decides.
    async fn examine(
        &self,
        progress: &mut Progress,
        version: Version,
        build: BuildRecord,
    ) -> Result<Examined, Stopped> {
        let artifact = &build.artifact;
        let pipeline = self.run.pipeline;
        let _room = self.turn.examine().await;
        let examiner = Examiner {
            launcher: pipeline.launcher.clone(),
            cancellation: pipeline.cancellation.clone(),
            environment: pipeline.environment.clone(),
            scanner: Scanner {
                tool: pipeline.tools.trivy.clone(),
                launcher: pipeline.launcher.clone(),
                cancellation: pipeline.cancellation.clone(),
                log: self.log.clone(),
            },
            database: pipeline.database.clone(),
        };
        let scratch = self.scratch();
        let collected = self.collected.borrow().clone();
        let told = self.told.borrow().clone();
        let gather = async {
            fs_err::create_dir_all(&scratch)
                .map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
            let subject = Subject {
                artifact,
                policy: &self.image.evidence,
                expected: Some(&self.image.os),
                arch: self.image.arch,
                collected: collected.as_deref(),
                backing: &[],
                workdir: &self.image.workdir,
                env: &self.image.env,
                timeout: self.image.timeout.test,
                checks: &self.image.checks,
            };
            match &told {
                // The guest cannot be asked again; the artifact can be looked at by checkers.
                Some(told) => {
                    let told_at = build.provenance.built_at.unwrap_or(build.provenance.started_at);
                    examiner.again(&subject, told.evidence.clone(), told_at, &scratch).await
                }
                None => examiner.evidence(&subject, &scratch).await,
            }
        };
        let seen = progress
            .stage(Stage::Evidence, None, gather, |seen| {
                (StageOutcome::Done, Some(phrase::of_evidence(&seen.evidence)))
            })
            .await?;
        progress.report.os.clone_from(&seen.evidence.os);
        progress.report.packages = Some(seen.evidence.inventory.packages.len());
        let scan = progress
            .stage(Stage::Scan, None, examiner.scan(&seen, &scratch), |scan| {
                (StageOutcome::Done, Some(phrase::of_scan(scan.as_ref())))
            })
            .await?;
        let evidence = seen.evidence;
        progress.report.looked = Some(Looked::of(&evidence));
        progress.report.advisories = scan.as_ref().map(|scan| scan.advisories.clone());
        let access = {
            let image = self.image.clone();
            tokio::task::spawn_blocking(move || inputs::access(&image)).await.map_err(|error| {
                let failure = Failure::caused_by(FailureClass::Scan, &error);
                Stopped { stage: Stage::Gate, failure }
            })?
        };
        // What is handed in was stamped by another run, if at all.
        let ours = !pipeline.options.given.contains_key(&self.image.name);
        let stamp = ImageRelease { id: self.image.name.to_string(), version: version.to_string() };
        let expected = Expected {
            source: Some(self.image.source),
            stamp: (ours && build.provenance.stamped).then_some(stamp),
            max_size: self.image.max_size,
            size: Some(artifact.size()),
            access,
            ..Expected::os(self.image.os.clone())
        };
        let judge = async {
            let past = past(
                pipeline.registry,
                self.image,
                self.history,
                &build.provenance.definition,
                pipeline.options.only_introduced,
            );
            let past = past.await.map_err(|error| error.failure())?;
            let mut verdict = gate::judge(&Case {
                subject: artifact.disk().digest,
                expected: &expected,
                evidence: &evidence,
                scan: scan.as_ref(),
                policy: &self.image.gate,
                lists: &pipeline.lists[&self.image.name],
                before: &past.before,
                now: pipeline.clock.now(),
            });
            if let Some(told) = &told {
                still_broken(&mut verdict, &told.violations, &self.image.gate.rules);
            }
            let since = past.out.map(|(version, before)| {
                Since::of(version, &before, verdict.findings.iter().map(|judged| &judged.finding))
            });
            Ok((verdict, since))
        };
        let (verdict, since) = progress
            .stage(Stage::Gate, None, judge, |(verdict, _)| {
                let outcome = match verdict.decision {
                    Decision::Passed => StageOutcome::Done,
                    Decision::Blocked | Decision::Untrusted => StageOutcome::Objected,
                };
                (outcome, Some(phrase::of_verdict(verdict)))
            })
            .await?;
        progress.report.since = since.filter(|_| verdict.decision != Decision::Untrusted);
        progress.report.verdict = Some(verdict.clone());
        progress.report.waive_until = self.image.gate.waive_until(pipeline.clock.now());
        Ok(Examined { version, build, evidence, scan, verdict })
    }

    /// Tests what has passed the gate, if it has tests.
    async fn test(&self, progress: &mut Progress, examined: &Examined) -> Result<(), Stopped> {
        if self.image.tests.is_empty() {
            return Ok(());
        }
        let done = |results: &Vec<TestResult>| {
            let passed = results.iter().all(TestResult::passed);
            let outcome = if passed { StageOutcome::Done } else { StageOutcome::Failed };
            (outcome, Some(test::phrase(results)))
        };
        let work = Box::pin(test::test(self, examined));
        let results = progress.stage(Stage::Test, None, work, done).await?;
        let failure = test::objection(&results);
        progress.report.tests = results;
        match failure {
            Some(failure) => {
                Err(Stopped { stage: Stage::Test, failure: failure.log(self.log.path()) })
            }
            None => Ok(()),
        }
    }

    /// The newest version, if what was built equals it: same definition, same packages. Somebody
    /// who forces a build or hands in an artifact wants a version of it, and one that was withdrawn
    /// satisfies nobody. What the registry says now counts: another run may have published since the
    /// plan was made.
    async fn equal_version(&self, examined: &Examined) -> Result<Option<Version>, Stopped> {
        let options = &self.run.pipeline.options;
        // Two builds that nobody has listed the packages of are not known to be equal.
        let listed = matches!(examined.evidence.basis, Basis::Packages | Basis::Document);
        if options.force || !listed || options.given.contains_key(&self.image.name) {
            return Ok(None);
        }
        let history = self.run.pipeline.registry.history(&self.image.name).await;
        let history =
            history.map_err(|error| Stopped { stage: Stage::Record, failure: error.failure() })?;
        let now = self.run.pipeline.clock.now();
        let newest = history.newest().filter(|it| history.revocation(*it, now).is_none());
        Ok(history
            .satisfied
            .filter(|satisfied| {
                Some(satisfied.version) == newest
                    && satisfied.definition == examined.build.provenance.definition
                    && satisfied.parents == examined.build.provenance.parents
                    && satisfied.package_set == examined.evidence.inventory.package_set()
            })
            .map(|satisfied| satisfied.version))
    }

    /// How an artifact came about that was `built` in this way and that this run has judged.
    pub(super) fn provenance(&self, built: &Provenance) -> Provenance {
        let tools = &self.run.pipeline.tools;
        let judged = [Some(&tools.trivy), tools.qemu_img.as_ref()].into_iter().flatten();
        let mut all = built.clone();
        all.tools.extend(judged.map(|tool| (tool.name.clone(), tool.version.clone())));
        all.tools.insert("goldsmith".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        all
    }
}

/// Whether a build that came to grief in this way counts as an attempt. It does not if somebody
/// stopped it, if it could not even begin, or if nothing is wrong but the registry.
fn is_attempt(class: FailureClass) -> bool {
    match class.exit_code() {
        ExitCode::BuildFailed | ExitCode::Untrusted => true,
        ExitCode::PublishFailed => class != FailureClass::Registry,
        ExitCode::Done
        | ExitCode::Blocked
        | ExitCode::Usage
        | ExitCode::ReportFailed
        | ExitCode::Interrupted
        | ExitCode::Terminated => false,
    }
}
