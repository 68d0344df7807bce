//! The files of a virtual disk image, read without root, mount or kernel driver.
//!
//! ```text
//! image file ─► disk ─► partitions ─► volumes ─► file systems ─► roots ─► tree
//! container/    source  partition/    volume/    filesystem/     roots/   tree/
//! ```
//!
//! Each layer offers bytes to the next ([`BlockSource`]) and has one file an implementation. Nothing
//! is written. Images come from strangers: no byte of them makes this crate panic, read outside of
//! the image and its allowed backing files, or go on for ever. What cannot be read is told in words
//! ([`Unreadable`]): "nothing there" and "not looked at" are different answers.

mod bytes;
mod cache;
mod container;
mod content;
mod disk;
mod filesystem;
#[doc(hidden)]
pub mod fuzz;
mod partition;
mod quiet;
mod roots;
mod source;
mod tree;
mod unreadable;
mod volume;

pub use content::{Content, FileSystemKind, Harmless, Identity};
pub use disk::{Disk, Limits, Part};
pub use filesystem::{FileKind, Metadata, READER_THREAD};
pub use partition::Partition;
pub use quiet::quiet_panics;
pub use roots::{MissingMount, OsRelease, Root, RootKind};
pub use source::{BlockSource, Shared};
pub use tree::{Tree, TreeEntry, TreeError, Walk};
pub use unreadable::{Unreadable, What, Why};
