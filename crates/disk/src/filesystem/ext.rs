//! ext2, ext3 and ext4, with their journals: by ext4-view, which knows files by their paths.

use std::ops::ControlFlow;
use std::sync::Arc;

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType, Path};

use super::{Entry, FileKind, FileSystem, LINK, Metadata, Node, check_entry};
use crate::bytes::{le16, le32};
use crate::source::{Shared, prefix};
use crate::unreadable::Why;

/// Bytes that are read at a time.
const PART: usize = 64 << 10;

/// A file system of the ext family.
pub(super) struct Ext(Ext4);

impl Ext {
    pub(super) fn open(source: Shared) -> Result<Self, Why> {
        check_size(&source)?;
        Ext4::load(Box::new(Reader(source))).map(Self).map_err(why)
    }
}

/// The library makes room for all block groups that the superblock tells of: they must fit into
/// the source.
fn check_size(source: &Shared) -> Result<(), Why> {
    let superblock = prefix(source.as_ref(), 1024, 1024).map_err(|error| Why::from_io(&error))?;
    let damaged = |what: &str| Err(Why::Damaged(what.to_owned()));
    let high = if le32(&superblock, 0x60) & 0x80 == 0 { 0 } else { le32(&superblock, 0x150) };
    let blocks = u64::from(high) << 32 | u64::from(le32(&superblock, 4));
    let size = 1024_u64.checked_shl(le32(&superblock, 0x18)).filter(|size| *size <= 64 << 10);
    let Some(size) = size else { return damaged("its block size is none") };
    match blocks.checked_mul(size) {
        Some(bytes) if bytes <= source.size() => {}
        _ => return damaged("it is larger than what holds it: the image was cut short"),
    }
    if le32(&superblock, 0x20) < 256 || le16(&superblock, 0x58) > 4096 {
        return damaged("its block groups are impossible");
    }
    Ok(())
}

struct Reader(Shared);

impl Ext4Read for Reader {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(self.0.read_at(start_byte, dst)?)
    }
}

fn why(error: Ext4Error) -> Why {
    match error {
        Ext4Error::Incompatible(what) => Why::Feature(what.to_string()),
        Ext4Error::Encrypted => Why::Encrypted,
        Ext4Error::Io(error) => Why::Io(error.to_string()),
        other => Why::Damaged(other.to_string()),
    }
}

fn path(node: &Node) -> Result<Path<'_>, Why> {
    let Node::Path(path) = node else {
        return Err(Why::Failed("a node of another file system".to_owned()));
    };
    Path::try_from(path.as_ref()).map_err(|error| Why::Damaged(error.to_string()))
}

fn metadata(of: &ext4_view::Metadata) -> Metadata {
    Metadata {
        kind: match of.file_type() {
            FileType::Regular => FileKind::File,
            FileType::Directory => FileKind::Folder,
            FileType::Symlink => FileKind::Link,
            FileType::CharacterDevice => FileKind::CharacterDevice,
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::Fifo => FileKind::Pipe,
            FileType::Socket => FileKind::Socket,
        },
        size: of.len(),
        mode: of.mode() & 0o7777,
        uid: of.uid(),
        gid: of.gid(),
        modified: of.modified().seconds(),
    }
}

impl FileSystem for Ext {
    fn root(&self, _: Option<u64>) -> Node {
        Node::Path(Arc::from(&b"/"[..]))
    }

    fn metadata(&mut self, node: &Node) -> Result<Metadata, Why> {
        self.0.symlink_metadata(path(node)?).map(|of| metadata(&of)).map_err(why)
    }

    fn read_dir(&mut self, node: &Node) -> Result<Vec<Entry>, Why> {
        let folder = path(node)?;
        let mut entries = Vec::new();
        for entry in self.0.read_dir(folder).map_err(why)? {
            let entry = entry.map_err(why)?;
            let name = entry.file_name();
            let name: &[u8] = name.as_ref();
            if matches!(name, b"." | b"..") {
                continue;
            }
            check_entry(name, entries.len())?;
            let metadata = metadata(&entry.metadata().map_err(why)?);
            let node = Node::Path(Arc::from(folder.join(name).as_ref() as &[u8]));
            entries.push(Entry { name: name.to_vec(), metadata, node });
        }
        Ok(entries)
    }

    fn copy(
        &mut self,
        node: &Node,
        give: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Why> {
        let mut file = self.0.open(path(node)?).map_err(why)?;
        let mut part = vec![0; PART];
        loop {
            let mut filled = 0;
            while filled < part.len() {
                match file.read_bytes(&mut part[filled..]).map_err(why)? {
                    0 => break,
                    read => filled += read,
                }
            }
            if filled == 0 || give(&part[..filled]).is_break() {
                return Ok(());
            }
        }
    }

    fn read_link(&mut self, node: &Node) -> Result<Vec<u8>, Why> {
        // The library makes room for whatever size the link says it has.
        let size = self.metadata(node)?.size;
        if size > LINK {
            return Err(Why::Damaged(format!("a link of {size} bytes")));
        }
        let target = self.0.read_link(path(node)?).map_err(why)?;
        Ok((target.as_ref() as &[u8]).to_vec())
    }
}
