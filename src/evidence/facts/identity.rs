//! Who the image says it is, and whether it is a machine already.

use goldsmith_disk::OsRelease;

use super::super::collector::Collected;
use crate::model::{ImageRelease, MachineId};

/// The version that is written down inside, if there is any.
pub(super) fn release(collected: &Collected) -> Option<ImageRelease> {
    let text = collected.text("/etc/image-release")?;
    // Written like os-release.
    let release = OsRelease::parse(text.as_bytes());
    Some(ImageRelease {
        id: release.get("IMAGE_ID").to_owned(),
        version: release.get("IMAGE_VERSION").to_owned(),
    })
}

/// The state of a machine id.
pub(super) fn machine_id(collected: &Collected, path: &str) -> MachineId {
    if collected.link(path).is_some() {
        return MachineId::Link;
    }
    match collected.text(path) {
        None => MachineId::Absent,
        Some(text) => match text.trim() {
            "" => MachineId::Empty,
            "uninitialized" => MachineId::Uninitialized,
            _ => MachineId::Set,
        },
    }
}
