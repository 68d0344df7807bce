//! First layer: the file that holds a disk, as a disk. One file a format.

mod qcow2;
mod raw;
mod signature;

use std::collections::HashSet;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::source::Shared;
use crate::unreadable::{Unreadable, What, Why};

/// Images that one image may stand on.
const DEPTH: usize = 8;

/// Opens an image file as the disk that it holds. Backing files are read only where they lie inside
/// one of `backing`.
pub(crate) fn open(path: &Utf8Path, backing: &[Utf8PathBuf]) -> Result<Shared, Unreadable> {
    let allowed = backing.iter().filter_map(|folder| folder.canonicalize_utf8().ok()).collect();
    Chain { allowed, seen: HashSet::new() }.open(path, None)
}

/// The disk that an image in memory, or elsewhere, holds. It must stand on its own.
pub(crate) fn of(image: Shared) -> Result<Shared, Unreadable> {
    Chain { allowed: Vec::new(), seen: HashSet::new() }.of(Utf8Path::new("the image"), image, None)
}

/// How a format is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Raw,
    Qcow2,
    Other(What),
}

/// The files of one image, in the order in which they stand on each other.
struct Chain {
    allowed: Vec<Utf8PathBuf>,
    /// Device and inode of every file that is part of it.
    seen: HashSet<(u64, u64)>,
}

impl Chain {
    /// Opens a file of the chain. `format` is what the image above says of it.
    fn open(&mut self, path: &Utf8Path, format: Option<&str>) -> Result<Shared, Unreadable> {
        let place = path.file_name().unwrap_or(path.as_str());
        let fail = |what, why| Unreadable::new(place, what, why);
        let io = |error: &std::io::Error| fail(What::File, Why::Io(error.to_string()));
        // Asked before it is opened: opening a named pipe would wait for its other end.
        let metadata = fs_err::metadata(path).map_err(|error| io(&error))?;
        if !metadata.is_file() && !metadata.file_type().is_block_device() {
            return Err(fail(What::File, Why::Io("it is no regular file".to_owned())));
        }
        if !self.seen.insert((metadata.dev(), metadata.ino())) {
            return Err(fail(
                What::Qcow2,
                Why::Damaged("it is its own backing file, or that of one of those".to_owned()),
            ));
        }
        if self.seen.len() > DEPTH + 1 {
            let too_deep = format!("more than {DEPTH} backing files");
            return Err(fail(What::Qcow2, Why::TooLarge(too_deep)));
        }
        let file = raw::RawFile::open(path).map_err(|error| io(&error))?;
        let file: Shared = Arc::new(file);
        self.of(path, file, format)
    }

    /// The disk in a file of the chain.
    fn of(
        &mut self,
        path: &Utf8Path,
        file: Shared,
        format: Option<&str>,
    ) -> Result<Shared, Unreadable> {
        let place = path.file_name().unwrap_or(path.as_str());
        let fail = |what, why| Unreadable::new(place, what, why);
        let found = signature::detect(file.as_ref())
            .map_err(|error| fail(What::File, Why::from_io(&error)))?;
        match (format, found) {
            (Some("raw"), _) | (None, Format::Raw) => Ok(file),
            (None | Some("qcow2"), Format::Qcow2) => {
                let fail = |why| fail(What::Qcow2, why);
                let header = qcow2::Header::read(file.as_ref()).map_err(fail)?;
                let backing = match &header.backing {
                    None => None,
                    Some(named) => Some(self.open_backing(path, named)?),
                };
                let image = qcow2::Qcow2::open(file, &header, backing).map_err(fail)?;
                Ok(Arc::new(image))
            }
            (None, Format::Other(what)) => Err(fail(what, Why::NotSupported)),
            (Some(said), _) => {
                let why = format!("the image that stands on it calls it `{said}`, which it is not");
                Err(fail(What::File, Why::Damaged(why)))
            }
        }
    }

    /// Opens what the image at `above` names as its backing file.
    fn open_backing(
        &mut self,
        above: &Utf8Path,
        named: &qcow2::Backing,
    ) -> Result<Shared, Unreadable> {
        let refuse = |because: &str| {
            let name = named.name.escape_debug().to_string();
            let why = Why::BackingRefused { name, because: because.to_owned() };
            Unreadable::new(above.file_name().unwrap_or(above.as_str()), What::Qcow2, why)
        };
        let name = named.name.strip_prefix("file:").unwrap_or(&named.name);
        // `json:{…}`, `nbd://…`: QEMU's other ways to name a file.
        if name.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/')) {
            return Err(refuse("it is no path"));
        }
        let folder = above.parent().unwrap_or(Utf8Path::new(""));
        let Ok(path) = folder.join(name).canonicalize_utf8() else {
            return Err(refuse("there is no such file"));
        };
        // Judged by where it really is: neither `..` nor a link leads out of an allowed folder.
        if !self.allowed.iter().any(|folder| path.starts_with(folder)) {
            return Err(refuse("it lies outside of the folders that are allowed"));
        }
        if !path.is_file() {
            return Err(refuse("it is no regular file"));
        }
        self.open(&path, named.format.as_deref())
    }
}
