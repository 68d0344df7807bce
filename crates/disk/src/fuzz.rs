//! What must hold for any bytes, layer by layer: the entries of fuzzers, and of the tests that replay
//! the corpus. Each says how much it understood.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::bytes::{le32, le64};
use crate::content::FileSystemKind;
use crate::filesystem::explore;
use crate::source::{BlockSource, Shared, within};
use crate::{container, partition, volume};

/// Bytes of an image that is held in memory to put its checksums right.
const WHOLE: u64 = 32 << 20;

/// An image of which only the bytes are written that are not zero. It reads: how many zeros, how many
/// bytes (32 bits each), those bytes; over and over.
#[derive(Clone)]
pub struct Packed {
    bytes: Vec<u8>,
    /// Where bytes stand in the image, and where they stand in what is packed.
    parts: Vec<(u64, Range<usize>)>,
    size: u64,
}

impl Packed {
    /// Zeros that are cheaper to count than to write.
    const GAP: usize = 16;

    /// Any bytes are such an image, as far as they go.
    pub fn new(bytes: &[u8]) -> Self {
        let (mut parts, mut size, mut at) = (Vec::new(), 0, 0);
        while at + 8 <= bytes.len() {
            let [zeros, length] = [0, 4].map(|more| le32(bytes, at + more));
            let start = at + 8;
            let length = usize::try_from(length).unwrap_or(usize::MAX).min(bytes.len() - start);
            size += u64::from(zeros);
            parts.push((size, start..start + length));
            size += length as u64;
            at = start + length;
        }
        Self { bytes: bytes.to_vec(), parts, size }
    }

    /// Packs an image.
    pub fn pack(image: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        let mut put = |zeros: usize, bytes: &[u8]| {
            for number in [zeros, bytes.len()] {
                packed.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
            }
            packed.extend(bytes);
        };
        let mut rest = image;
        while !rest.is_empty() {
            let zeros = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
            rest = &rest[zeros..];
            let gap = |window: &[u8]| window.iter().all(|byte| *byte == 0);
            let length = rest.windows(Self::GAP).position(gap).unwrap_or(rest.len());
            put(zeros, &rest[..length]);
            rest = &rest[length..];
        }
        packed
    }

    /// All of it, if it is not too much.
    fn whole(&self) -> Option<Vec<u8>> {
        let size = usize::try_from(self.size).ok().filter(|_| self.size <= WHOLE)?;
        let mut image = vec![0; size];
        self.read_at(0, &mut image).ok()?;
        Some(image)
    }
}

impl BlockSource for Packed {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        within(self.size, offset, buffer.len())?;
        buffer.fill(0);
        let end = offset + buffer.len() as u64;
        let first = self.parts.partition_point(|(at, part)| at + part.len() as u64 <= offset);
        for (at, part) in self.parts[first..].iter().take_while(|(at, _)| *at < end) {
            let skipped = usize::try_from(offset.saturating_sub(*at)).unwrap_or(usize::MAX);
            let part = &self.bytes[part.clone()][skipped..];
            let place = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            let length = part.len().min(buffer.len() - place);
            buffer[place..place + length].copy_from_slice(&part[..length]);
        }
        Ok(())
    }
}

/// An image file, as the disk that it holds. Returns the bytes of it that are not zero.
pub fn container(bytes: &[u8]) -> usize {
    container::of(Arc::new(Packed::new(bytes))).map_or(0, |disk| sample(&disk))
}

/// A disk, as its partitions; also with the checksums of its GPT put right. Returns their number.
pub fn partition(bytes: &[u8]) -> usize {
    let packed = Packed::new(bytes);
    let repaired = packed.whole().map(|mut image| {
        repair_gpt(&mut image);
        Arc::new(image) as Shared
    });
    let disks = [Some(Arc::new(packed) as Shared), repaired];
    let read = disks.into_iter().flatten().map(|disk| {
        let partitions = partition::read(&disk).ok().flatten().unwrap_or_default();
        for partition in &partitions {
            let bytes = partition.of(&disk);
            assert!(bytes.size() <= disk.size(), "a partition larger than its disk");
            sample(&bytes);
        }
        partitions.len()
    });
    read.max().unwrap_or(0)
}

