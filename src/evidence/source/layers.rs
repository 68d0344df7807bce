//! The files of tar archives that lie over each other: a root file system in one archive, or the
//! layers of a container image.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Take};
use std::rc::Rc;

use camino::Utf8PathBuf;
use tar::{Archive, EntryType};

use super::{Kind, Met, Source, Visitor, printable};
use crate::process::Cancellation;

/// Files of all layers together.
const FILES: usize = 2_000_000;
/// Bytes of all paths and links together.
const PATHS: usize = 256 << 20;
/// Bytes of what stands before a file: long names, and other things that the archive says of it.
const HEADERS: u64 = 8 << 20;
/// The largest file that may have several names.
const SEVERAL: u64 = 256 << 20;

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::evidence) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Told by the first bytes (RFC 1952, RFC 8878).
    pub(in crate::evidence) fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// A tar archive: a file, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::evidence) struct Layer {
    pub(in crate::evidence) file: Utf8PathBuf,
    pub(in crate::evidence) start: u64,
    pub(in crate::evidence) length: u64,
}

impl Layer {
    /// All of a file.
    pub(in crate::evidence) fn whole(file: Utf8PathBuf) -> io::Result<Self> {
        let length = fs_err::metadata(&file)?.len();
        Ok(Self { file, start: 0, length })
    }

    /// Its bytes, as they are.
    pub(in crate::evidence) fn bytes(&self) -> io::Result<Take<BufReader<fs_err::File>>> {
        let mut file = fs_err::File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.start))?;
        Ok(BufReader::with_capacity(1 << 16, file).take(self.length))
    }

    pub(in crate::evidence) fn compression(&self) -> io::Result<Compression> {
        let mut beginning = Vec::new();
        self.bytes()?.take(4).read_to_end(&mut beginning)?;
        Ok(Compression::of(&beginning))
    }

    /// Its bytes, unpacked.
    pub(in crate::evidence) fn unpacked(&self) -> io::Result<Box<dyn Read>> {
        let bytes = self.bytes()?;
        Ok(match self.compression()? {
            Compression::None => Box::new(bytes),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(bytes)?),
        })
    }
}

/// Layers, the lowest first.
pub(in crate::evidence) struct Layers {
    all: Vec<Layer>,
    /// Whether names that begin with `.wh.` take away what lies below (OCI image specification,
    /// "Whiteouts").
    whiteouts: bool,
    /// Whether several archives may stand in a layer one behind the other.
    concatenated: bool,
    files: Option<BTreeMap<Vec<u8>, Place>>,
    /// Ends the work.
    cancellation: Cancellation,
}

/// A reader of an archive that gives no more than it may: what stands before a file is read into
/// memory as a whole.
struct Rationed<R> {
    reader: R,
    left: Ration,
}

/// How much may be read until the next file comes.
#[derive(Clone)]
struct Ration(Rc<Cell<u64>>);

impl Ration {
    /// A file has come.
    fn renew(&self, entry: &tar::Entry<'_, impl Read>) {
        // Of a file with holes only what is none stands in the archive.
        let stored = entry.header().entry_size().unwrap_or(0);
        let size = match entry.header().entry_type() {
            EntryType::GNUSparse => stored,
            _ => stored.max(entry.size()),
        };
        self.0.set(size.saturating_add(HEADERS));
    }
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.0.get();
        if left == 0 && !buffer.is_empty() {
            let why = "what an archive says of a file is larger than 8 MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(&mut buffer[..length])?;
        self.left.0.set(left - read as u64);
        Ok(read)
    }
}

/// What is known of a file, and where its content lies.
#[derive(Debug, Clone)]
struct Place {
    kind: Kind,
    mode: u32,
    size: u64,
    link: Vec<u8>,
    layer: usize,
    /// Which entry of its layer it is.
    entry: usize,
}

impl Layers {
    pub(in crate::evidence) fn new(
        layers: Vec<Layer>,
        whiteouts: bool,
        cancellation: &Cancellation,
    ) -> Self {
        let cancellation = cancellation.clone();
        Self { all: layers, whiteouts, concatenated: false, files: None, cancellation }
    }

    /// Reads on where an archive ends in a layer.
    pub(in crate::evidence) fn concatenated(self) -> Self {
        Self { concatenated: true, ..self }
    }

