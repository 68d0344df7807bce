//! Disks made by the tools that make real ones, read byte for byte or named for what they are.
//!
//! Making them needs root (loop devices) and half a minute; they are kept in the cache, under the
//! digest of everything that they are made by. What was found is a page of the documentation.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod corpus;
mod folder;
mod hostile;
mod make;
mod page;
mod read;
mod recipe;
mod special;
mod tree;

use camino::Utf8PathBuf;

/// A row of the page: what a disk is, and what reading it came to.
struct Row {
    name: String,
    cells: [String; 3],
    result: String,
}

#[test]
fn every_disk_is_read_byte_for_byte_or_named() {
    let zoo = make::zoo();
    let mut rows: Vec<Row> =
        recipe::all().into_iter().map(|recipe| read::recipe(&zoo, recipe)).collect();
    let special = special::all().into_iter().map(|special| read::special(&zoo, &special));
    let special: Vec<Row> = special.collect();
    rows.sort_by(|a, b| a.cells.cmp(&b.cells));
    page::check(&page::render(&rows, &special));
}

#[test]
fn every_pair_of_container_table_and_file_system_is_there() {
    let all = recipe::all();
    let pairs = |pair: fn(&recipe::Recipe) -> String| {
        all.iter().map(pair).collect::<std::collections::BTreeSet<_>>().len()
    };
    // Two physical volumes do not fit on a disk without a table.
    let (most, possible) = (49, 48);
    assert_eq!(pairs(|r| format!("{:?}{:?}", r.container, r.table)), possible);
    assert_eq!(pairs(|r| format!("{:?}{:?}", r.container, r.files)), possible);
    assert_eq!(pairs(|r| format!("{:?}{:?}", r.table, r.files)), possible);
    assert_eq!(all.len(), most - 1);
}

/// What every disk is compared with is what `dpkg-query` tells of the same database.
#[test]
fn the_packages_of_every_disk_are_those_that_dpkg_query_tells() {
    let folder = tempfile::tempdir().unwrap();
    let root = camino::Utf8Path::from_path(folder.path()).unwrap();
    folder::write(root, "debian", "");
    let database = root.join("var/lib/dpkg");
    fs_err::create_dir_all(database.join("updates")).unwrap();
    let query = std::process::Command::new("dpkg-query")
        .args(["--admindir", database.as_str(), "-W", "-f", "${Package} ${Version}\n"])
        .output()
        .unwrap();
    let told = String::from_utf8(query.stdout).unwrap();
    let known = folder::packages();
    let known: Vec<String> =
        known.iter().map(|(name, version)| format!("{name} {version}")).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), known);
}

/// A file of the repository.
fn repository(path: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
}
