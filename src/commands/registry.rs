//! `goldsmith registry check` and `goldsmith registry repair`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use futures_util::{StreamExt as _, stream};
use url::Url;

use super::rescan::selected;
use super::session::Session;
use crate::cli::{self, RegistryAct};
use crate::config;
use crate::model::{
    Address, ArtifactRecord, Catalog, Entry, Failure, Flaw, Gravity, History, ImageName,
    StoreAddress, Version,
};
use crate::publish::{self, DirectoryStore, Store, Surroundings, holding};
use crate::registry::{self, Depth, Registry};
use crate::report::checked::{CheckedRegistry, RepairedRegistry};
use crate::run;

/// How many stored files are looked for at a time.
const AT_A_TIME: usize = 16;

/// One of the two answers.
pub(super) enum Answer {
    /// What is wrong.
    Checked(CheckedRegistry),
    /// What was put right.
    Repaired(RepairedRegistry),
}

/// Does what is asked for.
pub(super) async fn run(session: &Session, arguments: &cli::Registry) -> Result<Answer, Failure> {
    match &arguments.act {
        RegistryAct::Check(asked) => check(session, asked).await.map(Answer::Checked),
        RegistryAct::Repair(asked) => repair(session, asked).await.map(Answer::Repaired),
    }
}

/// Where versions are recorded, and what `images.yml` says, if there is one.
pub(super) fn known(
    session: &Session,
    given: Option<&String>,
) -> Result<(Address, Option<Catalog>), Failure> {
    let given = given.map(|url| session.registry_address(url)).transpose()?;
    let has_file = config::resolve(&session.directory, session.global.config.as_str()).exists();
    match given {
        Some(address) if !has_file => Ok((address, None)),
        given => {
            let catalog = session.catalog()?.catalog;
            Ok((given.unwrap_or_else(|| catalog.registry.clone()), Some(catalog)))
        }
    }
}

async fn check(
    session: &Session,
    arguments: &cli::RegistryCheck,
) -> Result<CheckedRegistry, Failure> {
    let (address, catalog) = known(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::look(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let images = registry.images().await.map_err(|error| error.failure())?;
    let images = selected(&arguments.images, &images, registry)?;
    let only = (!arguments.images.is_empty()).then_some(&images[..]);
    let depth = if arguments.bytes { Depth::Contents } else { Depth::Names };
    let checked = registry::check(registry, only, depth, session.clock.now()).await;
    let registry::Checked { images: seen, entries, blobs, mut flaws } =
        checked.map_err(|error| error.failure())?;
    let mut files = None;
    if arguments.bytes {
        let (looked, missing) = in_stores(session, registry, catalog.as_ref(), &images).await?;
        files = Some(looked);
        flaws.extend(missing);
        flaws.sort_by_key(|flaw| std::cmp::Reverse(flaw.gravity));
    }
    let registry = registry.location().to_owned();
    Ok(CheckedRegistry { registry, images: seen, entries, blobs, files, flaws })
}

async fn repair(
    session: &Session,
    arguments: &cli::RegistryRepair,
) -> Result<RepairedRegistry, Failure> {
    let (address, _) = known(session, arguments.registry.as_ref())?;
    let registry =
        &*registry::look(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let dry_run = arguments.dry_run;
    let done = registry::repair(registry, dry_run, session.clock.now()).await;
    let registry::Repaired { done, left } = done.map_err(|error| error.failure())?;
    let registry = registry.location().to_owned();
    Ok(RepairedRegistry { registry, dry_run, done, left })
}

/// A place of a file of a version.
struct Sought {
    image: ImageName,
    version: Version,
    size: u64,
    location: String,
}

/// Looks for the files of all published versions of `images` where the records say that they lie. How
/// many there are, and what is wrong with them.
async fn in_stores(
    session: &Session,
    registry: &dyn Registry,
    catalog: Option<&Catalog>,
    images: &[ImageName],
) -> Result<(usize, Vec<Flaw>), Failure> {
    let known: Vec<StoreAddress> = catalog.map(all_stores).unwrap_or_default();
    let state = run::state_folder(&session.environment)?;
    let surroundings = Surroundings { environment: &session.environment, state: &state };
    let mut stores: BTreeMap<usize, Box<dyn Store>> = BTreeMap::new();
    for (index, address) in known.iter().enumerate() {
        if let Ok(store) = publish::open(address, surroundings) {
            stores.insert(index, store);
        }
    }
    let mut sought = Vec::new();
    for image in images {
        // What is wrong with the log is told already.
        let Ok(log) = registry.log(image, 0).await else { continue };
        let pruned = History::of(&log).pruned;
        for entry in &log {
            let Entry::Published(record) = &entry.entry else { continue };
            if pruned.contains_key(&record.version) {
                continue;
            }
            for ArtifactRecord { size, locations, .. } in &record.artifacts {
                sought.extend(locations.iter().map(|location| Sought {
                    image: image.clone(),
                    version: record.version,
                    size: *size,
                    location: location.clone(),
                }));
            }
        }
    }
    let looks = sought.iter().map(|sought| {
        let found = holding(&known, &sought.location);
        let store = found.and_then(|found| {
            let index = known.iter().position(|known| known == found)?;
            stores.get(&index).map(|store| &**store)
        });
        look(sought, store)
    });
    let found: Vec<Option<Flaw>> = stream::iter(looks).buffered(AT_A_TIME).collect().await;
    Ok((sought.len(), found.into_iter().flatten().collect()))
}

/// The stores of all images of `catalog`.
pub(super) fn all_stores(catalog: &Catalog) -> Vec<StoreAddress> {
    let mut stores: Vec<StoreAddress> = Vec::new();
    for store in catalog.images.values().flat_map(|image| &image.stores) {
        if !stores.contains(store) {
            stores.push(store.clone());
        }
    }
    stores
}

/// Looks for a file in `store`, or in the folder that its location names.
async fn look(sought: &Sought, store: Option<&dyn Store>) -> Option<Flaw> {
    let Sought { image, version, size, location } = sought;
    let flaw = |gravity, what: String| {
        let cure = (gravity == Gravity::Broken).then(|| {
            "bring it back from another place, or revoke the version and build another".to_owned()
        });
        let what = format!("of {version} {what}");
        Some(Flaw { gravity, image: Some(image.clone()), place: location.clone(), what, cure })
    };
    // `<root>/<image>/<version>/<file>` on this machine: where there is not even the folder of the
    // image, the store is on another one.
    let path = Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
    let path = path.and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
    let of_image = path.as_deref().and_then(|path| path.ancestors().nth(2));
    let here = of_image.map(|folder| DirectoryStore::new(folder.to_owned()));
    if of_image.is_some_and(|folder| !folder.exists()) {
        let what = "is not looked for: its store is not on this machine";
        return flaw(Gravity::Notice, what.to_owned());
    }
    let Some(store) = here.as_ref().map(|store| store as &dyn Store).or(store) else {
        let what = "is not looked for: images.yml names no store that it lies in";
        return flaw(Gravity::Notice, what.to_owned());
    };
    match store.size(location).await {
        Ok(Some(found)) if found == *size => None,
        Ok(Some(found)) => {
            flaw(Gravity::Broken, format!("has {found} bytes, and the record says {size}"))
        }
        Ok(None) => flaw(Gravity::Broken, "is missing".to_owned()),
        Err(error) => {
            let why = error.failure().reason;
            flaw(Gravity::Notice, format!("cannot be looked for: {why}"))
        }
    }
}
