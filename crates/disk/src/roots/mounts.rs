//! What a system's fstab mounts, found on its disk.

use std::sync::Arc;

use super::{MissingMount, fstab};
use crate::disk::FileSystemVolume;
use crate::tree::{Mount, Point, Tree, TreeError};

/// Bytes of fstab.
const FSTAB: u64 = 256 << 10;

/// Mounts it all into the tree of a system that is on `own`, and tells what is missing.
pub(super) fn mount(
    tree: &mut Tree,
    volumes: &[FileSystemVolume],
    own: &FileSystemVolume,
) -> Result<Vec<MissingMount>, TreeError> {
    let text = match tree.read("/etc/fstab", FSTAB) {
        Ok(text) => text,
        Err(error @ TreeError::Unreadable { .. }) => return Err(error),
        Err(_) => return Ok(Vec::new()),
    };
    let mut missing = Vec::new();
    for line in fstab::parse(&text) {
        // EFI system partitions hold no system, and are not read.
        if matches!(line.kind.as_str(), "vfat" | "msdos") {
            continue;
        }
        let mount = match point(&line, volumes, own) {
            Ok(point) => Mount::Here(point),
            Err(why) => {
                missing.push(MissingMount {
                    path: line.path.clone(),
                    device: line.device.clone(),
                    why: why.clone(),
                });
                Mount::Missing(format!("`{}` {why}", line.device.escape_debug()))
            }
        };
        tree.mount(line.path.as_bytes(), mount);
    }
    Ok(missing)
}

/// The files that a line mounts.
fn point(
    line: &fstab::Line,
    volumes: &[FileSystemVolume],
    own: &FileSystemVolume,
) -> Result<Point, String> {
    let mut named = volumes.iter().filter(|volume| volume.is_called(&line.device));
    let volume = match (named.next(), named.next()) {
        (Some(volume), None) => volume,
        (None, _) if line.device == "/dev/root" => own,
        (None, _) => {
            return Err("is not among the file systems of this disk that can be read".to_owned());
        }
        (Some(_), Some(_)) => return Err("is the name of several file systems".to_owned()),
    };
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
