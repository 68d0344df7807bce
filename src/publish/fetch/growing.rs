//! A file that is being fetched, beside the place where it will be.
//!
//! Whoever fetches has a lock on the growing file itself; the kernel gives it back whatever happens.
//! What is in it serves the next one, and only the digest of all of it decides whether it is good.

use std::fs::Permissions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use bytes::Bytes;
use camino::Utf8Path;
use fs_err::{File, OpenOptions};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::sync::mpsc;

use crate::model::{Digest, Hasher};

use super::super::StoreError;
use super::super::copy::GoOn;
use super::super::fill::{seal_as, step};
use super::super::incoming::sync;

/// Bytes that are read at a time of what is there already.
const BLOCK: usize = 256 << 10;

/// The beginning of a file, locked.
pub(super) struct Growing {
    file: File,
    hasher: Hasher,
    /// Bytes of it that are there.
    size: u64,
}

impl Growing {
    /// Opens the growing file at `path`, unless somebody else has the lock on it.
    pub(super) fn try_open(path: &Utf8Path) -> io::Result<Option<Self>> {
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => {
                    let error = io::Error::from(error);
                    let text = format!("failed to lock `{path}`: {error}");
                    return Err(io::Error::new(error.kind(), text));
                }
            }
            // Whoever had the lock before may have made it what it was to be, under another name.
            let ours = file.metadata()?;
            match fs_err::metadata(path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Some(Self { file, hasher: Hasher::default(), size: 0 }));
                }
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }

    /// Bytes that are there.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Takes in what an earlier one has left, if that is not more than `most` bytes.
    pub(super) fn resume(&mut self, most: u64, go_on: GoOn<'_>) -> Result<(), StoreError> {
        let there = self.file.metadata()?.len();
        if there > most {
            return Ok(self.restart()?);
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::default();
        let mut block = vec![0; BLOCK];
        let mut size = 0;
        while size < there {
            step(go_on)?;
            let read = self.file.read(&mut block)?;
            if read == 0 {
                break;
            }
            self.hasher.update(&block[..read]);
            size += read as u64;
        }
        self.size = size;
        Ok(())
    }

    /// Forgets all that is there.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::default();
        self.size = 0;
        Ok(())
    }

    /// Takes all pieces that come, to the last.
    pub(super) fn take(&mut self, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<()> {
        let written = self.write_all(&mut pieces);
        // Also when it is to go on later: what ends with zeros is as long as it is.
        let cut = self.file.set_len(self.size);
        written.and(cut)
    }

    fn write_all(&mut self, pieces: &mut mpsc::Receiver<Bytes>) -> io::Result<()> {
        while let Some(piece) = pieces.blocking_recv() {
            if piece.iter().all(|byte| *byte == 0) {
                self.file.seek(SeekFrom::Start(self.size + piece.len() as u64))?;
            } else {
                self.file.write_all(&piece)?;
            }
            self.hasher.update(&piece);
            self.size += piece.len() as u64;
        }
        Ok(())
    }

    /// The digest of what is there.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Makes the file at `path` what lies at `target`, durably, with these permissions. Whatever was there
    /// goes.
    pub(super) fn commit(self, path: &Utf8Path, target: &Utf8Path, mode: u32) -> io::Result<()> {
        seal_as(&self.file, Permissions::from_mode(mode))?;
        fs_err::rename(path, target)?;
        target.parent().map_or(Ok(()), sync)
    }
}
