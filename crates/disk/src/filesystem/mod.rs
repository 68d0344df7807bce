//! Fourth layer: the files of a file system. One file a kind; all of it runs behind a fence.

mod btrfs;
mod device;
pub(crate) mod explore;
mod ext;
mod fence;
mod xfs;

use std::ops::ControlFlow;

pub use fence::READER_THREAD;
pub(crate) use fence::{Budget, Fence};

use crate::content::FileSystemKind;
use crate::source::Shared;
use crate::unreadable::Why;

/// Names of a folder that are read.
const ENTRIES: usize = 1 << 17;
/// Bytes of the names of a folder.
const NAME_BYTES: usize = 8 << 20;
/// Bytes of a folder with that many names of usual length.
const LISTING: u64 = 12 << 20;
/// Bytes of a link's target, as Linux has it.
const LINK: u64 = 4096;

/// A file, within its file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    /// The subvolume, where there are some.
    pub(crate) tree: u64,
    /// The number of its inode.
    pub(crate) inode: u64,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "known words")]
pub enum FileKind {
    File,
    Folder,
    Link,
    CharacterDevice,
    BlockDevice,
    Pipe,
    Socket,
}

impl FileKind {
    /// From the upper bits of a mode.
    fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Folder,
            0o120_000 => Self::Link,
            0o020_000 => Self::CharacterDevice,
            0o060_000 => Self::BlockDevice,
            0o010_000 => Self::Pipe,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Permissions, with set-user-ID, set-group-ID and the sticky bit.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When its content was changed, in seconds since 1970.
    pub modified: i64,
}

/// A name in a folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) metadata: Metadata,
    pub(crate) node: Node,
}

/// A root of its own within a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subvolume {
    pub(crate) id: u64,
    /// From the top, without a leading slash; empty for the top itself.
    pub(crate) path: Vec<u8>,
    /// Is it mounted where none is named?
    pub(crate) default: bool,
    /// Is it a read-only copy of another?
    pub(crate) snapshot: bool,
}

/// The names in a folder, as they are gathered: no more of them than memory is to be had for.
#[derive(Debug, Default)]
struct Names {
    names: Vec<(Vec<u8>, Node)>,
    bytes: usize,
}

impl Names {
    /// Adds one. Fails if no folder can have it, or if there are too many.
    fn add(&mut self, name: Vec<u8>, node: Node) -> Result<(), Why> {
        if !is_name(&name) {
            return Err(Why::Damaged("a folder has an impossible name".to_owned()));
        }
        self.bytes += name.len();
        if self.names.len() >= ENTRIES || self.bytes > NAME_BYTES {
            let most =
                format!("a folder with more than {ENTRIES} names, or {NAME_BYTES} bytes of them");
            return Err(Why::TooLarge(most));
        }
        self.names.push((name, node));
        Ok(())
    }

    /// In order. Of a name that stands twice the first counts.
    fn sorted(mut self) -> Vec<(Vec<u8>, Node)> {
        self.names.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.names.dedup_by(|(a, _), (b, _)| a == b);
        self.names
    }
}

/// A file system that can be read.
trait FileSystem {
    /// The folder of a subvolume; `None` for the top.
    fn root(&self, subvolume: Option<u64>) -> Node;
    /// All subvolumes but the top.
    fn subvolumes(&mut self) -> Result<Vec<Subvolume>, Why> {
        Ok(Vec::new())
    }
    /// What is known of a file.
    fn metadata(&mut self, node: &Node) -> Result<Metadata, Why>;
    /// Bytes that listing a folder may read. Libraries hold all of its names in memory, where a short
    /// one takes five times the room.
    fn listing(&self) -> u64 {
        LISTING
    }
    /// The names in a folder, without `.` and `..`, in any order.
    fn names(&mut self, node: &Node) -> Result<Names, Why>;
    /// Gives away a file's content from its start to its end, part by part, as long as it is wanted.
    fn copy(
        &mut self,
        node: &Node,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why>;
    /// Where a link leads, at most [`LINK`] bytes.
    fn read_link(&mut self, node: &Node) -> Result<Vec<u8>, Why>;
}

/// Opens a file system, behind its fence.
pub(crate) fn open(source: Shared, kind: FileSystemKind, budget: &Budget) -> Result<Fence, Why> {
    Fence::start(source, budget, move |source| {
        Ok(match kind {
            FileSystemKind::Ext => Box::new(ext::Ext::open(source)?) as Box<dyn FileSystem>,
            FileSystemKind::Xfs => Box::new(xfs::Xfs::open(source)?),
            FileSystemKind::Btrfs => Box::new(btrfs::Btrfs::open(source)?),
        })
    })
}

/// A name that could be mistaken for a path, which no sound file system has.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !matches!(name, b"." | b"..")
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

/// Gives away what `read` reads at an offset, in parts of this many bytes, up to the end or as long as
/// it is wanted. No more memory is taken than for the `size` that the file claims.
fn copy_in_parts(
    bytes: usize,
    size: u64,
    mut read: impl FnMut(u64, &mut [u8]) -> Result<usize, Why>,
    give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), Why> {
    let mut part = vec![0; bytes.min(usize::try_from(size).unwrap_or(usize::MAX)).max(1)];
    let mut at = 0;
    loop {
        let read = read(at, &mut part)?;
        if read == 0 || give(&part[..read]).is_break() {
            return Ok(());
        }
        at += read as u64;
    }
}
