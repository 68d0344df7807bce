//! Filling the folder in which a version grows.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::Utf8Path;
use fs_err::{File, OpenOptions};
use rustix::fs::statvfs;

use crate::model::{ArtifactFile, Digest, Publication};

use super::StoreError;
use super::copy::{CopyError, GoOn, copy, digest};
use super::incoming::sync;
use super::manifest::{CHECKSUMS, MANIFEST, Manifest, ManifestFile};

/// What the file system needs for folders and such.
const RESERVE: u64 = 1 << 20;

/// Writes everything that belongs to a version, the manifest last. What a killed writer left in
/// `folder` is used.
pub(super) fn fill(
    folder: &Utf8Path,
    publication: &Publication,
    manifest: &Manifest,
    go_on: GoOn<'_>,
) -> Result<(), StoreError> {
    let there = adopt(folder, manifest, go_on)?;
    let missing: Vec<_> = publication
        .artifact
        .files
        .iter()
        .zip(&manifest.files)
        .filter(|(_, listed)| !there.contains(&listed.name))
        .collect();
    let documents = manifest.documents.iter().map(|listed| listed.size);
    let mut needed = RESERVE + documents.sum::<u64>();
    for (source, listed) in &missing {
        let begun = fs_err::metadata(folder.join(&listed.name)).map_or(0, |it| it.blocks() * 512);
        needed = needed.saturating_add(occupied(source)?.saturating_sub(begun));
    }
    check_space(folder, needed)?;
    for (source, listed) in missing {
        bring(source, &folder.join(&listed.name), go_on)?;
    }
    for document in &publication.documents {
        step(go_on)?;
        write(&folder.join(&document.name), &document.content)?;
    }
    step(go_on)?;
    write(&folder.join(CHECKSUMS), manifest.checksums().as_bytes())?;
    step(go_on)?;
    write(&folder.join(MANIFEST), &manifest.to_json())?;
    Ok(())
}

/// An error if the caller does not want it any more.
pub(super) fn step(go_on: GoOn<'_>) -> Result<(), StoreError> {
    if go_on() { Ok(()) } else { Err(StoreError::Cancelled) }
}

/// How a file differs from what a manifest says, if it does. Compares sizes first.
pub(super) fn difference(
    path: &Utf8Path,
    listed: &ManifestFile,
    go_on: GoOn<'_>,
) -> Result<Option<String>, StoreError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Some("it is missing".to_owned()));
        }
        opened => opened?,
    };
    let size = file.metadata()?.len();
    if size != listed.size {
        return Ok(Some(other_size(size, listed.size)));
    }
    match digest(&mut file, go_on) {
        Ok(found) if found == listed.sha256 => Ok(None),
        Ok(found) => Ok(Some(other_digest(found, listed.sha256))),
        Err(CopyError::Read(error) | CopyError::Write(error)) => Err(error.into()),
        Err(CopyError::Stopped) => Err(StoreError::Cancelled),
    }
}

pub(super) fn other_size(found: u64, expected: u64) -> String {
    format!("it has {found} bytes instead of {expected}")
}

pub(super) fn other_digest(found: Digest, expected: Digest) -> String {
    format!("its digest is {found} instead of {expected}")
}

