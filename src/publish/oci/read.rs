//! Reading files of a version, by their names.

use super::super::manifest::{CHECKSUMS, MANIFEST, Manifest, is_safe};
use super::super::{Content, StoreError};
use super::describe::Said;
use super::format::ImageManifest;
use super::repository::Repository;
use crate::model::Digest;

/// A file of what a tag names: `oci://<host>/<repository>:<tag>#<name>`.
pub(super) struct Named<'a> {
    location: &'a str,
    pub(super) host: &'a str,
    pub(super) repository: &'a str,
    tag: &'a str,
    name: &'a str,
}

impl<'a> Named<'a> {
    /// Reads a location, if it is one.
    pub(super) fn parse(location: &'a str) -> Option<Self> {
        let (place, name) = location.strip_prefix("oci://")?.split_once('#')?;
        let (host, path) = place.split_once('/')?;
        let (repository, tag) = path.rsplit_once(':')?;
        let of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let is_tag = !tag.is_empty() && tag.len() <= 128 && tag.chars().all(of_tag);
        let fits = is_tag && !tag.starts_with(['.', '-']) && is_safe(name);
        fits.then_some(Self { location, host, repository, tag, name })
    }
}

/// Opens a file from byte `from` on.
pub(super) async fn open(
    repository: &Repository<'_>,
    file: &Named<'_>,
    from: u64,
) -> Result<Content, StoreError> {
    let missing = || StoreError::NotThere { location: file.location.to_owned() };
    let digest = find(repository, file).await?.ok_or_else(missing)?;
    repository.open(&digest, from).await?.ok_or_else(missing)
}

/// What a file is called in the repository, if the tag has it.
async fn find(repository: &Repository<'_>, file: &Named<'_>) -> Result<Option<Digest>, StoreError> {
    let Some((_, content)) = repository.manifest(file.tag).await? else { return Ok(None) };
    let Ok(manifest) = serde_json::from_slice::<ImageManifest>(&content) else { return Ok(None) };
    let layer = manifest.layers.iter().find(|layer| layer.name() == Some(file.name));
    if let Some(layer) = layer {
        return Ok(Some(layer.digest));
    }
    // All else is listed in `manifest.json`, which the tag names by its digest.
    let Some(listing) = Said::by(&manifest).and_then(|said| said.content) else { return Ok(None) };
    if file.name == MANIFEST {
        return Ok(Some(listing));
    }
    let Some(content) = repository.blob(&listing).await? else { return Ok(None) };
    let found = Digest::of(&content);
    if found != listing {
        let path = format!("{}#{MANIFEST}", file.location.split('#').next().unwrap_or_default());
        let difference = super::other(found, listing);
        return Err(StoreError::Damaged { path: path.into(), difference });
    }
    let Ok(listing) = serde_json::from_slice::<Manifest>(&content) else { return Ok(None) };
    if file.name == CHECKSUMS {
        return Ok(Some(Digest::of(listing.checksums().as_bytes())));
    }
    Ok(listing.documents.iter().find(|listed| listed.name == file.name).map(|it| it.sha256))
}
