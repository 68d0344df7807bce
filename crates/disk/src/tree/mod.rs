//! The files of a root as its own system would see them: one tree, put together from what is
//! mounted where, with links resolved inside of it and never out of it.

mod entry;
mod error;
mod walk;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

pub use entry::TreeEntry;
pub use error::TreeError;
pub use walk::Walk;

use entry::Listed;
pub(crate) use entry::Point;

use crate::cache::Cache;
use crate::filesystem::{Entry, Fence, FileKind, Metadata};

/// Links that are followed on the way to a file, as Linux has it.
const LINKS: usize = 40;
/// Bytes of a path.
const PATH: usize = 4096;
/// Bytes of the paths in a folder.
const PATHS: usize = 64 << 20;
/// Names of folders that are kept, and what a folder without any counts.
const KEPT: usize = 1 << 16;
const FOLDER: usize = 64;

/// What is mounted at a path.
pub(crate) enum Mount {
    /// These files.
    Here(Point),
    /// Something that could not be found or read, in words.
    Missing(String),
}

/// A file tree that is only read. Paths are bytes, begin at its root, and stay inside of it.
pub struct Tree {
    root: Point,
    mounts: BTreeMap<Vec<u8>, Mount>,
    /// Names that a walk reads at most.
    files: u64,
    listings: Mutex<Cache<Point, Arc<Vec<Entry>>>>,
}

impl Tree {
    pub(crate) fn new(root: Point, files: u64) -> Self {
        let listings = Mutex::new(Cache::new(KEPT));
        Self { root, mounts: BTreeMap::new(), files, listings }
    }

    /// Mounts something. The path is resolved: what is mounted before decides where that is.
    pub(crate) fn mount(&mut self, path: &[u8], mount: Mount) {
        let path = self.mount_point(path);
        if path != b"/" {
            self.mounts.insert(path, mount);
        }
    }

    /// Where something is that is mounted at a path.
    pub(crate) fn mount_point(&self, path: &[u8]) -> Vec<u8> {
        // A mount point that is not there is made by the system that boots.
        self.resolve(path).unwrap_or_else(|_| normal(path))
    }

    /// Is any of it in this file system?
    pub(crate) fn holds(&self, files: &Arc<Fence>) -> bool {
        let mounted = self.mounts.values().any(|mount| match mount {
            Mount::Here(point) => Arc::ptr_eq(&point.files, files),
            Mount::Missing(_) => false,
        });
        mounted || Arc::ptr_eq(&self.root.files, files)
    }

    /// The path of a file without links, `.` and `..`.
    pub fn resolve(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, TreeError> {
        Ok(self.locate(path.as_ref(), true)?.path)
    }

    /// The file at a path; a link is followed.
    pub fn find(&self, path: impl AsRef<[u8]>) -> Result<TreeEntry, TreeError> {
        self.locate(path.as_ref(), true)
    }

    /// The file at a path; the link itself, if it is one.
    pub fn find_link(&self, path: impl AsRef<[u8]>) -> Result<TreeEntry, TreeError> {
        self.locate(path.as_ref(), false)
    }

    /// What is known of a file; a link is followed.
    pub fn metadata(&self, path: impl AsRef<[u8]>) -> Result<Metadata, TreeError> {
        Ok(self.find(path)?.metadata)
    }

    /// The names in a folder, in order.
    pub fn read_dir(&self, path: impl AsRef<[u8]>) -> Result<Vec<TreeEntry>, TreeError> {
        let folder = self.find(path)?;
        let listed = self.list(&folder)?;
        if listed.len().saturating_mul(folder.path.len()) > PATHS {
            return Err(TreeError::TooDeep { path: folder.path });
        }
        Ok(listed.iter().map(|listed| folder.listed(listed)).collect())
    }

    /// The content of a file of at most `limit` bytes.
    pub fn read(&self, path: impl AsRef<[u8]>, limit: u64) -> Result<Vec<u8>, TreeError> {
        self.find(path)?.read(limit)
    }

    /// Where a link leads, as it says.
    pub fn read_link(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, TreeError> {
        self.find_link(path)?.read_link()
    }

    /// All files below a folder. What cannot be read is told in its place, and the walk goes on.
    pub fn walk(&self, path: impl AsRef<[u8]>) -> Result<Walk<'_>, TreeError> {
        Ok(Walk::new(self, self.find(path)?, self.files))
    }

    fn locate(&self, path: &[u8], follow_last: bool) -> Result<TreeEntry, TreeError> {
        let metadata = self.root.metadata(b"/")?;
        let root = TreeEntry { path: b"/".to_vec(), metadata, point: self.root.clone() };
        let mut folders = vec![root];
        let mut left: VecDeque<Vec<u8>> = parts(path).map(<[u8]>::to_vec).collect();
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            let folder = folders.last().expect("the root is never left");
            match &*name {
                b"." => continue,
                b".." => {
                    if folders.len() > 1 {
                        folders.pop();
                    }
                    continue;
                }
                _ => {}
            }
            let found = self.child(folder, &name)?;
            if found.metadata.kind == FileKind::Link && (follow_last || !left.is_empty()) {
                links += 1;
                if links > LINKS {
                    return Err(TreeError::TooManyLinks { path: path.to_vec() });
                }
                let target = found.read_link()?;
                if target.starts_with(b"/") {
                    folders.truncate(1);
                }
                for part in parts(&target).rev() {
                    left.push_front(part.to_vec());
                }
            } else if found.path.len() > PATH {
                return Err(TreeError::TooDeep { path: found.path });
            } else {
                folders.push(found);
            }
        }
        Ok(folders.pop().expect("the root is never left"))
    }

