//! An image reads its backing files only where it may, and a tree never leaves its root.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith_disk::{Disk, Limits};

struct Folder {
    _temporary: tempfile::TempDir,
    path: Utf8PathBuf,
}

fn folder() -> Folder {
    let temporary = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(temporary.path()).unwrap().canonicalize_utf8().unwrap();
    fs_err::create_dir(path.join("in")).unwrap();
    fs_err::write(path.join("secret"), vec![b'S'; 1 << 20]).unwrap();
    Folder { _temporary: temporary, path }
}

impl Folder {
    /// A qcow2 image in the folder `in` on a backing file, which need not be there.
    fn image(&self, name: &str, backing: &str, format: &str) -> Utf8PathBuf {
        let path = self.path.join("in").join(name);
        let arguments = ["create", "-q", "-u", "-f", "qcow2", "-F", format, "-b", backing];
        let status = Command::new("qemu-img").args(arguments).args([path.as_str(), "1M"]).status();
        assert!(status.unwrap().success());
        path
    }

    /// What opening an image comes to, where the folder `in` is allowed.
    fn open(&self, image: &Utf8Path) -> String {
        let limits = Limits { backing: vec![self.path.join("in")], ..Limits::default() };
        match Disk::open(image, &limits) {
            Ok(disk) => format!("{} bytes", disk.size()),
            Err(unreadable) => unreadable.to_string().replace(self.path.as_str(), ""),
        }
    }
}

#[test]
fn backing_files_are_read_only_inside_of_allowed_folders() {
    let folder = folder();
    let inside = folder.path.join("in/base");
    fs_err::write(&inside, vec![0; 1 << 20]).unwrap();
    std::os::unix::fs::symlink("../secret", folder.path.join("in/link")).unwrap();
    std::os::unix::fs::symlink("base", folder.path.join("in/good-link")).unwrap();
    let absolute = folder.path.join("secret");
    let names = [
        "base",
        "good-link",
        inside.as_str(),
        "../secret",
        absolute.as_str(),
        "link",
        "/dev/zero",
        "not-there",
        "json:{\"driver\":\"file\",\"filename\":\"base\"}",
        "nbd://localhost/x",
        "file:base",
        ".",
    ];
    let told: Vec<_> = names
        .iter()
        .map(|name| {
            let image = folder.image("image", name, "raw");
            format!("{}: {}", name.replace(folder.path.as_str(), ""), folder.open(&image))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    base: 1048576 bytes
    good-link: 1048576 bytes
    /in/base: 1048576 bytes
    ../secret: image: the qcow2 image has the backing file `../secret`, which is not read: it lies outside of the folders that are allowed
    /secret: image: the qcow2 image has the backing file `/secret`, which is not read: it lies outside of the folders that are allowed
    link: image: the qcow2 image has the backing file `link`, which is not read: it lies outside of the folders that are allowed
    /dev/zero: image: the qcow2 image has the backing file `/dev/zero`, which is not read: it lies outside of the folders that are allowed
    not-there: image: the qcow2 image has the backing file `not-there`, which is not read: there is no such file
    json:{"driver":"file","filename":"base"}: image: the qcow2 image has the backing file `json:{\"driver\":\"file\",\"filename\":\"base\"}`, which is not read: it is no path
    nbd://localhost/x: image: the qcow2 image has the backing file `nbd://localhost/x`, which is not read: it is no path
    file:base: 1048576 bytes
    .: image: the qcow2 image has the backing file `.`, which is not read: it is no regular file
    "#);
}

#[test]
fn nothing_is_a_backing_file_where_no_folder_is_allowed() {
    let folder = folder();
    fs_err::write(folder.path.join("in/base"), vec![0; 1 << 20]).unwrap();
    let image = folder.image("image", "base", "raw");
    let refused = Disk::open(&image, &Limits::default()).err().unwrap();
    insta::assert_snapshot!(refused, @"image: the qcow2 image has the backing file `base`, which is not read: it lies outside of the folders that are allowed");
    insta::assert_snapshot!(refused.way_out(), @"allow the folder of the backing file, or flatten the image");
}

#[test]
fn chains_end() {
    let folder = folder();
    let circle = folder.image("a", "b", "qcow2");
    folder.image("b", "a", "qcow2");
    let itself = folder.image("itself", "itself", "qcow2");
    fs_err::write(folder.path.join("in/0"), vec![0; 1 << 20]).unwrap();
    for number in 1..=9 {
        let format = if number == 1 { "raw" } else { "qcow2" };
        folder.image(&number.to_string(), &(number - 1).to_string(), format);
    }
    let lie = folder.image("lie", "a", "raw");
    let other_lie = folder.image("other-lie", "0", "qcow2");
    let images =
        [circle, itself, folder.path.join("in/8"), folder.path.join("in/9"), lie, other_lie];
    let told: Vec<_> = images.iter().map(|image| folder.open(image)).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    a: the qcow2 image is damaged: it is its own backing file, or that of one of those
    itself: the qcow2 image is damaged: it is its own backing file, or that of one of those
    1048576 bytes
    0: the qcow2 image is larger than goldsmith accepts: more than 8 backing files
    1048576 bytes
    0: the file is damaged: the image that stands on it calls it `qcow2`, which it is not
    ");
}

#[test]
fn sizes_beyond_all_reason_are_refused() {
    let folder = folder();
    let image = folder.image("image", "x", "raw");
    let header = fs_err::read(&image).unwrap();
    let with = |changes: &[(usize, &[u8])]| {
        let mut bytes = header.clone();
        bytes[8..20].fill(0); // no backing file
        for (at, value) in changes {
            bytes[*at..at + value.len()].copy_from_slice(value);
        }
        fs_err::write(&image, bytes).unwrap();
        folder.open(&image)
    };
    let told = [
        with(&[]),
        with(&[(24, &(1_u64 << 63).to_be_bytes())]),
        with(&[(24, &u64::MAX.to_be_bytes())]),
        with(&[(20, &63_u32.to_be_bytes())]),
        with(&[(24, &(1_u64 << 50).to_be_bytes()), (36, &u32::MAX.to_be_bytes())]),
        with(&[(40, &u64::MAX.to_be_bytes())]),
        with(&[(100, &u32::MAX.to_be_bytes())]),
        with(&[(72, &(1_u64 << 40).to_be_bytes())]),
        with(&[(72, &2_u64.to_be_bytes())]),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    1048576 bytes
    image: the qcow2 image is larger than goldsmith accepts: a disk of 9223372036854775808 bytes
    image: the qcow2 image is larger than goldsmith accepts: a disk of 18446744073709551615 bytes
    image: the qcow2 image is damaged: its cluster size is none
    image: the qcow2 image is damaged: 16777216 bytes at 196608 lie beyond the end at 196616
    image: the qcow2 image is damaged: 8 bytes at 18446744073709551615 lie beyond the end at 196616
    image: the qcow2 image is damaged: its header has an impossible length
    image: the qcow2 image uses unknown features (0x10000000000), which goldsmith cannot read
    image: the qcow2 image is damaged: it is marked as corrupt
    ");
}
