//! The root file system that is put into every disk, and what it holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use camino::Utf8Path;

/// A file, as both sides have to see it: its kind and mode, and its content or target.
pub(crate) type Listing = BTreeMap<String, (String, Vec<u8>)>;

/// Packages in the database.
pub(crate) const PACKAGES: usize = 150;

/// The packages: name and version.
pub(crate) fn packages() -> Vec<(String, String)> {
    (0..PACKAGES).map(|n| (format!("package-{n:03}"), format!("1.{n}-{}+deb12u1", n % 7))).collect()
}

/// dpkg's database of these packages.
pub(crate) fn status(packages: &[(String, String)]) -> String {
    let entry = |(name, version): &(String, String)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n\
             Version: {version}\nDescription: a package\n {}\n\n",
            "words ".repeat(40)
        )
    };
    packages.iter().map(entry).collect()
}

/// The packages that a database of dpkg tells of.
pub(crate) fn read_status(status: &[u8]) -> Vec<(String, String)> {
    let status = std::str::from_utf8(status).unwrap();
    let value = |entry: &str, key: &str| {
        entry.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().trim().to_owned()
    };
    let entries = status.split("\n\n").filter(|entry| !entry.is_empty());
    entries.map(|entry| (value(entry, "Package:"), value(entry, "Version:"))).collect()
}

/// Writes the root file system. Its user and group are those of whoever runs this.
pub(crate) fn write(root: &Utf8Path, id: &str, fstab: &str) {
    let folders = [
        "etc/ssh",
        "usr/lib",
        "usr/bin",
        "usr/share/many",
        "var/lib/dpkg/info",
        "var/log",
        "deep/a/b/c/d/e/f",
        "home",
        "boot",
        "proc",
        "tmp",
    ];
    for folder in folders {
        fs_err::create_dir_all(root.join(folder)).unwrap();
    }
    let put = |path: &str, content: &[u8]| fs_err::write(root.join(path), content).unwrap();
    let os = format!("PRETTY_NAME=\"A {id}\"\nID={id}\nVERSION_ID=\"12\"\n");
    put("usr/lib/os-release", os.as_bytes());
    put("etc/fstab", fstab.as_bytes());
    put("var/lib/dpkg/status", status(&packages()).as_bytes());
    put("etc/machine-id", b"");
    // Compresses to nothing, and not at all; ends within a block.
    put("usr/bin/zeros", &vec![0; 700_000]);
    put("usr/bin/noise", &noise(900_001));
    put("deep/a/b/c/d/e/f/small", b"x");
    put("etc/ssh/ssh_host_key", b"secret");
    let mode = |path: &str, mode| {
        fs_err::set_permissions(root.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("etc/ssh/ssh_host_key", 0o600);
    mode("usr/bin/noise", 0o4755);
    mode("tmp", 0o1777);
    for number in 0..600 {
        put(&format!("usr/share/many/a-file-with-a-name-of-some-length-{number:04}"), b"many\n");
    }
    let sparse = fs_err::File::create(root.join("var/log/sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(sparse.file(), b"end", (3 << 20) - 3).unwrap();
    let long = format!("../usr/share/{}many", "./".repeat(60));
    for (path, target) in [
        ("etc/os-release", "../usr/lib/os-release"),
        ("bin", "usr/bin"),
        ("etc/absolute", "/usr/lib/os-release"),
        ("etc/outside", "../../../../../../etc/fstab"),
        ("etc/circle", "circle"),
        ("etc/long", &long),
    ] {
        symlink(target, root.join(path)).unwrap();
    }
}

/// Bytes that do not compress, the same ones every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}

/// What stands in a folder of this machine.
pub(crate) fn list(root: &Utf8Path) -> Listing {
    let mut listing = Listing::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            let metadata = fs_err::symlink_metadata(&path).unwrap();
            let content = if metadata.is_symlink() {
                path.read_link_utf8().unwrap().into_string().into_bytes()
            } else if metadata.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else {
                fs_err::read(&path).unwrap()
            };
            let name = format!("/{}", path.strip_prefix(root).unwrap());
            let mode = if metadata.is_symlink() { 0o120_777 } else { metadata.mode() };
            listing.insert(name, (format!("{mode:o}"), content));
        }
    }
    listing
}

/// Writes a small root file system, with a bit of everything.
pub(crate) fn write_small(root: &Utf8Path) {
    for folder in ["etc", "usr/lib", "usr/many", "var/lib/dpkg"] {
        fs_err::create_dir_all(root.join(folder)).unwrap();
    }
    let put = |path: &str, content: &[u8]| fs_err::write(root.join(path), content).unwrap();
    put("usr/lib/os-release", b"ID=debian\nVERSION_ID=12\n");
    put("etc/fstab", b"LABEL=x /var ext4\n");
    put("var/lib/dpkg/status", status(&packages()).as_bytes());
    for number in 0..100 {
        put(&format!("usr/many/a-file-with-a-long-name-{number:03}"), b"many");
    }
    symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    symlink(format!("../{}usr", "./".repeat(80)), root.join("etc/long")).unwrap();
}

/// The same folder as a prototype for mkfs.xfs, which needs no mount then.
pub(crate) fn prototype(root: &Utf8Path) -> String {
    fn folder(at: &Utf8Path, text: &mut String) {
        let mut entries: Vec<_> = at.read_dir_utf8().unwrap().map(Result::unwrap).collect();
        entries.sort_by(|a, b| a.file_name().cmp(b.file_name()));
        for entry in entries {
            let (name, path) = (entry.file_name(), entry.path());
            if entry.file_type().unwrap().is_symlink() {
                let target = path.read_link_utf8().unwrap();
                writeln!(text, "{name} l--777 0 0 {target}").unwrap();
            } else if entry.file_type().unwrap().is_dir() {
                writeln!(text, "{name} d--755 0 0").unwrap();
                folder(path, text);
            } else {
                writeln!(text, "{name} ---644 0 0 {path}").unwrap();
            }
        }
        *text += "$\n";
    }
    let mut text = "/dev/null\n0 0\nd--755 0 0\n".to_owned();
    folder(root, &mut text);
    text
}
