//! `goldsmith plan`: what would be built, and why.

use std::collections::BTreeSet;

use super::planning::{self, Wanted};
use super::session::Session;
use crate::cli;
use crate::model::{Failure, Plan};

/// Makes the plan.
pub(super) async fn run(session: &Session, arguments: &cli::Plan) -> Result<Plan, Failure> {
    let wanted = Wanted {
        selection: &arguments.selection,
        given: BTreeSet::new(),
        stores: &[],
        records: false,
    };
    Ok(planning::plan(session, wanted).await?.plan)
}
