//! The folder with the versions of one image: how a version gets into it, and out of it.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use crate::model::{Digest, ImageName, Publication, Stored, Version};

use super::StoreError;
use super::copy::GoOn;
use super::fill::{create_folder, difference, fill, step};
use super::incoming::{Locked, sync};
use super::manifest::{MANIFEST, Manifest};

/// The folder with the versions of one image: `<folder>/<version>/…`.
pub(super) struct Shelf {
    folder: Utf8PathBuf,
    image: ImageName,
}

impl Shelf {
    pub(super) fn new(folder: Utf8PathBuf, image: ImageName) -> Self {
        Self { folder, image }
    }

    /// Brings a version onto the shelf, whole and durable.
    pub(super) fn store(
        &self,
        publication: &Publication,
        go_on: GoOn<'_>,
    ) -> Result<Vec<Stored>, StoreError> {
        let manifest = Manifest::of(publication)?;
        let target = self.place(publication.version);
        if fs_err::symlink_metadata(&target).is_ok() {
            self.confirm(&target, &manifest, go_on)?;
            // Whoever brought it may have been killed before its place was on the disk.
            sync(&self.folder)?;
        } else {
            self.bring(publication, &manifest, &target, go_on)?;
        }
        Ok(stored(&target, &manifest))
    }

    fn bring(
        &self,
        publication: &Publication,
        manifest: &Manifest,
        target: &Utf8Path,
        go_on: GoOn<'_>,
    ) -> Result<(), StoreError> {
        create_folder(&self.folder)?;
        let incoming = {
            let lock = Locked::new(&self.folder)?;
            let incoming = lock.incoming(publication.version)?;
            lock.sweep()?;
            incoming
        };
        step(go_on)?;
        fill(incoming.path(), publication, manifest, go_on)?;
        let lock = Locked::new(&self.folder)?;
        step(go_on)?;
        match incoming.commit(target) {
            Ok(()) => step(go_on),
            // Somebody else has brought the same version in the meantime.
            Err(error) if is_taken(&error) => {
                drop(lock);
                self.confirm(target, manifest, go_on)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that what is there is the version that was to be brought, undamaged. Its documents are
    /// those of whoever brought it: they tell of a run, and the artifact makes the version.
    fn confirm(
        &self,
        target: &Utf8Path,
        manifest: &Manifest,
        go_on: GoOn<'_>,
    ) -> Result<(), StoreError> {
        let Some(there) = read_manifest(target)? else {
            return Err(StoreError::InTheWay {
                path: target.to_owned(),
                image: self.image.clone(),
            });
        };
        if !there.is_same_version(manifest) {
            return Err(StoreError::AlreadyStored {
                path: target.to_owned(),
                image: self.image.clone(),
                version: manifest.version,
            });
        }
        for file in there.all() {
            let path = target.join(&file.name);
            if let Some(difference) = difference(&path, file, go_on)? {
                return Err(StoreError::Damaged { path, difference });
            }
        }
        Ok(())
    }

    /// Removes every version but this one, unless a later writer has removed this one for its own.
    pub(super) fn keep_only(&self, version: Version, go_on: GoOn<'_>) -> Result<(), StoreError> {
        let lock = Locked::new(&self.folder)?;
        lock.sweep()?;
        let versions = self.versions()?;
        if versions.contains(&version) {
            for other in versions {
                step(go_on)?;
                if other != version {
                    lock.remove(other)?;
                }
            }
        }
        Ok(())
    }

    /// Removes `version`, if it is there, whole, and of the artifact whose disk has the digest
    /// `disk`. Says where it lay.
    pub(super) fn withdraw(
        &self,
        version: Version,
        disk: Option<Digest>,
    ) -> Result<Option<Utf8PathBuf>, StoreError> {
        let place = self.place(version);
        if !place.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Ok(None);
        }
        let lock = Locked::new(&self.folder)?;
        let ours = read_manifest(&place)?.is_some_and(|there| {
            (&there.image, there.version) == (&self.image, version)
                && disk.is_none_or(|disk| there.files.first().is_some_and(|f| f.sha256 == disk))
        });
        if !ours {
            return Ok(None);
        }
        lock.remove(version)?;
        Ok(Some(place))
    }

    /// Removes what killed writers left, and says what that was.
    pub(super) fn sweep(&self) -> Result<Vec<Utf8PathBuf>, StoreError> {
        Ok(Locked::new(&self.folder)?.sweep()?)
    }

    /// The complete versions of this image. Anything else in the folder is not ours.
    fn versions(&self) -> Result<Vec<Version>, StoreError> {
        let mut versions = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            let Some(version) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let there = read_manifest(&self.place(version))?;
            let ours = |there: &Manifest| (&there.image, there.version) == (&self.image, version);
            if entry.file_type()?.is_dir() && there.as_ref().is_some_and(ours) {
                versions.push(version);
            }
        }
        Ok(versions)
    }

    fn place(&self, version: Version) -> Utf8PathBuf {
        self.folder.join(version.to_string())
    }
}

/// The manifest in `folder`, if there is one that can be read.
fn read_manifest(folder: &Utf8Path) -> Result<Option<Manifest>, StoreError> {
    match fs_err::read(folder.join(MANIFEST)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error.into()),
        },
    }
}

/// Whether a folder could not be renamed because its new name is taken.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::NotADirectory
    )
}

/// Where the files of an artifact lie.
fn stored(folder: &Utf8Path, manifest: &Manifest) -> Vec<Stored> {
    let location = |path: Utf8PathBuf| {
        Url::from_file_path(&path).map_or_else(|()| path.to_string(), |url| url.to_string())
    };
    manifest
        .files
        .iter()
        .map(|file| Stored {
            name: file.name.clone(),
            size: file.size,
            digest: file.sha256,
            location: location(folder.join(&file.name)),
        })
        .collect()
}
