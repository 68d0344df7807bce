//! `goldsmith plan`: what would be built, and why.

use std::collections::BTreeSet;

use super::planning::{self, Planning, Wanted};
use super::run::given_database;
use super::session::Session;
use crate::cli;
use crate::model::{Catalog, Failure, Plan};

/// Makes the plan.
pub(super) async fn run(
    session: &Session,
    arguments: &cli::Plan,
) -> Result<(Plan, Catalog), Failure> {
    let database = given_database(session, arguments.db.as_deref())?;
    let wanted = Wanted {
        selection: &arguments.selection,
        given: BTreeSet::new(),
        stores: &[],
        records: false,
        database: database.as_ref(),
    };
    let Planning { plan, catalog, later, .. } = planning::plan(session, wanted).await?;
    later.warn(session, plan.build.iter().map(|planned| &catalog.images[&planned.image]));
    Ok((plan, catalog))
}
