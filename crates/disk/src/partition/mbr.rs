//! The partition table of PCs: four entries in the first sector; an extended partition holds a
//! chain of sectors with one logical partition each.

use std::collections::HashSet;

use super::{Partition, PartitionTable, boot_sector};
use crate::bytes::{le32, stands};
use crate::content;
use crate::source::{Shared, prefix};
use crate::unreadable::{Unreadable, What, Why};

/// Bytes of a sector, in which the table counts without saying which it is: the usual one first.
const SECTORS: [u64; 2] = [512, 4096];
/// Logical partitions that are followed.
const LOGICAL: u32 = 128;
/// Kinds that are a chain of logical partitions: CHS, LBA, Linux.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];
/// The kind of the one partition that keeps old tools away from a GPT.
const PROTECTIVE: u8 = 0xEE;

/// One of the four entries of a sector; places and sizes in sectors.
#[derive(Clone, Copy)]
struct Entry {
    active: u8,
    kind: u8,
    first: u64,
    sectors: u64,
}

impl Entry {
    fn is_used(&self) -> bool {
        self.kind != 0 && self.first != 0 && self.sectors != 0
    }
}

fn entries(sector: &[u8]) -> [Entry; 4] {
    [446, 462, 478, 494].map(|at| Entry {
        active: sector.get(at).copied().unwrap_or(0),
        kind: sector.get(at + 4).copied().unwrap_or(0),
        first: u64::from(le32(sector, at + 8)),
        sectors: u64::from(le32(sector, at + 12)),
    })
}

/// Does the boot sector say that the disk has a GPT?
pub(super) fn is_protective(sector: &[u8]) -> bool {
    entries(sector).iter().any(|entry| entry.kind == PROTECTIVE)
}

/// Is it the first sector of a file system, which ends in the same two bytes?
fn is_file_system(sector: &[u8]) -> bool {
    let fat = stands(sector, 54, b"FAT") || stands(sector, 82, b"FAT32");
    fat || [&b"NTFS    "[..], b"EXFAT   ", b"-FVE-FS-"].iter().any(|name| stands(sector, 3, name))
}

/// The table.
pub(super) struct Mbr;

impl PartitionTable for Mbr {
    fn read(&self, disk: &Shared) -> Result<Option<Vec<Partition>>, Unreadable> {
        let fail = |why| Unreadable::new("the disk", What::Mbr, why);
        let Some(boot) = boot_sector(disk.as_ref()).map_err(fail)? else { return Ok(None) };
        let entries = entries(&boot);
        let plausible = entries.iter().all(|entry| matches!(entry.active, 0 | 0x80));
        if !plausible || !entries.iter().any(Entry::is_used) || is_file_system(&boot) {
            return Ok(None);
        }
        let read = |sector| Reader { disk, sector, signature: le32(&boot, 440) }.all(entries);
        let [usual, large] = SECTORS.map(read);
        // What the partitions hold tells which size was meant.
        let holds = |partitions: &Result<Vec<Partition>, Why>| {
            let mut partitions = partitions.iter().flatten();
            partitions
                .any(|partition| content::is_known(partition.of(disk).as_ref()).unwrap_or(false))
        };
        let partitions = if !holds(&usual) && holds(&large) { large } else { usual };
        partitions.map(Some).map_err(fail)
    }
}

/// Reads a table in sectors of a size.
struct Reader<'d> {
    disk: &'d Shared,
    sector: u64,
    signature: u32,
}

impl Reader<'_> {
    /// The partitions of the first four entries.
    fn all(&self, entries: [Entry; 4]) -> Result<Vec<Partition>, Why> {
        let mut partitions = Vec::new();
        for (number, entry) in (1..).zip(entries).filter(|(_, entry)| entry.is_used()) {
            if EXTENDED.contains(&entry.kind) {
                self.logical(entry, &mut partitions)?;
            } else {
                partitions.push(self.partition(number, entry));
            }
        }
        partitions.sort_by_key(|partition| partition.number);
        Ok(partitions)
    }

    /// Follows the chain in an extended partition.
    fn logical(&self, extended: Entry, partitions: &mut Vec<Partition>) -> Result<(), Why> {
        let damaged = |what: &str| Why::Damaged(what.to_owned());
        let mut seen = HashSet::new();
        let mut at = extended.first;
        for number in 5..5 + LOGICAL {
            if !seen.insert(at) {
                return Err(damaged("the chain of logical partitions is a circle"));
            }
            let place = at.saturating_mul(self.sector);
            let sector =
                prefix(self.disk.as_ref(), place, 512).map_err(|error| Why::from_io(&error))?;
            if sector.get(510..) != Some(&[0x55, 0xAA]) {
                return Err(damaged("the chain of logical partitions is broken"));
            }
            let [itself, next, ..] = entries(&sector);
            if itself.kind != 0 && itself.sectors != 0 {
                // Relative to the sector that it stands in; no overflow: 33 bits and 32 bits.
                let itself = Entry { first: at + itself.first, ..itself };
                partitions.push(self.partition(number, itself));
            }
            if !EXTENDED.contains(&next.kind) || next.sectors == 0 {
                return Ok(());
            }
            at = extended.first + next.first;
        }
        Err(Why::TooLarge(format!("more than {LOGICAL} logical partitions")))
    }

    fn partition(&self, number: u32, entry: Entry) -> Partition {
        Partition {
            number,
            // No overflow: 34 bits and 13 bits.
            first: entry.first * self.sector,
            size: entry.sectors * self.sector,
            kind: format!("{:02x}", entry.kind),
            name: String::new(),
            uuid: format!("{:08x}-{number:02x}", self.signature),
        }
    }
}
