//! ext2, ext3 and ext4, with their journals: `Documentation/filesystems/ext4` in Linux's source.
//!
//! Read here and not by ext4-view, which takes unwritten extents for data and fails on large holes.

mod blocks;
mod checksum;
mod folder;
mod inode;
mod journal;
mod map;
mod superblock;

use std::ops::ControlFlow;

use self::blocks::Blocks;
use self::inode::Inode;
use self::superblock::Superblock;
use super::{FileKind, FileSystem, LINK, Metadata, Names, Node};
use crate::source::{Shared, damaged};
use crate::unreadable::Why;

/// Bytes that are read at a time.
const PART: u64 = 256 << 10;
/// What a hole reads as.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];
/// The number of the root folder.
const ROOT: u64 = 2;

/// A file system of the ext family.
pub(super) struct Ext {
    superblock: Superblock,
    blocks: Blocks,
}

/// Errors that are more than damage, or damage.
fn why(error: &std::io::Error) -> Why {
    match error.get_ref().and_then(|error| error.downcast_ref::<Why>()) {
        Some(why) => why.clone(),
        None => Why::from_io(error),
    }
}

/// A feature that is missing here, as an error of reading.
fn missing(feature: &str) -> std::io::Error {
    std::io::Error::other(Why::Feature(feature.to_owned()))
}

impl Ext {
    pub(super) fn open(source: Shared) -> Result<Self, Why> {
        let superblock = Superblock::read(source.as_ref())?;
        let mut blocks = Blocks::new(source, superblock.block_size, superblock.blocks);
        if superblock.needs_recovery() {
            let journal = inode::read(&superblock, &mut blocks, superblock.journal_inode);
            let runs = journal.and_then(|journal| map::runs(&superblock, &mut blocks, &journal));
            let runs = runs.map_err(|error| why(&error))?;
            journal::replay(&mut blocks, &runs).map_err(|error| why(&error))?;
        }
        Ok(Self { superblock, blocks })
    }

    fn inode(&mut self, node: &Node) -> Result<Inode, Why> {
        inode::read(&self.superblock, &mut self.blocks, node.inode).map_err(|error| why(&error))
    }

    /// Gives away the bytes of a file, holes as zeros.
    fn content(
        &mut self,
        inode: &Inode,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> std::io::Result<()> {
        if let Some(content) = inode.inline()? {
            let _ = give(content);
            return Ok(());
        }
        let size = inode.metadata.size;
        let block_size = self.superblock.block_size;
        let runs = map::runs(&self.superblock, &mut self.blocks, inode)?;
        let mut buffer = vec![0; usize::try_from(size.min(PART)).unwrap_or(0)];
        let mut at = 0;
        let hole = |at: &mut u64, end: u64, give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>| {
            while *at < end {
                let part = usize::try_from((end - *at).min(PART)).unwrap_or(0);
                if give(&ZEROS[..part]).is_break() {
                    return ControlFlow::Break(());
                }
                *at += part as u64;
            }
            ControlFlow::Continue(())
        };
        for run in runs {
            let start = run.logical.saturating_mul(block_size).min(size);
            let end = run.end().saturating_mul(block_size).min(size);
            if hole(&mut at, start, give).is_break() {
                return Ok(());
            }
            let mut block = run.physical;
            while at < end {
                let part = (end - at).min(PART);
                let buffer = &mut buffer[..usize::try_from(part).unwrap_or(0)];
                self.blocks.read(block, buffer)?;
                if give(buffer).is_break() {
                    return Ok(());
                }
                at += part;
                block += PART / block_size;
            }
        }
        let _ = hole(&mut at, size, give);
        Ok(())
    }
}

impl FileSystem for Ext {
    fn root(&self, _: Option<u64>) -> Node {
        Node { tree: 0, inode: ROOT }
    }

    fn metadata(&mut self, node: &Node) -> Result<Metadata, Why> {
        Ok(self.inode(node)?.metadata)
    }

    fn names(&mut self, node: &Node) -> Result<Names, Why> {
        let folder = self.inode(node)?;
        let names = folder::names(&self.superblock, &mut self.blocks, &folder);
        names.map_err(|error| why(&error))
    }

    fn copy(
        &mut self,
        node: &Node,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        let inode = self.inode(node)?;
        self.content(&inode, give).map_err(|error| why(&error))
    }

    fn read_link(&mut self, node: &Node) -> Result<Vec<u8>, Why> {
        let inode = self.inode(node)?;
        if inode.metadata.kind != FileKind::Link || inode.metadata.size > LINK {
            return Err(why(&damaged("a link is none, or too long")));
        }
        if let Some(target) = inode.short_target() {
            return Ok(target.to_vec());
        }
        let mut target = Vec::new();
        let content = self.content(&inode, &mut |part| {
            target.extend_from_slice(part);
            ControlFlow::Continue(())
        });
        content.map_err(|error| why(&error))?;
        Ok(target)
    }
}
