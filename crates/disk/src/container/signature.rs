//! Which format a file has, by its first bytes.

use std::io;

use super::Format;
use crate::bytes::{be32, stands};
use crate::source::{BlockSource, prefix};
use crate::unreadable::What;

/// First bytes of formats that are no disks, or none that can be read.
const SIGNATURES: &[(usize, &[u8], What)] = &[
    (0, b"KDMV", What::Vmdk),
    (0, b"COWD", What::Vmdk),
    (0, b"# Disk DescriptorFile", What::Vmdk),
    (0, b"vhdxfile", What::Vhdx),
    (0, b"conectix", What::Vhd),
    (0x40, &[0x7F, 0x10, 0xDA, 0xBE], What::Vdi),
    (0, b"QED\0", What::Qed),
    (0, b"WithoutFreeSpace", What::Parallels),
    (0, b"WithouFreSpacExt", What::Parallels),
    (0, &[0x1F, 0x8B, 0x08], What::Archive),
    (0, &[0xFD, b'7', b'z', b'X', b'Z', 0], What::Archive),
    (0, &[0x28, 0xB5, 0x2F, 0xFD], What::Archive),
    (0, b"PK\x03\x04", What::Archive),
    (0, b"7z\xBC\xAF\x27\x1C", What::Archive),
    (0, b"BZh", What::Archive),
    (257, b"ustar", What::Archive),
];

/// Tells the format. What is unknown is a raw disk: its partition table or file system tell more.
pub(super) fn detect(file: &dyn BlockSource) -> io::Result<Format> {
    let head = prefix(file, 0, 512)?;
    if stands(&head, 0, b"QFI\xFB") {
        let version = be32(&head, 4);
        return Ok(if version == 1 { Format::Other(What::Qcow) } else { Format::Qcow2 });
    }
    let known = SIGNATURES.iter().find(|(at, bytes, _)| stands(&head, *at, bytes));
    Ok(known.map_or(Format::Raw, |(_, _, what)| Format::Other(*what)))
}
