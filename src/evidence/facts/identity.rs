//! Who the image says it is, and whether it is a machine already.

use super::super::collector::Collected;
use crate::model::{ImageRelease, MachineId};

/// The version that is written down inside, if there is any.
pub(super) fn release(collected: &Collected) -> Option<ImageRelease> {
    let text = collected.text("/etc/image-release")?;
    let value = |name: &str| {
        let mut values =
            text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
        values.next_back().map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    Some(ImageRelease {
        id: value("IMAGE_ID").unwrap_or_default(),
        version: value("IMAGE_VERSION").unwrap_or_default(),
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
