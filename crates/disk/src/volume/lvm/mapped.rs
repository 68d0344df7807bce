//! A volume that consists of runs on other disks.

use std::io;

use crate::source::{BlockSource, Shared, damaged, within};

/// Bytes that lie together.
pub(super) struct Run {
    /// First byte, in the volume.
    pub(super) start: u64,
    /// Bytes.
    pub(super) size: u64,
    /// The disk on which it lies.
    pub(super) disk: Shared,
    /// First byte, on that disk.
    pub(super) at: u64,
}

/// A volume.
pub(super) struct Mapped {
    /// One after the other, without gaps.
    runs: Vec<Run>,
    size: u64,
}

impl Mapped {
    /// A volume of these runs. `None` if they leave gaps or overlap.
    pub(super) fn new(mut runs: Vec<Run>) -> Option<Self> {
        runs.sort_by_key(|run| run.start);
        let mut size = 0_u64;
        for run in &runs {
            if run.start != size || run.size == 0 {
                return None;
            }
            size = size.checked_add(run.size)?;
            run.at.checked_add(run.size)?;
        }
        Some(Self { runs, size })
    }
}

impl BlockSource for Mapped {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        within(self.size, offset, buffer.len())?;
        let mut index = self.runs.partition_point(|run| run.start + run.size <= offset);
        while !buffer.is_empty() {
            let gap = || damaged("the runs of a volume have a gap");
            let run = self.runs.get(index).ok_or_else(gap)?;
            let skip = offset.checked_sub(run.start).ok_or_else(gap)?;
            let left = usize::try_from(run.size - skip).unwrap_or(usize::MAX);
            let (part, rest) = buffer.split_at_mut(left.min(buffer.len()));
            run.disk.read_at(run.at + skip, part)?;
            offset += part.len() as u64;
            buffer = rest;
            index += 1;
        }
        Ok(())
    }
}
