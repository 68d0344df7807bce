//! Bytes with a size that can be read at any place: an image, a disk, a partition, a volume.

use std::io;
use std::sync::Arc;

/// What every layer reads from and offers to the one above.
pub trait BlockSource: Send + Sync {
    /// Bytes that there are.
    fn size(&self) -> u64;

    /// Fills `buffer` from byte `offset` on. Reading beyond the end is `UnexpectedEof`; what a layer
    /// finds to be damaged is `InvalidData`.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A source that several readers share.
pub type Shared = Arc<dyn BlockSource>;

impl BlockSource for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = within(self.size(), offset, buffer.len())?;
        buffer.copy_from_slice(&self[range]);
        Ok(())
    }
}

/// Part of another source.
pub(crate) struct Slice {
    of: Shared,
    first: u64,
    size: u64,
}

impl Slice {
    /// `size` bytes from byte `first` on, fewer if the source ends before.
    pub(crate) fn new(of: Shared, first: u64, size: u64) -> Self {
        let size = size.min(of.size().saturating_sub(first));
        Self { of, first, size }
    }
}

impl BlockSource for Slice {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        within(self.size, offset, buffer.len())?;
        // No overflow: the slice lies within its source.
        self.of.read_at(self.first + offset, buffer)
    }
}

/// The range of `length` bytes from `offset` on, if it lies within `size` bytes.
pub(crate) fn within(size: u64, offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
    match offset.checked_add(length as u64) {
        Some(end) if end <= size => {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            Ok(start..start.saturating_add(length))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{length} bytes at {offset} lie beyond the end at {size}"),
        )),
    }
}

/// Reads `length` bytes into memory; fewer at the end of the source, none behind it.
pub(crate) fn prefix(source: &dyn BlockSource, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let there = source.size().saturating_sub(offset);
    let mut bytes = vec![0; length.min(usize::try_from(there).unwrap_or(usize::MAX))];
    if !bytes.is_empty() {
        source.read_at(offset, &mut bytes)?;
    }
    Ok(bytes)
}

/// Damaged content, in words.
pub(crate) fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}
