//! Reading a file in parts, and taking its digest in the same read.

use std::io::{self, Read as _};

use bytes::Bytes;
use fs_err::File;
use tokio::sync::mpsc;

use crate::model::{Digest, Hasher};

/// Size of a part in bytes: large enough that sending it takes longer than asking. What is not
/// larger than that is sent at once.
pub(super) const PART: u64 = 16 << 20;

/// The most parts that S3 takes for one file.
const MOST_PARTS: u64 = 10_000;

/// Bytes that are read and hashed at a time, while they are in the processor's cache.
const BLOCK: usize = 256 << 10;

/// The size of the parts of a file of `size` bytes, at least `least`: all but the last have it.
pub(super) fn part_size(size: u64, least: u64) -> u64 {
    match size.div_ceil(MOST_PARTS) {
        needed if needed <= least => least,
        needed => needed.next_multiple_of(1 << 20),
    }
}

/// Reads all of `source` and passes it on in parts of `part_size` bytes. Gives the digest of all of
/// it, or nothing if nobody wants the parts any more. Blocks.
pub(super) fn read(
    source: &mut File,
    part_size: u64,
    parts: &mpsc::Sender<(usize, Bytes)>,
) -> io::Result<Option<Digest>> {
    let mut hasher = Hasher::default();
    for number in 0.. {
        let part = read_part(source, part_size, &mut hasher)?;
        if part.is_empty() {
            break;
        }
        if parts.blocking_send((number, part)).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(hasher.finish()))
}

/// Reads the next `size` bytes, or what is left.
pub(super) fn read_part(source: &mut File, size: u64, hasher: &mut Hasher) -> io::Result<Bytes> {
    let size = usize::try_from(size).map_err(io::Error::other)?;
    let mut part = Vec::with_capacity(size);
    while part.len() < size {
        let (before, block) = (part.len(), BLOCK.min(size - part.len()));
        let read = source.by_ref().take(block as u64).read_to_end(&mut part)?;
        hasher.update(&part[before..]);
        if read == 0 {
            break;
        }
    }
    Ok(part.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_too_many_parts() {
        assert_eq!(part_size(1, PART), 16 << 20);
        assert_eq!(part_size(5 << 30, PART), 16 << 20);
        assert_eq!(part_size(160 << 30, PART), 17 << 20);
        // The largest file of S3.
        let largest = 5 << 40;
        assert!(largest / part_size(largest, PART) < MOST_PARTS);
    }
}
