//! `goldsmith rescan`: what all published versions are worth by today's advisories.

use std::collections::BTreeMap;

use super::judging;
use super::revoke::Withdrawal;
use super::run::{given_database, refresh};
use super::session::{Session, no_state};
use crate::cli;
use crate::config::{self, Checked};
use crate::matrix::{self, SelectionError};
use crate::model::{Address, Catalog, Failure, FailureClass, ImageName, NoteLevel};
use crate::process::Log;
use crate::registry::{self, Lineage, Registry};
use crate::report::rescan::{Rescan, RevokedBecause, WatchedVersion};
use crate::report::revoked::Revoked;
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
    let (mut rescan, untold) =
        watch(session, &*registry, judgements, &images, &arguments.advisories).await?;
    if arguments.revoke {
        if rescan.fixture.is_some() && !matches!(address, Address::Directory(_)) {
            let reason = "judged by demonstration data: only a registry in a folder may be told that versions are revoked";
            return Err(Failure::new(FailureClass::Usage, reason)
                .hint("run without `--db` to use the real database"));
        }
        rescan.revoked = withdraw(session, &*registry, arguments, &rescan).await?;
    }
    Ok((rescan, untold))
}

/// Withdraws what a channel names and what would not pass any more, and says so. What is judged by the
/// defaults stays: nobody knows what its own policy would say.
async fn withdraw(
    session: &Session,
    registry: &dyn Registry,
    arguments: &cli::Rescan,
    rescan: &Rescan,
) -> Result<Vec<RevokedBecause>, Failure> {
    let bad: Vec<(&WatchedVersion, String)> = rescan
        .versions
        .iter()
        .filter(|version| !version.channels.is_empty() && !version.by_defaults)
        .filter_map(|version| Some((version, version.state.blocked_because()?)))
        .collect();
    if bad.is_empty() {
        return Ok(Vec::new());
    }
    let lineage = Lineage::of(registry).await.map_err(|error| error.failure())?;
    let now = session.clock.now();
    let later = arguments.revoke_after.and_then(|after| now.checked_add(after).ok());
    let author = session.author(run::new_run_id(&session.clock));
    let mut all = Vec::new();
    for (bad, because) in bad {
        let withdrawal = Withdrawal {
            author: &author,
            because: &because,
            undo: false,
            from: later.unwrap_or(now),
            descendants: arguments.descendants,
            now,
        };
        let (versions, left) = withdrawal.on(registry, &lineage, &bad.image, bad.version).await?;
        let revoked = Revoked { undone: false, from: later, versions, left };
        all.push(RevokedBecause { because, revoked });
    }
    Ok(all)
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

/// Those of `images` that the patterns name; all if there are none.
pub(super) fn selected(
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
