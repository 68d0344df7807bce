//! ostree: several systems in one file system, each in a folder below `/ostree/deploy`, which
//! share a `/var`.

use crate::filesystem::FileKind;
use crate::tree::{Mount, Tree, TreeEntry, TreeError};

/// Deployments that are looked at.
const MOST: usize = 32;

/// A system.
pub(super) struct Deployment {
    /// `fedora/0123….0`.
    pub(super) name: String,
    pub(super) root: crate::tree::Point,
    pub(super) var: Option<Mount>,
}

/// All deployments in a file system.
pub(super) fn deployments(tree: &Tree) -> Result<Vec<Deployment>, TreeError> {
    let mut found = Vec::new();
    for system in folders(tree, b"/ostree/deploy")? {
        let within = |name: &[u8]| [system.path.as_slice(), name].join(&b'/');
        for deployment in folders(tree, &within(b"deploy"))? {
            if found.len() >= MOST {
                return Ok(found);
            }
            let name = [system.name(), deployment.name()].join(&b'/');
            let var = tree.find(within(b"var")).ok().map(|var| Mount::Here(var.point()));
            found.push(Deployment {
                name: String::from_utf8_lossy(&name).escape_debug().to_string(),
                root: deployment.point(),
                var,
            });
        }
    }
    Ok(found)
}

fn folders(tree: &Tree, path: &[u8]) -> Result<Vec<TreeEntry>, TreeError> {
    let mut entries = match tree.read_dir(path) {
        Ok(entries) => entries,
        Err(error @ TreeError::Unreadable { .. }) => return Err(error),
        Err(_) => return Ok(Vec::new()),
    };
    entries.retain(|entry| entry.metadata.kind == FileKind::Folder);
    Ok(entries)
}
