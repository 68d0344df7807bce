//! `goldsmith run`: the main job.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::planning::{self, Planning, Wanted};
use super::plugins;
use super::reap;
use super::session::{Session, no_state};
use super::soak::Soak;
use crate::cli;
use crate::inputs::Repository;
use crate::model::{
    Arch, Catalog, Commit, ExitCode, Failure, FailureClass, Image, ImageName, NoteLevel, RunId,
    Test, Tool,
};
use crate::packer;
use crate::publish::{self, Surroundings};
use crate::registry::Author;
use crate::report::{CaughtUp, Promotion, Report};
use crate::run::{self, Judgement, Options, Pipeline, Toolbox};
use crate::runner::{Runner, add_mask};
use crate::signature::Minisign;
use crate::trivy::{self, ADVISORIES, Database, Repositories, Scanner};

/// Plans, and does what is due.
pub(super) async fn run(session: &Session, arguments: &cli::Run) -> Result<Report, Failure> {
    go(session, arguments, false).await
}

/// Plans, and does what is due; with `regate`, only what can be judged again without a build.
pub(super) async fn go(
    session: &Session,
    arguments: &cli::Run,
    regate: bool,
) -> Result<Report, Failure> {
    let given = given(session, arguments)?;
    let state = run::state_folder(&session.environment)?;
    let database = given_database(session, arguments.advisories.db.as_deref())?;
    let wanted = Wanted {
        selection: &arguments.selection,
        given: given.keys().cloned().collect(),
        stores: &arguments.store,
        records: !arguments.dry_run,
        regate,
        database: database.as_ref(),
    };
    let mut reaped = Vec::new();
    if !arguments.dry_run {
        reaped = reap::before_run(session, &state).await;
    }
    let planning = planning::plan(session, wanted).await?;
    let planned =
        planning.plan.build.iter().map(|planned| &planning.catalog.images[&planned.image]);
    planning.later.refuse(session, planned.clone())?;
    if !arguments.dry_run {
        for signing in planned.clone().filter_map(|image| image.sign.as_ref()) {
            Minisign::check(&session.environment, signing)?;
        }
        refuse_stores_out_of_reach(session, &state, planned)?;
    }
    masks(session, &planning).await;
    if !arguments.dry_run {
        reaped.extend(reap::elsewhere(session, &state, &*planning.registry).await);
    }
    // Old folders are in nobody's way.
    let _ = run::forget_old_runs(&state);
    let id = run::new_run_id(&session.clock);
    let author = session.author(id);
    if planning.plan.build.is_empty() {
        let caught_up = catch_up(arguments, &planning, &author).await?;
        let promotions = promote(session, arguments, &planning, &author).await?;
        let report = nothing_due(session, &planning, author.run, database, caught_up);
        return Ok(Report { promotions, reaped, ..report });
    }
    let commit = commit(session, arguments, &planning.catalog).await?;
    let tools = toolbox(session, &planning, &given, regate).await?;
    let built = planning.plan.build.iter();
    let built = built.filter(|planned| !regate && !given.contains_key(&planned.image));
    let built = built.map(|planned| &planning.catalog.images[&planned.image]);
    let plugins =
        plugins::ready(session, &planning.catalog, built, tools.packer.as_ref(), &state).await?;
    let database = match database {
        Some(database) => database,
        None => refresh(session, &tools.trivy, &state, &arguments.advisories.db_repository).await?,
    };
    let caught_up = catch_up(arguments, &planning, &author).await?;
    let promotions = promote(session, arguments, &planning, &author).await?;
    let pipeline = Pipeline {
        catalog: &planning.catalog,
        plan: &planning.plan,
        histories: &planning.histories,
        lists: &planning.lists,
        options: Options {
            dry_run: arguments.dry_run,
            force: arguments.selection.force,
            reuse_prepared: arguments.dry_run && session.context.is_pull_request(),
            only_introduced: arguments.dry_run && session.context.is_pull_request(),
            never_build: regate,
            grace: arguments.grace,
            budget: arguments.budget,
            committed: committed_only(session, arguments),
            given,
        },
        registry: planning.registry.as_ref(),
        author,
        caught_up,
        promotions,
        reaped,
        tools,
        plugins,
        database,
        commit,
        state,
        environment: session.environment.clone(),
        clock: session.clock,
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        events: session.events.clone(),
    };
    let mut report = run::run(&pipeline).await.map_err(|error| no_state(&error))?;
    for image in &mut report.images {
        let entry = planning.catalog.images.get(&image.image);
        image.place = entry.map(|entry| session.place(&planning.catalog, entry));
    }
    Ok(report)
}

