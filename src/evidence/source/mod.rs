//! Where the files of a system come from: passed on one by one, so that a disk of any size needs
//! little memory.

mod container;
mod disk;
mod folder;
mod layers;

use std::fmt::Write as _;
use std::io::{self, Read};

pub(super) use container::{Container, is_tar};
pub(super) use disk::Root;
pub(super) use folder::Folder;
pub(super) use layers::{Layer, Layers};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Regular,
    Link,
    /// A device, a socket, a pipe.
    Other,
}

/// A file that was met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met<'a> {
    /// Its path, from the root, with a slash at the beginning; no part of it is `.` or `..`, and no
    /// folder on the way is a link.
    pub(super) path: &'a [u8],
    pub(super) kind: Kind,
    /// Permissions, with set-user-ID, set-group-ID and the sticky bit.
    pub(super) mode: u32,
    /// Bytes of its content.
    pub(super) size: u64,
}

/// Who is told of the files.
pub(super) trait Visitor {
    /// A file. Whether its content is wanted; for a link, where it leads.
    fn meet(&mut self, file: &Met<'_>) -> io::Result<bool>;

    /// The content of the file that was met last.
    fn take(&mut self, file: &Met<'_>, content: &mut dyn Read) -> io::Result<()>;

    /// Something could not be read, in words.
    fn miss(&mut self, what: String, way_out: &str);
}

/// Files of one system.
pub(super) trait Source {
    /// Passes all files to `visitor`, a folder before what is in it. Can be done again.
    fn pass(&mut self, visitor: &mut dyn Visitor) -> io::Result<()>;
}

/// A path for people: what is no printable text is escaped.
pub(super) fn printable(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.extend(chunk.valid().chars().flat_map(|c| {
            let escape =
                c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let (plain, escaped) =
                if escape { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
            plain.into_iter().chain(escaped.into_iter().flatten())
        }));
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}
