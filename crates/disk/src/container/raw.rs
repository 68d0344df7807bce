//! A raw image: the file is the disk.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use camino::Utf8Path;

use crate::source::{BlockSource, within};

/// An open file or block device.
pub(super) struct RawFile {
    file: File,
    size: u64,
}

impl RawFile {
    /// Opens it for reading.
    pub(super) fn open(path: &Utf8Path) -> io::Result<Self> {
        let mut file = fs_err::File::open(path)?;
        // Metadata says nothing of the size of a block device.
        let size = file.seek(SeekFrom::End(0))?;
        let (file, _) = file.into_parts();
        Ok(Self { file, size })
    }
}

impl BlockSource for RawFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        within(self.size, offset, buffer.len())?;
        self.file.read_exact_at(buffer, offset)
    }
}
