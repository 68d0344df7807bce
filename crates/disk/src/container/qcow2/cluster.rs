//! Where a cluster is, and what it holds.

use std::io::{self, Read as _};

use crate::source::damaged;

/// The bits of a table's entry that are a place in the file.
pub(super) const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;

const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;

/// A cluster of the guest's disk, as the second table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cluster {
    /// The backing file has it; without one it is zero.
    Unallocated,
    Zero,
    Plain {
        place: u64,
    },
    Compressed {
        place: u64,
        length: usize,
    },
}

impl Cluster {
    pub(super) fn from_entry(entry: u64, cluster_bits: u32, version: u32) -> io::Result<Self> {
        if entry & COMPRESSED != 0 {
            let bits = 62 - (cluster_bits - 8);
            let place = entry & ((1 << bits) - 1);
            let more_sectors = (entry & !(3 << 62)) >> bits;
            // No overflow: at most 2^13 sectors.
            let length = (more_sectors + 1) * 512 - (place & 511);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            return Ok(Self::Compressed { place, length });
        }
        // In version 2 the bit is reserved.
        if version >= 3 && entry & ZERO != 0 {
            return Ok(Self::Zero);
        }
        match entry & OFFSET {
            0 => Ok(Self::Unallocated),
            place if !place.is_multiple_of(1 << cluster_bits) => {
                Err(damaged("a cluster of the qcow2 image lies between clusters"))
            }
            place => Ok(Self::Plain { place }),
        }
    }
}

/// How compressed clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Deflate without zlib's header, in spite of its name.
    Zlib,
    Zstd,
}

impl Compression {
    /// Inflates a cluster of exactly `size` bytes. What is packed may be followed by anything.
    pub(super) fn inflate(self, packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let mut cluster = vec![0; size];
        let failed = |_| damaged("a compressed cluster of the qcow2 image cannot be inflated");
        match self {
            Self::Zlib => {
                flate2::read::DeflateDecoder::new(packed)
                    .read_exact(&mut cluster)
                    .map_err(failed)?;
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?.single_frame();
                // Its window is as large as the cluster, or the image is hostile.
                decoder.window_log_max(27)?;
                decoder.read_exact(&mut cluster).map_err(failed)?;
            }
        }
        Ok(cluster)
    }
}
