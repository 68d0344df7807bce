//! Reads all of a file system, for the tests of hostile ones.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Duration;

use super::{Budget, FileKind, FileSystem, Node, ext};
use crate::content::FileSystemKind;
use crate::source::Shared;
use crate::unreadable::Why;

/// Files that are read.
const FILES: usize = 500;
/// Bytes of a file.
const BYTES: usize = 1 << 20;

/// Reads ext in this thread, where a panic is seen. Returns how many files there are.
pub(crate) fn ext(source: Shared) -> Result<usize, Why> {
    Ok(explore(&mut ext::Ext::open(source)?))
}

/// Reads a file system behind its fence.
pub(crate) fn fenced(source: Shared, kind: FileSystemKind) -> Result<usize, Why> {
    let budget = Budget::new(Duration::from_secs(5), Duration::from_secs(10));
    super::open(source, kind, &budget)?.explore()
}

/// Reads every file that can be reached, from the top and all subvolumes, once.
pub(super) fn explore(files: &mut dyn FileSystem) -> usize {
    let mut left = vec![files.root(None)];
    for subvolume in files.subvolumes().unwrap_or_default() {
        left.push(files.root(Some(subvolume.id)));
    }
    let mut seen: HashSet<Node> = left.iter().copied().collect();
    let mut found = 0;
    while let Some(node) = left.pop() {
        let Ok(metadata) = files.metadata(&node) else { continue };
        found += 1;
        match metadata.kind {
            FileKind::Folder => {
                let names = files.names(&node).map(super::Names::sorted).unwrap_or_default();
                let new =
                    names.into_iter().map(|(_, node)| node).take(FILES.saturating_sub(seen.len()));
                left.extend(new.filter(|node| seen.insert(*node)));
            }
            FileKind::Link => drop(files.read_link(&node)),
            _ => drop(copy(files, &node)),
        }
    }
    found
}

fn copy(files: &mut dyn FileSystem, node: &Node) -> Result<(), Why> {
    let mut taken = 0;
    files.copy(node, &mut |part| {
        taken += part.len();
        if taken < BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
}
