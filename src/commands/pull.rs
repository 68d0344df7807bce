//! `goldsmith pull`: the files of a version, on this machine.

use camino::Utf8Path;
use url::Url;

use super::recorded;
use super::session::Session;
use super::show;
use crate::cli;
use crate::model::{
    ArtifactRecord, Digest, Failure, FailureClass, ImageName, NoteLevel, StoreAddress, Version,
};
use crate::publish::{
    self, CHECKSUMS, Fetcher, MANIFEST, ManifestFile, Surroundings, Target, Told, Whence,
};
use crate::registry::{self, RegistryError};
use crate::report::pulled::{Pulled, PulledFile};
use crate::report::quantity::size;
use crate::report::shown::Shown;
use crate::run::{images_cache, state_folder};

/// Fetches what is named, unless somebody wishes to stop.
pub(super) async fn run(session: &Session, arguments: &cli::Pull) -> Result<Pulled, Failure> {
    tokio::select! {
        biased;
        done = pull(session, arguments) => done,
        request = session.cancellation.beyond(None) => Err(request.cause.failure()),
    }
}

async fn pull(session: &Session, arguments: &cli::Pull) -> Result<Pulled, Failure> {
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        registry::glance(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let (shown, _) = show::find(session, &*registry, &arguments.image).await?;
    let Shown { image, channel, version, revoked, pruned_at, artifacts, .. } = shown;
    if let Some(why) = revoked {
        let reason = format!("{image} {version} is revoked: {why}");
        let hint = format!("`goldsmith versions {image}` lists the versions that may be used");
        return Err(Failure::new(FailureClass::Blocked, reason).hint(hint));
    }
    if pruned_at.is_some() {
        return Err(RegistryError::Pruned { image, version }.failure());
    }
    let cache = match &arguments.cache {
        Some(folder) => session.path(folder),
        None => images_cache(&session.environment)?,
    };
    let stores = stores(session, arguments.registry.is_some(), &arguments.store)?;
    // How far uploads are is kept there, and nothing is uploaded here.
    let state = state_folder(&session.environment).unwrap_or_else(|_| cache.clone());
    let tell = |told| {
        let (level, text) = match told {
            Told::Note(level, text) => (level, text),
            Told::Progress { done, all } => {
                (NoteLevel::Info, format!("{} of {}", size(done), size(all)))
            }
        };
        session.events.note(Some(&image), level, text);
    };
    let fetcher = Fetcher {
        stores: &stores,
        surroundings: Surroundings { environment: &session.environment, state: &state },
        tell: &tell,
    };
    let output = arguments.output.as_ref().map(|output| session.path(output));
    let is_file = |output: &Utf8Path| {
        artifacts.len() == 1
            && !arguments.documents
            && !output.is_dir()
            && arguments.output.as_ref().is_some_and(|given| !given.as_str().ends_with('/'))
    };
    let target = match output.as_deref() {
        None => Target::Cache(&cache),
        Some(output) if is_file(output) => Target::File(output),
        Some(output) => Target::Folder(output),
    };
    let mut files = Vec::new();
    for file in &artifacts {
        let file = nearest_first(file, output.as_ref().map(|_| cache.as_path()));
        files.push(fetch(&fetcher, &file, target).await?);
    }
    let documents = match (output.as_deref(), artifacts.first()) {
        (Some(folder), Some(disk)) if arguments.documents => {
            documents(&fetcher, (&image, version, &artifacts), disk, folder).await?
        }
        _ => Vec::new(),
    };
    Ok(Pulled { image, channel, version, files, documents })
}

async fn fetch(
    fetcher: &Fetcher<'_>,
    file: &ArtifactRecord,
    target: Target<'_>,
) -> Result<PulledFile, Failure> {
    let fetched = fetcher.fetch(file, target).await.map_err(|error| error.failure())?;
    Ok(PulledFile {
        name: file.name.clone(),
        size: file.size,
        sha256: file.sha256,
        path: fetched.path,
        from: match fetched.whence {
            Whence::There => None,
            Whence::From(location) => Some(location),
        },
    })
}

/// The file with the places first that are on this machine: the cache, where it is not itself what is
/// wanted, and stores in folders.
fn nearest_first(file: &ArtifactRecord, cache: Option<&Utf8Path>) -> ArtifactRecord {
    let mut file = file.clone();
    let is_far = |location: &String| {
        let path = Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
        !path.is_some_and(|path| path.is_file())
    };
    // Stable: those of a kind keep their order.
    file.locations.sort_by_key(is_far);
    let cached = cache.map(|cache| publish::cached(cache, &file));
    if let Some(cached) = cached.filter(|path| path.is_file()) {
        file.locations.splice(0..0, Url::from_file_path(cached).ok().map(String::from));
    }
    file
}

/// The stores of which it is known how they are reached: those that are given, else those of
/// `images.yml`. Whoever names a registry needs no `images.yml`.
pub(super) fn stores(
    session: &Session,
    has_registry: bool,
    given: &[String],
) -> Result<Vec<StoreAddress>, Failure> {
    if !given.is_empty() {
        return given.iter().map(|text| session.store_address(text)).collect();
    }
    if has_registry && !session.path(&session.global.config).exists() {
        return Ok(Vec::new());
    }
    let catalog = session.catalog()?.catalog;
    let mut stores: Vec<StoreAddress> = Vec::new();
    for store in catalog.images.values().flat_map(|image| &image.stores) {
        if !stores.contains(store) {
            stores.push(store.clone());
        }
    }
    Ok(stores)
}

/// Fetches the documents of a version, from the first place where they lie beside its `disk`.
async fn documents(
    fetcher: &Fetcher<'_>,
    (image, version, artifacts): (&ImageName, Version, &[ArtifactRecord]),
    disk: &ArtifactRecord,
    folder: &Utf8Path,
) -> Result<Vec<PulledFile>, Failure> {
    let mut tried = Vec::new();
    for location in &disk.locations {
        let listing = async {
            let store = publish::open_for(location, fetcher.stores, fetcher.surroundings)?;
            publish::listing(&*store, location, &disk.name).await
        };
        let (content, listing) = match listing.await {
            Ok(found) => found,
            Err(error) => {
                tried.push(format!("{location}: {}", error.failure().reason));
                continue;
            }
        };
        let listed = listing.files.iter().map(|file| (&file.name, file.size, file.sha256));
        let recorded = artifacts.iter().map(|file| (&file.name, file.size, file.sha256));
        if (&listing.image, listing.version) != (image, version) || !listed.eq(recorded) {
            tried.push(format!("{location}: the list beside it is of something else"));
            continue;
        }
        let checksums = listing.checksums().into_bytes();
        let made = [(CHECKSUMS, &checksums), (MANIFEST, &content)].map(|(name, content)| {
            let (size, sha256) = (content.len() as u64, Digest::of(content));
            ManifestFile { name: name.to_owned(), size, sha256 }
        });
        let mut documents = Vec::new();
        for document in listing.documents.iter().chain(&made) {
            let place = publish::beside(location, &disk.name, &document.name);
            let file = ArtifactRecord {
                name: document.name.clone(),
                size: document.size,
                sha256: document.sha256,
                locations: place.into_iter().collect(),
            };
            documents.push(fetch(fetcher, &file, Target::Folder(folder)).await?);
        }
        return Ok(documents);
    }
    let reason = format!("the documents of {image} {version} cannot be had");
    Err(tried.into_iter().fold(Failure::new(FailureClass::Publish, reason), Failure::hint))
}
