//! qcow2, versions 2 and 3: `docs/interop/qcow2.rst` in QEMU's source. A guest's disk is cut into
//! clusters; two levels of tables say where each is. Reading needs no more than the header, the
//! tables and compressed clusters: reference counts, bitmaps and internal snapshots are passed over.

mod cluster;
mod header;

use std::io;
use std::sync::Mutex;

use cluster::{Cluster, Compression};
pub(super) use header::{Backing, Header};

use crate::bytes::be64;
use crate::cache::Cache;
use crate::source::{BlockSource, Shared, damaged, within};
use crate::unreadable::Why;

/// Memory for tables and for inflated clusters, each.
const CACHE: usize = 4 << 20;

/// Entries of the first table: 32 MiB of them, as QEMU has it.
const L1_ENTRIES: u64 = (32 << 20) / 8;

/// An open image.
pub(super) struct Qcow2 {
    file: Shared,
    backing: Option<Shared>,
    size: u64,
    cluster_bits: u32,
    version: u32,
    compression: Compression,
    l1: Vec<u64>,
    tables: Mutex<Cache<u64, Vec<u64>>>,
    inflated: Mutex<Cache<u64, Vec<u8>>>,
}

impl Qcow2 {
    /// Opens the image in `file`, whose backing file, if it has one, is `backing`.
    pub(super) fn open(
        file: Shared,
        header: &Header,
        backing: Option<Shared>,
    ) -> Result<Self, Why> {
        let cluster = 1_u64 << header.cluster_bits;
        // No overflow: a cluster has at most 2^21 bytes, and a table as many.
        let covered = cluster * (cluster / 8);
        let needed = header.size.div_ceil(covered);
        if needed > L1_ENTRIES {
            return Err(Why::TooLarge(format!("a disk of {} bytes", header.size)));
        }
        if needed > u64::from(header.l1_entries) {
            return Err(Why::Damaged("its table is shorter than its disk".to_owned()));
        }
        let mut bytes = vec![0; usize::try_from(needed * 8).unwrap_or(usize::MAX)];
        file.read_at(header.l1_offset, &mut bytes).map_err(|error| Why::from_io(&error))?;
        let entries = CACHE >> header.cluster_bits;
        Ok(Self {
            file,
            backing,
            size: header.size,
            cluster_bits: header.cluster_bits,
            version: header.version,
            compression: header.compression,
            l1: bytes.chunks_exact(8).map(|entry| be64(entry, 0)).collect(),
            tables: Mutex::new(Cache::new(entries.clamp(2, 256))),
            inflated: Mutex::new(Cache::new(entries.clamp(2, 256))),
        })
    }

    /// Where a cluster of the guest's disk is, by its number.
    fn locate(&self, number: u64) -> io::Result<Cluster> {
        let per_table = 1_u64 << (self.cluster_bits - 3);
        let index = usize::try_from(number / per_table).unwrap_or(usize::MAX);
        let place = self.l1.get(index).copied().unwrap_or(0) & cluster::OFFSET;
        if place == 0 {
            return Ok(Cluster::Unallocated);
        }
        let entry = {
            let mut tables = self.tables.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let table = tables.get_or_make(&place, || self.read_table(place))?;
            usize::try_from(number % per_table).ok().and_then(|index| table.get(index)).copied()
        };
        Cluster::from_entry(entry.unwrap_or(0), self.cluster_bits, self.version)
    }

    fn read_table(&self, place: u64) -> io::Result<Vec<u64>> {
        if !place.is_multiple_of(1 << self.cluster_bits) {
            return Err(damaged("a table of the qcow2 image lies between clusters"));
        }
        let mut bytes = vec![0; 1 << self.cluster_bits];
        self.file.read_at(place, &mut bytes)?;
        Ok(bytes.chunks_exact(8).map(|entry| be64(entry, 0)).collect())
    }

    /// Fills a buffer from within one cluster.
    fn read_cluster(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = offset & ((1 << self.cluster_bits) - 1);
        match self.locate(offset >> self.cluster_bits)? {
            Cluster::Zero => buffer.fill(0),
            Cluster::Unallocated => return self.read_backing(offset, buffer),
            Cluster::Plain { place } => return self.read_plain(place, start, buffer),
            Cluster::Compressed { place, length } => {
                let mut inflated =
                    self.inflated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let cluster = inflated.get_or_make(&place, || self.inflate(place, length))?;
                buffer
                    .copy_from_slice(&cluster[within(cluster.len() as u64, start, buffer.len())?]);
            }
        }
        Ok(())
    }

    /// A cluster as it is. The file may end within its last one: what is not there is zero.
    fn read_plain(&self, place: u64, start: u64, buffer: &mut [u8]) -> io::Result<()> {
        let there = self.file.size().saturating_sub(place);
        if there == 0 {
            return Err(damaged("a cluster lies beyond the end of the file: it was cut short"));
        }
        let there = usize::try_from(there.saturating_sub(start)).unwrap_or(usize::MAX);
        let (from_file, beyond) = buffer.split_at_mut(there.min(buffer.len()));
        beyond.fill(0);
        self.file.read_at(place + start, from_file)
    }

    /// What the image does not hold: the backing file has it, as far as it goes.
    fn read_backing(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let Some(backing) = &self.backing else {
            buffer.fill(0);
            return Ok(());
        };
        let there = usize::try_from(backing.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let (from_backing, beyond) = buffer.split_at_mut(there.min(buffer.len()));
        beyond.fill(0);
        if from_backing.is_empty() { Ok(()) } else { backing.read_at(offset, from_backing) }
    }

    fn inflate(&self, place: u64, length: usize) -> io::Result<Vec<u8>> {
        // The length is told in sectors: it may reach beyond the end of the file.
        let packed = crate::source::prefix(self.file.as_ref(), place, length)?;
        self.compression.inflate(&packed, 1 << self.cluster_bits)
    }
}

impl BlockSource for Qcow2 {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        within(self.size, offset, buffer.len())?;
        let cluster = 1_u64 << self.cluster_bits;
        let mut offset = offset;
        while !buffer.is_empty() {
            let left = usize::try_from(cluster - offset % cluster).unwrap_or(usize::MAX);
            let (part, rest) = buffer.split_at_mut(left.min(buffer.len()));
            self.read_cluster(offset, part)?;
            offset += part.len() as u64;
            buffer = rest;
        }
        Ok(())
    }
}
