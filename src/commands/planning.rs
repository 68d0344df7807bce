//! From `images.yml` to a plan: what `plan` shows and `run` carries out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::judging;
use super::refusals::Refusals;
use super::session::Session;
use crate::cli;
use crate::clock::Clock;
use crate::config::{self, Checked};
use crate::diagnostics::{Places, Problems, Sources};
use crate::inputs::{self, DefinitionError, Digests, EditNotes, FileDigests};
use crate::matrix::{self, Graph, GraphError, SelectionError};
use crate::model::{
    Catalog, Change, Definition, Failure, FailureClass, GateLists, History, Image, ImageName,
    Parent, Plan, StoreAddress,
};
use crate::plan::{self, Candidate, ParentNow, PlanInputs};
use crate::process;
use crate::registry::{self, Registry};
use crate::run::state_folder;
use crate::trivy::{ADVISORIES, Database};

/// What was asked for.
pub(super) struct Wanted<'a> {
    pub(super) selection: &'a cli::Selection,
    /// Images whose artifact was handed in: without a selection by name, they are the selection.
    pub(super) given: BTreeSet<ImageName>,
    /// Where the bytes go, instead of what images.yml says.
    pub(super) stores: &'a [String],
    /// Whether anything will be recorded.
    pub(super) records: bool,
    /// Whether what did not pass and was kept is judged again, and nothing else is done.
    pub(super) regate: bool,
    /// The advisories that were given. Without them, those at hand count if they are young.
    pub(super) database: Option<&'a Database>,
}

/// A plan, and what it was made from.
pub(super) struct Planning {
    pub(super) catalog: Catalog,
    /// What the file asks for and this version cannot do.
    pub(super) later: Refusals,
    pub(super) registry: Box<dyn Registry>,
    pub(super) histories: BTreeMap<ImageName, History>,
    /// What people keep for the gate in files of their own.
    pub(super) lists: BTreeMap<ImageName, GateLists>,
    pub(super) plan: Plan,
}

/// Makes the plan.
pub(super) async fn plan(session: &Session, wanted: Wanted<'_>) -> Result<Planning, Failure> {
    let (mut catalog, later, places) = catalog(session, &wanted)?;
    let lists = judging::lists(session, &mut catalog, &places, &later.sources).await?;
    let catalog = Arc::new(catalog);
    refuse_folders_that_a_checkout_wipes(session, &catalog, wanted.records)?;
    let Wanted { selection: arguments, given, records, regate, database, .. } = wanted;
    let graph = Graph::new(catalog.images.values()).map_err(|errors| circular(&errors))?;
    let names = selected(arguments, &given, &catalog)?;
    let changed = match &arguments.changed_since {
        Some(reference) => Some(changed(session, reference, &catalog, &graph).await?),
        None => None,
    };
    let chosen = || {
        let names = graph.order().filter(|name| names.contains(*name));
        names.map(|name| &catalog.images[name])
    };
    check_files(session, &catalog, chosen(), &places, &later.sources)?;

    let address = &catalog.registry;
    let reach = session.reach();
    let registry = if records {
        registry::open(address, &reach).await
    } else {
        registry::look(address, &reach).await
    };
    let registry = registry.map_err(|error| error.failure())?;
    let with_parents = chosen().flat_map(|image| {
        iter::once(&image.name).chain(image.parents.iter().map(|parent| &parent.image))
    });
    let names: BTreeSet<&ImageName> = with_parents.collect();
    let names: Vec<ImageName> = names.into_iter().cloned().collect();
    let chosen_names = chosen().map(|image| image.name.clone()).collect();
    let (definitions, histories) = tokio::join!(
        definitions(session, catalog.clone(), chosen_names),
        registry.histories(&names)
    );
    let histories = histories.map_err(|error| error.failure())?;
    if records {
        // What had to be read from logs is at hand the next time. If not, it only takes longer.
        let _ = registry::remember(&*registry, &histories).await;
    }
    let (definitions, untracked, edits) = definitions?;
    let candidates = chosen().map(|image| Candidate {
        image,
        definition: &definitions[&image.name],
        history: &histories[&image.name],
        waivers: lists[&image.name].waivers_digest(),
        parents: parents(image, &catalog, &histories),
    });
    let inputs = PlanInputs {
        candidates: candidates.collect(),
        selection: plan::Selection {
            names: None,
            only_failed: arguments.only_failed,
            changed,
            by_name: !arguments.images.is_empty() && !arguments.due,
            force: arguments.force,
            regate,
            given,
        },
        retry_limit: catalog.retry_limit,
        advisories_at: advisories_at(session, database),
    };
    let mut plan = plan::plan(&inputs, session.clock.now())
        .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
    plan.untracked = untracked;
    plan.edits = edits;
    let catalog = Arc::unwrap_or_clone(catalog);
    Ok(Planning { catalog, later, registry, histories, lists, plan })
}

