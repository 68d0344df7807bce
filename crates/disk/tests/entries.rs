//! Folders that claim to hold millions of files, in an image of a few KiB: whoever walks them
//! comes to an end, soon and in little memory. On its own: memory is counted for the whole process.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use goldsmith_disk::{Disk, Limits, Shared, TreeError};

const BLOCK: usize = 4096;
/// Where the table of inodes is; 32 inodes a block.
const INODES: usize = 2;
/// The first block that is free.
const FREE: usize = 4;

const ROOT: u32 = 2;
const ETC: u32 = 11;
const OS_RELEASE: u32 = 12;
const MANY: u32 = 13;

/// An ext2 file system, written by hand: no tool makes one like this.
struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn new() -> Self {
        let mut image = Self { bytes: vec![0; FREE * BLOCK] };
        image.put32(1024, &[64, 0]);
        // Blocks of 4096 bytes; groups of as many blocks and 64 inodes as there can be.
        for (at, value) in [(0x18, 2), (0x20, 32_768), (0x28, 64), (0x4C, 1), (0x60, 2)] {
            image.put32(1024 + at, &[value]);
        }
        image.bytes[1024 + 0x38..][..2].copy_from_slice(&[0x53, 0xEF]);
        image.bytes[1024 + 0x58] = 128;
        image.put32(BLOCK + 8, &[u32::try_from(INODES).unwrap()]);
        image
    }

    fn put32(&mut self, at: usize, values: &[u32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
    }

    /// Adds a block.
    fn block(&mut self, content: &[u8]) -> u32 {
        let number = self.bytes.len() / BLOCK;
        self.bytes.extend(content);
        self.bytes.resize((number + 1) * BLOCK, 0);
        u32::try_from(number).unwrap()
    }

    /// Adds a block of as many numbers.
    fn pointers(&mut self, to: u32) -> u32 {
        self.block(&to.to_le_bytes().repeat(BLOCK / 4))
    }

    fn inode(&mut self, number: u32, mode: u16, size: u64, pointers: [u32; 15]) {
        let at = INODES * BLOCK + usize::try_from(number - 1).unwrap() * 128;
        self.bytes[at..at + 2].copy_from_slice(&mode.to_le_bytes());
        self.put32(at + 4, &[u32::try_from(size).unwrap()]);
        self.put32(at + 40, &pointers);
    }

    /// A folder of one block, which leads to these files.
    fn folder(&mut self, number: u32, names: &[(Vec<u8>, u32)]) {
        let block = self.names(names);
        let mut pointers = [0; 15];
        pointers[0] = block;
        self.inode(number, 0o040_755, BLOCK as u64, pointers);
    }

    /// A folder of this many blocks, all of which are the same one.
    fn long_folder(&mut self, number: u32, block: u32, blocks: u64) {
        let mut pointers = [block; 15];
        pointers[12] = self.pointers(block);
        pointers[13] = self.pointers(pointers[12]);
        pointers[14] = self.pointers(pointers[13]);
        self.inode(number, 0o040_755, blocks * BLOCK as u64, pointers);
    }

    /// A folder of these blocks.
    fn folder_of(&mut self, number: u32, blocks: &[u32]) {
        let (direct, indirect) = blocks.split_at(12);
        let bytes: Vec<u8> = indirect.iter().flat_map(|block| block.to_le_bytes()).collect();
        let mut pointers = [0; 15];
        pointers[..12].copy_from_slice(direct);
        pointers[12] = self.block(&bytes);
        self.inode(number, 0o040_755, (blocks.len() * BLOCK) as u64, pointers);
    }

    /// A block with names. The last entry takes what is left of it.
    fn names(&mut self, names: &[(Vec<u8>, u32)]) -> u32 {
        let mut block = Vec::new();
        for (place, (name, inode)) in names.iter().enumerate() {
            let used = (8 + name.len()).next_multiple_of(4);
            let length = if place + 1 == names.len() { BLOCK - block.len() } else { used };
            block.extend(inode.to_le_bytes());
            block.extend(u16::try_from(length).unwrap().to_le_bytes());
            block.extend([u8::try_from(name.len()).unwrap(), 0]);
            block.extend(name);
            block.resize(block.len() + used - 8 - name.len(), 0);
        }
        self.block(&block)
    }

    /// Adds the rest of a system, of which `/many` is a part, and tells what a walk comes to: entries,
    /// and errors.
    fn walk(mut self, files: u64) -> (u64, Vec<TreeError>) {
        self.folder(ROOT, &[(b"etc".to_vec(), ETC), (b"many".to_vec(), MANY)]);
        self.folder(ETC, &[(b"os-release".to_vec(), OS_RELEASE)]);
        self.inode(OS_RELEASE, 0o100_644, 0, [0; 15]);
        let blocks = u32::try_from(self.bytes.len() / BLOCK).unwrap();
        self.put32(1024 + 4, &[blocks]);
        let image: Shared = Arc::new(self.bytes);
        let started = Instant::now();
        let disk = Disk::of(&image, &Limits { files, ..Limits::default() }).unwrap();
        let (mut entries, mut errors) = (0, Vec::new());
        for entry in disk.roots()[0].tree().walk("/").unwrap() {
            match entry {
                Ok(_) => entries += 1,
                Err(error) => errors.push(error),
            }
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        assert!(peak() < 100 << 20, "{} bytes of memory", peak());
        (entries, errors)
    }
}

/// As many names as there is room for in a block, of this length.
fn names(length: usize, inode: u32) -> Vec<(Vec<u8>, u32)> {
    let count = BLOCK / (8 + length).next_multiple_of(4);
    (0..count).map(|number| (format!("{number:0length$}").into_bytes(), inode)).collect()
}

/// The most memory that this process has had.
fn peak() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_folder_of_ten_million_names_is_refused() {
    // Short ones and long ones.
    for (length, blocks) in [(3, 29_500), (255, 65_000)] {
        let mut image = Image::new();
        let block = image.names(&names(length, OS_RELEASE));
        image.long_folder(MANY, block, blocks);
        let (entries, errors) = image.walk(20_000_000);
        let [TreeError::Unreadable { path, why }] = &errors[..] else { panic!("{errors:?}") };
        assert_eq!((entries, path.as_slice()), (3, &b"/many"[..]));
        insta::allow_duplicates! {
            insta::assert_snapshot!(why, @"is larger than goldsmith accepts: a folder with more than 131072 names, or 8388608 bytes of them");
        }
    }
}

#[test]
fn a_tree_of_thirty_million_files_is_walked_as_far_as_asked() {
    let mut image = Image::new();
    // Folders whose names all lead to the folder below.
    for level in MANY..MANY + 3 {
        image.folder(level, &names(3, level + 1));
    }
    image.inode(MANY + 3, 0o100_644, 0, [0; 15]);
    let (entries, errors) = image.walk(2_000_000);
    assert_eq!(errors, [TreeError::TooManyFiles { limit: 2_000_000 }]);
    assert!((1_990_000..2_000_000).contains(&entries), "{entries}");
}

#[test]
fn large_folders_within_large_folders_are_refused() {
    let mut image = Image::new();
    for level in MANY..MANY + 2 {
        let names: Vec<_> =
            (0..130_000).map(|n| (format!("{n:x}").into_bytes(), level + 1)).collect();
        let blocks: Vec<u32> = names.chunks(255).map(|names| image.names(names)).collect();
        image.folder_of(level, &blocks);
    }
    image.inode(MANY + 2, 0o100_644, 0, [0; 15]);
    let (entries, mut errors) = image.walk(2_000_000);
    assert_eq!(errors.pop(), Some(TreeError::TooManyFiles { limit: 2_000_000 }));
    assert_eq!((entries, errors.len()), (18, 14));
    insta::assert_snapshot!(errors[0], @"`/many/0` is larger than goldsmith accepts: large folders within large folders");
}
