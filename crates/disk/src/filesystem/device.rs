//! A source in the terms of the libraries for XFS and btrfs.

use std::sync::Arc;

use fs_core::{BlockRead, Error, Result};

use crate::source::Shared;

struct Device(Shared);

impl BlockRead for Device {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.0.read_at(offset, buf).map_err(Error::Io)
    }

    fn size_bytes(&self) -> u64 {
        self.0.size()
    }
}

/// Offers a source for reading.
pub(super) fn device(source: Shared) -> Arc<dyn BlockRead> {
    Arc::new(Device(source))
}