/// A disk, as an LVM2 physical volume, also with its checksums put right; and as LVM2's text. Returns
/// the number of logical volumes.
pub fn volume(bytes: &[u8]) -> usize {
    let packed = Packed::new(bytes);
    let repaired = packed.whole().map(|mut image| {
        volume::repair(&mut image);
        Arc::new(image) as Shared
    });
    let disks = [Some(Arc::new(packed) as Shared), repaired];
    let read = disks.into_iter().flatten().map(|disk| {
        let (volumes, _) = volume::assemble(&[("it".to_owned(), disk)]);
        volumes.iter().filter_map(|volume| volume.bytes.as_ref().ok()).map(sample).count()
    });
    let read = read.max().unwrap_or(0);
    read.max(volume::read_text(&String::from_utf8_lossy(bytes)))
}

/// A disk, as a file system of the ext family. Returns the number of files.
pub fn ext(bytes: &[u8]) -> usize {
    explore::ext(Arc::new(Packed::new(bytes))).unwrap_or(0)
}

/// A disk, as XFS. Returns the number of files.
pub fn xfs(bytes: &[u8]) -> usize {
    explore::fenced(Arc::new(Packed::new(bytes)), FileSystemKind::Xfs).unwrap_or(0)
}

/// A disk, as btrfs whose checksums are right. Returns the number of files.
pub fn btrfs(bytes: &[u8]) -> usize {
    let packed = Packed::new(bytes);
    let mut id = [0; 16];
    if packed.read_at((64 << 10) + 32, &mut id).is_err() {
        return 0;
    }
    explore::fenced(Arc::new(Repaired { of: packed, id }), FileSystemKind::Btrfs).unwrap_or(0)
}

/// Reads at a few places, and over both ends. Returns how many bytes were not zero.
fn sample(disk: &Shared) -> usize {
    let mut block = [0; 4096];
    let size = disk.size();
    assert!(disk.read_at(size, &mut block).is_err(), "read beyond the end");
    assert!(disk.read_at(u64::MAX, &mut block).is_err(), "read beyond all ends");
    let step = usize::try_from(size / 64).unwrap_or(usize::MAX).max(block.len());
    let mut found = 0;
    for place in (0..size).step_by(step) {
        let length = block.len().min(usize::try_from(size - place).unwrap_or(usize::MAX));
        if disk.read_at(place, &mut block[..length]).is_ok() {
            found += block[..length].iter().filter(|byte| **byte != 0).count();
        }
    }
    found
}

/// Puts the checksums of the first copy of a GPT right.
fn repair_gpt(image: &mut [u8]) {
    for sector in [512, 4096] {
        let Some(header) = image.get(sector..sector + 512) else { continue };
        let number = |at| usize::try_from(le64(header, at)).unwrap_or(usize::MAX);
        let size = |at| usize::try_from(le32(header, at)).unwrap_or(usize::MAX);
        let entries = number(72).checked_mul(sector).and_then(|start| {
            let end = start.checked_add(size(80).checked_mul(size(84))?)?;
            image.get(start..end)
        });
        let entries = crc32fast::hash(entries.unwrap_or_default());
        let length = size(12).min(512);
        image[sector + 88..][..4].copy_from_slice(&entries.to_le_bytes());
        image[sector + 16..][..4].fill(0);
        let header = crc32fast::hash(&image[sector..][..length]);
        image[sector + 16..][..4].copy_from_slice(&header.to_le_bytes());
    }
}

/// btrfs whose checksums are put right when they are read.
struct Repaired {
    of: Packed,
    /// What each of its nodes has in it.
    id: [u8; 16],
}

impl BlockSource for Repaired {
    fn size(&self) -> u64 {
        self.of.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.of.read_at(offset, buffer)?;
        if buffer.get(32..48) == Some(&self.id[..]) {
            let checksum = crc32c::crc32c(&buffer[32..]);
            buffer[..4].copy_from_slice(&checksum.to_le_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_what_is_read(parts in proptest::collection::vec((any::<u8>(), 0..100_usize), 0..20)) {
            let image: Vec<u8> = parts.into_iter().flat_map(|(byte, count)| vec![byte & 1; count]).collect();
            let packed = Packed::new(&Packed::pack(&image));
            prop_assert_eq!(packed.whole().unwrap(), image.as_slice());
            for start in 0..image.len() {
                let mut part = vec![7; image.len() - start];
                packed.read_at(start as u64, &mut part).unwrap();
                prop_assert_eq!(&part, &image[start..]);
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for entry in [container, partition, volume, ext, xfs, btrfs] {
                entry(&bytes);
                entry(&Packed::pack(&bytes));
            }
        }
    }
}
