//! One run: its folder, its journal, and the images, side by side as far as the budget allows.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::directory::{Kept, RunDirectory, forget_kept_artifacts};
use super::image_task::ImageTask;
use super::journal::Journal;
use super::lease::{self, Leased};
use super::machine;
use super::obstacle::{SoFar, awaited};
use super::progress::Events;
use super::schedule::Waiting;
use super::turn::Turns;
use crate::clock::Clock;
use crate::environment::Environment;
use crate::model::{
    Budget, Catalog, Commit, Event, ExitCode, Failure, GateLists, History, ImageName, ImageOutcome,
    NoteLevel, Plan, Planned, RunId, Skipped, Tool,
};
use crate::packer::plugins::TemplatePlugins;
use crate::process::{Cancellation, Launcher};
use crate::registry::{Author, Registry};
use crate::report::{CaughtUp, ImageReport, Promotion, Reaped, Report, sentence};
use crate::trivy::Database;

/// What was asked for.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// Build and judge, but publish and record nothing.
    pub dry_run: bool,
    /// Publish also what equals the newest version.
    pub force: bool,
    /// What `prepare` has made for an earlier build of this kind is used again: for pull requests.
    pub reuse_prepared: bool,
    /// Whether it is a change that is judged, of which nothing is published: only the findings that it
    /// introduces count.
    pub only_introduced: bool,
    /// Judge again what is kept, and build nothing.
    pub never_build: bool,
    /// Publish only what is in a commit, where there is a repository.
    pub committed: bool,
    /// How long builds may take to clean up after themselves.
    pub grace: Duration,
    /// What all builds together may take; the rest is the machine's.
    pub budget: Budget,
    /// Artifacts that were handed in.
    pub given: BTreeMap<ImageName, Utf8PathBuf>,
}

/// The external programs of a run.
#[derive(Debug, Clone)]
pub struct Toolbox {
    /// Packer; absent when nothing is built.
    pub packer: Option<Tool>,
    /// Trivy.
    pub trivy: Tool,
    /// The program `qemu-img`; absent when nothing is tested.
    pub qemu_img: Option<Tool>,
    /// The program that machines run under; absent when none is to boot.
    pub qemu: Option<Tool>,
}

/// Everything that a run needs.
pub struct Pipeline<'a> {
    /// The images.
    pub catalog: &'a Catalog,
    /// What to build.
    pub plan: &'a Plan,
    /// The past of every image of the plan.
    pub histories: &'a BTreeMap<ImageName, History>,
    /// What people keep for the gate in files of their own.
    pub lists: &'a BTreeMap<ImageName, GateLists>,
    /// What earlier runs had left half done, and is done now.
    pub caught_up: Vec<CaughtUp>,
    /// Versions that were to move on to another channel by themselves.
    pub promotions: Vec<Promotion>,
    /// What was done after runs that were stopped half-way.
    pub reaped: Vec<Reaped>,
    /// What was asked for.
    pub options: Options,
    /// Where it is recorded.
    pub registry: &'a dyn Registry,
    /// Who records.
    pub author: Author,
    /// The external programs.
    pub tools: Toolbox,
    /// The plugins of the images that require some, or why there are none to build with.
    pub plugins: BTreeMap<ImageName, Result<TemplatePlugins, Failure>>,
    /// The advisory database.
    pub database: Database,
    /// The state of the repository.
    pub commit: Option<Commit>,
    /// Where runs keep their folders.
    pub state: Utf8PathBuf,
    /// The environment that children's is made from.
    pub environment: Environment,
    /// The time.
    pub clock: Clock,
    /// Starts children.
    pub launcher: Launcher,
    /// The wish to stop.
    pub cancellation: Cancellation,
    /// Who listens.
    pub events: Events,
}

/// What belongs to one run, beside what it was given.
pub(super) struct Run<'a> {
    pub(super) pipeline: &'a Pipeline<'a>,
    pub(super) id: RunId,
    pub(super) directory: RunDirectory,
    /// One writer at a time, and never across an `await`.
    pub(super) journal: RefCell<Journal>,
    /// Tells other machines that it is alive; none if it records nothing.
    pub(super) leased: Option<Leased<'a>>,
}

