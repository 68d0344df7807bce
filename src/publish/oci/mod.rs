//! A store that is a repository of an OCI registry (distribution and image specification 1.1).
//!
//! ```text
//! <host>/<repository>/<image>:<version>            a version: a manifest of our own artifact type, written last
//!     the disk, then further files of the artifact   its layers
//!     …                                              documents, each in a manifest that refers to it
//!     SHA256SUMS
//!     manifest.json                                  its digest stands in the manifest of the version
//! <host>/<repository>/<image>:rejected-<version>   a build that did not pass, in the same form
//! ```
//!
//! What a tag names is complete: the tag is written when everything else is there. A manifest names
//! all blobs by their digests, and `manifest.json` all files, so nothing can be exchanged unnoticed.
//! Registries know no lock and no tag that is written only if it is absent; that one version has one
//! writer is the registry of versions' matter.

mod challenge;
mod client;
mod credentials;
mod describe;
#[cfg(test)]
mod double;
mod error;
mod format;
mod read;
mod repository;
#[cfg(test)]
mod tests;
mod unfinished;
mod upload;

use std::collections::BTreeSet;

use async_trait::async_trait;
use camino::Utf8PathBuf;

use self::client::{Client, LARGEST, Patience};
use self::credentials::Credentials;
use self::describe::{Described, Said};
use self::format::{Descriptor, EMPTY_CONTENT, ImageManifest, MANIFEST};
use self::read::Named;
use self::repository::Repository;
use super::manifest::{Manifest, ManifestFile};
use super::{Content, Store, StoreError, Unpublished};
use crate::environment::Environment;
use crate::model::{Digest, ImageName, OciReference, Publication, Stored, Version};

pub use error::OciError;

/// Before the version in the tag of a build that did not pass.
const REJECTED: &str = "rejected-";

/// A store that is a repository of a registry. Its repositories are made when something is stored.
#[derive(Clone)]
pub struct OciStore {
    reference: OciReference,
    /// The same as text.
    location: String,
    environment: Environment,
    /// Where it is kept how far uploads are.
    state: Utf8PathBuf,
    patience: Patience,
}

impl OciStore {
    /// The store at `reference`. Credentials come from `environment` and what that names; how far
    /// uploads are is kept below `state`.
    pub fn new(reference: OciReference, environment: Environment, state: Utf8PathBuf) -> Self {
        let location = reference.to_string();
        Self { reference, location, environment, state, patience: Patience::default() }
    }

    fn client(&self) -> Result<Client, StoreError> {
        let host = self.reference.host();
        let credentials = Credentials::of(host, &self.environment)?;
        Ok(Client::new(host, credentials, self.patience)?)
    }

    fn repository<'a>(
        &self,
        client: &'a Client,
        image: &ImageName,
    ) -> Result<Repository<'a>, StoreError> {
        let name = format!("{}/{image}", self.reference.repository());
        Ok(Repository::new(client, name)?)
    }

    /// Brings a version under its tag, and says where its files lie.
    async fn bring(
        &self,
        repository: &Repository<'_>,
        publication: &Publication,
        rejected: bool,
    ) -> Result<Vec<Stored>, StoreError> {
        let described = Described::new(publication, rejected)?;
        let tag = tag(publication.version, rejected);
        let place = Place { host: self.reference.host(), repository: &repository.name, tag: &tag };
        if let Some((_, there)) = repository.manifest(&tag).await? {
            confirm(repository, &place, &there, &described).await?;
        } else {
            for file in &publication.artifact.files {
                upload::upload(repository, file, &self.state).await?;
            }
            write(repository, &tag, &described).await?;
        }
        Ok(place.stored(&described.listing))
    }
}

#[async_trait]
impl Store for OciStore {
    fn location(&self) -> &str {
        &self.location
    }

    async fn put(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let client = self.client()?;
        let repository = self.repository(&client, &publication.image)?;
        self.bring(&repository, publication, false).await
    }

    async fn keep_rejected(&self, publication: &Publication) -> Result<Vec<Stored>, StoreError> {
        let client = self.client()?;
        let repository = self.repository(&client, &publication.image)?;
        let before: BTreeSet<Version> = rejected(&repository).await?;
        let stored = self.bring(&repository, publication, true).await?;
        keep_one(&repository, publication.version, &before).await?;
        Ok(stored)
    }

    async fn read(&self, location: &str, from: u64) -> Result<Content, StoreError> {
        let no_place = || StoreError::NoPlace { location: location.to_owned() };
        let file = Named::parse(location).ok_or_else(no_place)?;
        let below = file.repository.strip_prefix(self.reference.repository());
        if file.host != self.reference.host() || !below.is_some_and(|rest| rest.starts_with('/')) {
            return Err(no_place());
        }
        let client = self.client()?;
        let repository = Repository::new(&client, file.repository.to_owned())?;
        read::open(&repository, &file, from).await
    }

