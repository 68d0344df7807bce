//! Copying a file and taking its digest in one read.
//!
//! One thread reads and hashes, another writes, so that a copy takes as long as the slower of the
//! two and not as both. The digest is of the very bytes that were written. Blocks of zeros become
//! holes, as `cp` would leave them.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use fs_err::File;
use rustix::fs::{Advice, fadvise};

use crate::model::{Digest, Hasher};

/// Bytes that are read, hashed and written at a time. Larger blocks were slower: they do not stay in
/// the processor's cache.
const BLOCK: usize = 256 << 10;

/// Blocks on their way from the reader to the writer.
const BLOCKS: usize = 16;

/// Bytes that are written before the disk is told to begin with them.
const BEHIND: u64 = 8 << 20;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Says whether the caller still wants it.
pub(super) type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// How a copy failed.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The source could not be read.
    Read(io::Error),
    /// The target could not be written.
    Write(io::Error),
    /// It was not wanted any more.
    Stopped,
}

/// The first `filled` bytes of a buffer.
struct Block {
    buffer: Vec<u8>,
    filled: usize,
}

impl Block {
    fn new() -> Self {
        Self { buffer: vec![0; BLOCK], filled: 0 }
    }

    fn content(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// Takes as much as fits from `source`; less only at its end.
    fn fill(&mut self, source: &mut File) -> io::Result<()> {
        self.filled = 0;
        while self.filled < BLOCK {
            match source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Takes the digest of `source`. Asks `go_on` before every block.
pub(super) fn digest(source: &mut File, go_on: GoOn<'_>) -> Result<Digest, CopyError> {
    let mut block = Block::new();
    let mut hasher = Hasher::default();
    while go_on() {
        block.fill(source).map_err(CopyError::Read)?;
        if block.filled == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(block.content());
    }
    Err(CopyError::Stopped)
}

/// Copies all of `source` to the file `target`, and gives the digest of what was copied. What `target`
/// begins with stays, as far as it is the same. Asks `go_on` before every block. Does not wait for the
/// disk.
pub(super) fn copy(
    source: &mut File,
    target: &mut File,
    go_on: GoOn<'_>,
) -> Result<Digest, CopyError> {
    let (full, to_write) = sync_channel(BLOCKS);
    let (empty, spare) = channel();
    for _ in 0..BLOCKS {
        empty.send(Block::new()).expect("the receiver is in this function");
    }
    thread::scope(|scope| {
        let writer = scope.spawn(move || write(target, &to_write, &empty));
        let read = read(source, &full, &spare, go_on);
        drop(full);
        let written = writer.join().expect("the writing thread does not panic");
        // When the writer fails the reader only sees that nobody wants its blocks.
        written.map_err(CopyError::Write)?;
        read
    })
}

/// Reads blocks, hashes them and passes them on.
fn read(
    source: &mut File,
    full: &SyncSender<Block>,
    spare: &Receiver<Block>,
    go_on: GoOn<'_>,
) -> Result<Digest, CopyError> {
    let mut hasher = Hasher::default();
    while let Ok(mut block) = spare.recv() {
        if !go_on() {
            break;
        }
        block.fill(source).map_err(CopyError::Read)?;
        if block.filled == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(block.content());
        if full.send(block).is_err() {
            break;
        }
    }
    Err(CopyError::Stopped)
}

/// Writes blocks and gives them back.
fn write(target: &mut File, to_write: &Receiver<Block>, empty: &Sender<Block>) -> io::Result<()> {
    let (mut size, mut on_its_way) = (0, 0);
    let mut there = Beginning::of(target);
    for block in to_write {
        if there.goes_on_with(&block, target)? {
            size += block.filled as u64;
            on_its_way = size;
            drop(empty.send(block));
            continue;
        }
        if size - on_its_way >= BEHIND {
            send_off(target, on_its_way, size - on_its_way);
            on_its_way = size;
        }
        size += block.filled as u64;
        if block.content() == &ZEROS[..block.filled] {
            target.seek(SeekFrom::Start(size))?;
        } else {
            target.write_all(block.content())?;
        }
        // The reader may be done, and needs no more blocks.
        drop(empty.send(block));
    }
    target.set_len(size)
}

/// What was copied before.
struct Beginning {
    /// How much of it was not looked at.
    left: u64,
    block: Vec<u8>,
}

impl Beginning {
    fn of(target: &File) -> Self {
        // What is no file has no beginning.
        let file = target.metadata().ok().filter(std::fs::Metadata::is_file);
        let left = file.map_or(0, |file| file.len());
        Self { left, block: vec![0; if left > 0 { BLOCK } else { 0 }] }
    }

    /// Whether `target` has `block` already. If not, it ends before it, and what follows is new.
    fn goes_on_with(&mut self, block: &Block, target: &mut File) -> io::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        let size = block.filled as u64;
        let at = target.stream_position()?;
        if self.left >= size {
            let found = &mut self.block[..block.filled];
            target.read_exact(found)?;
            if found == block.content() {
                self.left -= size;
                return Ok(true);
            }
        }
        self.left = 0;
        target.seek(SeekFrom::Start(at))?;
        target.set_len(at)?;
        Ok(false)
    }
}

/// Has the kernel begin to bring to the disk what was written, and does not wait for it: whoever
/// waits at the end then waits for little. What it says to this advice does not matter.
fn send_off(target: &File, offset: u64, size: u64) {
    let _ = fadvise(target, offset, NonZero::new(size), Advice::DontNeed);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Copies `content` from one file to another, in which there is `before`, and gives what is there
    /// then, and the least that was there on the way.
    fn copied(content: &[u8], before: &[u8]) -> (Digest, Vec<u8>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs_err::write(&from, content).unwrap();
        fs_err::write(&to, before).unwrap();
        let mut source = File::open(&from).unwrap();
        let mut target = fs_err::OpenOptions::new().read(true).write(true).open(&to).unwrap();
        let least = std::sync::atomic::AtomicU64::new(u64::MAX);
        let look = || {
            let size = fs_err::metadata(&to).unwrap().len();
            least.fetch_min(size, std::sync::atomic::Ordering::Relaxed);
            true
        };
        let digest = copy(&mut source, &mut target, &look).unwrap();
        (digest, fs_err::read(&to).unwrap(), least.into_inner())
    }

    /// What there was before: nothing, a beginning, or something else, longer maybe.
    #[derive(Debug, Clone)]
    struct Before(prop::sample::Index, Option<usize>, Vec<u8>);

    impl Before {
        fn get(&self, content: &[u8]) -> Vec<u8> {
            let Self(end, other, more) = self;
            let mut before = content[..end.index(content.len() + 1)].to_vec();
            if let Some(byte) = other.and_then(|at| before.get_mut(at)) {
                *byte ^= 1;
            }
            before.extend(more);
            before
        }
    }

    fn before() -> impl Strategy<Value = Before> {
        let more = prop::collection::vec(any::<u8>(), 0..2000);
        let more = prop_oneof![Just(Vec::new()), more];
        (any::<prop::sample::Index>(), any::<Option<usize>>(), more)
            .prop_map(|(end, other, more)| Before(end, other.map(|at| at % (3 * BLOCK)), more))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn a_copy_is_what_its_digest_says(
            pieces in prop::collection::vec((1u8.., 0usize..3 * BLOCK / 2), 0..4),
            before in before(),
        ) {
            let mut content = Vec::new();
            for (byte, count) in pieces {
                content.extend(vec![byte; count]);
                content.extend(vec![0; 3 * BLOCK / 2 - count]);
            }
            let (digest, copy, _) = copied(&content, &before.get(&content));
            prop_assert_eq!(digest, Digest::of(&content));
            prop_assert!(copy == content);
        }
    }

    #[test]
    fn killed_at_every_tenth_percent_the_next_copy_writes_only_the_rest() {
        let content: Vec<u8> = (0..=250).cycle().take(10 * BLOCK + 1000).collect();
        for tenth in 0..=10 {
            let before = &content[..tenth * content.len() / 10];
            let (digest, copy, least) = copied(&content, before);
            assert_eq!(digest, Digest::of(&content));
            assert!(copy == content);
            let blocks = before.len() / BLOCK * BLOCK;
            assert!(usize::try_from(least).unwrap() >= blocks, "{tenth}: {least} of {blocks}");
        }
    }

    #[test]
    fn a_full_disk_is_the_targets_fault() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("from"), vec![1; 2 * BLOCKS * BLOCK]).unwrap();
        let mut source = File::open(folder.path().join("from")).unwrap();
        let mut full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let Err(CopyError::Write(error)) = copy(&mut source, &mut full, &|| true) else {
            panic!("/dev/full takes nothing")
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
