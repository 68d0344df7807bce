//! Where the content of a file is: trees of extents, or blocks of pointers as ext2 has them.

use std::io;

use super::blocks::Blocks;
use super::checksum::crc32c;
use super::inode::Inode;
use super::superblock::Superblock;
use crate::bytes::{le16, le32};
use crate::source::damaged;
use crate::unreadable::Why;

/// Runs of a file.
const RUNS: usize = 1 << 19;
/// Blocks that say where a file's content is.
const NODES: u32 = 1 << 17;
/// Levels of a tree of extents; Linux makes five.
const DEPTH: u16 = 5;
/// Longest extent that holds data; longer ones are promised to a file, and not written yet.
const WRITTEN: u16 = 32_768;

/// Blocks that lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// First block, in the file.
    pub(super) logical: u64,
    /// First block, in the file system.
    pub(super) physical: u64,
    pub(super) count: u64,
}

impl Run {
    /// The block after its last one, in the file.
    pub(super) fn end(&self) -> u64 {
        self.logical + self.count
    }
}

/// The runs of a file, in order. What is between them reads as zero.
pub(super) fn runs(
    superblock: &Superblock,
    blocks: &mut Blocks,
    inode: &Inode,
) -> io::Result<Vec<Run>> {
    let wanted = inode.metadata.size.div_ceil(superblock.block_size);
    let mut mapper = Mapper { blocks, seed: inode.seed, runs: Vec::new(), nodes: NODES, wanted };
    if inode.has_extents() {
        mapper.extents(&inode.map, None, 0)?;
    } else {
        mapper.pointers(&inode.map)?;
    }
    Ok(mapper.runs)
}

struct Mapper<'b> {
    blocks: &'b mut Blocks,
    seed: Option<u32>,
    runs: Vec<Run>,
    nodes: u32,
    /// Blocks that the file has.
    wanted: u64,
}

