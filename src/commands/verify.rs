//! `goldsmith verify`: all that is stored of a version, read and compared with what is recorded.

use std::collections::BTreeSet;

use camino::Utf8Path;
use serde::Deserialize;

use super::pull::stores;
use super::recorded;
use super::session::Session;
use super::show;
use crate::cli;
use crate::model::{ArtifactRecord, Digest, Failure, NoteLevel, StoreAddress};
use crate::publish::{
    self, CHECKSUMS, LARGEST_DOCUMENT, MANIFEST, Manifest, PROVENANCE, SIGNATURE, Store,
    StoreError, Surroundings,
};
use crate::registry::{self, RegistryError, VersionFile};
use crate::report::shown::Shown;
use crate::report::verified::{Verified, VerifiedFile, VerifiedPlace};
use crate::run::state_folder;
use crate::signature::Minisign;

/// Reads what is named, unless somebody wishes to stop.
pub(super) async fn run(session: &Session, arguments: &cli::Verify) -> Result<Verified, Failure> {
    tokio::select! {
        biased;
        done = verify(session, arguments) => done,
        request = session.cancellation.beyond(None) => Err(request.cause.failure()),
    }
}

async fn verify(session: &Session, arguments: &cli::Verify) -> Result<Verified, Failure> {
    let address = recorded::address(session, arguments.registry.as_ref())?;
    let registry =
        registry::look(&address, &session.reach()).await.map_err(|error| error.failure())?;
    let (shown, file) = show::find(session, &*registry, &arguments.image).await?;
    if shown.pruned_at.is_some() {
        let (image, version) = (shown.image, shown.version);
        return Err(RegistryError::Pruned { image, version }.failure());
    }
    let stores = stores(session, arguments.registry.is_some(), &arguments.store)?;
    let state = state_folder(&session.environment).unwrap_or_else(|_| session.directory.clone());
    let surroundings = Surroundings { environment: &session.environment, state: &state };
    let key = arguments.key.as_deref().map(|key| session.existing_file(key)).transpose()?;
    let mut places = Vec::new();
    for number in 0..shown.artifacts.iter().map(|file| file.locations.len()).max().unwrap_or(0) {
        let place = Place {
            session,
            stores: &stores,
            surroundings,
            shown: &shown,
            file: &file,
            key: key.as_deref(),
            number,
        };
        places.extend(place.verify().await);
    }
    let mut read = places.iter().flat_map(|place: &VerifiedPlace| &place.files);
    let good = !places.is_empty() && read.all(|file| file.wrong.is_none());
    let Shown { image, channel, version, revoked, .. } = shown;
    Ok(Verified { image, channel, version, revoked, good, places })
}

/// One of the places where a version lies.
struct Place<'a> {
    session: &'a Session,
    stores: &'a [StoreAddress],
    surroundings: Surroundings<'a>,
    shown: &'a Shown,
    file: &'a VersionFile,
    /// The public key by which it must be signed.
    key: Option<&'a Utf8Path>,
    /// Which of the locations of each file.
    number: usize,
}

