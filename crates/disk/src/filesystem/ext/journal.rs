//! The journal (jbd2): transactions that were written there and perhaps not yet to their places.
//! Nothing is written here either: blocks of which the journal has a newer state are read from it.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::blocks::{Blocks, Newer};
use super::checksum::crc32c;
use super::map::Run;
use super::missing;
use crate::bytes::{be16, be32};
use crate::source::damaged;

/// How each of the journal's own blocks begins.
pub(super) const MAGIC: u32 = 0xC03B_3998;

/// Blocks of a journal.
const MOST: u32 = 1 << 20;

const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOCATION: u32 = 5;

const SIXTY_FOUR: u32 = 0x2;
const CHECKSUMS_2: u32 = 0x8;
const CHECKSUMS_3: u32 = 0x10;
const FAST_COMMITS: u32 = 0x20;
/// Revocations, 64 bits, asynchronous commits, checksums.
const KNOWN: u32 = 0x1F;

const ESCAPED: u32 = 1;
const SAME_UUID: u32 = 2;
const LAST: u32 = 8;

/// A block that a transaction changes.
struct Change {
    of: u64,
    newer: Newer,
}

struct Journal<'b> {
    blocks: &'b Blocks,
    runs: &'b [Run],
    features: u32,
    /// Start of its checksums.
    seed: u32,
    first: u32,
    length: u32,
}

/// Puts the committed transactions of the journal, which lies in these runs, into effect.
pub(super) fn replay(blocks: &mut Blocks, runs: &[Run]) -> io::Result<()> {
    let newer = committed(blocks, runs)?;
    blocks.replace(newer);
    Ok(())
}

fn committed(blocks: &Blocks, runs: &[Run]) -> io::Result<BTreeMap<u64, Newer>> {
    let mut journal = Journal { blocks, runs, features: 0, seed: 0, first: 1, length: 1 };
    let superblock = journal.read(0)?;
    let start = be32(&superblock, 28);
    if be32(&superblock, 0) != MAGIC || u64::from(be32(&superblock, 12)) != blocks.size() {
        return Err(damaged("the superblock of its journal is wrong"));
    }
    if be32(&superblock, 4) == 4 {
        journal.features = be32(&superblock, 40);
    }
    if start == 0 {
        return Ok(BTreeMap::new());
    }
    if journal.features & FAST_COMMITS != 0 {
        return Err(missing("fast commits in its journal"));
    }
    if journal.features & !KNOWN != 0 {
        return Err(missing("unknown features of its journal"));
    }
    journal.seed = crc32c(!0, &superblock[48..64]);
    (journal.first, journal.length) = (be32(&superblock, 20), be32(&superblock, 16));
    if !(1..MOST).contains(&journal.first) || journal.length > MOST || start >= journal.length {
        return Err(damaged("the size of its journal is impossible"));
    }
    journal.transactions(start, be32(&superblock, 24))
}

impl Journal<'_> {
    /// Where a block of the journal is in the file system.
    fn place(&self, block: u32) -> io::Result<u64> {
        let block = u64::from(block);
        let run = self.runs.iter().find(|run| (run.logical..run.end()).contains(&block));
        let run = run.ok_or_else(|| damaged("its journal has a hole"))?;
        Ok(run.physical + (block - run.logical))
    }

    fn read(&self, block: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.blocks.size()).unwrap_or(0)];
        self.blocks.read(self.place(block)?, &mut bytes)?;
        Ok(bytes)
    }

    fn next(&self, block: u32) -> u32 {
        if block + 1 >= self.length { self.first } else { block + 1 }
    }

    /// Follows transactions until one is not complete. Of several states of a block the last counts,
    /// unless the block was given up in the same transaction or later.
    fn transactions(&self, start: u32, sequence: u32) -> io::Result<BTreeMap<u64, Newer>> {
        let (mut at, mut sequence, mut left) = (start, sequence, self.length);
        let mut number = 0_u64;
        let mut newest: BTreeMap<u64, (Newer, u64)> = BTreeMap::new();
        let mut revoked: HashMap<u64, u64> = HashMap::new();
        let (mut changes, mut revocations) = (Vec::new(), Vec::new());
        while left > 0 {
            let block = self.read(at)?;
            if be32(&block, 0) != MAGIC || be32(&block, 8) != sequence {
                break;
            }
            (at, left) = (self.next(at), left - 1);
            match be32(&block, 4) {
                DESCRIPTOR => {
                    for (of, escaped) in self.tags(&block) {
                        let newer = Newer { block: self.place(at)?, escaped };
                        changes.push(Change { of, newer });
                        (at, left) = (self.next(at), left.saturating_sub(1));
                    }
                }
                REVOCATION => revocations.extend(self.revocations(&block)),
                COMMIT if self.is_sound(&block) => {
                    for Change { of, newer } in changes.drain(..) {
                        newest.insert(of, (newer, number));
                    }
                    revoked.extend(revocations.drain(..).map(|block| (block, number)));
                    (sequence, number) = (sequence.wrapping_add(1), number + 1);
                }
                _ => break,
            }
        }
        newest.retain(|block, (_, number)| revoked.get(block).is_none_or(|when| when < number));
        Ok(newest.into_iter().map(|(block, (newer, _))| (block, newer)).collect())
    }

    fn has_checksums(&self) -> bool {
        self.features & (CHECKSUMS_2 | CHECKSUMS_3) != 0
    }

    /// A commit whose checksum is wrong was not written to its end.
    fn is_sound(&self, block: &[u8]) -> bool {
        let mut clear = block.to_vec();
        clear[16..20].fill(0);
        !self.has_checksums() || crc32c(self.seed, &clear) == be32(block, 16)
    }

    /// The blocks that a descriptor announces, and whether they are escaped.
    fn tags(&self, block: &[u8]) -> Vec<(u64, bool)> {
        let wide = self.features & SIXTY_FOUR != 0;
        let third = self.features & CHECKSUMS_3 != 0;
        let second = !third && self.features & CHECKSUMS_2 != 0;
        let size = if third { 16 } else { 8 + 4 * usize::from(wide) + 2 * usize::from(second) };
        let end = block.len() - 4 * usize::from(self.has_checksums());
        let (mut at, mut tags) = (12, Vec::new());
        while at + size <= end {
            let flags = if third { be32(block, at + 4) } else { be16(block, at + 6).into() };
            let high = if wide { be32(block, at + 8) } else { 0 };
            tags.push((u64::from(high) << 32 | u64::from(be32(block, at)), flags & ESCAPED != 0));
            if flags & LAST != 0 {
                break;
            }
            at += size + if flags & SAME_UUID == 0 { 16 } else { 0 };
        }
        tags
    }

    fn revocations(&self, block: &[u8]) -> Vec<u64> {
        let wide = self.features & SIXTY_FOUR != 0;
        let end = usize::try_from(be32(block, 12)).unwrap_or(0).min(block.len());
        let entries = block.get(16..end).unwrap_or_default();
        if wide {
            entries.chunks_exact(8).map(|entry| crate::bytes::be64(entry, 0)).collect()
        } else {
            entries.chunks_exact(4).map(|entry| be32(entry, 0).into()).collect()
        }
    }
}
