//! A disk image, opened: its layers put together.

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::content::{self, Content, FileSystemKind, Harmless, Identity};
use crate::filesystem::{self, Budget, Fence, Subvolume};
use crate::partition::{self, Partition, Purpose};
use crate::roots::{self, Root};
use crate::source::Shared;
use crate::unreadable::{Unreadable, What, Why};
use crate::{container, volume};

/// What reading an image may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Folders in which backing files are read. None: no backing file is.
    pub backing: Vec<Utf8PathBuf>,
    /// Time that a file system may take for one answer.
    pub answer: Duration,
    /// Time that all file systems may take together.
    pub time: Duration,
    /// Names that a walk reads.
    pub files: u64,
}

impl Default for Limits {
    /// No backing files, a minute, ten minutes, four million names.
    fn default() -> Self {
        Self {
            backing: Vec::new(),
            answer: Duration::from_mins(1),
            time: Duration::from_mins(10),
            files: 4_000_000,
        }
    }
}

/// A part of a disk: a partition, a logical volume, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where it is: `partition 2`, `logical volume vg/root`, `the whole disk`.
    pub place: String,
    /// Bytes.
    pub size: u64,
    /// What it holds.
    pub content: Content,
}

/// A file system that can be read, with the names that an fstab may use for it.
pub(crate) struct FileSystemVolume {
    pub(crate) place: String,
    pub(crate) files: Arc<Fence>,
    pub(crate) subvolumes: Vec<Subvolume>,
    kind: FileSystemKind,
    names: Names,
}

/// A partition whose type says what it is for.
pub(crate) struct TypedPartition {
    pub(crate) place: String,
    pub(crate) purpose: Purpose,
    pub(crate) content: Content,
    /// Its place in the list of file systems that can be read.
    pub(crate) volume: Option<usize>,
}

/// How a part of a disk may be called.
#[derive(Debug, Clone, Default)]
struct Names {
    identity: Identity,
    partition: Option<Partition>,
    volume: Option<String>,
    whole: bool,
}

impl FileSystemVolume {
    pub(crate) fn what(&self) -> What {
        what(self.kind)
    }

    /// What its partition is for.
    pub(crate) fn purpose(&self) -> Option<Purpose> {
        self.names.partition.as_ref()?.purpose()
    }

    /// Is this its name in an fstab?
    pub(crate) fn is_called(&self, device: &str) -> bool {
        let Names { identity, partition, volume, whole } = &self.names;
        let partition = partition.as_ref();
        let by = |tag: &str, folder: &str| {
            let path = format!("/dev/disk/{folder}/");
            device.strip_prefix(tag).or_else(|| device.strip_prefix(path.as_str()))
        };
        let same = |a: &str, b: &str| !a.is_empty() && a.eq_ignore_ascii_case(b);
        if let Some(uuid) = by("UUID=", "by-uuid") {
            return same(&identity.uuid, uuid);
        }
        if let Some(label) = by("LABEL=", "by-label") {
            return !label.is_empty() && identity.label == label;
        }
        if let Some(uuid) = by("PARTUUID=", "by-partuuid") {
            return partition.is_some_and(|partition| same(&partition.uuid, uuid));
        }
        if let Some(name) = by("PARTLABEL=", "by-partlabel") {
            return partition.is_some_and(|partition| same(&partition.name, name));
        }
        let Some(device) = device.strip_prefix("/dev/") else { return false };
        if let Some(volume) = volume {
            // The mapper doubles hyphens, and puts one between the two names.
            let mapped = volume.replace('-', "--").replacen('/', "-", 1);
            return device == volume || device.strip_prefix("mapper/") == Some(&mapped);
        }
        match partition {
            Some(partition) => is_partition(device, partition.number),
            None => *whole && DISKS.iter().chain(NUMBERED_DISKS).any(|disk| device == *disk),
        }
    }
}

/// First disks, as the drivers of virtual machines call them.
const DISKS: &[&str] = &["vda", "sda", "hda", "xvda"];
/// Those whose names end in a digit: their partitions have a `p` before the number.
const NUMBERED_DISKS: &[&str] = &["nvme0n1", "mmcblk0"];

fn is_partition(device: &str, number: u32) -> bool {
    let number = number.to_string();
    let plain = DISKS.iter().find_map(|disk| device.strip_prefix(disk));
    let numbered =
        NUMBERED_DISKS.iter().find_map(|disk| device.strip_prefix(disk)?.strip_prefix('p'));
    plain.or(numbered) == Some(&number)
}

fn what(kind: FileSystemKind) -> What {
    match kind {
        FileSystemKind::Ext => What::Ext,
        FileSystemKind::Xfs => What::Xfs,
        FileSystemKind::Btrfs => What::Btrfs,
    }
}

/// A disk image, opened for reading.
pub struct Disk {
    size: u64,
    partitions: Option<Vec<Partition>>,
    parts: Vec<Part>,
    unreadable: Vec<Unreadable>,
    roots: Vec<Root>,
}

impl Disk {
    /// Opens an image and looks for the systems on it. Fails if not even its table can be read;
    /// whatever else cannot is told by [`Disk::unreadable`].
    pub fn open(path: &Utf8Path, limits: &Limits) -> Result<Self, Unreadable> {
        Self::of(&container::open(path, &limits.backing)?, limits)
    }

    /// The same for an image from any source of bytes. It must not need a backing file.
    pub fn of_image(image: Shared, limits: &Limits) -> Result<Self, Unreadable> {
        Self::of(&container::of(image)?, limits)
    }

