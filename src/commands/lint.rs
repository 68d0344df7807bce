//! `goldsmith lint`: all problems of `images.yml` and of the files that it names.

mod templates;

use super::session::Session;
use super::{judging, plugins};
use crate::config::{self, Found, Looked};
use crate::diagnostics::{Diagnostic, Kind, Level, Problems};
use crate::model::Failure;
use crate::{inputs, packer};

/// Finds the problems; shows their files by absolute paths.
pub(super) async fn run(session: &Session) -> Result<Problems, Failure> {
    let Looked { found, mut problems } = session.images_yml()?;
    let Some(Found { catalog, later, places, .. }) = found else {
        return Ok(problems);
    };
    let of_images = later.images.into_iter().map(|later| later.refusal);
    for refusal in later.everywhere.into_iter().chain(of_images) {
        // Right, and refused only when something is to be built.
        problems.push(Diagnostic { level: Level::Warning, ..refusal });
    }
    let mut lock = None;
    if let Some(bytes) = plugins::lock_bytes(&catalog)? {
        (lock, problems) = config::look_at_plugin_lock(&catalog.plugin_lock(), &bytes, problems);
    }
    (_, problems) = judging::check(&catalog, &places, judging::today(session), problems);
    let folder = catalog.path.parent().unwrap_or(&session.directory);
    let sound = inputs::check(folder, catalog.images.values(), &places, &mut problems);
    if let Some(lock) = &lock {
        plugins::check(&sound, &places, lock, &mut problems).await?;
    }
    templates::check(session, &catalog, &sound, &places, &mut problems).await?;
    Ok(problems.in_order())
}

/// Every kind of problem that can be found.
pub(super) fn kinds() -> Vec<Kind> {
    [
        config::PROBLEMS,
        config::PROBLEMS_OF_LOCK,
        config::PROBLEMS_OF_WAIVERS,
        inputs::PROBLEMS,
        inputs::TEMPLATE_PROBLEMS,
        packer::PROBLEMS,
    ]
    .concat()
}