    async fn size(&self, location: &str) -> Result<Option<u64>, StoreError> {
        // `oci://<host>/<repository>/<image>:<tag>#<file>`
        let within =
            location.strip_prefix("oci://").and_then(|rest| rest.strip_prefix(&self.location));
        let named = within.and_then(|rest| rest.strip_prefix('/')).and_then(|rest| {
            let (place, file) = rest.split_once('#')?;
            let (image, tag) = place.split_once(':')?;
            Some((image.parse::<ImageName>().ok()?, tag, file))
        });
        let Some((image, tag, file)) = named else { return Ok(None) };
        let client = self.client()?;
        let repository = self.repository(&client, &image)?;
        let Some((_, content)) = repository.manifest(tag).await? else { return Ok(None) };
        let manifest: Option<ImageManifest> = serde_json::from_slice(&content).ok();
        let layers = manifest.map(|manifest| manifest.layers).unwrap_or_default();
        match layers.iter().find(|layer| layer.name() == Some(file)) {
            Some(layer) => Ok(repository.blob_size(&layer.digest).await?),
            None => Ok(None),
        }
    }

    async fn withdraw(&self, unpublished: &Unpublished) -> Result<Option<String>, StoreError> {
        let Unpublished { image, version, disk, rejected } = unpublished;
        let client = self.client()?;
        let repository = self.repository(&client, image)?;
        let tag = tag(*version, *rejected);
        let Some((digest, content)) = repository.manifest(&tag).await? else {
            return Ok(None);
        };
        let ours = serde_json::from_slice(&content).is_ok_and(|manifest: ImageManifest| {
            let same_disk =
                |disk| manifest.layers.first().is_some_and(|layer| layer.digest == disk);
            Said::by(&manifest).is_some_and(|said| {
                said.image.as_deref() == Some(image.as_str())
                    && said.version == Some(version.to_string())
            }) && disk.is_none_or(same_disk)
        });
        if !ours {
            return Ok(None);
        }
        repository.remove(&tag, &digest).await?;
        Ok(Some(format!("{}/{}:{tag}", self.reference.host(), repository.name)))
    }

    /// Uploads that were not finished are left to go on with for a day. Their parts are seen by
    /// nobody.
    async fn sweep(&self) -> Result<Vec<String>, StoreError> {
        let prefix = format!("{}/", self.reference.repository());
        let ours = |repository: &str| repository.starts_with(&prefix);
        let abandoned = unfinished::abandoned(&self.state, self.reference.host(), ours)?;
        if abandoned.is_empty() {
            return Ok(Vec::new());
        }
        let client = self.client()?;
        let mut removed = Vec::new();
        for (note, begun) in abandoned {
            let repository = Repository::new(&client, begun.repository.clone())?;
            upload::give_up(&repository, note, &begun).await?;
            removed.push(format!("{}/{}@{}", begun.host, begun.repository, begun.digest));
        }
        Ok(removed)
    }
}

/// Where a version lies.
struct Place<'a> {
    host: &'a str,
    repository: &'a str,
    tag: &'a str,
}

impl Place<'_> {
    fn path(&self) -> Utf8PathBuf {
        format!("{}/{}:{}", self.host, self.repository, self.tag).into()
    }

    fn file(&self, name: &str) -> Utf8PathBuf {
        format!("{}#{name}", self.path()).into()
    }

    fn stored(&self, listing: &Manifest) -> Vec<Stored> {
        let stored = |file: &ManifestFile| Stored {
            name: file.name.clone(),
            size: file.size,
            digest: file.sha256,
            location: format!("oci://{}", self.file(&file.name)),
        };
        listing.files.iter().map(stored).collect()
    }
}

fn tag(version: Version, rejected: bool) -> String {
    if rejected { format!("{REJECTED}{version}") } else { version.to_string() }
}

/// Writes everything but the blobs of the artifact, which are there; the tag last.
async fn write(
    repository: &Repository<'_>,
    tag: &str,
    described: &Described,
) -> Result<(), StoreError> {
    repository.put_blob(EMPTY_CONTENT).await?;
    for beside in &described.beside {
        repository.put_blob(&beside.content).await?;
    }
    let content = described.image.to_json();
    let mut subject = Descriptor::of(MANIFEST, &content);
    let digest = subject.digest;
    repository.put_manifest(&digest.to_string(), MANIFEST, &content).await?;
    subject.artifact_type = None;
    let mut listed = Vec::new();
    for beside in &described.beside {
        let (content, descriptor) = beside.refer_to(&subject);
        let reference = descriptor.digest.to_string();
        if !repository.put_manifest(&reference, MANIFEST, &content).await? {
            listed.push(descriptor);
        }
    }
    if !listed.is_empty() {
        repository.tag_referrers(&digest, listed).await?;
    }
    repository.put_manifest(tag, MANIFEST, &content).await?;
    Ok(())
}

