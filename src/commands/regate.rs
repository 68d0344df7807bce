//! `goldsmith regate`: judges what did not pass and was kept aside again, and publishes what passes
//! by now. Builds nothing.

use std::time::Duration;

use super::run;
use super::session::Session;
use crate::cli;
use crate::model::{Budget, Failure, FailureClass, NotDue, NoteLevel};
use crate::report::Report;

/// Nothing is built that would have to be stopped.
const GRACE: Duration = Duration::from_mins(2);

/// Does what a run does, but for building.
pub(super) async fn run(session: &Session, arguments: &cli::Regate) -> Result<Report, Failure> {
    let selection = cli::Selection {
        images: arguments.images.clone(),
        due: false,
        labels: arguments.labels.clone(),
        changed_since: None,
        only_failed: false,
        force: false,
        registry: arguments.registry.clone(),
    };
    let of_run = cli::Run {
        selection,
        from_artifact: Vec::new(),
        store: arguments.store.clone(),
        advisories: arguments.advisories.clone(),
        dry_run: arguments.dry_run,
        grace: GRACE,
        budget: Budget::default(),
        allow_dirty: arguments.allow_dirty,
        format: arguments.format,
    };
    let report = run::go(session, &of_run, true).await?;
    // Whoever names an image means one of which something is kept.
    let missing = report.skipped.iter().filter(|skipped| skipped.why == NotDue::NotSelected);
    let named = arguments.images.iter().filter(|name| !name.contains(['*', '?', '[', '{', '\\']));
    let named: Vec<&String> = named.collect();
    let mut missing =
        missing.filter(|skipped| named.iter().any(|name| **name == skipped.image.as_str()));
    match missing.next() {
        Some(skipped) if report.images.is_empty() => {
            let reason = format!("no build of `{}` that did not pass is kept", skipped.image);
            Err(Failure::new(FailureClass::Usage, reason)
                .hint("`goldsmith plan` tells what would be built, and why"))
        }
        _ => {
            if report.images.is_empty() {
                let text = "no build that did not pass is kept: there is nothing to judge again";
                session.events.note(None, NoteLevel::Info, text);
            }
            Ok(report)
        }
    }
}