    fn archive(&self, layer: &Layer) -> io::Result<(Archive<impl Read + use<>>, Ration)> {
        let left = Ration(Rc::new(Cell::new(HEADERS)));
        let reader = self.cancellation.guard(layer.unpacked()?);
        let mut archive = Archive::new(Rationed { reader, left: left.clone() });
        archive.set_ignore_zeros(self.concatenated);
        Ok((archive, left))
    }

    /// Whether the files that passed are those of a container image, not of a system.
    pub(in crate::evidence) fn is_image(&self) -> bool {
        let has = |name: &[u8]| self.files.as_ref().is_some_and(|files| files.contains_key(name));
        has(b"/manifest.json") || has(b"/oci-layout")
    }

    /// All files as they are in the end.
    fn index(&self) -> io::Result<BTreeMap<Vec<u8>, Place>> {
        let mut files = BTreeMap::new();
        let mut bytes = 0;
        for (number, layer) in self.all.iter().enumerate() {
            let mut upper = HashSet::new();
            let (mut archive, ration) = self.archive(layer)?;
            for (place, entry) in archive.entries()?.enumerate() {
                let entry = entry?;
                ration.renew(&entry);
                let Some(path) = normal(&entry.path_bytes()) else { continue };
                bytes += path.len();
                if files.len() >= FILES || bytes > PATHS {
                    let why = format!("`{}` holds more files than are looked at", layer.file);
                    return Err(io::Error::other(why));
                }
                if self.whiteouts && take_away(&mut files, &upper, &path) {
                    continue;
                }
                let found = self.place(&entry, (number, place), &files)?;
                bytes += found.link.len();
                // What is no folder takes the place of a folder with all that is in it.
                if found.kind != Kind::Folder {
                    remove_below(&mut files, &path, |_| true);
                }
                if self.whiteouts {
                    upper.insert(path.clone());
                }
                files.insert(path, found);
            }
        }
        Ok(files)
    }

    fn place(
        &self,
        entry: &tar::Entry<'_, impl Read>,
        (layer, number): (usize, usize),
        files: &BTreeMap<Vec<u8>, Place>,
    ) -> io::Result<Place> {
        let header = entry.header();
        let link = || entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let kind = match header.entry_type() {
            EntryType::Directory => Kind::Folder,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::Regular,
            EntryType::Symlink => Kind::Link,
            EntryType::Link => {
                // Another name of a file that was there before.
                let target = normal(&link()).and_then(|target| files.get(&target));
                return match target {
                    Some(target) => Ok(target.clone()),
                    None => Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("a hard link in `{}` leads nowhere", self.all[layer].file),
                    )),
                };
            }
            _ => Kind::Other,
        };
        Ok(Place {
            kind,
            mode: header.mode()? & 0o7777,
            size: if kind == Kind::Regular { entry.size() } else { 0 },
            link: if kind == Kind::Link { link() } else { Vec::new() },
            layer,
            entry: number,
        })
    }
}

/// Whether the entry takes something away, and does so.
fn take_away(files: &mut BTreeMap<Vec<u8>, Place>, upper: &HashSet<Vec<u8>>, path: &[u8]) -> bool {
    let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    let (folder, name) = (&path[..at], &path[at + 1..]);
    let Some(hidden) = name.strip_prefix(b".wh.") else { return false };
    if hidden == b".wh..opq" {
        // What this very layer has put there stays, wherever in the layer it stands.
        remove_below(files, folder, |path| !upper.contains(path));
    } else if !hidden.starts_with(b".wh.") {
        let path = [folder, b"/", hidden].concat();
        if !upper.contains(&path) {
            files.remove(&path);
        }
        // Also where this layer has a folder of that name: what the lower ones have in theirs is gone.
        remove_below(files, &path, |path| !upper.contains(path));
    }
    true
}

fn remove_below(
    files: &mut BTreeMap<Vec<u8>, Place>,
    folder: &[u8],
    is_gone: impl Fn(&[u8]) -> bool,
) {
    let beginning = [folder, b"/"].concat();
    let below =
        files.range(beginning.clone()..).take_while(|(path, _)| path.starts_with(&beginning));
    let gone: Vec<Vec<u8>> =
        below.map(|(path, _)| path).filter(|path| is_gone(path)).cloned().collect();
    for path in gone {
        files.remove(&path);
    }
}

