//! `goldsmith plan`: what would be built, and why.

use std::collections::BTreeSet;

use super::session::Session;
use super::{Done, deliver, planning};
use crate::cli;
use crate::model::{ExitCode, Failure};

/// Makes the plan and prints it.
pub(super) async fn run(session: &Session, arguments: &cli::Plan) -> Result<Done, Failure> {
    let planning = planning::plan(session, &arguments.selection, BTreeSet::new()).await?;
    deliver::plan(session, arguments.format, &planning.plan);
    Ok(Done::ok(ExitCode::Done))
}
