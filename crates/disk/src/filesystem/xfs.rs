//! XFS, version 5 and older, with its log: by rust-fs-xfs.

use std::ops::ControlFlow;

use fs_xfs::inode::Inode;
use fs_xfs::{Error, Filesystem};

use super::device::device;
use super::{FileKind, FileSystem, Metadata, Names, Node, copy_in_parts};
use crate::source::Shared;
use crate::unreadable::Why;

/// Bytes that are read at a time.
const PART: usize = 256 << 10;
/// Blocks that the library keeps: none, so that the fence sees every one that it reads.
const BLOCKS: usize = 0;

/// An XFS file system.
pub(super) struct Xfs(Filesystem);

impl Xfs {
    pub(super) fn open(source: Shared) -> Result<Self, Why> {
        Filesystem::mount_with_cache(device(source), BLOCKS).map(Self).map_err(why)
    }

    fn inode(&self, node: &Node) -> Result<(Inode, Vec<u8>), Why> {
        self.0.read_inode_raw(node.inode).map_err(why)
    }
}

fn why(error: Error) -> Why {
    match error {
        Error::UnsupportedFeature(what) => Why::Feature(what),
        other => Why::Damaged(other.to_string()),
    }
}

fn metadata(inode: &Inode) -> Result<Metadata, Why> {
    let kind = FileKind::from_mode(inode.mode.into());
    Ok(Metadata {
        kind: kind.ok_or_else(|| Why::Damaged("a file of no known kind".to_owned()))?,
        size: inode.size,
        mode: inode.mode & 0o7777,
        uid: inode.uid,
        gid: inode.gid,
        modified: inode.mtime.sec,
    })
}

impl FileSystem for Xfs {
    fn root(&self, _: Option<u64>) -> Node {
        Node { tree: 0, inode: self.0.superblock().rootino }
    }

    fn metadata(&mut self, node: &Node) -> Result<Metadata, Why> {
        metadata(&self.inode(node)?.0)
    }

    fn names(&mut self, node: &Node) -> Result<Names, Why> {
        let (inode, raw) = self.inode(node)?;
        let mut names = Names::default();
        for entry in self.0.read_dir(&inode, &raw).map_err(why)? {
            names.add(entry.name, Node { tree: 0, inode: entry.ino })?;
        }
        Ok(names)
    }

    fn copy(
        &mut self,
        node: &Node,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        let (inode, raw) = self.inode(node)?;
        let read = |at, part: &mut [u8]| self.0.read_at(&inode, &raw, at, part).map_err(why);
        copy_in_parts(PART, inode.size, read, give)
    }

    fn read_link(&mut self, node: &Node) -> Result<Vec<u8>, Why> {
        let (inode, raw) = self.inode(node)?;
        self.0.read_link(&inode, &raw).map_err(why)
    }
}
