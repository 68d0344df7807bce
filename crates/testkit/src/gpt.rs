//! Writes GUID partition tables, also odd ones that no partitioning tool would make.
//!
//! Format: UEFI specification 2.10, chapter 5. Every GUID is derived from its place, so that equal
//! disks are equal byte for byte.

use std::io;

use camino::Utf8Path;
use fs_err::os::unix::fs::FileExt as _;
use uuid::{Uuid, uuid};

/// Bytes of a sector.
pub const SECTOR: u64 = 512;

/// Sectors at the end of a disk that the second copy of the table takes.
pub const SECTORS_AT_END: u64 = 33;

/// First sector of the first partition on disks as they are made today: 1 MiB.
pub const FIRST_SECTOR: u64 = 2048;

/// Partition type: Linux file system data.
pub const LINUX_DATA: Uuid = uuid!("0FC63DAF-8483-4772-8E79-3D69D8477DE4");
/// Partition type: root file system for x86-64.
pub const LINUX_ROOT_X86_64: Uuid = uuid!("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709");
/// Partition type: LVM physical volume.
pub const LINUX_LVM: Uuid = uuid!("E6D6D379-F507-44C2-A23C-238F2A3DF928");
/// Partition type: EFI system partition.
pub const EFI_SYSTEM: Uuid = uuid!("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");

const ENTRIES: u32 = 128;
const ENTRY_SIZE: u32 = 128;
const HEADER_SIZE: u32 = 92;

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Place in the table, from 1.
    pub number: u32,
    /// Partition type.
    pub kind: Uuid,
    /// Name, at most 36 UTF-16 units; usually empty.
    pub name: String,
    /// First sector.
    pub first: u64,
    /// Number of sectors.
    pub sectors: u64,
}

/// Writes a protective MBR and both copies of the table onto a disk file. The partitions' content
/// is left as it is.
pub fn write(disk: &Utf8Path, partitions: &[Partition]) -> io::Result<()> {
    let file = fs_err::OpenOptions::new().write(true).open(disk)?;
    let sectors = file.metadata()?.len() / SECTOR;
    let last = sectors - 1;
    let entries = entries(partitions);
    let entries_at_end = sectors - SECTORS_AT_END;
    file.write_all_at(&protective_mbr(last), 0)?;
    file.write_all_at(&header(1, last, 2, last, &entries), SECTOR)?;
    file.write_all_at(&entries, 2 * SECTOR)?;
    file.write_all_at(&entries, entries_at_end * SECTOR)?;
    file.write_all_at(&header(last, 1, entries_at_end, last, &entries), last * SECTOR)
}

fn entries(partitions: &[Partition]) -> Vec<u8> {
    let mut table = vec![0; (ENTRIES * ENTRY_SIZE) as usize];
    for partition in partitions {
        let mut entry = partition.kind.to_bytes_le().to_vec();
        entry.extend(guid(partition.number));
        let no_attributes = 0;
        let last = partition.first + partition.sectors - 1;
        for field in [partition.first, last, no_attributes] {
            entry.extend(field.to_le_bytes());
        }
        entry.extend(partition.name.encode_utf16().flat_map(u16::to_le_bytes));
        assert!(entry.len() <= ENTRY_SIZE as usize, "the name is too long");
        let place = ((partition.number - 1) * ENTRY_SIZE) as usize;
        table[place..place + entry.len()].copy_from_slice(&entry);
    }
    table
}

fn header(at: u64, other: u64, entries_at: u64, last: u64, entries: &[u8]) -> Vec<u8> {
    let revision: u32 = 0x0001_0000;
    let mut header = b"EFI PART".to_vec();
    for field in [revision, HEADER_SIZE, 0, 0] {
        header.extend(field.to_le_bytes());
    }
    let (first_usable, last_usable) = (34, last - SECTORS_AT_END);
    for field in [at, other, first_usable, last_usable] {
        header.extend(field.to_le_bytes());
    }
    header.extend(guid(0));
    header.extend(entries_at.to_le_bytes());
    for field in [ENTRIES, ENTRY_SIZE, crc32(entries)] {
        header.extend(field.to_le_bytes());
    }
    let checksum = crc32(&header).to_le_bytes();
    header[16..20].copy_from_slice(&checksum);
    header
}

/// One partition over the whole disk that keeps old tools away.
fn protective_mbr(last: u64) -> Vec<u8> {
    let mut sector = vec![0; 512];
    let mut entry = vec![0x00, 0x00, 0x02, 0x00, 0xEE, 0xFF, 0xFF, 0xFF];
    entry.extend(1_u32.to_le_bytes());
    entry.extend(u32::try_from(last).unwrap_or(u32::MAX).to_le_bytes());
    sector[446..462].copy_from_slice(&entry);
    sector[510..].copy_from_slice(&[0x55, 0xAA]);
    sector
}

/// The GUID of a partition; 0 stands for the disk.
fn guid(number: u32) -> [u8; 16] {
    let fixed = uuid!("6F1D5A1E-0000-4000-8000-000000000000").as_u128();
    Uuid::from_u128(fixed + u128::from(number)).to_bytes_le()
}

/// CRC-32 as in Ethernet and zip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
