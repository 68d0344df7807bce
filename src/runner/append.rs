//! The files through which a runner is told things.

use std::io::{self, Write as _};

use camino::Utf8Path;
use fs_err::OpenOptions;

/// What became of something that was meant for a runner's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is in the file.
    Written,
    /// The runner has no such file, or it is full: nobody will see it unless it is printed.
    Nowhere,
}

/// Appends to a runner's file in one write. A file that the runner named and did not mount is no
/// error: old runners do that.
pub(super) fn append(file: Option<&Utf8Path>, text: &str) -> io::Result<Delivery> {
    let Some(file) = file else {
        return Ok(Delivery::Nowhere);
    };
    match OpenOptions::new().append(true).create(true).open(file) {
        Ok(mut open) => open.write_all(text.as_bytes()).map(|()| Delivery::Written),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Delivery::Nowhere),
        Err(error) => Err(error),
    }
}
