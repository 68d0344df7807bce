//! GUID partition table: UEFI specification 2.10, chapter 5.

use super::{Partition, PartitionTable, boot_sector, mbr};
use crate::bytes::{guid, le32, le64, stands};
use crate::content;
use crate::source::{BlockSource, Shared, prefix};
use crate::unreadable::{Unreadable, What, Why};

/// Entries that a table may have; 128 are usual.
const ENTRIES: u32 = 1024;
/// Bytes that an entry may have; 128 are usual.
const ENTRY_SIZES: std::ops::RangeInclusive<u32> = 128..=4096;

/// The table, of which a second copy lies at the end of the disk.
pub(super) struct Gpt;

impl PartitionTable for Gpt {
    fn read(&self, disk: &Shared) -> Result<Option<Vec<Partition>>, Unreadable> {
        let disk = disk.as_ref();
        let fail = |why| Unreadable::new("the disk", What::Gpt, why);
        let boot_sector = boot_sector(disk).map_err(fail)?;
        let protected = boot_sector.as_deref().is_some_and(mbr::is_protective);
        // A table that was left behind when the disk got an MBR counts for nothing.
        if boot_sector.is_some() && !protected {
            return Ok(None);
        }
        // Nor does a second copy that a file system over the whole disk has not reached.
        if !protected && content::is_known(disk).map_err(|error| fail(Why::from_io(&error)))? {
            return Ok(None);
        }
        // Bytes of a sector, in which the table counts: its own place tells.
        for sector in [512, 4096] {
            let last = (disk.size() / sector).saturating_sub(1);
            let primary = Header::read(disk, sector, 1);
            // The second copy is at the end, or, on a disk that has grown since, where the first says.
            let elsewhere = primary.as_ref().map(|header| header.other);
            let places = [Some(last), elsewhere].into_iter().flatten();
            let copies = places.filter_map(|place| Header::read(disk, sector, place));
            let mut headers = primary.clone().into_iter().chain(copies);
            if let Some(partitions) = headers.find_map(|header| header.partitions(disk, sector)) {
                return Ok(Some(partitions));
            }
        }
        if protected {
            return Err(fail(Why::Damaged("both copies of it".to_owned())));
        }
        Ok(None)
    }
}

/// A header whose checksum is right.
#[derive(Clone)]
struct Header {
    other: u64,
    entries_at: u64,
    entries: u32,
    entry_size: u32,
    entries_checksum: u32,
}

impl Header {
    fn read(disk: &dyn BlockSource, sector: u64, place: u64) -> Option<Self> {
        let mut bytes = prefix(disk, place.checked_mul(sector)?, 512).ok()?;
        let length = usize::try_from(le32(&bytes, 12)).ok()?;
        if !stands(&bytes, 0, b"EFI PART") || !(92..=512).contains(&length) {
            return None;
        }
        let checksum = le32(&bytes, 16);
        bytes.get_mut(16..20)?.fill(0);
        let itself = le64(&bytes, 24);
        if crc32fast::hash(bytes.get(..length)?) != checksum || itself != place {
            return None;
        }
        Some(Self {
            other: le64(&bytes, 32),
            entries_at: le64(&bytes, 72),
            entries: le32(&bytes, 80),
            entry_size: le32(&bytes, 84),
            entries_checksum: le32(&bytes, 88),
        })
    }

    /// The partitions, if the entries' checksum is right.
    fn partitions(&self, disk: &dyn BlockSource, sector: u64) -> Option<Vec<Partition>> {
        if self.entries > ENTRIES || !ENTRY_SIZES.contains(&self.entry_size) {
            return None;
        }
        let size = usize::try_from(self.entry_size).ok()?;
        let length = size * usize::try_from(self.entries).ok()?;
        let bytes = prefix(disk, self.entries_at.checked_mul(sector)?, length).ok()?;
        if bytes.len() != length || crc32fast::hash(&bytes) != self.entries_checksum {
            return None;
        }
        let entries = (1..).zip(bytes.chunks_exact(size));
        Some(entries.filter_map(|(number, entry)| partition(number, entry, sector)).collect())
    }
}

fn partition(number: u32, entry: &[u8], sector: u64) -> Option<Partition> {
    if entry.get(..16)?.iter().all(|byte| *byte == 0) {
        return None;
    }
    let (first, last) = (le64(entry, 32), le64(entry, 40));
    let sectors = last.checked_sub(first)?.checked_add(1)?;
    let name: Vec<u16> = entry
        .get(56..128)?
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    Some(Partition {
        number,
        first: first.checked_mul(sector)?,
        size: sectors.checked_mul(sector)?,
        kind: guid(entry, 0),
        name: String::from_utf16_lossy(&name),
        uuid: guid(entry, 16),
    })
}
