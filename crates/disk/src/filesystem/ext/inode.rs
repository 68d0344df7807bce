//! Inodes.

use std::io;

use super::blocks::Blocks;
use super::checksum::{crc32c, of_inode};
use super::superblock::Superblock;
use super::{FileKind, Metadata, missing};
use crate::bytes::{le16, le32};
use crate::source::damaged;
use crate::unreadable::Why;

const ENCRYPTED: u32 = 0x800;
const EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;

/// Where the 60 bytes are that say where a file's content is.
const MAP: std::ops::Range<usize> = 40..100;

/// A file.
pub(super) struct Inode {
    pub(super) metadata: Metadata,
    pub(super) map: [u8; 60],
    /// Start of the checksums of what belongs to it.
    pub(super) seed: Option<u32>,
    flags: u32,
}

/// Reads an inode.
pub(super) fn read(superblock: &Superblock, blocks: &mut Blocks, number: u64) -> io::Result<Inode> {
    let (block, at) = superblock.locate(blocks, number)?;
    let size = usize::try_from(superblock.inode_size).unwrap_or(128);
    let bytes = &blocks.block(block)?[at..];
    let bytes = &bytes[..size.min(bytes.len())];
    let seed = superblock.seed.map(|seed| of_inode(seed, number, le32(bytes, 100)));
    if seed.is_some_and(|seed| !is_sound(bytes, seed)) {
        return Err(damaged(format!("the checksum of inode {number} is wrong")));
    }
    let mode = le16(bytes, 0);
    let kind = FileKind::from_mode(mode.into());
    let kind = kind.ok_or_else(|| damaged(format!("inode {number} is of no known kind")))?;
    let extra = size > 128 && le16(bytes, 0x80) >= 12;
    let epoch = if extra { i64::from(le32(bytes, 0x88) & 3) << 32 } else { 0 };
    let seconds = i64::from(le32(bytes, 16).cast_signed());
    let wide = |low, high| u32::from(le16(bytes, high)) << 16 | u32::from(le16(bytes, low));
    let metadata = Metadata {
        kind,
        size: u64::from(le32(bytes, 108)) << 32 | u64::from(le32(bytes, 4)),
        mode: mode & 0o7777,
        uid: wide(2, 0x78),
        gid: wide(24, 0x7A),
        modified: seconds + epoch,
    };
    let mut map = [0; 60];
    map.copy_from_slice(&bytes[MAP]);
    Ok(Inode { metadata, map, seed, flags: le32(bytes, 32) })
}

/// Is the checksum in two parts right? Small inodes have only the first.
fn is_sound(bytes: &[u8], seed: u32) -> bool {
    let both = bytes.len() > 128 && le16(bytes, 0x80) >= 4;
    let mut clear = bytes.to_vec();
    clear[0x7C..0x7E].fill(0);
    if both {
        clear[0x82..0x84].fill(0);
    }
    let expected = crc32c(seed, &clear);
    let high = if both { u32::from(le16(bytes, 0x82)) } else { expected >> 16 };
    high << 16 | u32::from(le16(bytes, 0x7C)) == expected
}

impl Inode {
    /// Is its content described by extents?
    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXTENTS != 0
    }

    /// Content that lies in the inode itself.
    pub(super) fn inline(&self) -> io::Result<Option<&[u8]>> {
        if self.flags & ENCRYPTED != 0 {
            return Err(io::Error::other(Why::Encrypted));
        }
        if self.flags & INLINE == 0 {
            return Ok(None);
        }
        // What does not fit continues in an attribute.
        let size = usize::try_from(self.metadata.size).ok().filter(|size| *size <= self.map.len());
        size.map(|size| Some(&self.map[..size])).ok_or_else(|| missing("inline data"))
    }

    /// Where a link leads whose target lies in the inode itself.
    pub(super) fn short_target(&self) -> Option<&[u8]> {
        let size = usize::try_from(self.metadata.size).ok()?;
        let short = size < self.map.len() && self.flags & (EXTENTS | ENCRYPTED | INLINE) == 0;
        short.then(|| &self.map[..size])
    }
}
