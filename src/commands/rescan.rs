//! `goldsmith rescan`: what all published versions are worth by today's advisories.

use std::collections::BTreeMap;

use super::judging;
use super::run::{given_database, refresh};
use super::session::{Session, no_state};
use crate::cli;
use crate::config::{self, Checked};
use crate::matrix::{self, SelectionError};
use crate::model::{Address, Catalog, Failure, FailureClass, ImageName, NoteLevel};
use crate::process::Log;
use crate::registry::{self, Registry};
use crate::report::rescan::Rescan;
use crate::run::{self, Judgement, Kept, Rescanner, RunDirectory, UntoldAdvice, forget_old_runs};
use crate::trivy::{self, Scanner};

/// Looks at the inventories of the images that are named, or of all. Whoever tells what was found says so to
/// the second part.
pub(super) async fn run(
    session: &Session,
    arguments: &cli::Rescan,
) -> Result<(Rescan, UntoldAdvice), Failure> {
    let Known { address, judgements, .. } = known(session, arguments.registry.as_ref()).await?;
    let registry =
        registry::look(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let images = registry.images().await.map_err(|error| error.failure())?;
    let images = selected(&arguments.images, &images, &*registry)?;
    watch(session, &*registry, judgements, &images, &arguments.advisories).await
}

/// Looks at the inventories of `images`.
pub(super) async fn watch(
    session: &Session,
    registry: &dyn Registry,
    judgements: BTreeMap<ImageName, Judgement>,
    images: &[ImageName],
    advisories: &cli::Advisories,
) -> Result<(Rescan, UntoldAdvice), Failure> {
    let state = run::state_folder(&session.environment)?;
    let database = given_database(session, advisories.db.as_deref())?;
    let Session { environment, launcher, cancellation, .. } = session;
    let tool = trivy::find(environment, launcher, cancellation).await?;
    let database = match database {
        Some(database) => database,
        None => refresh(session, &tool, &state, &advisories.db_repository).await?,
    };
    super::reap::before_run(session, &state).await;
    let _ = forget_old_runs(&state);
    let id = run::new_run_id(&session.clock);
    let (directory, mut journal) =
        RunDirectory::create(&state, &id, session.clock).map_err(|error| no_state(&error))?;
    let untold = UntoldAdvice::of(&state, registry.location());
    let rescanner = Rescanner {
        registry,
        author: session.author(id),
        judgements,
        scanner: Scanner {
            tool,
            launcher: launcher.clone(),
            cancellation: cancellation.clone(),
            log: Log::from(directory.log("rescan")),
        },
        database,
        state,
        scratch: directory.work(),
        clock: session.clock,
        events: session.events.clone(),
    };
    let rescanned = rescanner.rescan(images).await;
    if let Err(error) = directory.finish(&mut journal, Kept::Nothing) {
        let text = format!("the scratch space could not be removed: {error}");
        session.events.note(None, NoteLevel::Warning, text);
    }
    Ok((rescanned?, untold))
}

/// Where versions are recorded, and what they are judged by.
pub(super) struct Known {
    pub(super) address: Address,
    pub(super) judgements: BTreeMap<ImageName, Judgement>,
    /// What `images.yml` says. Without one, all is judged by the defaults: whoever has only the registry
    /// can watch it.
    pub(super) catalog: Option<Catalog>,
}

/// What is known. Reads `images.yml`, and tells what it warns of.
pub(super) async fn known(session: &Session, given: Option<&String>) -> Result<Known, Failure> {
    let given = given.map(|url| session.registry_address(url)).transpose()?;
    if let Some(address) = &given
        && !config::resolve(&session.directory, session.global.config.as_str()).exists()
    {
        let (address, judgements) = (address.clone(), BTreeMap::new());
        return Ok(Known { address, judgements, catalog: None });
    }
    let Checked { mut catalog, warnings, places, .. } = session.catalog()?;
    let mut lists = judging::lists(session, &mut catalog, &places, warnings.sources()).await?;
    let address = given.unwrap_or_else(|| catalog.registry.clone());
    let judgements = catalog.images.iter().map(|(name, image)| {
        let lists = lists.remove(name).unwrap_or_default();
        (name.clone(), Judgement { policy: image.gate.clone(), lists })
    });
    let judgements = judgements.collect();
    Ok(Known { address, judgements, catalog: Some(catalog) })
}

fn selected(
    patterns: &[String],
    images: &[ImageName],
    registry: &dyn Registry,
) -> Result<Vec<ImageName>, Failure> {
    if patterns.is_empty() {
        return Ok(images.to_vec());
    }
    let selected = matrix::select(patterns, images.iter()).map_err(|error| {
        let failure = Failure::caused_by(FailureClass::Usage, &error);
        match error {
            SelectionError::NoMatch { similar: Some(name), .. } => {
                failure.hint(format!("did you mean `{name}`?"))
            }
            _ => failure.hint(format!("nothing of it is recorded in `{}`", registry.location())),
        }
    })?;
    Ok(selected.into_iter().collect())
}
