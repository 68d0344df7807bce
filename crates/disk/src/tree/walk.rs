//! All files below a folder.

use std::vec::IntoIter;

use super::{Listed, Tree, TreeEntry, TreeError};
use crate::filesystem::FileKind;
use crate::unreadable::Why;

/// Folders within folders.
const DEPTH: usize = 256;
/// Bytes of a path.
const PATH: usize = 4096;
/// Bytes of memory for the names in all folders on the way to where the walk is: one of the largest.
const HELD: usize = 24 << 20;
/// What a folder that cannot be listed counts as: it was perhaps read for long.
const FAILURE: usize = 4096;

/// Passes every file below a folder once, folders before what is in them, names in order. Links are
/// not followed; what is mounted is entered.
pub struct Walk<'t> {
    tree: &'t Tree,
    /// The folders on the way to where the walk is.
    folders: Vec<Level>,
    /// The folder that is entered next.
    next: Option<TreeEntry>,
    limit: u64,
    left: u64,
}

/// A folder that is being walked.
struct Level {
    folder: TreeEntry,
    left: IntoIter<Listed>,
    /// Bytes of memory that its names take.
    weight: usize,
}

impl<'t> Walk<'t> {
    pub(super) fn new(tree: &'t Tree, start: TreeEntry, limit: u64) -> Self {
        Self { tree, folders: Vec::new(), next: Some(start), limit, left: limit }
    }

    /// Lists a folder, to go on there.
    fn enter(&mut self, folder: TreeEntry) -> Result<(), TreeError> {
        let circle = self.folders.iter().any(|above| above.folder.point == folder.point);
        if circle || self.folders.len() >= DEPTH || folder.path.len() > PATH {
            return Err(TreeError::TooDeep { path: folder.path });
        }
        let listed = self.tree.list(&folder);
        self.spend(listed.as_ref().map_or(FAILURE, Vec::len))?;
        let listed = listed?;
        let weight = listed.iter().map(Listed::weight).sum();
        let held: usize = self.folders.iter().map(|above| above.weight).sum();
        if held + weight > HELD {
            let why = Why::TooLarge("large folders within large folders".to_owned());
            return Err(TreeError::unreadable(&folder.path, why));
        }
        self.folders.push(Level { folder, left: listed.into_iter(), weight });
        Ok(())
    }
}

impl Walk<'_> {
    /// Counts names when they are read: a folder that is refused has cost as much.
    fn spend(&mut self, names: usize) -> Result<(), TreeError> {
        if let Some(left) = self.left.checked_sub(names as u64) {
            self.left = left;
            return Ok(());
        }
        self.left = 0;
        self.folders.clear();
        Err(TreeError::TooManyFiles { limit: self.limit })
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
            let level = self.folders.last_mut()?;
            let Some(listed) = level.left.next() else {
                self.folders.pop();
                continue;
            };
            let entry = level.folder.listed(&listed);
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
