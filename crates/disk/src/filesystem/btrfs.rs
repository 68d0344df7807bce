//! btrfs, with subvolumes and compression: by rust-fs-btrfs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use fs_btrfs::btree::compare_keys;
use fs_btrfs::chunk::DiskKey;
use fs_btrfs::inode::Inode;
use fs_btrfs::{Error, Filesystem};

use super::device::device;
use super::{FileKind, FileSystem, Metadata, Names, Node, Subvolume, copy_in_parts};
use crate::bytes::{le16, le64};
use crate::source::Shared;
use crate::unreadable::Why;

/// Bytes that are read at a time: the largest extent that is compressed.
const PART: usize = 128 << 10;
/// Bytes of a folder: a name takes 55 bytes besides its letters.
const LISTING: u64 = 20 << 20;
/// The top of a file system, which every one has.
const TOP: u64 = 5;
/// The first folder of every subvolume.
const FIRST: u64 = 256;
/// The folder in the tree of roots in which an entry `default` names the default subvolume.
const ROOT_FOLDER: u64 = 6;
/// The type of a folder's entries, by the hash of their names.
const DIR_ITEM: u8 = 84;
/// The type of what says in which folder an inode is.
const INODE_REF: u8 = 12;
/// The type of what says in which folder a subvolume is.
const ROOT_BACKREF: u8 = 144;
/// Folders on the way to a subvolume.
const DEPTH: usize = 128;
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
        let items = top.root_tree_items().map_err(why)?;
        let default = default_subvolume(&items);
        let names = names(&items);
        let mut trees = BTreeMap::new();
        let mut subvolumes = Vec::new();
        for subvolume in top.subvolumes().map_err(why)? {
            if trees.len() >= SUBVOLUMES {
                return Err(Why::TooLarge(format!("more than {SUBVOLUMES} subvolumes")));
            }
            trees.insert(subvolume.id, subvolume.bytenr);
            // Without a name it has been deleted, and is only not cleaned up yet.
            if subvolume.id != TOP && names.contains_key(&subvolume.id) {
                subvolumes.push(Subvolume {
                    id: subvolume.id,
                    path: Vec::new(),
                    default: default == subvolume.id,
                    snapshot: subvolume.is_snapshot && subvolume.read_only,
                });
            }
        }
        for subvolume in &mut subvolumes {
            subvolume.path = path(&top, &trees, &names, subvolume.id)?;
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

/// Items of the tree of roots: number, kind, offset, content.
type Items = [(u64, u8, u64, Vec<u8>)];

/// The subvolume that is mounted where none is named.
fn default_subvolume(items: &Items) -> u64 {
    let default = items.iter().find(|(folder, kind, _, data)| {
        *folder == ROOT_FOLDER && *kind == DIR_ITEM && data.get(30..) == Some(b"default")
    });
    default.map_or(TOP, |(.., data)| le64(data, 0))
}

/// Where a subvolume is: the subvolume that it is in, the folder there, its name.
struct Location {
    parent: u64,
    folder: u64,
    name: Vec<u8>,
}

fn names(items: &Items) -> BTreeMap<u64, Location> {
    let named = items.iter().filter(|(_, kind, ..)| *kind == ROOT_BACKREF);
    named
        .filter_map(|(id, _, parent, data)| {
            let name = data.get(18..18 + usize::from(le16(data, 16)))?.to_vec();
            Some((*id, Location { parent: *parent, folder: le64(data, 0), name }))
        })
        .collect()
}

/// The path of a subvolume from the top, as `subvol=` has it.
fn path(
    top: &Filesystem,
    trees: &BTreeMap<u64, u64>,
    names: &BTreeMap<u64, Location>,
    id: u64,
) -> Result<Vec<u8>, Why> {
    let lost = || Why::Damaged("a subvolume is nowhere".to_owned());
    let mut parts = Vec::new();
    let mut at = id;
    while at != TOP {
        let Location { parent, folder, name } = names.get(&at).ok_or_else(lost)?;
        parts.push(name.clone());
        let mut folder = *folder;
        while folder != FIRST {
            let (above, name) = parent_folder(top, *trees.get(parent).ok_or_else(lost)?, folder)?;
            parts.push(name);
            folder = above;
            if parts.len() > DEPTH {
                return Err(lost());
            }
        }
        at = *parent;
        if parts.len() > DEPTH {
            return Err(lost());
        }
    }
    parts.reverse();
    Ok(parts.join(&b'/'))
}

/// The folder in which a folder is, and its name there.
fn parent_folder(top: &Filesystem, tree: u64, folder: u64) -> Result<(u64, Vec<u8>), Why> {
    let lost = || Why::Damaged("the folder of a subvolume is nowhere".to_owned());
    let wanted = DiskKey { objectid: folder, key_type: INODE_REF, offset: u64::MAX };
    let upto = |key: &DiskKey| compare_keys(key, &wanted).is_le();
    let mut block = top.read_tree_block(tree).map_err(why)?;
    // A tree has at most eight levels.
    for _ in 0..8 {
        let Some(children) = block.body.key_ptrs() else { break };
        let child = children.iter().rev().find(|child| upto(&child.key)).ok_or_else(lost)?;
        block = top.read_tree_block(child.blockptr).map_err(why)?;
    }
    let item = block.body.items().and_then(|items| items.iter().rev().find(|item| upto(&item.key)));
    let item = item.filter(|item| item.key.objectid == folder && item.key.key_type == INODE_REF);
    let item = item.ok_or_else(lost)?;
    let data = block.item_data(item).ok_or_else(lost)?;
    let name = data.get(10..10 + usize::from(le16(data, 8))).ok_or_else(lost)?;
    Ok((item.key.offset, name.to_vec()))
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

    fn listing(&self) -> u64 {
        LISTING
    }

    fn names(&mut self, node: &Node) -> Result<Names, Why> {
        let (files, folder) = self.tree(node)?;
        let listed = files.read_dir(folder).map_err(why)?;
        let tree = node.tree;
        let mut names = Names::default();
        for entry in listed {
            if entry.is_inode() {
                names.add(entry.name, Node { tree, inode: entry.ino })?;
            } else if self.trees.contains_key(&entry.ino) {
                names.add(entry.name, Node { tree: entry.ino, inode: FIRST })?;
            }
            // Else what a snapshot keeps of a subvolume within its source: an empty folder.
        }
        Ok(names)
    }

    fn copy(
        &mut self,
        node: &Node,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        let (files, inode) = self.tree(node)?;
        let size = files.read_inode(inode).map_err(why)?.size;
        copy_in_parts(PART, size, |at, part| files.read_at(inode, at, part).map_err(why), give)
    }

    fn read_link(&mut self, node: &Node) -> Result<Vec<u8>, Why> {
        let (files, inode) = self.tree(node)?;
        files.read_link(inode).map_err(why)
    }
}
