//! Partitions that a system mounts because their type says where they belong, with no word of them
//! in its fstab: Discoverable Partitions Specification, UAPI.2, as systemd-gpt-auto-generator(8) has it.
//!
//! Two things are not asked here, for the sake of files that would not be seen: whether the id of a
//! `/var` is that of the machine, which has none before its first boot, and the flag that keeps a
//! partition from being mounted.

use std::collections::BTreeSet;

use super::MissingMount;
use super::mounts::{self, Places};
use crate::content::{Content, Harmless};
use crate::disk::TypedPartition;
use crate::partition::Purpose;
use crate::tree::{Mount, Tree, TreeError};

/// Where types say that partitions belong, mount points before what is mounted in them.
const PATHS: [&str; 5] = ["/usr", "/home", "/srv", "/var", "/var/tmp"];

/// Mounts the partitions for places that are empty and not named by fstab (`said`), and tells what is
/// missing.
pub(super) fn mount(
    tree: &mut Tree,
    places: &Places<'_>,
    said: &BTreeSet<Vec<u8>>,
) -> Result<Vec<MissingMount>, TreeError> {
    let mut missing = Vec::new();
    for path in PATHS {
        let partitions = partitions(path, places);
        if partitions.is_empty() || said.contains(&tree.mount_point(path.as_bytes())) {
            continue;
        }
        if !is_empty(tree, path, places)? {
            continue;
        }
        let device = partitions.iter().map(|partition| partition.place.as_str());
        let device = device.collect::<Vec<_>>().join(" and ");
        match point(&partitions, places) {
            Ok(mount) => tree.mount(path.as_bytes(), mount),
            Err(why) => missing.push(mounts::miss(tree, path, &device, why)),
        }
    }
    Ok(missing)
}

/// The partitions for a place. Of several, those that hold nothing are left out: they wait for an
/// update.
fn partitions<'d>(path: &str, places: &Places<'d>) -> Vec<&'d TypedPartition> {
    let own = places.own.purpose();
    let fits = |purpose| match (purpose, own) {
        (Purpose::Mounted(place), _) => place == path,
        (Purpose::Usr(usr), Some(Purpose::Root(root))) => path == "/usr" && usr == root,
        (Purpose::Usr(_), _) => path == "/usr",
        (Purpose::Root(_) | Purpose::Signature, _) => false,
    };
    let is_own = |typed: &TypedPartition| {
        let volume = typed.volume.and_then(|volume| places.volumes.get(volume));
        volume.is_some_and(|volume| std::ptr::eq(volume, places.own))
    };
    let all = places.typed.iter();
    let mut all: Vec<_> = all.filter(|typed| fits(typed.purpose) && !is_own(typed)).collect();
    if all.iter().any(|typed| !holds_nothing(typed)) {
        all.retain(|typed| !holds_nothing(typed));
    }
    all
}

fn holds_nothing(typed: &TypedPartition) -> bool {
    typed.content == Content::Harmless(Harmless::Empty)
}

/// Is there nothing at a place? systemd mounts over nothing else.
fn is_empty(tree: &Tree, path: &str, places: &Places<'_>) -> Result<bool, TreeError> {
    match tree.read_dir(path) {
        Ok(names) => Ok(names.is_empty()),
        // A `/usr` makes a system of what it is mounted in: only a root gets one.
        Err(error) if error.is_not_found() => {
            Ok(path != "/usr" || matches!(places.own.purpose(), Some(Purpose::Root(_))))
        }
        Err(error @ TreeError::Unreadable { .. }) => Err(error),
        Err(_) => Ok(false),
    }
}

fn point(partitions: &[&TypedPartition], places: &Places<'_>) -> Result<Mount, String> {
    let [typed] = partitions else {
        return Err("are all of the type for it".to_owned());
    };
    let volume = typed.volume.and_then(|volume| places.volumes.get(volume));
    let volume = volume.ok_or("is of the type for it, but not read")?;
    mounts::without_options(volume).map(Mount::Here)
}
