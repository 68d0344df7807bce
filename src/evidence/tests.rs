//! What is taken out of archives that were made to deceive.

use std::io::Cursor;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};

use super::collector::Collected;
use super::source::{Layer, Layers};
use super::{Question, packages, rootfs};
use crate::model::{Digest, MachineId, Scope};
use crate::process::Cancellation;

/// An entry of an archive: its type, its name as it stands there, and its content or where it leads.
type Entry<'a> = (EntryType, &'a str, &'a str);

const FILE: EntryType = EntryType::Regular;
const LINK: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;

/// An archive of these entries, names unchanged: whatever a stranger can write.
fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, content) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let field = &mut header.as_old_mut().name;
        let length = name.len().min(field.len());
        field[..length].copy_from_slice(&name.as_bytes()[..length]);
        let links = matches!(*kind, EntryType::Symlink | EntryType::Link);
        if links {
            let field = &mut header.as_old_mut().linkname;
            let length = content.len().min(field.len());
            field[..length].copy_from_slice(&content.as_bytes()[..length]);
        }
        let content = if *kind == FILE { content.as_bytes() } else { b"" };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, Cursor::new(content)).unwrap();
    }
    builder.into_inner().unwrap()
}

struct Taken {
    _folder: tempfile::TempDir,
    scratch: Utf8PathBuf,
    collected: std::io::Result<Collected>,
}

