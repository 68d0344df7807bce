//! The versions of one image: how a version gets among them, and away again.

use std::collections::BTreeSet;

use ::object_store::{ObjectStore as _, ObjectStoreExt as _};

use crate::model::{Digest, ImageName, Publication, Stored, Version};
use crate::objects::Act;

use super::super::StoreError;
use super::super::manifest::{CHECKSUMS, MANIFEST, Manifest};
use super::contents::Contents;
use super::journal::{INCOMING, Journal, Keeper};
use super::upload::bring;

/// The versions of one image: `<folder>/<version>/…`.
pub(super) struct Shelf<'a> {
    contents: &'a Contents,
    /// The path of the folder within the store.
    folder: String,
    image: ImageName,
}

/// What is where a version would be.
enum There {
    Nothing,
    /// A manifest that cannot be read.
    Foreign,
    Whole(Box<Manifest>),
}

impl<'a> Shelf<'a> {
    pub(super) fn new(contents: &'a Contents, folder: String, image: ImageName) -> Self {
        Self { contents, folder, image }
    }

    /// Brings a version onto the shelf, whole.
    pub(super) async fn store(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let manifest = Manifest::of(publication)?;
        let place = self.place(manifest.version);
        match self.there(&place).await? {
            There::Nothing => self.bring(publication, &manifest, &place).await?,
            there => self.confirm(&place, there, &manifest).await?,
        }
        Ok(self.stored(&place, &manifest))
    }

    async fn bring(
        &self,
        publication: &Publication,
        manifest: &Manifest,
        place: &str,
    ) -> Result<(), StoreError> {
        let path = self.journal(manifest.version);
        let fresh = Journal::of(manifest);
        let journal = match Journal::read(self.contents, &path).await? {
            Some(left) if left.files == fresh.files => fresh.after(left),
            Some(other) => {
                self.discard(place, &path, &other).await?;
                fresh
            }
            None => fresh,
        };
        let keeper = Keeper::new(self.contents, path, journal);
        match self.fill(publication, manifest, place, &keeper).await {
            Ok(()) => {}
            // What was sent is no loss: whoever tries again sends the rest.
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => {
                // The first error is the one to tell.
                drop(self.clear(manifest.version).await);
                return Err(error);
            }
        }
        // What is left of it says nothing any more, and is swept.
        drop(keeper.close().await);
        Ok(())
    }

    /// Writes everything that belongs to a version, the manifest last.
    async fn fill(
        &self,
        publication: &Publication,
        manifest: &Manifest,
        place: &str,
        journal: &Keeper<'_>,
    ) -> Result<(), StoreError> {
        journal.open().await?;
        for (source, listed) in publication.artifact.files.iter().zip(&manifest.files) {
            let path = format!("{place}/{}", listed.name);
            bring(self.contents, journal, &path, source, listed).await?;
        }
        for document in &publication.documents {
            let path = format!("{place}/{}", document.name);
            self.contents.write(&path, document.content.clone()).await?;
        }
        let checksums = manifest.checksums().into_bytes();
        self.contents.write(&format!("{place}/{CHECKSUMS}"), checksums).await?;
        if !self.contents.create(&format!("{place}/{MANIFEST}"), manifest.to_json()).await? {
            // Somebody else has brought the same version in the meantime.
            let there = self.there(place).await?;
            self.confirm(place, there, manifest).await?;
        }
        Ok(())
    }

    /// Checks that what is there is the version that was to be brought, undamaged. Its documents are
    /// those of whoever brought it: they tell of a run, and the artifact makes the version.
    async fn confirm(
        &self,
        place: &str,
        there: There,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let path = || self.contents.place(place).into();
        let There::Whole(there) = there else {
            return Err(StoreError::InTheWay { path: path(), image: self.image.clone() });
        };
        if !there.is_same_version(manifest) {
            return Err(StoreError::AlreadyStored {
                path: path(),
                image: self.image.clone(),
                version: manifest.version,
            });
        }
        for file in there.all() {
            let path = format!("{place}/{}", file.name);
            if let Some(difference) = self.contents.difference(&path, file).await? {
                let path = self.contents.place(&path).into();
                return Err(StoreError::Damaged { path, difference });
            }
        }
        Ok(())
    }

    /// Removes every version but the newest. Whoever does this beside us finds the same one newest,
    /// so that one always stays.
    pub(super) async fn keep_newest(&self) -> Result<(), StoreError> {
        let mut versions = Vec::new();
        for version in self.versions().await? {
            let manifest = format!("{}/{MANIFEST}", self.place(version));
            let key = self.contents.path(&manifest)?;
            match self.contents.store().head(&key).await {
                Ok(found) => versions.push((found.last_modified, version)),
                Err(::object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.contents.refused(Act::Read, &manifest, &error)),
            }
        }
        versions.sort_unstable();
        versions.pop();
        for (_, version) in versions {
            self.withdraw(version, None).await?;
        }
        Ok(())
    }