/// When the advisories will have been made that a run judges by: those that were given, or those at
/// hand if they are young, or new ones.
fn advisories_at(session: &Session, given: Option<&Database>) -> Timestamp {
    let now = session.clock.now();
    let at_hand = || {
        // Without a place of its own there are none.
        let state = state_folder(&session.environment).ok()?;
        Database::open(&state.join(ADVISORIES)).ok().filter(|database| database.is_fresh(now))
    };
    given.cloned().or_else(at_hand).map_or(now, |database| database.updated_at)
}

/// What `images.yml` says, with what the command line says instead.
fn catalog(
    session: &Session,
    wanted: &Wanted<'_>,
) -> Result<(Catalog, Refusals, Vec<Places>), Failure> {
    let Checked { mut catalog, warnings, mut later, places, .. } = session.catalog()?;
    if let Some(url) = &wanted.selection.registry {
        catalog.registry = session.registry_address(url)?;
    }
    let mut stores = Vec::new();
    for url in wanted.stores {
        stores.push(session.store_address(url)?);
    }
    if !stores.is_empty() {
        later.images.retain(|later| later.key != "stores");
        for image in catalog.images.values_mut() {
            image.stores.clone_from(&stores);
        }
    }
    Ok((catalog, Refusals { later, sources: warnings.sources().clone() }, places))
}

/// A checkout wipes the work tree, and a container action keeps nothing else of the host: a folder
/// in there is gone after the job, published versions and all.
fn refuse_folders_that_a_checkout_wipes(
    session: &Session,
    catalog: &Catalog,
    stores_too: bool,
) -> Result<(), Failure> {
    if !session.on_runner() {
        return Ok(());
    }
    for (what, folder) in folders(catalog).filter(|(what, _)| *what == "registry" || stores_too) {
        let real = real_path(folder);
        if real.ancestors().any(|folder| folder.join(".git").symlink_metadata().is_ok()) {
            let reason = format!(
                "the {what} `{folder}` lies in a git work tree, which the next checkout wipes"
            );
            return Err(Failure::new(FailureClass::Usage, reason)
                .hint("mount a folder of the host and name it with `registry` and `store`"));
        }
    }
    Ok(())
}

/// The folders in which goldsmith keeps things, and what they are.
fn folders(catalog: &Catalog) -> impl Iterator<Item = (&'static str, &Utf8Path)> {
    let registry = catalog.registry.folder().map(|folder| ("registry", folder));
    let stores = catalog.images.values().flat_map(|image| &image.stores);
    let stores = stores.filter_map(StoreAddress::folder).map(|folder| ("store", folder));
    registry.into_iter().chain(stores)
}

/// Where a folder that need not exist yet really is: links on the way lead elsewhere.
fn real_path(folder: &Utf8Path) -> Utf8PathBuf {
    let known = folder.ancestors().find_map(|known| Some((known, known.canonicalize_utf8().ok()?)));
    let Some((known, real)) = known else {
        return folder.to_owned();
    };
    folder.strip_prefix(known).map_or(real.clone(), |rest| real.join(rest))
}

/// All problems with files that images name, each told; the failure counts them.
fn check_files<'a>(
    session: &Session,
    catalog: &Catalog,
    images: impl Iterator<Item = &'a Image>,
    places: &[Places],
    sources: &Sources,
) -> Result<(), Failure> {
    let mut problems = Problems::new(sources.clone());
    let folder = catalog.path.parent().unwrap_or(&session.directory);
    inputs::check(folder, images, places, &mut problems);
    if problems.is_empty() {
        return Ok(());
    }
    let problems = session.show(problems.in_order());
    if problems.has_errors() { Err(config::failure(&problems)) } else { Ok(()) }
}

/// The parents of `image`, and what the channels that it follows name now. It follows the one that
/// the parent enters by itself, unless it says otherwise.
fn parents<'a>(
    image: &'a Image,
    catalog: &'a Catalog,
    histories: &BTreeMap<ImageName, History>,
) -> Vec<ParentNow<'a>> {
    let now = |parent: &'a Parent| {
        let channel = parent.follows(&catalog.images[&parent.image]);
        let version = histories[&parent.image].channels.get(channel).copied();
        ParentNow { image: &parent.image, channel, version }
    };
    image.parents.iter().map(now).collect()
}

pub(super) fn circular(errors: &[GraphError]) -> Failure {
    let reasons: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Failure::new(FailureClass::Config, reasons.join("; "))
}

