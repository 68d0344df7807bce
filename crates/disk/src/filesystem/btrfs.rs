//! btrfs, with subvolumes and compression: by rust-fs-btrfs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use fs_btrfs::inode::Inode;
use fs_btrfs::{Error, Filesystem};

use super::device::device;
use super::{Entry, FileKind, FileSystem, Metadata, Node, Subvolume, check_entry};
use crate::bytes::le64;
use crate::source::Shared;
use crate::unreadable::Why;

/// Bytes that are read at a time: the largest extent that is compressed.
const PART: usize = 128 << 10;
/// The top of a file system, which every one has.
const TOP: u64 = 5;
/// The first folder of every subvolume.
const FIRST: u64 = 256;
/// The folder in the tree of roots in which an entry `default` names the default subvolume.
const ROOT_FOLDER: u64 = 6;
/// The type of a folder's entries, by the hash of their names.
const DIR_ITEM: u8 = 84;
/// Subvolumes that are open at a time; each keeps a cache of its own.
const OPEN: usize = 3;
/// Subvolumes that are looked at.
const SUBVOLUMES: usize = 4096;

/// A btrfs file system.
pub(super) struct Btrfs {
    top: Filesystem,
    /// Where the tree of each subvolume begins, and who it is.
    trees: BTreeMap<u64, u64>,
    subvolumes: Vec<Subvolume>,
    open: Vec<(u64, Filesystem)>,
}

impl Btrfs {
    pub(super) fn open(source: Shared) -> Result<Self, Why> {
        let top = Filesystem::mount(device(source)).map_err(why)?;
        let default = default_subvolume(&top)?;
        let mut trees = BTreeMap::new();
        let mut subvolumes = Vec::new();
        for subvolume in top.subvolumes().map_err(why)? {
            if trees.len() >= SUBVOLUMES {
                return Err(Why::TooLarge(format!("more than {SUBVOLUMES} subvolumes")));
            }
            trees.insert(subvolume.id, subvolume.bytenr);
            // Without a parent it has been deleted, and is only not cleaned up yet.
            if subvolume.id != TOP && subvolume.parent != 0 {
                subvolumes.push(Subvolume {
                    id: subvolume.id,
                    path: subvolume.path.into_bytes(),
                    default: default == subvolume.id,
                    snapshot: subvolume.is_snapshot && subvolume.read_only,
                });
            }
        }
        Ok(Self { top, trees, subvolumes, open: Vec::new() })
    }

    /// The subvolume of a node, opened.
    fn tree(&mut self, node: &Node) -> Result<(&Filesystem, u64), Why> {
        let Node { tree, inode } = *node;
        if tree == TOP {
            return Ok((&self.top, inode));
        }
        let place = if let Some(place) = self.open.iter().position(|(id, _)| *id == tree) {
            place
        } else {
            let start = self.trees.get(&tree).copied();
            let start = start.ok_or_else(|| Why::Damaged("no such subvolume".to_owned()))?;
            let opened = self.top.open_subvolume_at(start).map_err(why)?;
            if self.open.len() >= OPEN {
                self.open.remove(0);
            }
            self.open.push((tree, opened));
            self.open.len() - 1
        };
        Ok((&self.open[place].1, inode))
    }
}

/// The subvolume that is mounted where none is named.
fn default_subvolume(top: &Filesystem) -> Result<u64, Why> {
    for (folder, kind, _, data) in top.root_tree_items().map_err(why)? {
        if folder == ROOT_FOLDER && kind == DIR_ITEM && data.get(30..) == Some(b"default") {
            return Ok(le64(&data, 0));
        }
    }
    Ok(TOP)
}

fn why(error: Error) -> Why {
    match error {
        Error::UnsupportedFeature(what) => Why::Feature(what),
        other => Why::Damaged(other.to_string()),
    }
}

fn metadata(inode: &Inode) -> Result<Metadata, Why> {
    let kind = FileKind::from_mode(inode.mode);
    Ok(Metadata {
        kind: kind.ok_or_else(|| Why::Damaged("a file of no known kind".to_owned()))?,
        size: inode.size,
        mode: u16::try_from(inode.mode & 0o7777).unwrap_or(0),
        uid: inode.uid,
        gid: inode.gid,
        modified: inode.mtime.sec,
    })
}

impl FileSystem for Btrfs {
    fn root(&self, subvolume: Option<u64>) -> Node {
        Node { tree: subvolume.unwrap_or(TOP), inode: FIRST }
    }

    fn subvolumes(&mut self) -> Result<Vec<Subvolume>, Why> {
        Ok(self.subvolumes.clone())
    }

    fn metadata(&mut self, node: &Node) -> Result<Metadata, Why> {
        let (files, inode) = self.tree(node)?;
        metadata(&files.read_inode(inode).map_err(why)?)
    }

    fn read_dir(&mut self, node: &Node) -> Result<Vec<Entry>, Why> {
        let (files, folder) = self.tree(node)?;
        let listed = files.read_dir(folder).map_err(why)?;
        let tree = node.tree;
        let mut entries = Vec::new();
        for entry in listed {
            check_entry(&entry.name, entries.len())?;
            let node = if entry.is_inode() {
                Node { tree, inode: entry.ino }
            } else if self.trees.contains_key(&entry.ino) {
                Node { tree: entry.ino, inode: FIRST }
            } else {
                // What a snapshot keeps of a subvolume within its source: an empty folder.
                continue;
            };
            let metadata = self.metadata(&node)?;
            entries.push(Entry { name: entry.name, metadata, node });
        }
        Ok(entries)
    }

    fn copy(
        &mut self,
        node: &Node,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        let (files, inode) = self.tree(node)?;
        let mut part = vec![0; PART];
        let mut at = 0;
        loop {
            let read = files.read_at(inode, at, &mut part).map_err(why)?;
            if read == 0 || give(&part[..read]).is_break() {
                return Ok(());
            }
            at += read as u64;
        }
    }

    fn read_link(&mut self, node: &Node) -> Result<Vec<u8>, Why> {
        let (files, inode) = self.tree(node)?;
        files.read_link(inode).map_err(why)
    }
}
