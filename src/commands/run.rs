//! `goldsmith run`: the main job.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::planning::{self, Planning};
use super::session::Session;
use crate::cli;
use crate::model::{
    Address, Commit, ExitCode, Failure, FailureClass, ImageName, NoteLevel, StoreAddress, Tool,
};
use crate::packer;
use crate::registry::Author;
use crate::report::Report;
use crate::run::{self, Options, Pipeline, Toolbox};
use crate::trivy::{self, Database, Scanner};

/// Plans, and does what is due.
pub(super) async fn run(session: &Session, arguments: &cli::Run) -> Result<Report, Failure> {
    let given = given(session, arguments)?;
    let mut planning =
        planning::plan(session, &arguments.selection, given.keys().cloned().collect()).await?;
    override_stores(session, arguments, &mut planning)?;
    refuse_folders_that_a_checkout_wipes(session, &planning)?;
    let state = run::state_folder(&session.environment);
    // Old folders are in nobody's way.
    let _ = run::forget_old_runs(&state);
    let id = run::new_run_id(&session.clock);
    let database = match &arguments.db {
        Some(folder) => Some(open_database(session, folder)?),
        None => None,
    };
    if planning.plan.build.is_empty() {
        return Ok(nothing_due(session, &planning, id, database));
    }
    let commit = session.commit(&planning.catalog).await;
    refuse_uncommitted(session, arguments, commit.as_ref())?;
    let tools = toolbox(session, &planning, &given).await?;
    let database = match database {
        Some(database) => database,
        None => refresh(session, &tools.trivy, &state).await?,
    };
    let pipeline = Pipeline {
        catalog: &planning.catalog,
        plan: &planning.plan,
        histories: &planning.histories,
        options: Options { dry_run: arguments.dry_run, force: arguments.selection.force, given },
        registry: planning.registry.as_ref(),
        author: Author { run: id, run_url: session.context.run_url.clone(), clock: session.clock },
        tools,
        database,
        commit,
        state,
        environment: session.environment.clone(),
        clock: session.clock,
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        events: session.events.clone(),
    };
    run::run(&pipeline).await.map_err(|error| {
        Failure::caused_by(FailureClass::Usage, &error).hint(
            "runs keep their folders below `$GOLDSMITH_STATE_DIR` or `~/.local/state/goldsmith`",
        )
    })
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

fn override_stores(
    session: &Session,
    arguments: &cli::Run,
    planning: &mut Planning,
) -> Result<(), Failure> {
    let mut stores = Vec::new();
    for url in &arguments.store {
        let Address::Directory(folder) = session.address(url, "--store")?;
        stores.push(StoreAddress::Directory(folder));
    }
    for image in planning.catalog.images.values_mut() {
        if !stores.is_empty() {
            image.stores.clone_from(&stores);
        }
    }
    Ok(())
}

/// A checkout wipes the work tree, and a container action keeps nothing else of the host: a folder
/// in there is gone after the job, published versions and all.
fn refuse_folders_that_a_checkout_wipes(
    session: &Session,
    planning: &Planning,
) -> Result<(), Failure> {
    if !session.on_runner() {
        return Ok(());
    }
    let Address::Directory(registry) = &planning.catalog.registry;
    let stores = planning.catalog.images.values().flat_map(|image| &image.stores);
    let folders = stores.map(|StoreAddress::Directory(folder)| ("store", folder));
    for (what, folder) in std::iter::once(("registry", registry)).chain(folders) {
        if folder.ancestors().any(|folder| folder.join(".git").exists()) {
            let reason = format!(
                "the {what} `{folder}` lies in a git work tree, which the next checkout wipes"
            );
            return Err(Failure::new(FailureClass::Usage, reason)
                .hint("mount a folder of the host and name it with `registry` and `store`"));
        }
    }
    Ok(())
}

/// On a person's machine, a version of changes that are in no commit could never be built again.
fn refuse_uncommitted(
    session: &Session,
    arguments: &cli::Run,
    commit: Option<&Commit>,
) -> Result<(), Failure> {
    let dirty = commit.is_some_and(|commit| commit.dirty);
    if !dirty || arguments.allow_dirty || arguments.dry_run || session.on_runner() {
        return Ok(());
    }
    let reason = "the folder of images.yml has changes that are in no commit";
    Err(Failure::new(FailureClass::Usage, reason)
        .hint("commit them, or use `--allow-dirty` to publish all the same, or `--dry-run`"))
}

async fn toolbox(
    session: &Session,
    planning: &Planning,
    given: &BTreeMap<ImageName, Utf8PathBuf>,
) -> Result<Toolbox, Failure> {
    let builds = planning.plan.build.iter().any(|planned| !given.contains_key(&planned.image));
    let Session { environment, launcher, cancellation, .. } = session;
    let packer = if builds {
        let found = packer::probe(environment, launcher, cancellation).await;
        Some(found.map_err(|error| error.failure())?)
    } else {
        None
    };
    let trivy = trivy::find(environment, launcher, cancellation).await?;
    let qemu_img = session.qemu_img().await?;
    Ok(Toolbox { packer, trivy, qemu_img })
}

/// The database in `folder`.
pub(super) fn open_database(
    session: &Session,
    folder: &camino::Utf8Path,
) -> Result<Database, Failure> {
    Database::open(&session.path(folder)).map_err(|error| error.failure())
}

/// The current database, downloaded when it is not young.
pub(super) async fn refresh(
    session: &Session,
    trivy: &Tool,
    state: &camino::Utf8Path,
) -> Result<Database, Failure> {
    let io = |error: std::io::Error| Failure::caused_by(FailureClass::Scan, &error);
    fs_err::create_dir_all(state).map_err(io)?;
    let scanner = Scanner {
        tool: trivy.clone(),
        launcher: session.launcher.clone(),
        cancellation: session.cancellation.clone(),
        log: state.join("advisories.log"),
    };
    let folder = state.join("advisories");
    session.events.note(None, NoteLevel::Info, "bringing the advisory database up to date");
    let refreshed = scanner.refresh(&folder, &session.environment, session.clock.now()).await?;
    if let Some(warning) = refreshed.warning {
        let text = format!("using the advisory database at hand: {warning}");
        session.events.note(None, NoteLevel::Warning, text);
    }
    Ok(refreshed.database)
}

fn nothing_due(
    session: &Session,
    planning: &Planning,
    run: crate::model::RunId,
    database: Option<Database>,
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
        directory: None,
    }
}