/// The definitions of the images with `names`, what of them nobody can follow, and what their builds
/// change in copies of templates.
async fn definitions(
    session: &Session,
    catalog: Arc<Catalog>,
    names: Vec<ImageName>,
) -> Result<(BTreeMap<ImageName, Definition>, Vec<String>, Vec<String>), Failure> {
    let wish = session.cancellation.clone();
    let cache = session.environment.cache_folder();
    let look = move || {
        // Files have the time of the machine, whatever time a test has set.
        let clock = Clock::system();
        let files = match cache {
            Some(cache) => FileDigests::kept(&cache, &catalog.path, clock, wish),
            None => FileDigests::new(clock, wish),
        };
        let mut digests = Digests::new(&catalog, files);
        let (mut definitions, mut untracked) = (BTreeMap::new(), BTreeSet::new());
        let mut edits = EditNotes::default();
        let folder = catalog.path.parent().unwrap_or(Utf8Path::new("/"));
        for name in names {
            let image = &catalog.images[&name];
            edits.add(image, folder);
            for found in &digests.references(image)?.untracked {
                untracked.insert(found.told(folder));
            }
            definitions.insert(name, inputs::definition(image, &mut digests)?);
        }
        digests.keep();
        Ok((definitions, untracked.into_iter().collect(), edits.told()))
    };
    tokio::task::spawn_blocking(look)
        .await
        .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?
        .map_err(|error: DefinitionError| process::failure(&error, FailureClass::Config))
}

/// What has changed since the branch left `reference`.
async fn changed(
    session: &Session,
    reference: &str,
    catalog: &Catalog,
    graph: &Graph,
) -> Result<BTreeMap<ImageName, Change>, Failure> {
    let before = |text: &[u8]| config::read(&catalog.path, text).ok().map(|read| read.catalog);
    let git = session.git();
    let files = FileDigests::new(Clock::system(), session.cancellation.clone());
    let digests = RefCell::new(Digests::new(catalog, files));
    let concerns = |image: &Image, path: &Utf8Path| {
        // What cannot be read is told when the definition is.
        let references = digests.borrow_mut().references(image);
        references.is_ok_and(|references| references.concern(path))
            || inputs::further_files(image).iter().any(|file| file == path)
    };
    let changed = inputs::changed_since(&git, reference, catalog, concerns, before);
    let changed = changed.await.map_err(|error| {
        Failure::caused_by(error.class(FailureClass::Usage), &error)
            .hint("name a branch or commit that is there, such as `origin/main`; a checkout for CI needs its history (`fetch-depth: 0`)")
    })?;
    Ok(graph.touched(changed))
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
    let unselected = |error: SelectionError| {
        let failure = Failure::caused_by(FailureClass::Usage, &error);
        match error {
            SelectionError::NoMatch { pattern, .. } if pattern.contains([' ', ',']) => failure
                .hint("each name is an argument of its own; the input `images` has one a line"),
            SelectionError::NoMatch { similar: Some(name), .. } => {
                failure.hint(format!("did you mean `{name}`?"))
            }
            SelectionError::NoMatch { similar: None, .. } => {
                failure.hint(format!("images.yml has: {}", images(catalog)))
            }
            SelectionError::NoLabel { similar: Some(label), .. } => {
                failure.hint(format!("did you mean `{label}`?"))
            }
            SelectionError::NoLabel { similar: None, .. } => {
                let labels = catalog.images.values().flat_map(|image| &image.labels);
                let labels: BTreeSet<&str> = labels.map(String::as_str).collect();
                failure.hint(match named(labels.into_iter()).as_str() {
                    "" => "no image of images.yml has a label".to_owned(),
                    labels => format!("images.yml has: {labels}"),
                })
            }
            SelectionError::Glob(_) => failure,
        }
    };
    let mut selected = matrix::select(&patterns, catalog.images.keys()).map_err(unselected)?;
    if !arguments.labels.is_empty() {
        let labelled = matrix::with_labels(&arguments.labels, catalog.images.values());
        let labelled = labelled.map_err(unselected)?;
        selected.retain(|name| labelled.contains(name));
    }
    Ok(selected)
}

/// The images that there are, as a hint has them.
pub(super) fn images(catalog: &Catalog) -> String {
    named(catalog.images.keys().map(ImageName::as_str))
}

/// The first of `things`, and how many more there are.
fn named<'a>(mut things: impl Iterator<Item = &'a str>) -> String {
    const NAMED: usize = 20;
    let first: Vec<&str> = things.by_ref().take(NAMED).collect();
    match things.count() {
        0 => first.join(", "),
        more => format!("{}, … and {more} more", first.join(", ")),
    }
}
