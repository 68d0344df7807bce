//! The files of a system on a disk.

use std::io::{self, Cursor, Read};

use goldsmith_disk::{FileKind, TreeEntry, TreeError};

use super::{Kind, Met, Source, Visitor};

/// The largest link.
const LINK: usize = 4096;
/// The largest file that is read. Package databases of large systems have a few hundred MB.
const FILE: u64 = 4 << 30;
/// What is read at once.
const SMALL: u64 = 1 << 20;

/// A system on a disk.
pub(in crate::evidence) struct Root<'d>(pub(in crate::evidence) &'d goldsmith_disk::Root);

impl Source for Root<'_> {
    fn pass(&mut self, visitor: &mut dyn Visitor) -> io::Result<()> {
        let walk = self.0.tree().walk("/").map_err(io::Error::other)?;
        for entry in walk {
            match entry {
                Ok(entry) => meet(&entry, visitor)?,
                // What is not mounted is told once, by whoever opened the disk.
                Err(TreeError::NotMounted { .. }) => {}
                Err(error) => miss(&error, visitor),
            }
        }
        Ok(())
    }
}

fn miss(error: &TreeError, visitor: &mut dyn Visitor) {
    visitor.miss(error.to_string(), "check the file system, or scan in the guest");
}

fn meet(entry: &TreeEntry, visitor: &mut dyn Visitor) -> io::Result<()> {
    let met = Met {
        path: &entry.path,
        kind: match entry.metadata.kind {
            FileKind::Folder => Kind::Folder,
            FileKind::File => Kind::Regular,
            FileKind::Link => Kind::Link,
            _ => Kind::Other,
        },
        mode: u32::from(entry.metadata.mode),
        size: entry.metadata.size,
    };
    if !visitor.meet(&met)? {
        return Ok(());
    }
    match met.kind {
        Kind::Link => match entry.read_link() {
            Ok(target) => visitor.take(&met, &mut target.get(..LINK).unwrap_or(&target))?,
            Err(error) => miss(&error, visitor),
        },
        Kind::Regular if met.size <= SMALL => match entry.read(SMALL) {
            Ok(content) => visitor.take(&met, &mut content.as_slice())?,
            Err(error) => miss(&error, visitor),
        },
        Kind::Regular => take(entry, &met, visitor)?,
        Kind::Folder | Kind::Other => {}
    }
    Ok(())
}

/// A file goes from the thread that reads the disk to the visitor part by part.
fn take(entry: &TreeEntry, met: &Met<'_>, visitor: &mut dyn Visitor) -> io::Result<()> {
    std::thread::scope(|scope| {
        let (give, parts) = std::sync::mpsc::sync_channel::<Vec<u8>>(4);
        let reading = scope.spawn(move || {
            // Nobody takes it any more if the visitor has failed.
            entry.copy(FILE, |part| drop(give.send(part.to_vec())))
        });
        let taken = visitor.take(met, &mut Parts { parts: &parts, part: Cursor::default() });
        // Lets a reader go on that is not listened to.
        parts.iter().for_each(drop);
        match reading.join().map_err(|_| io::Error::other("reading a file ended in a panic"))? {
            Ok(()) => taken,
            Err(error) => {
                miss(&error, visitor);
                Ok(())
            }
        }
    })
}

struct Parts<'c> {
    parts: &'c std::sync::mpsc::Receiver<Vec<u8>>,
    part: Cursor<Vec<u8>>,
}

impl Read for Parts<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.part.read(buffer)? {
                0 if !buffer.is_empty() => match self.parts.recv() {
                    Ok(part) => self.part = Cursor::new(part),
                    Err(_) => return Ok(0),
                },
                count => return Ok(count),
            }
        }
    }
}
