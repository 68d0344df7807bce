//! The names in a folder. A folder with an index is read as one without: the index lies in entries
//! that name nothing.

use std::io;

use super::blocks::Blocks;
use super::checksum::crc32c;
use super::inode::Inode;
use super::superblock::Superblock;
use super::{FileKind, map, missing};
use crate::bytes::{le16, le32};
use crate::filesystem::ENTRIES;
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
) -> io::Result<Vec<(Vec<u8>, u64)>> {
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
    let mut names = Vec::new();
    for run in map::runs(superblock, blocks, folder)? {
        for number in 0..run.count.min(end.saturating_sub(run.logical)) {
            // No overflow: the block before it existed.
            let block = blocks.block(run.physical + number)?;
            check(block, folder.seed)?;
            parse(block, &mut names)?;
            if names.len() > ENTRIES {
                return Err(io::Error::other(Why::TooLarge(format!("more than {ENTRIES} names"))));
            }
        }
    }
    Ok(names)
}

/// Checks a block with entries. Blocks of the index have no such end, and hold no names.
fn check(block: &[u8], seed: Option<u32>) -> io::Result<()> {
    let tail = block.len().saturating_sub(TAIL);
    let (Some(seed), Some(end)) = (seed, block.get(tail..)) else { return Ok(()) };
    let is_tail = le32(end, 0) == 0 && le16(end, 4) == 12 && end[6] == 0 && end[7] == TAIL_KIND;
    if is_tail && crc32c(seed, &block[..tail]) != le32(end, 8) {
        return Err(damaged("the checksum of a folder is wrong"));
    }
    Ok(())
}

fn parse(block: &[u8], names: &mut Vec<(Vec<u8>, u64)>) -> io::Result<()> {
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
            names.push((name.to_vec(), number.into()));
        }
        rest = after;
    }
    Ok(())
}
