//! The blocks of a file system, as they are once its journal has been replayed.

use std::collections::BTreeMap;
use std::io;

use crate::cache::Cache;
use crate::source::{Shared, damaged, within};

/// Bytes of blocks that are kept.
const KEPT: u64 = 2 << 20;

/// A newer state of a block, in the journal.
#[derive(Clone, Copy)]
pub(super) struct Newer {
    /// Its block there.
    pub(super) block: u64,
    /// Does it begin as the journal's own blocks do, and is changed there?
    pub(super) escaped: bool,
}

/// Reads blocks.
pub(super) struct Blocks {
    source: Shared,
    size: u64,
    count: u64,
    newer: BTreeMap<u64, Newer>,
    kept: Cache<u64, Vec<u8>>,
}

impl Blocks {
    pub(super) fn new(source: Shared, size: u64, count: u64) -> Self {
        let kept = Cache::new(usize::try_from(KEPT / size).unwrap_or(1));
        Self { source, size, count, newer: BTreeMap::new(), kept }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Uses newer states from now on.
    pub(super) fn replace(&mut self, newer: BTreeMap<u64, Newer>) {
        self.newer = newer;
        self.kept = Cache::new(usize::try_from(KEPT / self.size).unwrap_or(1));
    }

    /// A block of metadata, which is kept.
    pub(super) fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        let Self { source, size, count, newer, kept } = self;
        let block = kept.get_or_make(&number, || {
            let mut block = vec![0; usize::try_from(*size).unwrap_or(0)];
            read(source, (*size, *count), newer, number, &mut block)?;
            Ok::<_, io::Error>(block)
        })?;
        Ok(block)
    }

    /// Fills a buffer from the beginning of a block on.
    pub(super) fn read(&self, block: u64, buffer: &mut [u8]) -> io::Result<()> {
        read(&self.source, (self.size, self.count), &self.newer, block, buffer)
    }
}

fn read(
    source: &Shared,
    (size, count): (u64, u64),
    newer: &BTreeMap<u64, Newer>,
    block: u64,
    buffer: &mut [u8],
) -> io::Result<()> {
    let length = (buffer.len() as u64).div_ceil(size);
    // In front of the first block and in it is what is no file's.
    if block == 0 || within(count, block, usize::try_from(length).unwrap_or(usize::MAX)).is_err() {
        return Err(damaged(format!("a file has the block {block}, which does not exist")));
    }
    source.read_at(block * size, buffer)?;
    for (number, newer) in newer.range(block..block + length) {
        let at = usize::try_from((number - block) * size).unwrap_or(usize::MAX);
        let end = buffer.len().min(at + usize::try_from(size).unwrap_or(0));
        let part = &mut buffer[at..end];
        source.read_at(newer.block * size, part)?;
        if newer.escaped {
            let magic = super::journal::MAGIC.to_be_bytes();
            let length = part.len().min(magic.len());
            part[..length].copy_from_slice(&magic[..length]);
        }
    }
    Ok(())
}
