//! What could not be read, and why, in words for people.

use std::fmt;

/// Something that stands between goldsmith and the files of an image. Whoever gets one knows that
/// nothing was proven about what lies behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what} {why}")]
pub struct Unreadable {
    /// Where it is: `disk.qcow2`, `partition 2`, `logical volume vg/root`.
    pub place: String,
    /// What it is.
    pub what: What,
    /// Why that cannot be read.
    pub why: Why,
}

/// A kind of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "names of formats")]
pub enum What {
    // Containers.
    File,
    Qcow,
    Qcow2,
    Qed,
    Vmdk,
    Vhd,
    Vhdx,
    Vdi,
    Parallels,
    Archive,
    // Tables and volumes.
    Gpt,
    Mbr,
    Lvm,
    LvmVolume,
    MdRaid,
    Bcache,
    Stratis,
    Integrity,
    // File systems and what stands in their place.
    Ext,
    Xfs,
    Btrfs,
    Squashfs,
    Iso9660,
    Erofs,
    F2fs,
    Bcachefs,
    ReiserFs,
    Jfs,
    Zfs,
    Ntfs,
    ExFat,
    Apfs,
    Luks1,
    Luks2,
    BitLocker,
    Unknown,
}

impl What {
    /// A word that programs can rely on: `luks2`.
    pub fn id(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Qcow => "qcow",
            Self::Qcow2 => "qcow2",
            Self::Qed => "qed",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Vhdx => "vhdx",
            Self::Vdi => "vdi",
            Self::Parallels => "parallels",
            Self::Archive => "archive",
            Self::Gpt => "gpt",
            Self::Mbr => "mbr",
            Self::Lvm => "lvm",
            Self::LvmVolume => "lvm-volume",
            Self::MdRaid => "md-raid",
            Self::Bcache => "bcache",
            Self::Stratis => "stratis",
            Self::Integrity => "integrity",
            Self::Ext => "ext",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Squashfs => "squashfs",
            Self::Iso9660 => "iso9660",
            Self::Erofs => "erofs",
            Self::F2fs => "f2fs",
            Self::Bcachefs => "bcachefs",
            Self::ReiserFs => "reiserfs",
            Self::Jfs => "jfs",
            Self::Zfs => "zfs",
            Self::Ntfs => "ntfs",
            Self::ExFat => "exfat",
            Self::Apfs => "apfs",
            Self::Luks1 => "luks1",
            Self::Luks2 => "luks2",
            Self::BitLocker => "bitlocker",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "the file",
            Self::Qcow => "a qcow image of version 1",
            Self::Qcow2 => "the qcow2 image",
            Self::Qed => "a QED image",
            Self::Vmdk => "a VMDK image",
            Self::Vhd => "a VHD image",
            Self::Vhdx => "a VHDX image",
            Self::Vdi => "a VDI image",
            Self::Parallels => "a Parallels image",
            Self::Archive => "an archive or a compressed file",
            Self::Gpt => "the GUID partition table",
            Self::Mbr => "the MBR partition table",
            Self::Lvm => "LVM2",
            Self::LvmVolume => "the LVM2 volume",
            Self::MdRaid => "a member of a Linux software RAID",
            Self::Bcache => "a bcache device",
            Self::Stratis => "a Stratis pool",
            Self::Integrity => "a dm-integrity device",
            Self::Ext => "the ext2/3/4 file system",
            Self::Xfs => "the XFS file system",
            Self::Btrfs => "the btrfs file system",
            Self::Squashfs => "a squashfs file system",
            Self::Iso9660 => "an ISO 9660 file system",
            Self::Erofs => "an EROFS file system",
            Self::F2fs => "an F2FS file system",
            Self::Bcachefs => "a bcachefs file system",
            Self::ReiserFs => "a ReiserFS file system",
            Self::Jfs => "a JFS file system",
            Self::Zfs => "a ZFS pool",
            Self::Ntfs => "an NTFS file system",
            Self::ExFat => "an exFAT file system",
            Self::Apfs => "an APFS container",
            Self::Luks1 => "LUKS1 encryption",
            Self::Luks2 => "LUKS2 encryption",
            Self::BitLocker => "BitLocker encryption",
            Self::Unknown => "content of no known format",
        })
    }
}

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// goldsmith has no reader for it.
    #[error("cannot be read by goldsmith")]
    NotSupported,
    /// There is a reader, which lacks this: `extended L2 entries`.
    #[error("uses {0}, which goldsmith cannot read")]
    Feature(String),
    /// The key is elsewhere.
    #[error("cannot be read without its key")]
    Encrypted,
    /// The format's rules are broken.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A backing file that is not to be read.
    #[error("has the backing file `{name}`, which is not read: {because}")]
    BackingRefused {
        /// As the image names it.
        name: String,
        /// In words.
        because: String,
    },
    /// Part of it is on another disk: `physical volume …`.
    #[error("is not complete: {0} is not on this disk")]
    Incomplete(String),
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(String),
    /// Reading took longer than it may.
    #[error("takes too long to read: it may be made to")]
    TooSlow,
    /// Reading would take more memory, files or levels than it may.
    #[error("is larger than goldsmith accepts: {0}")]
    TooLarge(String),
    /// A library failed on it.
    #[error("made a library fail, as damaged content does: {0}")]
    Failed(String),
}

impl Why {
    /// What an error of reading bytes means.
    pub(crate) fn from_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Io(error.to_string()),
        }
    }
}

impl Unreadable {
    pub(crate) fn new(place: impl Into<String>, what: What, why: Why) -> Self {
        Self { place: place.into(), what, why }
    }

    /// What people can do about it.
    pub fn way_out(&self) -> &'static str {
        match (self.what, &self.why) {
            (What::Archive, _) => "unpack it first",
            (_, Why::BackingRefused { .. }) => {
                "allow the folder of the backing file, or flatten the image"
            }
            (
                What::Qcow
                | What::Qed
                | What::Vmdk
                | What::Vhd
                | What::Vhdx
                | What::Vdi
                | What::Parallels,
                _,
            )
            | (What::Qcow2, Why::Feature(_)) => "convert it with qemu-img, or scan in the guest",
            _ => "scan in the guest",
        }
    }
}