/// Builds what the plan says. Failures of images are in the report; an error means that the run's
/// own folder could not be kept.
pub async fn run(pipeline: &Pipeline<'_>) -> io::Result<Report> {
    let started_at = pipeline.clock.now();
    let id = pipeline.author.run.clone();
    let (directory, journal) = RunDirectory::create(&pipeline.state, &id, pipeline.clock)?;
    // Also a child that outlives goldsmith keeps the run alive.
    pipeline.launcher.hold(directory.lock(), id.as_str());
    let mut run = Run { pipeline, id, directory, journal: RefCell::new(journal), leased: None };
    run.leased = lease::take(&run).await;
    let events = &pipeline.events;
    events.tell(Event::RunStarted {
        run: run.id.clone(),
        at: started_at,
        directory: run.directory.path().to_owned(),
        images: pipeline.plan.build.iter().map(|planned| planned.image.clone()).collect(),
    });

    let Ended { images, skipped, kept } = lease::beside(&run, all(&run)).await;
    lease::give_back(&mut run).await;
    let exit_code = gravest(&images);
    if let Err(error) = run.directory.finish(&mut run.journal.borrow_mut(), kept) {
        let text = format!("the run's scratch space could not be removed: {error}");
        events.note(None, NoteLevel::Warning, text);
    }
    let tools = [&pipeline.tools.packer]
        .into_iter()
        .flatten()
        .chain([&pipeline.tools.trivy])
        .chain(&pipeline.tools.qemu_img)
        .chain(&pipeline.tools.qemu)
        .cloned()
        .collect();
    events.tell(Event::RunFinished { exit_code });
    Ok(Report {
        run: run.id.clone(),
        goldsmith: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        finished_at: pipeline.clock.now(),
        exit_code,
        own_time: pipeline.clock.elapsed().saturating_sub(pipeline.launcher.waiting().total()),
        fixture: pipeline.database.fixture.clone(),
        tools,
        images,
        skipped,
        caught_up: pipeline.caught_up.clone(),
        promotions: pipeline.promotions.clone(),
        reaped: pipeline.reaped.clone(),
        directory: Some(run.directory.path().to_owned()),
    })
}

/// What became of the images.
struct Ended {
    images: Vec<ImageReport>,
    skipped: Vec<Skipped>,
    kept: Kept,
}

/// Takes all images of the plan to their ends, each when its turn has come.
async fn all(run: &Run<'_>) -> Ended {
    let Pipeline { catalog, plan, events, options, state, .. } = run.pipeline;
    let budget = options.budget.on(machine::resources(state));
    let mut ended = Ended { images: Vec::new(), skipped: plan.skip.clone(), kept: Kept::Nothing };
    let waiting = plan.build.iter().map(|planned| {
        let image = &catalog.images[&planned.image];
        if !image.resources.fits(budget) {
            let text = "its build needs more than all builds together may take: it is built alone";
            events.note(Some(&image.name), NoteLevel::Info, text);
        }
        let parents: Vec<_> = awaited(catalog, plan, image).map(|(parent, _)| parent).collect();
        if !parents.is_empty() {
            let parents = parents.iter().copied().cloned().collect();
            events.tell(Event::ImageWaits { image: image.name.clone(), parents });
        }
        let folder = image.prepare.is_some().then(|| {
            let workdir = image.workdir.canonicalize_utf8();
            workdir.unwrap_or_else(|_| image.workdir.clone())
        });
        Waiting { image: &image.name, needs: image.resources, parents, folder }
    });
    let turns = Turns::new(budget, waiting);
    let planned: HashMap<&ImageName, &Planned> =
        plan.build.iter().map(|planned| (&planned.image, planned)).collect();
    let mut running = FuturesUnordered::new();
    loop {
        while let Some((name, turn)) = turns.next() {
            let (image, planned) = (&catalog.images[name], planned[name]);
            match so_far(run, &ended).decide(image, planned) {
                Ok(why) => {
                    let planned = Planned { why, ..planned.clone() };
                    running.push(ImageTask::new(run, image, planned, turn).go());
                }
                Err(why) => {
                    let text = sentence::not_due(&why);
                    events.tell(Event::ImageSkipped { image: name.clone(), why: text });
                    ended.skipped.push(Skipped { image: name.clone(), why });
                    turns.over(name);
                }
            }
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some((report, left)) = running.next() => {
                turns.over(&report.image);
                ended.take(run, report, left);
            }
            () = turns.freed() => {}
        }
    }
    // Which one was done first is of no interest.
    let positions: HashMap<&ImageName, usize> =
        plan.build.iter().enumerate().map(|(at, planned)| (&planned.image, at)).collect();
    ended.images.sort_by_key(|report| positions[&report.image]);
    ended
}

fn so_far<'r>(run: &'r Run<'_>, ended: &'r Ended) -> SoFar<'r> {
    SoFar {
        catalog: run.pipeline.catalog,
        plan: run.pipeline.plan,
        histories: run.pipeline.histories,
        caught_up: &run.pipeline.caught_up,
        done: &ended.images,
        skipped: &ended.skipped,
    }
}

impl Ended {
    /// An image has come to its end, and `left` says whether its artifact lies in the scratch space.
    fn take(&mut self, run: &Run<'_>, report: ImageReport, left: bool) {
        let Pipeline { options, state, .. } = run.pipeline;
        if !options.dry_run && (left || report.live_version().is_some()) {
            // Of an image one artifact is kept at most, and none that a newer one has overtaken.
            let _ = forget_kept_artifacts(state, &report.image, run.directory.path());
        }
        if left {
            self.kept = Kept::Artifacts;
        }
        self.images.push(report);
    }
}

fn gravest(images: &[ImageReport]) -> ExitCode {
    images.iter().fold(ExitCode::Done, |worst, image| match &image.outcome {
        ImageOutcome::Rejected { failure } | ImageOutcome::Failed { failure, .. } => {
            worst.graver(failure.class.exit_code())
        }
        ImageOutcome::Published { .. }
        | ImageOutcome::VerifiedFresh { .. }
        | ImageOutcome::Passed => worst,
    })
}
