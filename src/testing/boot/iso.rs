//! A disk for cloud-init's NoCloud data source: a minimal ISO 9660 file system (ECMA-119). Pure.
//!
//! Every distribution's cloud image reads one: it is what people make with `genisoimage`.

/// Bytes of a sector.
const SECTOR: usize = 2048;
/// Where the root folder is: after 16 sectors that are the system's, two descriptors and two path
/// tables.
const ROOT: usize = 20;
/// The label that cloud-init looks for.
const LABEL: &str = "cidata";

/// A file system that holds `files`, each a name and a content. There is room for few: all of them
/// stand in one sector of the root folder. Names are of ISO level 1 with `-`: Linux shows them in
/// lower case.
pub(super) fn image(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut folder = [record(&[0], ROOT, SECTOR, true), record(&[1], ROOT, SECTOR, true)].concat();
    let mut content = Vec::new();
    for (name, bytes) in files {
        let sector = ROOT + 1 + content.len() / SECTOR;
        let name = format!("{};1", name.to_ascii_uppercase());
        folder.extend(record(name.as_bytes(), sector, bytes.len(), false));
        content.extend_from_slice(bytes);
        content.resize(content.len().next_multiple_of(SECTOR), 0);
    }
    debug_assert!(folder.len() <= SECTOR, "few files with short names");
    let sectors = ROOT + 1 + content.len() / SECTOR;
    let mut image = vec![0; 16 * SECTOR];
    for part in [
        descriptor(sectors),
        [&b"\xffCD001\x01"[..]].concat(),
        path_table(u32::to_le_bytes, u16::to_le_bytes),
        path_table(u32::to_be_bytes, u16::to_be_bytes),
        folder,
        content,
    ] {
        image.extend(part);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    }
    image
}

/// The primary volume descriptor (8.4).
fn descriptor(sectors: usize) -> Vec<u8> {
    let mut sector = vec![0; SECTOR];
    let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x01CD001\x01");
    put(8, &padded("", 32));
    put(40, &padded(LABEL, 32));
    put(80, &both_32(sectors));
    put(120, &both_16(1)); // volumes of the set
    put(124, &both_16(1)); // this one of them
    put(128, &both_16(SECTOR));
    put(132, &both_32(PATH_TABLE));
    put(140, &number_32(ROOT - 2).to_le_bytes());
    put(148, &number_32(ROOT - 1).to_be_bytes());
    put(156, &record(&[0], ROOT, SECTOR, true));
    put(190, &padded("", 623)); // who made it, with what, from what
    for at in [813, 830, 847, 864] {
        put(at, b"0000000000000000\0"); // no time
    }
    put(881, &[1]);
    sector
}

/// Bytes of a path table that holds the root folder.
const PATH_TABLE: usize = 10;

/// A path table with the root folder (9.4).
fn path_table(long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
    [&[1, 0][..], &long(number_32(ROOT)), &short(1), &[0, 0]].concat()
}

/// A directory record (9.1).
fn record(name: &[u8], sector: usize, size: usize, folder: bool) -> Vec<u8> {
    let length = (33 + name.len()).next_multiple_of(2);
    let mut record = vec![u8::try_from(length).expect("names are short"), 0];
    record.extend(both_32(sector));
    record.extend(both_32(size));
    record.extend([70, 1, 1, 0, 0, 0, 0]); // the first second of 1970
    record.extend([if folder { 2 } else { 0 }, 0, 0]);
    record.extend(both_16(1));
    record.push(u8::try_from(name.len()).expect("names are short"));
    record.extend(name);
    record.resize(length, 0);
    record
}

fn padded(text: &str, length: usize) -> Vec<u8> {
    format!("{text:<length$}").into_bytes()
}

fn number_32(number: usize) -> u32 {
    u32::try_from(number).expect("a seed is small")
}

/// A number in both orders of bytes (7.3.3).
fn both_32(number: usize) -> Vec<u8> {
    let number = number_32(number);
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

/// A number in both orders of bytes (7.2.3).
fn both_16(number: usize) -> Vec<u8> {
    let number = u16::try_from(number).expect("these are small");
    [number.to_le_bytes(), number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a reader would find it: descriptor, root folder, files.
    #[test]
    fn a_reader_finds_the_label_and_the_files() {
        let long = vec![b'x'; 5000];
        let image = image(&[("meta-data", b"instance-id: a\n"), ("user-data", &long)]);
        let at = |start: usize| {
            let bytes = &image[start..start + 4];
            bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
        };
        let descriptor = 16 * SECTOR;
        assert_eq!(&image[descriptor + 40..descriptor + 47], b"cidata ");
        assert_eq!(at(descriptor + 80) * SECTOR, image.len());
        let mut entry = at(descriptor + 156 + 2) * SECTOR;
        let mut found = Vec::new();
        while image[entry] > 0 {
            let name = &image[entry + 33..entry + 33 + usize::from(image[entry + 32])];
            let (start, size) = (at(entry + 2) * SECTOR, at(entry + 10));
            let content = &image[start..start + size];
            let kind = if image[entry + 25] == 2 { "folder" } else { "file" };
            found.push(format!("{kind} {:?} {}", String::from_utf8_lossy(name), content.len()));
            entry += usize::from(image[entry]);
        }
        insta::assert_snapshot!(found.join("\n"), @r#"
        folder "\0" 2048
        folder "\u{1}" 2048
        file "META-DATA;1" 15
        file "USER-DATA;1" 5000
        "#);
        assert!(image.ends_with(&[b'x', 0]) || image.ends_with(&[0]));
    }
}