    /// The same for a disk, without a container, from any source of bytes.
    pub fn of(disk: &Shared, limits: &Limits) -> Result<Self, Unreadable> {
        let partitions = partition::read(disk)?;
        let mut assembly = Assembly::new(limits);
        match &partitions {
            None => {
                let names = Names { whole: true, ..Names::default() };
                assembly.add("the whole disk", disk, names);
            }
            Some(partitions) => {
                for partition in partitions {
                    let place = place(partition);
                    let names = Names { partition: Some(partition.clone()), ..Names::default() };
                    assembly.add(&place, &partition.of(disk), names);
                }
            }
        }
        assembly.add_volumes();
        let Assembly { parts, mut unreadable, file_systems, typed, .. } = assembly;
        let (roots, not_searched) = roots::find(&file_systems, &typed, limits.files);
        unreadable.extend(not_searched);
        Ok(Self { size: disk.size(), partitions, parts, unreadable, roots })
    }

    /// Bytes of the disk, as its machine sees it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its partitions; `None` if it has no table.
    pub fn partitions(&self) -> Option<&[Partition]> {
        self.partitions.as_deref()
    }

    /// What was found on it.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What could not be read, and may hide a system or part of one.
    pub fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The systems on it.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }
}

fn place(partition: &Partition) -> String {
    let Partition { number, name, .. } = partition;
    if name.is_empty() {
        format!("partition {number}")
    } else {
        format!("partition {number} (`{}`)", name.escape_debug())
    }
}

/// Partition types whose content, if it is of no known format, is no system: BIOS boot, PReP boot
/// (GPT and MBR), Microsoft's reserved one.
const BOOT: &[&str] = &[
    "21686148-6449-6e6f-744e-656564454649",
    "9e1a2d38-c612-4316-aa26-8b49521e5a8b",
    "41",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
];

/// A disk that is being put together.
struct Assembly {
    budget: Budget,
    parts: Vec<Part>,
    unreadable: Vec<Unreadable>,
    file_systems: Vec<FileSystemVolume>,
    typed: Vec<TypedPartition>,
    physical_volumes: Vec<(String, Shared)>,
}

impl Assembly {
    fn new(limits: &Limits) -> Self {
        Self {
            budget: Budget::new(limits.answer, limits.time),
            parts: Vec::new(),
            unreadable: Vec::new(),
            file_systems: Vec::new(),
            typed: Vec::new(),
            physical_volumes: Vec::new(),
        }
    }

    /// Looks at a part of the disk.
    fn add(&mut self, place: &str, source: &Shared, names: Names) {
        let mut fail = |what, why| self.unreadable.push(Unreadable::new(place, what, why));
        let mut content = match content::detect(source.as_ref()) {
            Ok(content) => content,
            Err(error) => return fail(What::Unknown, Why::from_io(&error)),
        };
        let purpose = names.partition.as_ref().and_then(Partition::purpose);
        let kind = names.partition.as_ref().map(|partition| partition.kind.as_str());
        if content == Content::Unreadable(What::Unknown) {
            if kind.is_some_and(|kind| BOOT.contains(&kind)) {
                content = Content::Harmless(Harmless::Boot);
            } else if purpose == Some(Purpose::Signature) {
                content = Content::Harmless(Harmless::Verity);
            }
        }
        let known = self.file_systems.len();
        match content {
            Content::Harmless(_) => {}
            Content::Unreadable(what) => {
                let encrypted = matches!(what, What::Luks1 | What::Luks2 | What::BitLocker);
                fail(what, if encrypted { Why::Encrypted } else { Why::NotSupported });
            }
            Content::PhysicalVolume if names.volume.is_some() => {
                fail(What::Lvm, Why::Feature("a physical volume within a logical one".to_owned()));
            }
            Content::PhysicalVolume => {
                self.physical_volumes.push((place.to_owned(), Arc::clone(source)));
            }
            Content::FileSystem(kind) => match self.open(place, source, kind, names) {
                Ok(file_system) => self.file_systems.push(file_system),
                Err(why) => self.unreadable.push(Unreadable::new(place, what(kind), why)),
            },
        }
        self.typed.extend(purpose.map(|purpose| TypedPartition {
            place: place.to_owned(),
            purpose,
            content: content.clone(),
            volume: (self.file_systems.len() > known).then_some(known),
        }));
        self.parts.push(Part { place: place.to_owned(), size: source.size(), content });
    }

    fn open(
        &self,
        place: &str,
        source: &Shared,
        kind: FileSystemKind,
        names: Names,
    ) -> Result<FileSystemVolume, Why> {
        let identity = content::identify(source.as_ref(), kind).map_err(|e| Why::from_io(&e))?;
        let files = filesystem::open(Arc::clone(source), kind, &self.budget)?;
        let subvolumes = files.subvolumes()?;
        Ok(FileSystemVolume {
            place: place.to_owned(),
            files: Arc::new(files),
            subvolumes,
            kind,
            names: Names { identity, ..names },
        })
    }

    /// Puts logical volumes together and looks at them.
    fn add_volumes(&mut self) {
        if self.physical_volumes.is_empty() {
            return;
        }
        let (volumes, failed) = volume::assemble(&self.physical_volumes);
        self.unreadable.extend(failed);
        for volume in volumes {
            match volume.bytes {
                Ok(bytes) => {
                    let place = format!("logical volume {}", volume.name.escape_debug());
                    let names = Names { volume: Some(volume.name), ..Names::default() };
                    self.add(&place, &bytes, names);
                }
                Err(unreadable) => self.unreadable.push(unreadable),
            }
        }
    }
}
