//! What kind of disk image a file is, from its first bytes.

use std::io::{self, Read as _};

use camino::Utf8Path;

/// A disk image that can be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiskFormat {
    /// QEMU's copy-on-write format, self-contained.
    Qcow2,
    /// The disk byte by byte, as far as anybody can tell.
    Raw,
}

/// Reads the header of `path`. The inner error says why the image must not be opened: a header is
/// under the control of whoever made the image, and QEMU opens every file that it names.
pub(super) fn probe(path: &Utf8Path) -> io::Result<Result<DiskFormat, &'static str>> {
    let mut header = Vec::new();
    fs_err::File::open(path)?.take(80).read_to_end(&mut header)?;
    Ok(of_header(&header))
}

/// qcow2 header: QEMU, docs/interop/qcow2.rst, "Header".
fn of_header(header: &[u8]) -> Result<DiskFormat, &'static str> {
    let number = |range: std::ops::Range<usize>| {
        let bytes = header.get(range).unwrap_or(&[0]);
        bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))
    };
    if !header.starts_with(b"QFI\xfb") {
        return match header {
            [b'K', b'D', b'M', b'V', ..] => Err("VMDK images are not supported yet"),
            [b'v', b'h', b'd', b'x', b'f', b'i', b'l', b'e', ..] => {
                Err("VHDX images are not supported yet")
            }
            _ => Ok(DiskFormat::Raw),
        };
    }
    let (version, backing_file, features) = (number(4..8), number(8..16), number(72..80));
    if header.len() < 72 {
        Err("its qcow2 header is cut off")
    } else if backing_file != 0 {
        Err("it names a backing file, which need not be part of the artifact")
    } else if version >= 3 && features & 0b100 != 0 {
        Err("it keeps its data in an external file")
    } else {
        Ok(DiskFormat::Qcow2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qcow2(version: u8, backing: u8, features: u8) -> Vec<u8> {
        let mut header = vec![0; 104];
        header[..4].copy_from_slice(b"QFI\xfb");
        header[7] = version;
        header[15] = backing;
        header[79] = features;
        header
    }

    #[test]
    fn only_self_contained_images_are_opened() {
        assert_eq!(of_header(&qcow2(3, 0, 0)), Ok(DiskFormat::Qcow2));
        assert_eq!(of_header(&qcow2(2, 0, 0b100)), Ok(DiskFormat::Qcow2));
        assert!(of_header(&qcow2(3, 1, 0)).is_err());
        assert!(of_header(&qcow2(3, 0, 0b100)).is_err());
        assert!(of_header(b"QFI\xfb\0\0\0\x03").is_err());
        assert!(of_header(b"KDMV").is_err());
        assert_eq!(of_header(&[0; 512]), Ok(DiskFormat::Raw));
        assert_eq!(of_header(b""), Ok(DiskFormat::Raw));
    }
}
