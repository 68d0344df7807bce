//! What a partition, a volume or a whole disk holds, by the marks that its format leaves.

use std::io;

use crate::bytes::{be16, le32, stands, uuid_at};
use crate::source::{BlockSource, prefix};
use crate::unreadable::What;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file system that can be read.
    FileSystem(FileSystemKind),
    /// An LVM2 physical volume.
    PhysicalVolume,
    /// Holds no root file system, and nothing that hides one.
    Harmless(Harmless),
    /// Cannot be read.
    Unreadable(What),
}

/// A file system that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystemKind {
    /// ext2, ext3, ext4.
    Ext,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
}

/// What no root file system can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harmless {
    /// Swap space.
    Swap,
    /// FAT, as EFI system partitions have it: it has no owners and no links.
    Fat,
    /// Nothing: zeros, as far as was looked.
    Empty,
    /// Boot code or firmware data, by the partition's type.
    Boot,
    /// Checksums of another partition, which can be read without them (dm-verity), or their signature.
    Verity,
}

/// Bytes at the start in which all marks but those of ZFS lie.
const HEAD: usize = 68 << 10;

/// Marks, where they stand, and what they mean. The first that fits counts.
const MARKS: &[(usize, &[u8], Content)] = &[
    (3, b"-FVE-FS-", Content::Unreadable(What::BitLocker)),
    (3, b"NTFS    ", Content::Unreadable(What::Ntfs)),
    (3, b"EXFAT   ", Content::Unreadable(What::ExFat)),
    (0, b"hsqs", Content::Unreadable(What::Squashfs)),
    (0, b"verity\0\0", Content::Harmless(Harmless::Verity)),
    (0, b"integrt\0", Content::Unreadable(What::Integrity)),
    (32, b"NXSB", Content::Unreadable(What::Apfs)),
    (512, b"!Stra0tis\x86\xFF\x02^\x41rh", Content::Unreadable(What::Stratis)),
    (1024, &[0xE2, 0xE1, 0xF5, 0xE0], Content::Unreadable(What::Erofs)),
    (1024, &[0x10, 0x20, 0xF5, 0xF2], Content::Unreadable(What::F2fs)),
    (0, &[0xFC, 0x4E, 0x2B, 0xA9], Content::Unreadable(What::MdRaid)),
    (4096, &[0xFC, 0x4E, 0x2B, 0xA9], Content::Unreadable(What::MdRaid)),
    (4120, &BCACHE, Content::Unreadable(What::Bcache)),
    (4120, &BCACHEFS, Content::Unreadable(What::Bcachefs)),
    (32_768, b"JFS1", Content::Unreadable(What::Jfs)),
    (32_769, b"CD001", Content::Unreadable(What::Iso9660)),
    (65_588, b"ReIsEr", Content::Unreadable(What::ReiserFs)),
    (0, b"XFSB", Content::FileSystem(FileSystemKind::Xfs)),
    (65_600, b"_BHRfS_M", Content::FileSystem(FileSystemKind::Btrfs)),
    (1080, &[0x53, 0xEF], Content::FileSystem(FileSystemKind::Ext)),
    (4086, b"SWAPSPACE2", Content::Harmless(Harmless::Swap)),
    (8182, b"SWAPSPACE2", Content::Harmless(Harmless::Swap)),
    (16_374, b"SWAPSPACE2", Content::Harmless(Harmless::Swap)),
    (65_526, b"SWAPSPACE2", Content::Harmless(Harmless::Swap)),
    (82, b"FAT32", Content::Harmless(Harmless::Fat)),
    (54, b"FAT12", Content::Harmless(Harmless::Fat)),
    (54, b"FAT16", Content::Harmless(Harmless::Fat)),
    (54, b"FAT  ", Content::Harmless(Harmless::Fat)),
];

const BCACHE: [u8; 16] = [
    0xC6, 0x85, 0x73, 0xF6, 0x4E, 0x1A, 0x45, 0xCA, 0x82, 0x65, 0xF5, 0x7F, 0x48, 0xBA, 0x6D, 0x81,
];
const BCACHEFS: [u8; 16] = [
    0xC6, 0x85, 0x73, 0xF6, 0x66, 0xCE, 0x90, 0xA9, 0xD9, 0x6A, 0x60, 0xCF, 0x80, 0x3D, 0xF7, 0xEF,
];

