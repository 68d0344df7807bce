//! The header of a qcow2 image and its extensions.

use super::cluster::Compression;
use crate::bytes::{be32, be64};
use crate::source::{BlockSource, prefix};
use crate::unreadable::Why;

/// Where the header ends at the latest: it shares the first cluster with the backing file's name.
const MOST: usize = 64 << 10;

const EXTENSION_END: u32 = 0;
const EXTENSION_BACKING_FORMAT: u32 = 0xE279_2ACA;

/// The image below, as the header names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::container) struct Backing {
    /// A path, relative to the image's folder, or something else.
    pub(in crate::container) name: String,
    /// Its format, if the image says.
    pub(in crate::container) format: Option<String>,
}

/// What reading needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::container) struct Header {
    pub(super) version: u32,
    pub(super) cluster_bits: u32,
    /// Bytes of the guest's disk.
    pub(super) size: u64,
    pub(super) l1_entries: u32,
    pub(super) l1_offset: u64,
    pub(super) compression: Compression,
    pub(in crate::container) backing: Option<Backing>,
}

impl Header {
    /// Reads and checks it.
    pub(in crate::container) fn read(file: &dyn BlockSource) -> Result<Self, Why> {
        let bytes = prefix(file, 0, MOST).map_err(|error| Why::from_io(&error))?;
        let damaged = |what: &str| Why::Damaged(what.to_owned());
        if bytes.len() < 104 {
            return Err(damaged("its header was cut short"));
        }
        let version = be32(&bytes, 4);
        let cluster_bits = be32(&bytes, 20);
        if !matches!(version, 2 | 3) {
            return Err(Why::Feature(format!("version {version} of the format")));
        }
        if !(9..=21).contains(&cluster_bits) {
            return Err(damaged("its cluster size is none"));
        }
        if be32(&bytes, 32) != 0 {
            return Err(Why::Encrypted);
        }
        let (features, header_length) =
            if version == 3 { (be64(&bytes, 72), be32(&bytes, 100)) } else { (0, 72) };
        check_features(features)?;
        let header_length = usize::try_from(header_length).unwrap_or(usize::MAX);
        if header_length > bytes.len() || (version == 3 && header_length < 104) {
            return Err(damaged("its header has an impossible length"));
        }
        let compression = match bytes.get(104) {
            Some(1) if header_length > 104 => Compression::Zstd,
            Some(0) | None => Compression::Zlib,
            _ if header_length <= 104 => Compression::Zlib,
            _ => return Err(Why::Feature("an unknown compression".to_owned())),
        };
        Ok(Self {
            version,
            cluster_bits,
            size: be64(&bytes, 24),
            l1_entries: be32(&bytes, 36),
            l1_offset: be64(&bytes, 40),
            compression,
            backing: backing(&bytes, header_length)?,
        })
    }
}

/// Features without which an image is not to be read.
fn check_features(features: u64) -> Result<(), Why> {
    const DIRTY: u64 = 1; // Reference counts are wrong, which readers do not look at.
    const CORRUPT: u64 = 1 << 1;
    const EXTERNAL_DATA: u64 = 1 << 2;
    const COMPRESSION: u64 = 1 << 3;
    const EXTENDED_L2: u64 = 1 << 4;
    if features & CORRUPT != 0 {
        return Err(Why::Damaged("it is marked as corrupt".to_owned()));
    }
    let feature = match features & !(DIRTY | COMPRESSION) {
        0 => return Ok(()),
        some if some & EXTENDED_L2 != 0 => "extended L2 entries".to_owned(),
        some if some & EXTERNAL_DATA != 0 => "an external data file".to_owned(),
        some => format!("unknown features ({some:#x})"),
    };
    Err(Why::Feature(feature))
}

fn backing(bytes: &[u8], header_length: usize) -> Result<Option<Backing>, Why> {
    let (at, length) = (be64(bytes, 8), be32(bytes, 16));
    if at == 0 {
        return Ok(None);
    }
    let damaged = |what: &str| Why::Damaged(what.to_owned());
    let name = usize::try_from(at)
        .ok()
        .zip(usize::try_from(length).ok().filter(|length| (1..=1023).contains(length)))
        .and_then(|(at, length)| bytes.get(at..at.checked_add(length)?))
        .ok_or_else(|| damaged("the name of its backing file lies elsewhere"))?;
    let name = std::str::from_utf8(name)
        .map_err(|_| damaged("the name of its backing file is no UTF-8"))?;
    let format = extension(bytes, header_length, EXTENSION_BACKING_FORMAT)
        .map(|format| String::from_utf8_lossy(format).into_owned());
    Ok(Some(Backing { name: name.to_owned(), format }))
}

/// The content of a header extension.
fn extension(bytes: &[u8], header_length: usize, wanted: u32) -> Option<&[u8]> {
    let mut rest = bytes.get(header_length..)?;
    while rest.len() >= 8 {
        let (kind, length) = (be32(rest, 0), usize::try_from(be32(rest, 4)).ok()?);
        if kind == EXTENSION_END {
            break;
        }
        let content = rest.get(8..8_usize.checked_add(length)?)?;
        if kind == wanted {
            return Some(content);
        }
        rest = rest.get(8 + length.checked_next_multiple_of(8)?..)?;
    }
    None
}