/// A path of an archive from the root. `None` for the root itself, and for what would lead out.
fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let mut normal = Vec::with_capacity(path.len() + 1);
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            part => {
                normal.push(b'/');
                normal.extend(part);
            }
        }
    }
    (!normal.is_empty()).then_some(normal)
}

impl Source for Layers {
    fn pass(&mut self, visitor: &mut dyn Visitor) -> io::Result<()> {
        let files = match self.files.take() {
            Some(files) => files,
            None => self.index()?,
        };
        // By layer and entry: a layer is unpacked once, and only as far as something of it is wanted.
        let mut wanted: BTreeMap<(usize, usize), Vec<&[u8]>> = BTreeMap::new();
        for (path, place) in &files {
            let met = Met { path, kind: place.kind, mode: place.mode, size: place.size };
            if !visitor.meet(&met)? {
                continue;
            }
            match place.kind {
                Kind::Link => visitor.take(&met, &mut place.link.as_slice())?,
                Kind::Regular => {
                    wanted.entry((place.layer, place.entry)).or_default().push(path);
                }
                Kind::Folder | Kind::Other => {}
            }
        }
        for (number, layer) in self.all.iter().enumerate() {
            let Some(((_, last), _)) = wanted.range((number, 0)..(number + 1, 0)).next_back()
            else {
                continue;
            };
            let (mut archive, ration) = self.archive(layer)?;
            for (place, entry) in archive.entries()?.enumerate().take(last + 1) {
                let mut entry = entry?;
                ration.renew(&entry);
                let Some(paths) = wanted.get(&(number, place)) else { continue };
                let (first, others) = paths.split_first().expect("there is one at least");
                let met = |path| {
                    let Place { kind, mode, size, .. } = files[path];
                    Met { path, kind, mode, size }
                };
                if others.is_empty() {
                    visitor.take(&met(first), &mut entry)?;
                    continue;
                }
                // Several names of one file: rare, and small.
                if files[*first].size > SEVERAL {
                    let what = format!("`{}` is large and has several names", printable(first));
                    visitor.miss(what, "check the artifact");
                    continue;
                }
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                for path in paths {
                    visitor.take(&met(path), &mut content.as_slice())?;
                }
            }
        }
        self.files = Some(files);
        Ok(())
    }
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.all.iter().map(|layer| printable(layer.file.as_str().as_bytes()));
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    /// An archive of entries: type, name, content or where a link leads.
    fn layer(folder: &Utf8Path, name: &str, entries: &[(EntryType, &str, &[u8])]) -> Layer {
        let path = folder.join(name);
        let gzip = flate2::write::GzEncoder::new(
            fs_err::File::create(&path).unwrap(),
            flate2::Compression::fast(),
        );
        let mut archive = tar::Builder::new(gzip);
        for (kind, name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
        Layer::whole(path).unwrap()
    }

    fn layers(layers: Vec<Layer>) -> Layers {
        Layers::new(layers, true, &Cancellation::new())
    }

    #[test]
    fn a_whiteout_takes_away_what_lower_layers_have_in_a_folder_that_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (file, made) = (EntryType::Regular, EntryType::Directory);
        let lower = [(made, "a", &b""[..]), (file, "a/old", b"1"), (file, "b/old", b"1")];
        let upper = [(made, "a", &b""[..]), (file, "a/new", b"2"), (file, ".wh.a", b"")];
        let both = vec![layer(folder, "lower", &lower), layer(folder, "upper", &upper)];
        let files: Vec<_> = layers(both).index().unwrap().into_keys().collect();
        assert_eq!(files, [&b"/a"[..], b"/a/new", b"/b/old"]);
    }

    #[test]
    fn a_name_without_end_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let long = vec![b'a'; 16 << 20];
        for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
            let entries = [(kind, "x", &long[..]), (EntryType::Regular, "y", b"")];
            let error = layers(vec![layer(folder, "long", &entries)]).index().unwrap_err();
            assert_eq!(error.to_string(), "what an archive says of a file is larger than 8 MiB");
        }
        // A file may be as large as it likes.
        let entries = [(EntryType::Regular, "x", &long[..]), (EntryType::Regular, "y", b"")];
        assert_eq!(layers(vec![layer(folder, "large", &entries)]).index().unwrap().len(), 2);
    }
}