/// Tells what a source holds.
pub(crate) fn detect(source: &dyn BlockSource) -> io::Result<Content> {
    let head = prefix(source, 0, HEAD)?;
    if stands(&head, 0, b"LUKS\xBA\xBE") {
        let version = be16(&head, 6);
        return Ok(Content::Unreadable(if version == 1 { What::Luks1 } else { What::Luks2 }));
    }
    let label = |sector: &[u8]| stands(sector, 0, b"LABELONE") && stands(sector, 24, b"LVM2 001");
    if head.chunks(512).take(4).any(label) {
        return Ok(Content::PhysicalVolume);
    }
    if let Some((.., content)) = MARKS.iter().find(|(at, mark, _)| stands(&head, *at, mark)) {
        return Ok(content.clone());
    }
    if is_zfs(source)? {
        return Ok(Content::Unreadable(What::Zfs));
    }
    if head.iter().all(|byte| *byte == 0) && is_zero(source)? {
        return Ok(Content::Harmless(Harmless::Empty));
    }
    Ok(Content::Unreadable(What::Unknown))
}

/// Does a source hold something of a known format?
pub(crate) fn is_known(source: &dyn BlockSource) -> io::Result<bool> {
    let unknown = [Content::Unreadable(What::Unknown), Content::Harmless(Harmless::Empty)];
    Ok(!unknown.contains(&detect(source)?))
}

/// ZFS keeps a ring of blocks in the second half of its first label, each with the same mark.
fn is_zfs(source: &dyn BlockSource) -> io::Result<bool> {
    const MARK: u32 = 0x00BA_B10C;
    let ring = prefix(source, 128 << 10, 128 << 10)?;
    let marked = |block: &[u8]| {
        let (low, high) = (le32(block, 0), le32(block, 4));
        (low == MARK && high == 0) || (low.swap_bytes(), high.swap_bytes()) == (0, MARK)
    };
    Ok(ring.chunks(1024).any(marked))
}

/// Looks at a sample: the first MiB and 64 places after it.
fn is_zero(source: &dyn BlockSource) -> io::Result<bool> {
    let zero = |bytes: Vec<u8>| bytes.iter().all(|byte| *byte == 0);
    if !zero(prefix(source, 0, 1 << 20)?) {
        return Ok(false);
    }
    let step = (source.size() / 64).max(4096);
    for place in (0..source.size()).step_by(usize::try_from(step).unwrap_or(usize::MAX)).take(65) {
        if !zero(prefix(source, place, 4096)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a file system calls itself, for `LABEL=` and `UUID=`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// In lower case, with hyphens.
    pub uuid: String,
    /// May be empty.
    pub label: String,
}

/// Reads the identity from the superblock.
pub(crate) fn identify(source: &dyn BlockSource, kind: FileSystemKind) -> io::Result<Identity> {
    let (superblock, uuid, label, length) = match kind {
        FileSystemKind::Ext => (1024, 0x68, 0x78, 16),
        FileSystemKind::Xfs => (0, 32, 108, 12),
        FileSystemKind::Btrfs => (0x1_0000, 32, 0x12B, 256),
    };
    let bytes = prefix(source, superblock, 1024)?;
    let label = bytes.get(label..label + length).unwrap_or_default();
    Ok(Identity { uuid: uuid_at(&bytes, uuid), label: crate::bytes::text(label) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_recognised_where_it_stands() {
        for (at, mark, content) in MARKS {
            let mut bytes = vec![0; 1 << 20];
            bytes[*at..at + mark.len()].copy_from_slice(mark);
            assert_eq!(detect(&bytes).unwrap(), *content);
            bytes[*at] ^= 1;
            assert_eq!(detect(&bytes).unwrap(), Content::Unreadable(What::Unknown));
        }
    }

    #[test]
    fn what_has_more_than_one_mark_is_recognised() {
        let with = |at: usize, mark: &[u8]| {
            let mut bytes = vec![0; 1 << 20];
            bytes[at..at + mark.len()].copy_from_slice(mark);
            detect(&bytes).unwrap()
        };
        let told = [
            with(0, b"LUKS\xBA\xBE\0\x01"),
            with(0, b"LUKS\xBA\xBE\0\x02"),
            with(512, b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001"),
            with(132 << 10, &[0x0C, 0xB1, 0xBA, 0, 0, 0, 0, 0]),
            with(200 << 10, &[0, 0, 0, 0, 0, 0xBA, 0xB1, 0x0C]),
            with((1 << 20) - 10, b"x"),
            with(0, b""),
            detect(&vec![0; 0]).unwrap(),
        ];
        insta::assert_debug_snapshot!(told, @"
        [
            Unreadable(
                Luks1,
            ),
            Unreadable(
                Luks2,
            ),
            PhysicalVolume,
            Unreadable(
                Zfs,
            ),
            Unreadable(
                Zfs,
            ),
            Unreadable(
                Unknown,
            ),
            Harmless(
                Empty,
            ),
            Harmless(
                Empty,
            ),
        ]
        ");
    }
}
