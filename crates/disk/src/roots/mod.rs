//! Fifth layer: the systems on a disk. A root is known by its content (os-release), never by the
//! name or number of its partition; all of them are found.

mod fstab;
mod mounts;
mod os_release;
mod ostree;
mod typed;

use std::sync::Arc;

pub use os_release::OsRelease;

use crate::disk::{FileSystemVolume, TypedPartition};
use crate::filesystem::{FileKind, Subvolume};
use crate::tree::{Point, Tree, TreeError};
use crate::unreadable::{Unreadable, Why};
use mounts::Places;

/// Roots that are named.
const ROOTS: usize = 64;
/// Subvolumes that are looked into.
const SUBVOLUMES: usize = 512;
/// Bytes of os-release.
const OS_RELEASE: u64 = 64 << 10;

/// A system on a disk.
pub struct Root {
    /// Where it is: `partition 2`, `partition 3, subvolume @`.
    pub place: String,
    /// How it is kept.
    pub kind: RootKind,
    /// Who it says it is.
    pub os: OsRelease,
    /// What it mounts and could not be found or read.
    pub missing: Vec<MissingMount>,
    tree: Tree,
}

impl Root {
    /// Its files, with what its fstab mounts, and partitions whose type says where they belong.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Place and system: `partition 2 (debian 12)`.
    pub fn name(&self) -> String {
        format!("{} ({} {})", self.place, self.os.id(), self.os.version_id())
    }
}

/// How a system is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// In a file system of its own.
    FileSystem,
    /// In a subvolume of btrfs; the default one is what boots if nothing else is said.
    Subvolume {
        /// Is it the default?
        default: bool,
    },
    /// In a read-only copy of a subvolume: a state that the system once had.
    Snapshot,
    /// An ostree deployment.
    Deployment,
}

/// Something that a system mounts and that is not in its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingMount {
    /// Where: `/var`.
    pub path: String,
    /// What, as fstab says: `UUID=…`; or the partition of the type for it: `partition 3`.
    pub device: String,
    /// Why not.
    pub why: String,
}

/// A place where a root may be.
struct Candidate {
    place: String,
    kind: RootKind,
    point: Point,
}

/// Finds all roots, and tells what could not be looked at.
pub(crate) fn find(
    volumes: &[FileSystemVolume],
    typed: &[TypedPartition],
    files: u64,
) -> (Vec<Root>, Vec<Unreadable>) {
    let mut roots: Vec<Root> = Vec::new();
    let mut unreadable = Vec::new();
    let mut lone = Vec::new();
    for volume in volumes {
        let fail = |place: &str, why| Unreadable::new(place, volume.what(), why);
        let candidates = match candidates(volume) {
            Ok(candidates) => candidates,
            Err(why) => {
                unreadable.push(fail(&volume.place, why));
                continue;
            }
        };
        for candidate in candidates {
            let place = candidate.place.clone();
            if roots.len() >= ROOTS {
                let why = Why::TooLarge(format!("more than {ROOTS} systems"));
                unreadable.push(fail(&place, why));
                return (roots, unreadable);
            }
            let is_usr = is_usr(&candidate.point);
            match root(candidate, &Places { volumes, typed, own: volume }, files) {
                Ok(found) if found.is_empty() && is_usr => lone.push((place, volume)),
                Ok(found) => roots.extend(found),
                Err(TreeError::Unreadable { why, .. }) => unreadable.push(fail(&place, why)),
                Err(error) => unreadable.push(fail(&place, Why::Incomplete(error.to_string()))),
            }
        }
    }
    lone.retain(|(_, volume)| !roots.iter().any(|root| root.tree.holds(&volume.files)));
    unreadable.extend(lone.into_iter().map(|(place, volume)| {
        let system = "the system to which this `/usr` belongs".to_owned();
        Unreadable::new(place, volume.what(), Why::Incomplete(system))
    }));
    (roots, unreadable)
}

/// Is it the `/usr` of a system?
fn is_usr(point: &Point) -> bool {
    let os_release = Tree::new(point.clone(), 0).find("/lib/os-release");
    os_release.is_ok_and(|found| found.metadata.kind == FileKind::File)
}

/// The top of a file system, and its subvolumes. The default one comes first.
fn candidates(volume: &FileSystemVolume) -> Result<Vec<Candidate>, Why> {
    let point = |node| Point { files: Arc::clone(&volume.files), node };
    let mut candidates = vec![Candidate {
        place: volume.place.clone(),
        kind: RootKind::FileSystem,
        point: point(volume.files.root(None)?),
    }];
    for subvolume in volume.subvolumes.iter().take(SUBVOLUMES) {
        let Subvolume { id, path, default, snapshot } = subvolume;
        let path = String::from_utf8_lossy(path);
        candidates.push(Candidate {
            place: format!("{}, subvolume {}", volume.place, path.escape_debug()),
            kind: if *snapshot && !default {
                RootKind::Snapshot
            } else {
                RootKind::Subvolume { default: *default }
            },
            point: point(volume.files.root(Some(*id))?),
        });
    }
    candidates.sort_by_key(|candidate| candidate.kind != RootKind::Subvolume { default: true });
    Ok(candidates)
}

/// The root at a place, or the deployments of ostree there.
fn root(candidate: Candidate, places: &Places<'_>, files: u64) -> Result<Vec<Root>, TreeError> {
    let plain = Tree::new(candidate.point.clone(), files);
    let mut found = Vec::new();
    for deployment in ostree::deployments(&plain)? {
        let place = format!("{}, deployment {}", candidate.place, deployment.name);
        let mut tree = Tree::new(deployment.root, files);
        deployment.var.into_iter().for_each(|var| tree.mount(b"/var", var));
        let missing = mounts::mount(&mut tree, places)?;
        let os = os_release(&tree)?;
        found.extend(os.map(|os| Root { place, kind: RootKind::Deployment, os, missing, tree }));
    }
    let mut tree = plain;
    let missing = mounts::mount(&mut tree, places)?;
    let Candidate { place, kind, .. } = candidate;
    found.extend(os_release(&tree)?.map(|os| Root { place, kind, os, missing, tree }));
    Ok(found)
}

/// What the system says it is. `None` if this is no root.
fn os_release(tree: &Tree) -> Result<Option<OsRelease>, TreeError> {
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        match tree.read(path, OS_RELEASE) {
            Ok(text) => return Ok(Some(OsRelease::parse(&text))),
            Err(error) if error.is_not_found() => {}
            // Links that lead in a circle, a folder of that name: no system is like that.
            Err(TreeError::NotAFile { .. } | TreeError::TooManyLinks { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