/// Has the forge's runner mask what the images' children know, in all forms in which they may print it:
/// runners mask what the forge keeps as a secret, and not all of them know how that is encoded.
async fn masks(session: &Session, planning: &Planning) {
    let runner = session.context.runner;
    if runner == Runner::Local {
        return;
    }
    let planned = planning.plan.build.iter();
    let images: Vec<_> =
        planned.map(|planned| planning.catalog.images[&planned.image].clone()).collect();
    let environment = session.environment.clone();
    let look = move || {
        let mut lines = BTreeSet::new();
        for image in &images {
            let secrets = run::known_secrets(image, &environment);
            lines.extend(secrets.expose_forms().filter_map(|form| add_mask(runner, form)));
        }
        lines.into_iter().collect::<Vec<_>>()
    };
    // What runners do not mask, we still do.
    let lines = tokio::task::spawn_blocking(look).await.unwrap_or_default();
    session.terminal.masks(&lines);
}

/// The artifacts that were handed in, as absolute paths of files that exist.
fn given(
    session: &Session,
    arguments: &cli::Run,
) -> Result<BTreeMap<ImageName, Utf8PathBuf>, Failure> {
    let mut given = BTreeMap::new();
    for (image, path) in &arguments.from_artifact {
        let path = session.existing_file(path)?;
        if given.insert(image.clone(), path).is_some() {
            let reason = format!("`--from-artifact` names `{image}` twice");
            return Err(Failure::new(FailureClass::Usage, reason));
        }
    }
    Ok(given)
}

/// Finishes what earlier runs have left half done. The last thing before the run: whatever refuses
/// it must not hide that something was done.
async fn catch_up(
    arguments: &cli::Run,
    planning: &Planning,
    author: &Author,
) -> Result<Vec<CaughtUp>, Failure> {
    if arguments.dry_run {
        return Ok(Vec::new());
    }
    let Planning { registry, catalog, histories, .. } = planning;
    run::catch_up(registry.as_ref(), author, catalog, histories).await
}

/// Has versions move on that have been in a channel for long enough. Before anything is built: what is
/// built takes their place in that channel.
async fn promote(
    session: &Session,
    arguments: &cli::Run,
    planning: &Planning,
    author: &Author,
) -> Result<Vec<Promotion>, Failure> {
    if arguments.dry_run {
        return Ok(Vec::new());
    }
    let Planning { registry, catalog, lists, plan, .. } = planning;
    let (registry, advisories) = (registry.as_ref(), &arguments.advisories);
    let judgements = plan.soaking.iter().map(|it| {
        let policy = catalog.images[&it.image].gate.clone();
        (it.image.clone(), Judgement { policy, lists: lists[&it.image].clone() })
    });
    let judgements = judgements.collect();
    let soak = Soak { session, registry, catalog, judgements, author, advisories };
    soak.promote(&plan.soaking).await
}

/// Whether only what is in a commit may be published.
fn committed_only(session: &Session, arguments: &cli::Run) -> bool {
    !arguments.allow_dirty && !arguments.dry_run && !session.on_runner()
}

/// The commit that is built from.
///
/// On a person's machine, a version of changes that are in no commit could never be built again: it
/// is not published unless they insist. On a runner the work tree is a checkout.
async fn commit(
    session: &Session,
    arguments: &cli::Run,
    catalog: &Catalog,
) -> Result<Option<Commit>, Failure> {
    let strict = committed_only(session, arguments);
    let hint = "commit them, or use `--allow-dirty` to publish all the same, or `--dry-run`";
    match session.repository(catalog).await? {
        Repository::None => Ok(None),
        Repository::At(commit) if commit.dirty && strict => {
            let reason = "the repository of images.yml has changes that are in no commit";
            Err(Failure::new(FailureClass::Usage, reason).hint(hint))
        }
        Repository::At(commit) => Ok(Some(commit)),
        Repository::Unknown(why) => {
            let reason = format!(
                "nobody can say which commit the folder of images.yml is checked out from: {why}"
            );
            if strict {
                let hint = "make `git status` work there, or use `--allow-dirty` to publish all the same, or `--dry-run`";
                return Err(Failure::new(FailureClass::Usage, reason).hint(hint));
            }
            session.events.note(None, NoteLevel::Warning, reason);
            Ok(None)
        }
    }
}