impl Mapper<'_> {
    /// Adds a run, to the last one if it goes on there.
    fn add(&mut self, run: Run) -> io::Result<()> {
        if let Some(last) = self.runs.last_mut() {
            if run.logical < last.end() {
                return Err(damaged("the extents of a file overlap"));
            }
            if last.end() == run.logical && last.physical + last.count == run.physical {
                last.count += run.count;
                return Ok(());
            }
        }
        if self.runs.len() >= RUNS {
            return Err(io::Error::other(Why::TooLarge(format!(
                "a file in more than {RUNS} pieces"
            ))));
        }
        self.runs.push(run);
        Ok(())
    }

    fn node(&mut self, block: u64) -> io::Result<Vec<u8>> {
        let nodes = self.nodes.checked_sub(1);
        self.nodes = nodes.ok_or_else(|| damaged("the map of a file has no end"))?;
        Ok(self.blocks.block(block)?.to_vec())
    }

    /// Follows a node of a tree of extents, whose parent says how deep it is.
    fn extents(&mut self, node: &[u8], depth: Option<u16>, least: u64) -> io::Result<()> {
        let (entries, most, levels) = (le16(node, 2), le16(node, 4), le16(node, 6));
        let fits = usize::from(most) * 12 + 12 <= node.len() && entries <= most;
        if le16(node, 0) != 0xF30A || !fits || levels > DEPTH || depth.is_some_and(|d| d != levels)
        {
            return Err(damaged("a node of a tree of extents is none"));
        }
        let mut least = least;
        for entry in node[12..].chunks_exact(12).take(entries.into()) {
            let logical = u64::from(le32(entry, 0));
            if logical < least {
                return Err(damaged("the extents of a file are out of order"));
            }
            least = logical;
            if levels > 0 {
                let child = u64::from(le16(entry, 8)) << 32 | u64::from(le32(entry, 4));
                let child = self.node(child)?;
                self.check(&child)?;
                self.extents(&child, Some(levels - 1), logical)?;
                continue;
            }
            let length = le16(entry, 4);
            if length > WRITTEN {
                continue;
            }
            let physical = u64::from(le16(entry, 6)) << 32 | u64::from(le32(entry, 8));
            if length > 0 {
                self.add(Run { logical, physical, count: length.into() })?;
            }
        }
        Ok(())
    }

    /// The checksum stands behind the last entry that there is room for.
    fn check(&self, node: &[u8]) -> io::Result<()> {
        let Some(seed) = self.seed else { return Ok(()) };
        let end = 12 + 12 * usize::from(le16(node, 4));
        match node.get(..end) {
            Some(covered) if crc32c(seed, covered) == le32(node, end) => Ok(()),
            _ => Err(damaged("the checksum of a tree of extents is wrong")),
        }
    }

    /// Twelve blocks, then blocks of pointers, pointers to those, and pointers to those.
    fn pointers(&mut self, map: &[u8; 60]) -> io::Result<()> {
        let per_block = self.blocks.size() / 4;
        let mut logical = 0;
        for (index, pointer) in map.chunks_exact(4).enumerate() {
            let level = u32::try_from(index.saturating_sub(11)).unwrap_or(0);
            self.pointer(le32(pointer, 0), level, logical)?;
            logical += per_block.pow(level);
        }
        if self.wanted > logical {
            return Err(damaged("a file is larger than its map"));
        }
        Ok(())
    }

    /// Follows a pointer; zero is a hole, of everything below it.
    fn pointer(&mut self, pointer: u32, level: u32, logical: u64) -> io::Result<()> {
        if pointer == 0 || logical >= self.wanted {
            return Ok(());
        }
        let physical = u64::from(pointer);
        if level == 0 {
            return self.add(Run { logical, physical, count: 1 });
        }
        let node = self.node(physical)?;
        let below = (self.blocks.size() / 4).pow(level - 1);
        for (index, pointer) in (0_u64..).zip(node.chunks_exact(4)) {
            self.pointer(le32(pointer, 0), level - 1, logical + index * below)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const BLOCK: usize = 4096;

    /// A node of a tree of extents, with the same entry over and over.
    fn node(levels: u16, entry: [u8; 12], entries: u16, size: usize) -> Vec<u8> {
        let mut node: Vec<u8> = [0xF30A, entries, entries, levels, 0, 0]
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect();
        (0..entries).for_each(|_| node.extend(entry));
        node.resize(size, 0);
        node
    }

    /// An entry that leads to a block.
    fn child(block: u8) -> [u8; 12] {
        [0, 0, 0, 0, block, 0, 0, 0, 0, 0, 0, 0]
    }

    fn map(root: &[u8], nodes: &[Vec<u8>], extents: bool) -> io::Result<Vec<Run>> {
        let mut disk = vec![0; BLOCK];
        disk.extend(nodes.concat());
        let count = (disk.len() / BLOCK) as u64;
        let mut blocks = Blocks::new(Arc::new(disk), BLOCK as u64, count);
        let wanted = 1 << 29;
        let mut mapper =
            Mapper { blocks: &mut blocks, seed: None, runs: Vec::new(), nodes: NODES, wanted };
        if extents {
            mapper.extents(root, None, 0)?;
        } else {
            mapper.pointers(root.try_into().unwrap())?;
        }
        Ok(mapper.runs)
    }

    #[test]
    fn a_tree_whose_branches_meet_again_has_an_end() {
        let nodes = [
            node(4, child(2), 340, BLOCK),
            node(3, child(3), 340, BLOCK),
            node(2, child(4), 340, BLOCK),
            node(1, child(5), 340, BLOCK),
            node(0, [0; 12], 0, BLOCK),
        ];
        let error = map(&node(5, child(1), 4, 60), &nodes, true).unwrap_err();
        assert_eq!(error.to_string(), "the map of a file has no end");
        let itself = [node(1, child(1), 340, BLOCK)];
        let error = map(&node(2, child(1), 4, 60), &itself, true).unwrap_err();
        assert_eq!(error.to_string(), "a node of a tree of extents is none");
    }

    #[test]
    fn pointers_that_lead_to_themselves_have_an_end() {
        let itself = [1, 0, 0, 0].repeat(BLOCK / 4);
        let root = [1, 0, 0, 0].repeat(15);
        assert!(map(&root, &[itself], false).is_err());
        assert_eq!(map(&[0; 60], &[], false).unwrap(), []);
    }

    #[test]
    fn extents_that_overlap_are_refused() {
        // Two extents of two blocks, both at the beginning of the file.
        let entry = [0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0];
        assert!(map(&node(0, entry, 2, 60), &[], true).is_err());
        let run = Run { logical: 0, physical: 1, count: 2 };
        assert_eq!(map(&node(0, entry, 1, 60), &[], true).unwrap(), [run]);
    }
}