    fn child(&self, folder: &TreeEntry, name: &[u8]) -> Result<TreeEntry, TreeError> {
        if folder.metadata.kind != FileKind::Folder {
            return Err(TreeError::NotAFolder { path: folder.path.clone() });
        }
        let path = join(&folder.path, name);
        match self.mounts.get(&path) {
            Some(Mount::Here(point)) => {
                let metadata = point.metadata(&path)?;
                return Ok(TreeEntry { path, metadata, point: point.clone() });
            }
            Some(Mount::Missing(why)) => {
                return Err(TreeError::NotMounted { path, why: why.clone() });
            }
            None => {}
        }
        let listing = self.listing(folder)?;
        match listing.binary_search_by(|entry| entry.name.as_slice().cmp(name)) {
            Ok(place) => Ok(folder.child(path, &listing[place])),
            Err(_) => Err(TreeError::NotFound { path }),
        }
    }

    /// The names in a folder, with what is mounted there.
    fn list(&self, folder: &TreeEntry) -> Result<Vec<Listed>, TreeError> {
        if folder.metadata.kind != FileKind::Folder {
            return Err(TreeError::NotAFolder { path: folder.path.clone() });
        }
        let entries = folder.point.read_dir(&folder.path)?.into_iter();
        let mut listed: Vec<_> = entries.map(|entry| Listed { entry, mounted: None }).collect();
        for (path, mount) in &self.mounts {
            // What could not be mounted is an empty place; asking for it tells why.
            if let Mount::Here(point) = mount
                && parent(path) == folder.path
            {
                let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
                let place = listed.binary_search_by(|there| there.entry.name.cmp(&name));
                let entry = Entry { name, metadata: point.metadata(path)?, node: point.node };
                let mounted = Listed { entry, mounted: Some(Arc::clone(&point.files)) };
                match place {
                    Ok(place) => listed[place] = mounted,
                    Err(place) => listed.insert(place, mounted),
                }
            }
        }
        Ok(listed)
    }

    /// Why there is nothing at this path, if something should be mounted there.
    fn missing(&self, path: &[u8]) -> Option<TreeError> {
        match self.mounts.get(path) {
            Some(Mount::Missing(why)) => {
                Some(TreeError::NotMounted { path: path.to_vec(), why: why.clone() })
            }
            _ => None,
        }
    }

    fn listing(&self, folder: &TreeEntry) -> Result<Arc<Vec<Entry>>, TreeError> {
        let mut listings = self.listings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let read = || folder.point.read_dir(&folder.path).map(Arc::new);
        let weigh = |listing: &Arc<Vec<Entry>>| FOLDER + listing.len();
        listings.get_or_make_weighing(&folder.point, weigh, read).cloned()
    }
}

/// The names in a path.
fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty())
}

/// A path without `.`, `..` and repeated slashes, as far as it can be told without looking.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut names = Vec::new();
    for part in parts(path) {
        match part {
            b"." => {}
            b".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    [b"/", names.join(&b'/').as_slice()].concat()
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    [folder, name].join(&b'/')
}

fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        None | Some(0) => b"/",
        Some(place) => &path[..place],
    }
}
