//! All files below a folder.

use std::vec::IntoIter;

use super::{Tree, TreeEntry, TreeError};
use crate::filesystem::FileKind;

/// Folders within folders.
const DEPTH: usize = 256;
/// Bytes of a path.
const PATH: usize = 4096;

/// Passes every file below a folder once, folders before what is in them, names in order. Links are
/// not followed; what is mounted is entered.
pub struct Walk<'t> {
    tree: &'t Tree,
    /// What is left in the folders on the way to where the walk is, each with the folder itself.
    folders: Vec<(TreeEntry, IntoIter<TreeEntry>)>,
    /// The folder that is entered next.
    next: Option<TreeEntry>,
    limit: u64,
    left: u64,
}

impl<'t> Walk<'t> {
    pub(super) fn new(tree: &'t Tree, start: TreeEntry, limit: u64) -> Self {
        Self { tree, folders: Vec::new(), next: Some(start), limit, left: limit }
    }

    /// Lists a folder, to go on there.
    fn enter(&mut self, folder: TreeEntry) -> Result<(), TreeError> {
        let circle = self.folders.iter().any(|(above, _)| above.point == folder.point);
        if circle || self.folders.len() >= DEPTH || folder.path.len() > PATH {
            return Err(TreeError::TooDeep { path: folder.path });
        }
        let entries = self.tree.list(&folder)?;
        self.folders.push((folder, entries.into_iter()));
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<TreeEntry, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(folder) = self.next.take()
            && let Err(error) = self.enter(folder)
        {
            return Some(Err(error));
        }
        loop {
            let Some(entry) = self.folders.last_mut()?.1.next() else {
                self.folders.pop();
                continue;
            };
            let Some(left) = self.left.checked_sub(1) else {
                self.folders.clear();
                return Some(Err(TreeError::TooManyFiles { limit: self.limit }));
            };
            self.left = left;
            if let Some(error) = self.tree.missing(&entry.path) {
                return Some(Err(error));
            }
            if entry.metadata.kind == FileKind::Folder {
                self.next = Some(entry.clone());
            }
            return Some(Ok(entry));
        }
    }
}