    /// Removes `version`, if it is of the artifact whose disk has the digest `disk`, whether it is
    /// whole or on its way. Says where it lay.
    pub(super) async fn withdraw(
        &self,
        version: Version,
        disk: Option<Digest>,
    ) -> Result<Option<String>, StoreError> {
        let place = self.place(version);
        let is_ours = |found: Option<Digest>| disk.is_none_or(|disk| found == Some(disk));
        match self.there(&place).await? {
            There::Foreign => Ok(None),
            There::Whole(there) => {
                let named = (&there.image, there.version) == (&self.image, version);
                if !named || !is_ours(there.files.first().map(|file| file.sha256)) {
                    return Ok(None);
                }
                let path = self.journal(version);
                let left = Journal::read(self.contents, &path).await?;
                let all = Journal::of(&there);
                let all = match left {
                    Some(left) => all.after(left),
                    None => all,
                };
                self.discard(&place, &path, &all).await?;
                Ok(Some(self.contents.place(&place)))
            }
            There::Nothing => {
                let path = self.journal(version);
                let Some(journal) = Journal::read(self.contents, &path).await? else {
                    return Ok(None);
                };
                if !is_ours(journal.files.first().map(|file| file.sha256)) {
                    return Ok(None);
                }
                self.discard(&place, &path, &journal).await?;
                Ok(Some(self.contents.place(&place)))
            }
        }
    }

    /// Removes what a writer left of `version` that did not come to its end. Says where it lay.
    pub(super) async fn clear(&self, version: Version) -> Result<Option<String>, StoreError> {
        let (place, path) = (self.place(version), self.journal(version));
        let journal = Journal::read(self.contents, &path).await?;
        match (journal, self.there(&place).await?) {
            (Some(journal), There::Nothing)
                if (&journal.image, journal.version) == (&self.image, version) =>
            {
                self.discard(&place, &path, &journal).await?;
                Ok(Some(self.contents.place(&place)))
            }
            // It came to its end.
            _ => {
                self.contents.remove(&path).await?;
                Ok(None)
            }
        }
    }

    /// Removes all that `journal` knows of, the manifest first: readers see all of it or nothing.
    async fn discard(&self, place: &str, path: &str, journal: &Journal) -> Result<(), StoreError> {
        for name in journal.objects() {
            self.contents.remove(&format!("{place}/{name}")).await?;
        }
        for (name, upload) in &journal.uploads {
            let file = format!("{place}/{name}");
            let key = self.contents.path(&file)?;
            // That it is gone already is no error; that it stays is one, for it costs.
            if let Err(error) = self.contents.store().abort_multipart(&key, &upload.id).await
                && !super::upload::is_forgotten(&error)
            {
                return Err(self.contents.refused(Act::Remove, &file, &error));
            }
        }
        self.contents.remove(path).await
    }

    /// The complete versions of this image. Anything else in the folder is not ours.
    async fn versions(&self) -> Result<BTreeSet<Version>, StoreError> {
        let folder = self.contents.path(&self.folder)?;
        let listing = self.contents.store().list_with_delimiter(Some(&folder)).await;
        let listing =
            listing.map_err(|error| self.contents.refused(Act::List, &self.folder, &error))?;
        let mut versions = BTreeSet::new();
        for folder in listing.common_prefixes {
            let Some(version) = folder.filename().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if let There::Whole(there) = self.there(&self.place(version)).await?
                && (&there.image, there.version) == (&self.image, version)
            {
                versions.insert(version);
            }
        }
        Ok(versions)
    }

    async fn there(&self, place: &str) -> Result<There, StoreError> {
        let bytes = self.contents.read(&format!("{place}/{MANIFEST}")).await?;
        Ok(match bytes.as_deref().map(serde_json::from_slice) {
            None => There::Nothing,
            Some(Ok(manifest)) => There::Whole(Box::new(manifest)),
            Some(Err(_)) => There::Foreign,
        })
    }

    fn place(&self, version: Version) -> String {
        format!("{}/{version}", self.folder)
    }

    fn journal(&self, version: Version) -> String {
        format!("{INCOMING}/{}/{version}.json", self.folder)
    }

    /// Where the files of an artifact lie.
    fn stored(&self, place: &str, manifest: &Manifest) -> Vec<Stored> {
        let files = manifest.files.iter();
        files
            .map(|file| Stored {
                name: file.name.clone(),
                size: file.size,
                digest: file.sha256,
                location: self.contents.place(&format!("{place}/{}", file.name)),
            })
            .collect()
    }
}