impl Place<'_> {
    async fn verify(&self) -> Option<VerifiedPlace> {
        let mut files = Vec::new();
        for file in &self.shown.artifacts {
            if let Some(location) = file.locations.get(self.number) {
                let wrong = self.compare(file, location).await.err();
                files.push(VerifiedFile { name: file.name.clone(), wrong, note: None });
            }
        }
        let disk = self.shown.artifacts.iter().find(|file| self.number < file.locations.len())?;
        let location = &disk.locations[self.number];
        files.extend(self.documents(disk, location).await);
        Some(VerifiedPlace { location: location.clone(), files })
    }

    fn open(&self, location: &str) -> Result<Box<dyn Store>, StoreError> {
        publish::open_for(location, self.stores, self.surroundings)
    }

    /// What is wrong with a file of the artifact, from its content.
    async fn compare(&self, file: &ArtifactRecord, location: &str) -> Result<(), String> {
        let text = format!("reading {location}");
        self.session.events.note(Some(&self.shown.image), NoteLevel::Info, text);
        let store = self.open(location).map_err(|error| told(&error))?;
        let (digest, size) =
            publish::digest_at(&*store, location).await.map_err(|error| told(&error))?;
        is_same((size, digest), (file.size, file.sha256))
    }

    /// What is wrong with the documents beside the disk at `location`.
    async fn documents(&self, disk: &ArtifactRecord, location: &str) -> Vec<VerifiedFile> {
        let checked = |name: &str, wrong: Option<String>| VerifiedFile {
            name: name.to_owned(),
            wrong,
            note: None,
        };
        // That there is none is said of the disk.
        let Ok(store) = self.open(location) else { return Vec::new() };
        let (_, listing) = match publish::listing(&*store, location, &disk.name).await {
            Ok(found) => found,
            Err(error) => return vec![checked(MANIFEST, Some(told(&error)))],
        };
        let mut files = vec![checked(MANIFEST, self.is_of_version(&listing).err())];
        let read = async |name: &str| {
            let missing = || format!("`{location}` has nothing beside it");
            let place = publish::beside(location, &disk.name, name).ok_or_else(missing)?;
            let content = store.read(&place, 0).await.map_err(|error| told(&error))?;
            content.whole(&place, LARGEST_DOCUMENT).await.map_err(|error| told(&error))
        };
        let sums = read(CHECKSUMS).await.and_then(|content| {
            let same = content == listing.checksums().into_bytes();
            same.then_some(()).ok_or_else(|| "it is not what follows from the list".to_owned())
        });
        files.push(checked(CHECKSUMS, sums.err()));
        // By a key, the signature is looked at below.
        let is_looked_at = |name: &str| name != SIGNATURE || self.key.is_none();
        for document in listing.documents.iter().filter(|it| is_looked_at(&it.name)) {
            let content = read(&document.name).await;
            let compared = content.and_then(|content| {
                let found = (content.len() as u64, Digest::of(&content));
                is_same(found, (document.size, document.sha256))?;
                if document.name == PROVENANCE { self.is_about_version(&content) } else { Ok(()) }
            });
            let mut file = checked(&document.name, compared.err());
            if file.wrong.is_none() && self.is_another(&document.name, document.sha256) {
                let ours = listing.about.as_ref().is_some_and(|about| about.run == self.file.run);
                let text = |text: &str| Some(text.to_owned());
                if ours {
                    file.wrong = text("it is not the one that is recorded");
                } else {
                    // Of a run that stored the same bytes and was killed before it recorded them.
                    file.note = text("of another run than the recorded one");
                }
            }
            files.push(file);
        }
        files.extend(self.signature(&listing, read(SIGNATURE).await).await);
        files
    }

    /// What is wrong with the signature that was read beside the disk, if there is to be one.
    async fn signature(
        &self,
        listing: &Manifest,
        read: Result<Vec<u8>, String>,
    ) -> Option<VerifiedFile> {
        let name = SIGNATURE.to_owned();
        let is_listed = listing.documents.iter().any(|document| document.name == SIGNATURE);
        let Some(key) = self.key else {
            // One that is listed has been compared like all documents.
            let missing = self.file.record.signature.is_some() && !is_listed;
            let wrong = Some("it is recorded, and not there".to_owned());
            return missing.then_some(VerifiedFile { name, wrong, note: None });
        };
        let Session { environment, launcher, cancellation, .. } = self.session;
        let minisign = Minisign { environment, launcher, cancellation };
        let checked = match read {
            Err(why) => Err(why),
            Ok(signature) => {
                let content = listing.checksums();
                let checked = minisign.verify(key, content.as_bytes(), &signature).await;
                checked.map_err(|failure| failure.reason)
            }
        };
        let note = checked.is_ok().then(|| format!("signed by {key}"));
        Some(VerifiedFile { name, wrong: checked.err(), note })
    }

    /// An error unless `listing` is of the version that is recorded.
    fn is_of_version(&self, listing: &Manifest) -> Result<(), String> {
        let Shown { image, version, artifacts, .. } = self.shown;
        if (&listing.image, listing.version) != (image, *version) {
            return Err(format!("it is of {} {}", listing.image, listing.version));
        }
        let listed = listing.files.iter().map(|file| (&file.name, file.size, file.sha256));
        let recorded = artifacts.iter().map(|file| (&file.name, file.size, file.sha256));
        let same = listed.collect::<BTreeSet<_>>() == recorded.collect();
        same.then_some(()).ok_or_else(|| "it lists other files than are recorded".to_owned())
    }

    /// An error unless the statement in `content` is about the files that are recorded.
    fn is_about_version(&self, content: &[u8]) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Statement {
            subject: Vec<Subject>,
        }
        #[derive(Deserialize)]
        struct Subject {
            name: String,
            digest: Sums,
        }
        #[derive(Deserialize)]
        struct Sums {
            sha256: String,
        }
        let statement: Statement = serde_json::from_slice(content)
            .map_err(|error| format!("it is no statement: {error}"))?;
        let said = statement.subject.into_iter().map(|it| (it.name, it.digest.sha256));
        let recorded =
            self.shown.artifacts.iter().map(|file| (file.name.clone(), file.sha256.hex()));
        let same = said.collect::<BTreeSet<_>>() == recorded.collect();
        same.then_some(()).ok_or_else(|| "it is about other files than are recorded".to_owned())
    }

    /// Whether a document is another one than the registry has. Its report knows more: how the bytes
    /// came into the stores.
    fn is_another(&self, name: &str, found: Digest) -> bool {
        name == "inventory.cdx.json" && found != self.file.record.inventory
    }
}

fn is_same(found: (u64, Digest), expected: (u64, Digest)) -> Result<(), String> {
    if found.0 != expected.0 {
        return Err(format!("it has {} bytes instead of {}", found.0, expected.0));
    }
    if found.1 != expected.1 {
        return Err(format!("its digest is {} instead of {}", found.1, expected.1));
    }
    Ok(())
}

fn told(error: &StoreError) -> String {
    error.failure().reason
}