/// Checks that what a tag names is the version that was to be brought, undamaged. Its documents are
/// those of whoever brought it.
async fn confirm(
    repository: &Repository<'_>,
    place: &Place<'_>,
    there: &[u8],
    described: &Described,
) -> Result<(), StoreError> {
    let wanted = &described.listing;
    let in_the_way = || StoreError::InTheWay { path: place.path(), image: wanted.image.clone() };
    let there: ImageManifest = serde_json::from_slice(there).map_err(|_| in_the_way())?;
    let content = Said::by(&there).and_then(|said| said.content).ok_or_else(in_the_way)?;
    let damaged =
        |name: &str, difference: String| StoreError::Damaged { path: place.file(name), difference };
    let listing = match repository.blob(&content).await? {
        Some(bytes) if Digest::of(&bytes) == content => bytes,
        Some(bytes) => {
            return Err(damaged(super::manifest::MANIFEST, other(Digest::of(&bytes), content)));
        }
        None => return Err(damaged(super::manifest::MANIFEST, "it is missing".to_owned())),
    };
    let listing: Manifest = serde_json::from_slice(&listing).map_err(|_| in_the_way())?;
    let layers = there.layers.iter().map(|layer| (layer.name(), layer.digest, layer.size));
    let files = listing.files.iter().map(|file| (Some(file.name.as_str()), file.sha256, file.size));
    if !listing.is_same_version(wanted) || !layers.eq(files) {
        return Err(StoreError::AlreadyStored {
            path: place.path(),
            image: wanted.image.clone(),
            version: wanted.version,
        });
    }
    let checksums = listing.checksums();
    let checksums = ManifestFile {
        name: super::manifest::CHECKSUMS.to_owned(),
        size: checksums.len() as u64,
        sha256: Digest::of(checksums.as_bytes()),
    };
    for file in listing.all().chain([&checksums]) {
        if let Some(difference) = difference(repository, file).await? {
            return Err(damaged(&file.name, difference));
        }
    }
    Ok(())
}

/// How a blob differs from what a manifest says, if it does. Small ones are read; of large ones the
/// registry says the size, having checked the digest when they came.
async fn difference(
    repository: &Repository<'_>,
    file: &ManifestFile,
) -> Result<Option<String>, StoreError> {
    let missing = Some("it is missing".to_owned());
    let Some(size) = repository.blob_size(&file.sha256).await? else {
        return Ok(missing);
    };
    if size != file.size {
        return Ok(Some(format!("it has {size} bytes instead of {}", file.size)));
    }
    if size > LARGEST as u64 {
        return Ok(None);
    }
    let Some(content) = repository.blob(&file.sha256).await? else {
        return Ok(missing);
    };
    let found = Digest::of(&content);
    Ok((found != file.sha256).then(|| other(found, file.sha256)))
}

fn other(found: Digest, expected: Digest) -> String {
    format!("its digest is {found} instead of {expected}")
}

/// The versions that were rejected and are kept.
async fn rejected(repository: &Repository<'_>) -> Result<BTreeSet<Version>, StoreError> {
    let tags = repository.tags().await?;
    Ok(tags.iter().filter_map(|tag| tag.strip_prefix(REJECTED)?.parse().ok()).collect())
}

/// Removes the rejected builds that were there before `version` came. Of two that come at once the
/// later one stays. Where the registry deletes nothing, all stay.
async fn keep_one(
    repository: &Repository<'_>,
    version: Version,
    before: &BTreeSet<Version>,
) -> Result<(), StoreError> {
    for other in rejected(repository).await? {
        if other == version {
            continue;
        }
        let goes = if before.contains(&other) || other < version { other } else { version };
        let tag = tag(goes, true);
        let Some((digest, content)) = repository.manifest(&tag).await? else {
            continue;
        };
        let ours: Option<ImageManifest> = serde_json::from_slice(&content).ok();
        if ours.as_ref().and_then(Said::by).is_none() {
            continue;
        }
        match repository.remove(&tag, &digest).await {
            Err(OciError::NoDeletes { .. }) => return Ok(()),
            removed => removed?,
        }
    }
    Ok(())
}
