//! `goldsmith reap`: cleans up after runs that died.

use camino::Utf8Path;

use super::session::{Session, no_state};
use crate::cli;
use crate::config;
use crate::model::{Failure, FailureClass, NoteLevel};
use crate::publish::Surroundings;
use crate::registry::{self, Author, Registry};
use crate::report::{Reaped, sentence};
use crate::run;

/// What was done, and what else is the matter.
pub(super) struct Done {
    pub(super) reaped: Vec<Reaped>,
    pub(super) problems: Vec<String>,
}

impl Done {
    /// Why not everything is clean, if it is not.
    pub(super) fn failure(&self) -> Option<Failure> {
        let left = self.reaped.iter().map(|run| run.left.len()).sum::<usize>();
        (left + self.problems.len() > 0).then(|| {
            let reason = "not everything that dead runs have left could be cleaned up";
            Failure::new(FailureClass::Registry, reason)
        })
    }
}

/// Cleans up on this machine, and in the registry of `images.yml` if there is one.
pub(super) async fn run(session: &Session, arguments: &cli::Reap) -> Result<Done, Failure> {
    let state = run::state_folder(&session.environment)?;
    let author = author(session);
    let reaped = run::reap(here(session, &state), &author, &session.reach())
        .await
        .map_err(|error| no_state(&error))?;
    let mut done = Done { reaped, problems: Vec::new() };
    let address = match &arguments.registry {
        Some(url) => Some(session.registry_address(url)?),
        None if config::resolve(&session.directory, session.global.config.as_str()).exists() => {
            match session.catalog() {
                Ok(checked) => Some(checked.catalog.registry),
                // What is wrong with it is told already.
                Err(failure) => {
                    done.problems.push(format!("no lease was looked at: {}", failure.reason));
                    None
                }
            }
        }
        None => None,
    };
    if let Some(address) = address {
        match registry::look(&address, &session.reach()).await {
            Ok(registry) => leases(&*registry, here(session, &state), &author, &mut done).await,
            Err(error) => done.problems.push(error.failure().reason),
        }
    }
    Ok(done)
}

/// Cleans up on this machine before a run, and says so. What cannot be cleaned up stops nobody.
pub(super) async fn before_run(session: &Session, state: &Utf8Path) -> Vec<Reaped> {
    match run::reap(here(session, state), &author(session), &session.reach()).await {
        Ok(reaped) => {
            tell(session, &reaped);
            reaped
        }
        Err(error) => {
            let text = format!("dead runs are not cleaned up after: {error}");
            session.events.note(None, NoteLevel::Warning, text);
            Vec::new()
        }
    }
}

/// The same for runs on other machines.
pub(super) async fn elsewhere(
    session: &Session,
    state: &Utf8Path,
    registry: &dyn Registry,
) -> Vec<Reaped> {
    let mut done = Done { reaped: Vec::new(), problems: Vec::new() };
    leases(registry, here(session, state), &author(session), &mut done).await;
    tell(session, &done.reaped);
    for problem in &done.problems {
        session.events.note(None, NoteLevel::Warning, problem.as_str());
    }
    done.reaped
}

/// What cleaning up needs of this machine.
fn here<'a>(session: &'a Session, state: &'a Utf8Path) -> Surroundings<'a> {
    Surroundings { environment: &session.environment, state }
}

async fn leases(registry: &dyn Registry, here: Surroundings<'_>, author: &Author, done: &mut Done) {
    match run::reap_leases(registry, here, author).await {
        Ok((reaped, unreadable)) => {
            done.reaped.extend(reaped);
            done.problems.extend(unreadable.iter().map(|error| error.failure().reason));
        }
        Err(error) => done.problems.push(error.failure().reason),
    }
}

fn tell(session: &Session, reaped: &[Reaped]) {
    for run in reaped {
        let dead = sentence::dead(run);
        for deed in &run.done {
            let text = format!("{dead}: {}", sentence::deed(deed));
            session.events.note(None, NoteLevel::Info, text);
        }
        for left in &run.left {
            session.events.note(None, NoteLevel::Warning, format!("{dead}: {left}"));
        }
    }
}

fn author(session: &Session) -> Author {
    session.author(run::new_run_id(&session.clock))
}
