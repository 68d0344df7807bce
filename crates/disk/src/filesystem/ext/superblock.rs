//! The superblock, and where the tables of inodes are.

use std::io;

use super::blocks::Blocks;
use super::checksum::crc32c;
use crate::bytes::{le16, le32};
use crate::source::{BlockSource, damaged, prefix};
use crate::unreadable::Why;

const HAS_JOURNAL: u32 = 0x4;
const SPARSE_SUPER2: u32 = 0x200;

const COMPRESSION: u32 = 0x1;
const RECOVER: u32 = 0x4;
const META_BG: u32 = 0x10;
const SIXTY_FOUR: u32 = 0x80;
const CHECKSUM_SEED: u32 = 0x2000;
/// What can be read: file types in folders, recovery, meta groups, extents, 64 bits, MMP, flexible
/// groups, large attributes, checksum seeds, large folders; inline data, encryption and case
/// folding as far as single files go.
const KNOWN: u32 = 0x3_E7D6;

const SPARSE_SUPER: u32 = 0x1;
const METADATA_CHECKSUMS: u32 = 0x400;

/// What reading needs to know.
pub(super) struct Superblock {
    /// Bytes of a block.
    pub(super) block_size: u64,
    /// Blocks of the file system.
    pub(super) blocks: u64,
    /// Number of the journal's inode; 0 if the journal is on another disk.
    pub(super) journal_inode: u64,
    /// Bytes of an inode.
    pub(super) inode_size: u64,
    /// Start of all checksums; `None` if there are none.
    pub(super) seed: Option<u32>,
    inodes: u64,
    inodes_per_group: u64,
    blocks_per_group: u64,
    first_block: u64,
    descriptor_size: u64,
    first_meta_group: u64,
    backups: [u64; 2],
    compatible: u32,
    incompatible: u32,
    read_only: u32,
}

impl Superblock {
    /// Reads and checks it.
    pub(super) fn read(source: &dyn BlockSource) -> Result<Self, Why> {
        let bytes = prefix(source, 1024, 1024).map_err(|error| Why::from_io(&error))?;
        let wrong = |what: &str| Why::Damaged(what.to_owned());
        if bytes.len() < 1024 {
            return Err(wrong("its superblock was cut short"));
        }
        let [compatible, incompatible, read_only] = [0x5C, 0x60, 0x64].map(|at| le32(&bytes, at));
        if incompatible & !KNOWN != 0 {
            let unknown = incompatible & !KNOWN;
            return Err(Why::Feature(match unknown {
                COMPRESSION => "compression".to_owned(),
                0x8 => "a journal that is all of it".to_owned(),
                _ => format!("unknown features ({unknown:#x})"),
            }));
        }
        let seed = (read_only & METADATA_CHECKSUMS != 0).then(|| {
            let of_uuid = || crc32c(!0, &bytes[0x68..0x78]);
            if incompatible & CHECKSUM_SEED == 0 { of_uuid() } else { le32(&bytes, 0x270) }
        });
        if seed.is_some() && crc32c(!0, &bytes[..0x3FC]) != le32(&bytes, 0x3FC) {
            return Err(wrong("the checksum of its superblock is wrong"));
        }
        let sixty_four = incompatible & SIXTY_FOUR != 0;
        let high = if sixty_four { le32(&bytes, 0x150) } else { 0 };
        let old = le32(&bytes, 0x4C) == 0;
        let superblock = Self {
            block_size: 1024_u64.checked_shl(le32(&bytes, 0x18)).unwrap_or(0),
            blocks: u64::from(high) << 32 | u64::from(le32(&bytes, 4)),
            journal_inode: le32(&bytes, 0xE0).into(),
            inode_size: if old { 128 } else { le16(&bytes, 0x58).into() },
            seed,
            inodes: le32(&bytes, 0).into(),
            inodes_per_group: le32(&bytes, 0x28).into(),
            blocks_per_group: le32(&bytes, 0x20).into(),
            first_block: le32(&bytes, 0x14).into(),
            descriptor_size: if sixty_four { le16(&bytes, 0xFE).into() } else { 32 },
            first_meta_group: le32(&bytes, 0x104).into(),
            backups: [0x24C, 0x250].map(|at| le32(&bytes, at).into()),
            compatible,
            incompatible,
            read_only,
        };
        superblock.check(source.size())?;
        Ok(superblock)
    }

    fn check(&self, size: u64) -> Result<(), Why> {
        let wrong = |what: &str| Err(Why::Damaged(what.to_owned()));
        let block_size = self.block_size;
        if !(1024..=65_536).contains(&block_size) {
            return wrong("its block size is none");
        }
        if self.blocks.checked_mul(block_size).is_none_or(|bytes| bytes > size) {
            return wrong("it is larger than what holds it: the image was cut short");
        }
        let power = |value: u64, least: u64| {
            value.is_power_of_two() && (least..=block_size).contains(&value)
        };
        if !power(self.inode_size, 128) || !power(self.descriptor_size, 32) {
            return wrong("its inodes or groups have an impossible size");
        }
        if self.inodes_per_group == 0 || self.blocks_per_group == 0 {
            return wrong("its groups are empty");
        }
        Ok(())
    }

    /// Was it not unmounted?
    pub(super) fn needs_recovery(&self) -> bool {
        self.compatible & HAS_JOURNAL != 0 && self.incompatible & RECOVER != 0
    }

    /// The block of an inode, and its place in it.
    pub(super) fn locate(&self, blocks: &mut Blocks, number: u64) -> io::Result<(u64, usize)> {
        if number == 0 || number > self.inodes {
            return Err(damaged(format!("there is no inode {number}")));
        }
        let (group, index) =
            ((number - 1) / self.inodes_per_group, (number - 1) % self.inodes_per_group);
        let per_block = self.block_size / self.descriptor_size;
        let at = usize::try_from(group % per_block * self.descriptor_size).unwrap_or(0);
        let descriptors = blocks.block(self.descriptor_block(group, per_block))?;
        let high = if self.descriptor_size >= 64 { le32(descriptors, at + 0x28) } else { 0 };
        let table = u64::from(high) << 32 | u64::from(le32(descriptors, at + 8));
        let offset = index * self.inode_size;
        let block = table.checked_add(offset / self.block_size);
        let block = block.ok_or_else(|| damaged("a table of inodes lies nowhere"))?;
        Ok((block, usize::try_from(offset % self.block_size).unwrap_or(0)))
    }

    /// The block in which a group is described.
    fn descriptor_block(&self, group: u64, per_block: u64) -> u64 {
        let index = group / per_block;
        if self.incompatible & META_BG == 0 || index < self.first_meta_group {
            return self.first_block + 1 + index;
        }
        let first = index * per_block;
        // No overflow: 32 bits each.
        self.first_block + first * self.blocks_per_group + u64::from(self.has_superblock(first))
    }

    fn has_superblock(&self, group: u64) -> bool {
        let is_power = |base: u64| {
            let mut power = base;
            while power < group {
                power *= base;
            }
            power == group
        };
        if self.compatible & SPARSE_SUPER2 != 0 {
            return group == 0 || self.backups.contains(&group);
        }
        self.read_only & SPARSE_SUPER == 0 || group <= 1 || [3, 5, 7].into_iter().any(is_power)
    }
}
