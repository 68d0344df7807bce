//! From `images.yml` to a plan: what `plan` shows and `run` carries out.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Session;
use crate::cli;
use crate::inputs;
use crate::matrix::{self, SelectionError};
use crate::model::{Catalog, Failure, FailureClass, History, ImageName, Plan};
use crate::plan::{self, Candidate};
use crate::registry::{self, Registry};

/// A plan, and what it was made from.
pub(super) struct Planning {
    pub(super) catalog: Catalog,
    pub(super) registry: Box<dyn Registry>,
    pub(super) histories: BTreeMap<ImageName, History>,
    pub(super) plan: Plan,
}

/// Makes the plan. `given` are images whose artifact was handed in: without a selection by name,
/// they are the selection.
pub(super) async fn plan(
    session: &Session,
    arguments: &cli::Selection,
    given: BTreeSet<ImageName>,
) -> Result<Planning, Failure> {
    let mut catalog = session.catalog()?;
    if let Some(url) = &arguments.registry {
        catalog.registry = session.address(url, "--registry")?;
    }
    let names = selected(arguments, &given, &catalog)?;
    let selection = plan::Selection { names: Some(names), force: arguments.force, given };
    let chosen = || {
        let names = selection.names.as_ref();
        catalog
            .images
            .values()
            .filter(move |image| names.is_some_and(|names| names.contains(&image.name)))
    };
    if let Some(problem) = inputs::check(&catalog, chosen()).into_iter().next() {
        return Err(problem);
    }

    let registry = registry::open(&catalog.registry).await.map_err(|error| error.failure())?;
    let mut histories = BTreeMap::new();
    let mut definitions = BTreeMap::new();
    for image in chosen() {
        let history = registry.history(&image.name).await.map_err(|error| error.failure())?;
        histories.insert(image.name.clone(), history);
        let digest = inputs::definition_digest(image)
            .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
        definitions.insert(image.name.clone(), digest);
    }
    let candidates: Vec<Candidate<'_>> = chosen()
        .map(|image| Candidate {
            image,
            definition: definitions[&image.name],
            history: &histories[&image.name],
        })
        .collect();
    let plan = plan::plan(&candidates, &selection, session.clock.now())
        .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
    Ok(Planning { catalog, registry, histories, plan })
}

fn selected(
    arguments: &cli::Selection,
    given: &BTreeSet<ImageName>,
    catalog: &Catalog,
) -> Result<BTreeSet<ImageName>, Failure> {
    let patterns: Vec<String> = match (arguments.images.as_slice(), given.is_empty()) {
        ([], true) => vec!["*".to_owned()],
        (images, _) => {
            images.iter().cloned().chain(given.iter().map(ToString::to_string)).collect()
        }
    };
    matrix::select(&patterns, catalog.images.keys()).map_err(|error| {
        let failure = Failure::caused_by(FailureClass::Usage, &error);
        match error {
            SelectionError::NoMatch { similar: Some(name), .. } => {
                failure.hint(format!("did you mean `{name}`?"))
            }
            SelectionError::NoMatch { similar: None, .. } => {
                let names: Vec<&str> = catalog.images.keys().map(ImageName::as_str).collect();
                failure.hint(format!("images.yml has: {}", names.join(", ")))
            }
            SelectionError::Glob(_) => failure,
        }
    })
}
