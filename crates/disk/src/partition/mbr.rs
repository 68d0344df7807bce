//! The partition table of PCs: four entries in the first sector; an extended partition holds a
//! chain of sectors with one logical partition each.

use std::collections::HashSet;

use super::{Partition, PartitionTable, boot_sector};
use crate::bytes::{le32, stands};
use crate::source::{BlockSource, prefix};
use crate::unreadable::{Unreadable, What, Why};

const SECTOR: u64 = 512;
/// Logical partitions that are followed.
const LOGICAL: u32 = 128;
/// Kinds that are a chain of logical partitions: CHS, LBA, Linux.
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];
/// The kind of the one partition that keeps old tools away from a GPT.
const PROTECTIVE: u8 = 0xEE;

/// One of the four entries of a sector.
#[derive(Clone, Copy)]
struct Entry {
    active: u8,
    kind: u8,
    first: u64,
    sectors: u64,
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
    fn read(&self, disk: &dyn BlockSource) -> Result<Option<Vec<Partition>>, Unreadable> {
        let fail = |why| Unreadable::new("the disk", What::Mbr, why);
        let Some(sector) = boot_sector(disk).map_err(fail)? else { return Ok(None) };
        let entries = entries(&sector);
        let plausible = entries.iter().all(|entry| matches!(entry.active, 0 | 0x80));
        let used = |entry: &Entry| entry.kind != 0 && entry.first != 0 && entry.sectors != 0;
        if !plausible || !entries.iter().any(used) || is_file_system(&sector) {
            return Ok(None);
        }
        let signature = le32(&sector, 440);
        let mut partitions = Vec::new();
        for (number, entry) in (1..).zip(entries).filter(|(_, entry)| used(entry)) {
            if EXTENDED.contains(&entry.kind) {
                logical(disk, entry, signature, &mut partitions).map_err(fail)?;
            } else {
                partitions.push(partition(number, entry, signature));
            }
        }
        partitions.sort_by_key(|partition| partition.number);
        Ok(Some(partitions))
    }
}

/// Follows the chain in an extended partition.
fn logical(
    disk: &dyn BlockSource,
    extended: Entry,
    signature: u32,
    partitions: &mut Vec<Partition>,
) -> Result<(), Why> {
    let damaged = |what: &str| Why::Damaged(what.to_owned());
    let mut seen = HashSet::new();
    let mut at = extended.first;
    for number in 5..5 + LOGICAL {
        if !seen.insert(at) {
            return Err(damaged("the chain of logical partitions is a circle"));
        }
        let sector =
            prefix(disk, at.saturating_mul(SECTOR), 512).map_err(|error| Why::from_io(&error))?;
        if sector.get(510..) != Some(&[0x55, 0xAA]) {
            return Err(damaged("the chain of logical partitions is broken"));
        }
        let [itself, next, ..] = entries(&sector);
        if itself.kind != 0 && itself.sectors != 0 {
            // Relative to the sector that it stands in; no overflow: 33 bits and 32 bits.
            let itself = Entry { first: at + itself.first, ..itself };
            partitions.push(partition(number, itself, signature));
        }
        if !EXTENDED.contains(&next.kind) || next.sectors == 0 {
            return Ok(());
        }
        at = extended.first + next.first;
    }
    Err(Why::TooLarge(format!("more than {LOGICAL} logical partitions")))
}

fn partition(number: u32, entry: Entry, signature: u32) -> Partition {
    Partition {
        number,
        first: entry.first * SECTOR,
        size: entry.sectors * SECTOR,
        kind: format!("{:02x}", entry.kind),
        name: String::new(),
        uuid: format!("{signature:08x}-{number:02x}"),
    }
}
