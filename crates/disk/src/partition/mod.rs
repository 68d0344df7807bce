//! Second layer: the partitions of a disk. One file a table.

mod gpt;
mod mbr;
mod purpose;

use std::sync::Arc;

pub(crate) use purpose::Purpose;

use crate::source::{BlockSource, Shared, Slice, prefix};
use crate::unreadable::{Unreadable, Why};

/// Partitions that are looked at.
const MOST: usize = 256;

/// A part of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number, as Linux counts it: from 1, logical ones from 5.
    pub number: u32,
    /// First byte.
    pub first: u64,
    /// Bytes.
    pub size: u64,
    /// Type: a GUID in lower case, or two hexadecimal digits in an MBR.
    pub kind: String,
    /// Name; none in an MBR.
    pub name: String,
    /// What `PARTUUID=` says.
    pub uuid: String,
}

impl Partition {
    /// What its type says that it is for.
    pub(crate) fn purpose(&self) -> Option<Purpose> {
        Purpose::of(&self.kind)
    }

    /// Its bytes.
    pub(crate) fn of(&self, disk: &Shared) -> Shared {
        Arc::new(Slice::new(Arc::clone(disk), self.first, self.size))
    }
}

/// A kind of partition table.
trait PartitionTable {
    /// Reads the table. `None` if the disk has no such table.
    fn read(&self, disk: &Shared) -> Result<Option<Vec<Partition>>, Unreadable>;
}

/// The partitions of a disk. `None` if it has no table.
pub(crate) fn read(disk: &Shared) -> Result<Option<Vec<Partition>>, Unreadable> {
    // As Linux does it: a GPT where its protective entry stands in the MBR, also in a hybrid one.
    for table in [&gpt::Gpt as &dyn PartitionTable, &mbr::Mbr] {
        if let Some(mut partitions) = table.read(disk)? {
            partitions.retain(|partition| partition.first < disk.size() && partition.size > 0);
            partitions.truncate(MOST);
            return Ok(Some(partitions));
        }
    }
    Ok(None)
}

/// The first sector, if it ends as a boot sector.
fn boot_sector(disk: &dyn BlockSource) -> Result<Option<Vec<u8>>, Why> {
    let sector = prefix(disk, 0, 512).map_err(|error| Why::from_io(&error))?;
    Ok(Some(sector).filter(|sector| sector.get(510..) == Some(&[0x55, 0xAA])))
}