/// Looks through what a killed writer left: keeps the files that are what they must be, and those that
/// may be the beginning of that, removes everything else, and says what is there, whole.
fn adopt(
    folder: &Utf8Path,
    manifest: &Manifest,
    go_on: GoOn<'_>,
) -> Result<BTreeSet<String>, StoreError> {
    let mut kept = BTreeSet::new();
    for entry in fs_err::read_dir(folder)? {
        step(go_on)?;
        let entry = entry?;
        let kind = entry.file_type()?;
        let listed = manifest
            .files
            .iter()
            .find(|listed| kind.is_file() && entry.file_name() == listed.name.as_str());
        if let Some(listed) = listed
            && let path = folder.join(&listed.name)
            && difference(&path, listed, go_on)?.is_none()
        {
            seal(&File::open(&path)?)?;
            kept.insert(listed.name.clone());
        } else if listed
            .is_some_and(|listed| entry.metadata().is_ok_and(|it| it.len() < listed.size))
        {
            // `bring` looks how far it is the same.
        } else if kind.is_dir() {
            fs_err::remove_dir_all(entry.path())?;
        } else {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(kept)
}

/// Opens a file of the artifact, which must be as large as it was.
pub(super) fn open(source: &ArtifactFile) -> Result<File, StoreError> {
    let unreadable = |source| StoreError::ArtifactUnreadable { source };
    let file = File::open(&source.path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size != source.size {
        return Err(StoreError::ArtifactChanged {
            path: source.path.clone(),
            difference: other_size(size, source.size),
        });
    }
    Ok(file)
}

/// Bytes that a file occupies: less than its size if it has holes, which the copy will have too.
fn occupied(source: &ArtifactFile) -> Result<u64, StoreError> {
    let metadata =
        open(source)?.metadata().map_err(|source| StoreError::ArtifactUnreadable { source })?;
    Ok(metadata.len().min(metadata.blocks().saturating_mul(512)))
}

/// Refuses early and clearly what would fail late.
pub(super) fn check_space(folder: &Utf8Path, needed: u64) -> Result<(), StoreError> {
    let there = statvfs(folder.as_std_path()).map_err(io::Error::from)?;
    let free = there.f_bavail.saturating_mul(there.f_frsize);
    if needed > free {
        return Err(StoreError::NoSpace {
            path: folder.parent().unwrap_or(folder).to_owned(),
            needed,
            free,
        });
    }
    Ok(())
}

/// Copies a file of the artifact, which must still be what the build left, or what is missing of it.
fn bring(source: &ArtifactFile, target: &Utf8Path, go_on: GoOn<'_>) -> Result<(), StoreError> {
    let mut from = open(source)?;
    let mut to =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(target)?;
    let found = copy(&mut from, &mut to, go_on).map_err(|error| match error {
        CopyError::Read(source) => StoreError::ArtifactUnreadable { source },
        CopyError::Write(error) => StoreError::Access(error),
        CopyError::Stopped => StoreError::Cancelled,
    })?;
    confirm_digest(source, found)?;
    seal(&to)?;
    Ok(())
}

/// An error if a file of the artifact has another digest, `found`, than it had.
pub(super) fn confirm_digest(source: &ArtifactFile, found: Digest) -> Result<(), StoreError> {
    if found == source.digest {
        return Ok(());
    }
    Err(StoreError::ArtifactChanged {
        path: source.path.clone(),
        difference: other_digest(found, source.digest),
    })
}

/// Writes a small file.
fn write(target: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(target)?;
    file.write_all(content)?;
    seal(&file)
}

/// Makes a file readable for everybody, whatever the umask, and waits until it is on the disk.
fn seal(file: &File) -> io::Result<()> {
    seal_as(file, Permissions::from_mode(0o644))
}

/// Gives a file these permissions, whatever the umask, and waits until it is on the disk.
pub(super) fn seal_as(file: &File, permissions: Permissions) -> io::Result<()> {
    file.set_permissions(permissions)?;
    file.sync_all()
}

/// Makes a folder and those around it, readable for everybody and durable.
pub(super) fn create_folder(folder: &Utf8Path) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(folder);
    match fs_err::create_dir(folder) {
        Ok(()) => {
            fs_err::set_permissions(folder, Permissions::from_mode(0o755))?;
            sync(parent)
        }
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            io::ErrorKind::NotFound if parent != folder => {
                create_folder(parent)?;
                create_folder(folder)
            }
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_said_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        assert!(check_space(folder, RESERVE).is_ok());
        let error = check_space(folder, u64::MAX).unwrap_err();
        assert!(matches!(error, StoreError::NoSpace { free: 1.., .. }));
    }
}
