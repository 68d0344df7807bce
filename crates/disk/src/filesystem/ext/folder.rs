//! The names in a folder. A folder with an index is read as one without: the index lies in entries
//! that name nothing.

use std::io;

use super::blocks::Blocks;
use super::checksum::crc32c;
use super::inode::Inode;
use super::superblock::Superblock;
use super::{FileKind, Names, Node, map, missing};
use crate::bytes::{le16, le32};
use crate::source::damaged;
use crate::unreadable::Why;

/// Bytes of a folder.
const MOST: u64 = 256 << 20;
/// Bytes of the entry at a block's end that holds its checksum, and its kind.
const TAIL: usize = 12;
const TAIL_KIND: u8 = 0xDE;

/// All names but `.` and `..`, with the numbers of their inodes.
pub(super) fn names(
    superblock: &Superblock,
    blocks: &mut Blocks,
    folder: &Inode,
) -> io::Result<Names> {
    if folder.metadata.kind != FileKind::Folder {
        return Err(damaged("a folder is none"));
    }
    if folder.inline()?.is_some() {
        return Err(missing("inline data"));
    }
    if folder.metadata.size > MOST {
        return Err(io::Error::other(Why::TooLarge(format!(
            "a folder of {} bytes",
            folder.metadata.size
        ))));
    }
    let end = folder.metadata.size / superblock.block_size;
    let mut names = Names::default();
    for run in map::runs(superblock, blocks, folder)? {
        for number in 0..run.count.min(end.saturating_sub(run.logical)) {
            // No overflow: the block before it existed.
            let block = blocks.block(run.physical + number)?;
            parse(block, folder.seed, &mut names)?;
        }
    }
    Ok(names)
}

/// Adds the names in a block. The last entry of a block with a checksum holds it; blocks of the index
/// keep theirs elsewhere, and hold no names.
fn parse(block: &[u8], seed: Option<u32>, names: &mut Names) -> io::Result<()> {
    let mut rest = block;
    while rest.len() >= 8 {
        let length = match le16(rest, 4) {
            // Blocks of 64 KiB: their length does not fit.
            0 | 0xFFFF if block.len() == 65_536 => 65_536,
            length => usize::from(length),
        };
        let name = rest.get(8..8 + usize::from(rest[6]));
        let (true, Some(after), Some(name)) = (length >= 8, rest.get(length..), name) else {
            return Err(damaged("an entry of a folder is none"));
        };
        let number = le32(rest, 0);
        if number != 0 && !matches!(name, b"." | b"..") {
            let node = Node { tree: 0, inode: number.into() };
            names.add(name.to_vec(), node).map_err(io::Error::other)?;
        }
        let is_tail = rest.len() == TAIL && number == 0 && rest[6] == 0 && rest[7] == TAIL_KIND;
        let covered = &block[..block.len() - rest.len()];
        if is_tail && seed.is_some_and(|seed| crc32c(seed, covered) != le32(rest, 8)) {
            return Err(damaged("the checksum of a folder is wrong"));
        }
        rest = after;
    }
    Ok(())
}