fn take(layers: &[&[Entry<'_>]], whiteouts: bool) -> Taken {
    let folder = tempfile::tempdir().unwrap();
    let scratch = Utf8Path::from_path(folder.path()).unwrap().join("scratch");
    fs_err::create_dir(&scratch).unwrap();
    let layers = layers.iter().enumerate().map(|(number, entries)| {
        let path = scratch.with_file_name(format!("layer-{number}"));
        fs_err::write(&path, archive(entries)).unwrap();
        Layer::whole(path).unwrap()
    });
    let cancellation = Cancellation::new();
    let mut layers = Layers::new(layers.collect(), whiteouts, &cancellation);
    let to = scratch.join("tree");
    let collected = Collected::from(&mut layers, Scope::Full, to, &cancellation);
    Taken { _folder: folder, scratch, collected }
}

/// The paths of all files that were taken.
fn paths(taken: &Taken) -> Vec<String> {
    let files = taken.collected.as_ref().unwrap().files.keys();
    files.map(|path| String::from_utf8(path.clone()).unwrap()).collect()
}

#[test]
fn names_that_lead_out_are_no_files_and_links_are_never_written_through() {
    let taken = take(
        &[&[
            (FILE, "../outside", "x"),
            (FILE, "a/../../outside", "x"),
            (FILE, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
            (LINK, "var/lib", "/tmp"),
            (FILE, "var/lib/dpkg/status", "Package: a\nVersion: 1\n"),
            (LINK, "etc/os-release", "../../../../../../etc/hostname"),
            (HARD, "etc/shadow", "etc/passwd"),
            (EntryType::Char, "etc/debian_version", ""),
            (EntryType::Fifo, "etc/machine-id", ""),
        ]],
        false,
    );
    assert_eq!(paths(&taken), ["/etc/passwd", "/etc/shadow", "/var/lib/dpkg/status"]);
    let beside: Vec<_> = taken.scratch.parent().unwrap().read_dir_utf8().unwrap().collect();
    assert_eq!(beside.len(), 2, "the layer and the scratch folder");
    let collected = taken.collected.unwrap();
    assert!(collected.text("/etc/os-release").is_none(), "of another machine");
    assert!(collected.folder.join("var/lib/dpkg/status").is_file());
}

#[test]
fn what_lies_behind_links_of_the_image_is_found_there() {
    let taken = take(
        &[&[
            (LINK, "home", "var/home"),
            (LINK, "var/lib/dpkg", "../../usr/share/dpkg-database"),
            (LINK, "etc/os-release", "../usr/lib/os-release"),
            (LINK, "lib", "usr/lib"),
            (FILE, "usr/lib/apk/db/installed", "P:a\nV:1\n"),
            (FILE, "usr/lib/os-release", "ID=debian\n"),
            (FILE, "usr/share/dpkg-database/status", "Package: bash\nVersion: 5\n"),
            (FILE, "var/home/me/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
        ]],
        false,
    );
    let collected = taken.collected.as_ref().unwrap();
    assert_eq!(collected.text("/etc/os-release").unwrap(), "ID=debian\n");
    assert!(paths(&taken).contains(&"/var/home/me/.ssh/authorized_keys".to_owned()));
    assert!(collected.folder.join("var/lib/dpkg/status").is_file(), "where scanners look");
    let databases = packages::databases(collected);
    let told: Vec<_> = databases.iter().map(|database| database.path.as_str()).collect();
    assert_eq!(told, ["/var/lib/dpkg/status", "/usr/lib/apk/db/installed"], "each once");
}

#[test]
fn upper_layers_take_away_what_lower_ones_have_and_keep_what_is_their_own() {
    let lower: &[Entry<'_>] = &[
        (FILE, "etc/passwd", "lower"),
        (FILE, "etc/shadow", "lower"),
        (FILE, "etc/sudoers.d/a", "lower"),
        (FILE, "etc/ssh/sshd_config", "lower"),
        (FILE, "etc/cloud/cloud.cfg", "lower"),
    ];
    let upper: &[Entry<'_>] = &[
        (FILE, "etc/.wh.passwd", ""),
        (FILE, "etc/sudoers.d/b", "upper"),
        (FILE, "etc/sudoers.d/.wh..wh..opq", ""),
        (FILE, "etc/ssh", "no folder any more"),
        (FILE, "etc/cloud/.wh.cloud.cfg", ""),
        (FILE, "etc/cloud/cloud.cfg", "upper"),
    ];
    let taken = take(&[lower, upper], true);
    assert_eq!(paths(&taken), ["/etc/cloud/cloud.cfg", "/etc/shadow", "/etc/sudoers.d/b"]);
    let plain = take(&[lower, upper], false);
    assert!(paths(&plain).contains(&"/etc/passwd".to_owned()), "only images have whiteouts");
}

#[test]
fn a_folder_is_read_like_an_archive_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    let put = |path: &str, content: &str| {
        fs_err::create_dir_all(root.join("system").join(path).parent().unwrap()).unwrap();
        fs_err::write(root.join("system").join(path), content).unwrap();
    };
    put("etc/os-release", "ID=debian\nVERSION_ID=12\n");
    put("etc/machine-id", "0123\n");
    put("var/lib/dpkg/status", "Package: bash\nVersion: 5\n");
    std::os::unix::fs::symlink("/", root.join("system/loop")).unwrap();
    let system = root.join("system");
    let question = Question {
        path: &system,
        subject: Digest::of(b""),
        expected: None,
        scope: Scope::Os,
        backing: &[],
        architecture: "amd64",
        scratch: root,
        cancellation: &Cancellation::new(),
    };
    let gathered = rootfs(&question).unwrap();
    assert_eq!(gathered.os.unwrap().to_string(), "debian 12");
    assert_eq!(gathered.facts.machine_id, Some(MachineId::Set));
    assert_eq!(gathered.facts.dbus_machine_id, Some(MachineId::Absent));
    assert_eq!(gathered.facts.sizes.unwrap().files, 8);
}

fn any_entry() -> impl Strategy<Value = (EntryType, String, String)> {
    let part = prop::sample::select(vec![
        "etc",
        "var",
        "lib",
        "dpkg",
        "status",
        "home",
        "..",
        ".",
        "",
        ".wh.etc",
        ".wh..wh..opq",
        "passwd",
        "os-release",
        ".ssh",
        "authorized_keys",
        "usr",
    ]);
    let path = prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"));
    let kinds = vec![FILE, LINK, HARD, EntryType::Directory, EntryType::Char];
    (prop::sample::select(kinds), path.clone(), path)
}

proptest! {
    #[test]
    fn nothing_is_written_elsewhere_whatever_an_archive_says(
        entries in prop::collection::vec(any_entry(), 0..24), whiteouts in any::<bool>(),
    ) {
        let entries: Vec<Entry<'_>> = entries
            .iter()
            .map(|(kind, name, content)| (*kind, name.as_str(), content.as_str()))
            .collect();
        let half = entries.len() / 2;
        let taken = take(&[&entries[..half], &entries[half..]], whiteouts);
        let beside: Vec<_> = taken.scratch.parent().unwrap().read_dir_utf8().unwrap().collect();
        prop_assert_eq!(beside.len(), 3);
        prop_assert_eq!(taken.scratch.read_dir_utf8().unwrap().count(), 1);
        if let Ok(collected) = &taken.collected {
            for path in collected.files.keys() {
                let path = std::str::from_utf8(path).unwrap();
                let place = collected.folder.join(path.trim_start_matches('/'));
                prop_assert!(place.symlink_metadata().unwrap().is_file(), "{path}");
            }
        }
    }
}
