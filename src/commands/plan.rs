//! `goldsmith plan`: what would be built, and why.

use std::collections::BTreeSet;

use super::planning::{self, Planning, Wanted};
use super::session::Session;
use crate::cli;
use crate::model::{Catalog, Failure, Plan};
use crate::run::state_folder;
use crate::trivy::{ADVISORIES, Database};

/// Makes the plan.
pub(super) async fn run(
    session: &Session,
    arguments: &cli::Plan,
) -> Result<(Plan, Catalog), Failure> {
    let wanted = Wanted {
        selection: &arguments.selection,
        given: BTreeSet::new(),
        stores: &[],
        records: false,
        // Without a place of its own there are none.
        advisories_at: state_folder(&session.environment)
            .ok()
            .and_then(|state| Database::open(&state.join(ADVISORIES)).ok())
            .map(|database| database.updated_at),
    };
    let Planning { plan, catalog, later, .. } = planning::plan(session, wanted).await?;
    later.warn(session, plan.build.iter().map(|planned| &catalog.images[&planned.image]));
    Ok((plan, catalog))
}
