//! What a system mounts, found on its disk: first what its fstab says, then partitions whose type
//! says where they belong.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fstab::{self, Line, Mounts};
use super::{MissingMount, typed};
use crate::disk::{FileSystemVolume, TypedPartition};
use crate::tree::{Mount, Point, Tree, TreeError};

/// Bytes of fstab.
const FSTAB: u64 = 256 << 10;

/// Where a system is, and what there is to be mounted.
pub(super) struct Places<'d> {
    pub(super) volumes: &'d [FileSystemVolume],
    pub(super) typed: &'d [TypedPartition],
    /// The file system that the system itself is in.
    pub(super) own: &'d FileSystemVolume,
}

/// Mounts it all into the tree of a system, and tells what is missing.
pub(super) fn mount(tree: &mut Tree, places: &Places<'_>) -> Result<Vec<MissingMount>, TreeError> {
    let text = match tree.read("/etc/fstab", FSTAB) {
        Ok(text) => text,
        Err(error @ TreeError::Unreadable { .. }) => return Err(error),
        Err(_) => Vec::new(),
    };
    let lines = fstab::parse(&text);
    let mut missing = Vec::new();
    // Folders after what they may lie in.
    for what in [Mounts::Device, Mounts::Folder] {
        for line in lines.iter().filter(|line| line.mounts() == what) {
            // EFI system partitions hold no system, and are not read.
            if matches!(line.kind.as_str(), "vfat" | "msdos") {
                continue;
            }
            let found = match what {
                Mounts::Folder => folder(tree, line),
                _ => device(line, places),
            };
            match found {
                Ok(point) => tree.mount(line.path.as_bytes(), Mount::Here(point)),
                Err(why) => missing.push(miss(tree, &line.path, &line.device, why)),
            }
        }
    }
    // Also a line that mounts nothing here says that no type counts.
    let said: BTreeSet<Vec<u8>> =
        lines.iter().map(|line| tree.mount_point(line.path.as_bytes())).collect();
    missing.extend(typed::mount(tree, places, &said)?);
    Ok(missing)
}

/// Notes in the tree that something is missing.
pub(super) fn miss(tree: &mut Tree, path: &str, device: &str, why: String) -> MissingMount {
    let told = format!("`{}` {why}", device.escape_debug());
    tree.mount(path.as_bytes(), Mount::Missing(told));
    MissingMount { path: path.to_owned(), device: device.to_owned(), why }
}

/// The folder, or file, that a line shows in a second place.
fn folder(tree: &Tree, line: &Line) -> Result<Point, String> {
    tree.find(&line.device).map(|found| found.point()).map_err(|error| match error {
        error if error.is_not_found() => "is not there".to_owned(),
        error => format!("cannot be read: {error}"),
    })
}

/// The files that a line mounts.
fn device(line: &Line, places: &Places<'_>) -> Result<Point, String> {
    let mut named = places.volumes.iter().filter(|volume| volume.is_called(&line.device));
    let is_own = matches!(line.device.as_str(), "/dev/root" | "/dev/gpt-auto-root");
    let volume = match (named.next(), named.next()) {
        (Some(volume), None) => volume,
        (None, _) if is_own => places.own,
        (None, _) => {
            return Err("is not among the file systems of this disk that can be read".to_owned());
        }
        (Some(_), Some(_)) => return Err("is the name of several file systems".to_owned()),
    };
    let top = top(volume, line)?;
    let Some(path) = line.option("X-mount.subdir") else { return Ok(top) };
    // Links in it lead nowhere but into the file system.
    let found = Tree::new(top, 0).find(path);
    found.map(|found| found.point()).map_err(|error| format!("has no such folder: {error}"))
}

/// The folder at the top of a file system, or of the subvolume of it that a line names.
fn top(volume: &FileSystemVolume, line: &Line) -> Result<Point, String> {
    let path = line.option("subvol").map(|path| path.trim_matches('/'));
    let id = line.option("subvolid").and_then(|id| id.parse::<u64>().ok());
    let subvolume = volume.subvolumes.iter().find(|subvolume| match (path, id) {
        (Some(path), _) => subvolume.path == path.as_bytes(),
        (None, Some(id)) => subvolume.id == id,
        (None, None) => subvolume.default,
    });
    // The top has the number 5, and the path `/`.
    let top = path.map_or(id.is_none_or(|id| id == 5), str::is_empty);
    if subvolume.is_none() && !top {
        return Err("has no such subvolume".to_owned());
    }
    let node = volume.files.root(subvolume.map(|subvolume| subvolume.id));
    let node = node.map_err(|why| why.to_string())?;
    Ok(Point { files: Arc::clone(&volume.files), node })
}

/// The folder at the top of a file system that is mounted without options.
pub(super) fn without_options(volume: &FileSystemVolume) -> Result<Point, String> {
    let default = volume.subvolumes.iter().find(|subvolume| subvolume.default);
    let node = volume.files.root(default.map(|subvolume| subvolume.id));
    let node = node.map_err(|why| why.to_string())?;
    Ok(Point { files: Arc::clone(&volume.files), node })
}
