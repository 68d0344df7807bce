//! Third layer: volumes that are put together from partitions. One folder a volume manager.

mod lvm;

use crate::source::Shared;
use crate::unreadable::Unreadable;

/// A volume, or why there is none.
pub(crate) struct Volume {
    /// `vg/root`.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: Result<Shared, Unreadable>,
}

/// What puts volumes together.
trait VolumeManager {
    /// All volumes of these members, each with the place where it was found. What cannot be said of
    /// one volume is an error of the member that said it.
    fn volumes(&self, members: &[(String, Shared)]) -> (Vec<Volume>, Vec<Unreadable>);
}

/// The volumes that LVM2 physical volumes hold.
pub(crate) fn assemble(members: &[(String, Shared)]) -> (Vec<Volume>, Vec<Unreadable>) {
    lvm::Lvm.volumes(members)
}

/// Puts the checksums of an LVM2 physical volume right, to test what is behind them.
pub(crate) fn repair(disk: &mut [u8]) {
    lvm::repair(disk);
}

/// Reads LVM2's text, without a disk, and counts the volumes that it tells of.
pub(crate) fn read_text(text: &str) -> usize {
    lvm::read_text(text)
}
