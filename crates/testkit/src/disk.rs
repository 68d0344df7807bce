//! Disk images that look like what a build leaves, made in a second without one.

use std::io;
use std::process::Command;

use camino::Utf8Path;
use fs_err::os::unix::fs::FileExt as _;
use uuid::Uuid;

use crate::gpt::{self, FIRST_SECTOR, Partition, SECTOR, SECTORS_AT_END};
use crate::rootfs::{self, Package, Release};

/// Bytes of a fixture disk: enough for an ext4 file system with a journal, and little to hash.
pub const DISK_SIZE: u64 = 64 * 1024 * 1024;

/// What a fixture disk is like, apart from its packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskOptions {
    /// The operating system that it says it is.
    pub release: Release,
    /// Number of the root partition, from 1.
    pub number: u32,
    /// Name of the root partition.
    pub name: String,
    /// Type of the root partition.
    pub kind: Uuid,
    /// More files of the root file system: paths without the slash at the beginning, and contents.
    pub files: Vec<(String, String)>,
}

impl Default for DiskOptions {
    /// As Debian's cloud images: Debian 12, an unnamed root partition with number 1.
    fn default() -> Self {
        Self {
            release: Release::default(),
            number: 1,
            name: String::new(),
            kind: gpt::LINUX_ROOT_X86_64,
            files: Vec::new(),
        }
    }
}

impl DiskOptions {
    /// The root partition: all that the table leaves.
    fn partition(&self) -> Partition {
        Partition {
            number: self.number,
            kind: self.kind,
            name: self.name.clone(),
            first: FIRST_SECTOR,
            sectors: DISK_SIZE / SECTOR - FIRST_SECTOR - SECTORS_AT_END,
        }
    }
}

/// Writes a raw disk with a root partition (ext4, 4 KiB blocks) that holds a Debian-like root file
/// system with these packages. Needs `mkfs.ext4` of e2fsprogs 1.47, and no privileges.
pub fn debian_disk(disk: &Utf8Path, packages: &[Package], options: &DiskOptions) -> io::Result<()> {
    let root = tempfile::tempdir()?;
    let root = Utf8Path::from_path(root.path()).ok_or_else(|| io::Error::other("TMPDIR"))?;
    rootfs::write(root, &options.release, packages)?;
    for (path, content) in &options.files {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::write(path, content)?;
    }
    let partition = options.partition();
    zero_disk(disk)?;
    make_ext4(disk, &partition, root)?;
    gpt::write(disk, &[partition])
}

/// Writes a raw disk whose only partition is an LVM physical volume, as far as its label goes.
pub fn lvm_disk(disk: &Utf8Path) -> io::Result<()> {
    let options = DiskOptions { kind: gpt::LINUX_LVM, ..DiskOptions::default() };
    let partition = options.partition();
    zero_disk(disk)?;
    let file = fs_err::OpenOptions::new().write(true).open(disk)?;
    let label = b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001";
    file.write_all_at(label, (partition.first + 1) * SECTOR)?;
    gpt::write(disk, &[partition])
}

/// Writes a raw disk of zeros, without a partition table.
pub fn zero_disk(disk: &Utf8Path) -> io::Result<()> {
    fs_err::File::create(disk)?.set_len(DISK_SIZE)
}

fn make_ext4(disk: &Utf8Path, partition: &Partition, root: &Utf8Path) -> io::Result<()> {
    // The folders of system programs are not on everyone's PATH.
    let output = Command::new("/usr/sbin/mkfs.ext4")
        .args(["-q", "-b", "4096", "-L", "root", "-d", root.as_str()])
        .arg("-E")
        .arg(format!("offset={}", partition.first * SECTOR))
        .arg(disk)
        .arg(format!("{}K", partition.sectors * SECTOR / 1024))
        .output()?;
    if output.status.success() {
        Ok(())
    } else {
        let message = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("mkfs.ext4 failed: {message}")))
    }
}
