//! LVM2: physical volumes carry a text that says how logical volumes are put together from them.
//! The format is that of `lib/format_text` in LVM2's source, described in `lvmsystemid(7)`'s kin.

mod group;
mod label;
mod mapped;
mod text;

use std::collections::BTreeMap;

use super::{Volume, VolumeManager};
use crate::source::Shared;
use crate::unreadable::{Unreadable, What};
use group::Group;
use label::PhysicalVolume;
pub(super) use label::repair;

/// LVM2.
pub(super) struct Lvm;

impl VolumeManager for Lvm {
    fn volumes(&self, members: &[(String, Shared)]) -> (Vec<Volume>, Vec<Unreadable>) {
        let mut failed = Vec::new();
        let mut disks = BTreeMap::new();
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (place, bytes) in members {
            let mut fail = |why| failed.push(Unreadable::new(place.clone(), What::Lvm, why));
            let member = match PhysicalVolume::read(bytes.as_ref()) {
                Ok(member) => member,
                Err(why) => {
                    fail(why);
                    continue;
                }
            };
            for text in &member.metadata {
                match text.as_deref().map_err(Clone::clone).and_then(Group::read) {
                    // After a change, a copy that was not reached is older: the newest counts.
                    Ok(group) => {
                        let known = groups.get(&group.id);
                        if known.is_none_or(|known| known.sequence < group.sequence) {
                            groups.insert(group.id.clone(), group);
                        }
                    }
                    Err(why) => fail(why),
                }
            }
            disks.insert(member.id, bytes.clone());
        }
        if groups.is_empty() && failed.is_empty() {
            for (place, _) in members {
                let why = crate::unreadable::Why::Incomplete("the group's description".to_owned());
                failed.push(Unreadable::new(place.clone(), What::Lvm, why));
            }
        }
        let volumes = groups.values().flat_map(|group| group.volumes(&disks)).collect();
        (volumes, failed)
    }
}

/// Reads a text, and counts its volumes.
pub(super) fn read_text(text: &str) -> usize {
    Group::read(text).map_or(0, |group| group.volumes(&BTreeMap::new()).len())
}