async fn toolbox(
    session: &Session,
    planning: &Planning,
    given: &BTreeMap<ImageName, Utf8PathBuf>,
    regate: bool,
) -> Result<Toolbox, Failure> {
    let mut planned = planning.plan.build.iter();
    let builds = !regate && planned.any(|planned| !given.contains_key(&planned.image));
    let Session { environment, launcher, cancellation, .. } = session;
    let packer = if builds {
        let found = packer::probe(environment, launcher, cancellation).await;
        Some(found.map_err(|error| error.failure())?)
    } else {
        None
    };
    let trivy = trivy::find(environment, launcher, cancellation).await?;
    let planned =
        planning.plan.build.iter().map(|planned| &planning.catalog.images[&planned.image]);
    let tested = planned.clone().any(|image| !image.tests.is_empty());
    let qemu_img = if tested { Some(session.qemu_img().await?) } else { None };
    let mut booted = planned.filter(|image| image.tests.contains(&Test::Boot)).peekable();
    let qemu = if booted.peek().is_some() { Some(session.qemu().await?) } else { None };
    if let Some(image) = booted.find(|image| image.arch != Arch::Amd64) {
        let reason = format!("the test `boot` of `{}` needs an image for amd64", image.name);
        let hint = "give it other `tests`, such as `[{ run: ./smoke.sh }]`, or none: `[]`";
        return Err(Failure::new(FailureClass::Config, reason).hint(hint));
    }
    Ok(Toolbox { packer, trivy, qemu_img, qemu })
}

/// The database in the folder that was named, if one was.
pub(super) fn given_database(
    session: &Session,
    folder: Option<&Utf8Path>,
) -> Result<Option<Database>, Failure> {
    folder.map(|folder| open_database(session, folder)).transpose()
}

/// The database in `folder`.
pub(super) fn open_database(session: &Session, folder: &Utf8Path) -> Result<Database, Failure> {
    Database::open(&session.path(folder)).map_err(|error| error.failure())
}

/// The current database, downloaded when it is not young: from the `repositories` that are given, or
/// the usual ones.
pub(super) async fn refresh(
    session: &Session,
    trivy: &Tool,
    state: &Utf8Path,
    repositories: &[String],
) -> Result<Database, Failure> {
    fs_err::create_dir_all(state).map_err(|error| no_state(&error))?;
    let scanner = Scanner {
        tool: trivy.clone(),
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        log: state.join("advisories.log").into(),
    };
    let folder = state.join(ADVISORIES);
    session.events.note(None, NoteLevel::Info, "bringing the advisory database up to date");
    let repositories = Repositories::new(repositories, &session.environment);
    let (environment, now) = (&session.environment, session.clock.now());
    let refreshed = scanner.refresh(&folder, &repositories, environment, now).await?;
    for failed in refreshed.failed {
        let text = format!("no advisory database comes from {failed}");
        session.events.note(None, NoteLevel::Warning, text);
    }
    if refreshed.old {
        let made = refreshed.database.updated_at;
        let text = format!("using the advisory database at hand, made at {made}");
        session.events.note(None, NoteLevel::Warning, text);
    }
    Ok(refreshed.database)
}

fn nothing_due(
    session: &Session,
    planning: &Planning,
    run: RunId,
    database: Option<Database>,
    caught_up: Vec<CaughtUp>,
) -> Report {
    Report {
        run,
        goldsmith: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: planning.plan.at,
        finished_at: session.clock.now(),
        exit_code: ExitCode::Done,
        own_time: session.clock.elapsed().saturating_sub(session.launcher.waiting().total()),
        fixture: database.and_then(|database| database.fixture),
        tools: Vec::new(),
        images: Vec::new(),
        skipped: planning.plan.skip.clone(),
        caught_up,
        promotions: Vec::new(),
        reaped: Vec::new(),
        directory: None,
    }
}

/// A store that nobody can reach is told before a build, and not after it.
fn refuse_stores_out_of_reach<'a>(
    session: &Session,
    state: &Utf8Path,
    images: impl Iterator<Item = &'a Image>,
) -> Result<(), Failure> {
    let surroundings = Surroundings { environment: &session.environment, state };
    for store in images.flat_map(|image| &image.stores) {
        publish::open(store, surroundings).map_err(|error| error.failure())?;
    }
    Ok(())
}
