//! The label of a physical volume, and the areas in which copies of the metadata lie.

use crate::bytes::{le32, le64, stands};
use crate::source::{BlockSource, prefix};
use crate::unreadable::Why;

const SECTOR: usize = 512;
/// Areas that are looked at; LVM2 makes two at most.
const AREAS: usize = 4;
/// Bytes of a text that are read; LVM2's default area has 1 MiB.
const TEXT: u64 = 16 << 20;
/// Where an area's text begins at the earliest: it is a ring behind its own header.
const AREA_HEADER: u64 = 512;

/// A physical volume.
pub(super) struct PhysicalVolume {
    /// Its id, without hyphens.
    pub(super) id: String,
    /// What each of its metadata areas says; empty areas say nothing.
    pub(super) metadata: Vec<Result<String, Why>>,
}

impl PhysicalVolume {
    /// Reads it.
    pub(super) fn read(disk: &dyn BlockSource) -> Result<Self, Why> {
        let head = prefix(disk, 0, 4 * SECTOR).map_err(|error| Why::from_io(&error))?;
        let damaged = |what: &str| Why::Damaged(what.to_owned());
        let (number, label) = (0_u64..)
            .zip(head.chunks_exact(SECTOR))
            .find(|(_, sector)| stands(sector, 0, b"LABELONE"))
            .ok_or_else(|| damaged("there is no label"))?;
        if le64(label, 8) != number || checksum(&label[20..]) != le32(label, 16) {
            return Err(damaged("the checksum of its label is wrong"));
        }
        let header = usize::try_from(le32(label, 20)).ok().and_then(|at| label.get(at..));
        let header = header.filter(|header| header.len() > 40).unwrap_or_default();
        let id = header.get(..32).and_then(|id| std::str::from_utf8(id).ok());
        let id = id.ok_or_else(|| damaged("its label has no id"))?.to_owned();
        // Two lists of places, each closed by a zero: data areas, then metadata areas.
        let places = header.get(40..).unwrap_or_default().chunks_exact(16);
        let areas = places
            .skip_while(|place| le64(place, 0) != 0)
            .skip(1)
            .take_while(|place| le64(place, 0) != 0)
            .take(AREAS);
        let metadata = areas
            .filter_map(|place| area(disk, le64(place, 0), le64(place, 8)).transpose())
            .collect();
        Ok(Self { id, metadata })
    }
}

/// The text in a metadata area. `None` if there is none.
fn area(disk: &dyn BlockSource, start: u64, size: u64) -> Result<Option<String>, Why> {
    let damaged = |what: &str| Why::Damaged(what.to_owned());
    let header = prefix(disk, start, SECTOR).map_err(|error| Why::from_io(&error))?;
    if header.len() < SECTOR || !stands(&header, 4, b"\x20LVM2\x20x[5A%r0N*>") {
        return Err(damaged("a metadata area has no header"));
    }
    if checksum(&header[4..]) != le32(&header, 0) || le64(&header, 24) != start {
        return Err(damaged("the checksum of a metadata area is wrong"));
    }
    let (offset, length, sum) = (le64(&header, 40), le64(&header, 48), le32(&header, 56));
    if offset == 0 || length == 0 {
        return Ok(None);
    }
    let ring = size.checked_sub(AREA_HEADER).filter(|ring| length <= *ring && length <= TEXT);
    if ring.is_none() || offset < AREA_HEADER || offset >= size {
        return Err(damaged("the metadata lie outside of their area"));
    }
    // The text goes on at the beginning of the ring when it reaches its end.
    let first = length.min(size - offset);
    let mut text = Vec::new();
    for (at, length) in [(offset, first), (AREA_HEADER, length - first)] {
        let at = start.checked_add(at).ok_or_else(|| damaged("the metadata lie nowhere"))?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        text.extend(prefix(disk, at, length).map_err(|error| Why::from_io(&error))?);
    }
    if checksum(&text) != sum {
        return Err(damaged("the checksum of the metadata is wrong"));
    }
    let text = String::from_utf8(text).map_err(|_| damaged("the metadata are no UTF-8"))?;
    Ok(Some(text))
}

/// Puts the checksums of the label and of the first metadata area right, where LVM2 writes them by
/// default.
pub(in crate::volume) fn repair(disk: &mut [u8]) {
    const AREA: usize = 4096;
    let Some(header) = disk.get(AREA..AREA + SECTOR) else { return };
    let number = |at| usize::try_from(le64(header, at)).unwrap_or(usize::MAX);
    let text = AREA.checked_add(number(40)).and_then(|start| {
        let end = start.checked_add(number(48))?;
        disk.get(start..end)
    });
    let places = [(AREA + 56, text.map(checksum)), (AREA, None), (SECTOR + 16, None)];
    for (at, sum) in places {
        let covered = match at {
            AREA => &disk[AREA + 4..AREA + SECTOR],
            _ => &disk[SECTOR + 20..2 * SECTOR],
        };
        let sum = sum.unwrap_or_else(|| checksum(covered));
        disk[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    }
}

/// LVM2's checksum: CRC-32 with a start of its own and without the last inversion.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(!0xF597_A6CF);
    crc.update(bytes);
    !crc.finalize()
}
