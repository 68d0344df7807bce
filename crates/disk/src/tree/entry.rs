//! A file in a tree.

use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::{TreeError, join};
use crate::filesystem::{Entry, Fence, FileKind, Metadata, Node};

/// Bytes that memory for a name takes besides the name.
const ALLOCATION: usize = 16;

/// Where a file is: a file system and a place in it.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) files: Arc<Fence>,
    pub(crate) node: Node,
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.files, &other.files) && self.node == other.node
    }
}

impl Eq for Point {}

impl Hash for Point {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.files).hash(state);
        self.node.hash(state);
    }
}

impl Point {
    pub(super) fn metadata(&self, path: &[u8]) -> Result<Metadata, TreeError> {
        self.files.metadata(&self.node).map_err(|why| TreeError::unreadable(path, why))
    }

    /// The names in a folder, in order.
    pub(super) fn read_dir(&self, path: &[u8]) -> Result<Vec<Entry>, TreeError> {
        self.files.read_dir(&self.node).map_err(|why| TreeError::unreadable(path, why))
    }
}

/// A file, found in a tree. Its content is read without looking for it again.
#[derive(Clone)]
pub struct TreeEntry {
    /// Its path from the tree's root, without links on the way to it.
    pub path: Vec<u8>,
    /// What is known of it.
    pub metadata: Metadata,
    pub(super) point: Point,
}

impl TreeEntry {
    /// The last part of its path.
    pub fn name(&self) -> &[u8] {
        self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// Its content, if that is at most `limit` bytes.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, TreeError> {
        let mut content = Vec::new();
        self.copy(limit, |part| content.extend_from_slice(part))?;
        Ok(content)
    }

    /// Gives away its content part by part, if that is at most `limit` bytes.
    pub fn copy(&self, limit: u64, mut give: impl FnMut(&[u8])) -> Result<(), TreeError> {
        let Metadata { kind, size, .. } = self.metadata;
        if kind != FileKind::File {
            return Err(TreeError::NotAFile { path: self.path.clone() });
        }
        let too_large = || TreeError::TooLarge { path: self.path.clone(), size, limit };
        if size > limit {
            return Err(too_large());
        }
        let mut left = size;
        let copied = self.point.files.copy(&self.point.node, size, |part| {
            match left.checked_sub(part.len() as u64) {
                Some(rest) => {
                    left = rest;
                    give(part);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(()),
            }
        });
        copied.map_err(|why| TreeError::unreadable(&self.path, why))?;
        if left > 0 {
            // Half a package database must not pass for a whole one.
            let why = format!("{left} bytes of it are not there");
            let why = crate::unreadable::Why::Damaged(why);
            return Err(TreeError::unreadable(&self.path, why));
        }
        Ok(())
    }

    /// Where it leads, if it is a link.
    pub fn read_link(&self) -> Result<Vec<u8>, TreeError> {
        if self.metadata.kind != FileKind::Link {
            return Err(TreeError::NotALink { path: self.path.clone() });
        }
        let target = self.point.files.read_link(&self.point.node);
        target.map_err(|why| TreeError::unreadable(&self.path, why))
    }

    /// Where it is.
    pub(crate) fn point(&self) -> Point {
        self.point.clone()
    }

    /// A file in this folder.
    pub(super) fn child(&self, path: Vec<u8>, entry: &Entry) -> Self {
        let point = Point { files: Arc::clone(&self.point.files), node: entry.node };
        Self { path, metadata: entry.metadata, point }
    }

    /// A file in this folder, or what is mounted on it.
    pub(super) fn listed(&self, listed: &Listed) -> Self {
        let path = join(&self.path, &listed.entry.name);
        let files = listed.mounted.as_ref().unwrap_or(&self.point.files);
        let point = Point { files: Arc::clone(files), node: listed.entry.node };
        Self { path, metadata: listed.entry.metadata, point }
    }
}

/// A name in a folder. Its path is left to be made, which takes memory.
pub(super) struct Listed {
    pub(super) entry: Entry,
    /// The file system that is mounted there; its node is that of the entry.
    pub(super) mounted: Option<Arc<Fence>>,
}

impl Listed {
    /// Bytes of memory that it takes.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.entry.name.len() + ALLOCATION
    }
}
