//! The page of the documentation that this test writes.

use std::fmt::Write as _;

use crate::{Row, repository};

const INTRODUCTION: &str = "\
<!-- Made from what reading the disks came to by `UPDATE_EXPECTED=1 cargo test -p goldsmith-disk`. -->

# Disks

`crates/disk` reads the files of a disk image: without root, without mounting, without a copy. What it cannot read it names, so that nobody takes it for clean.
It is how `goldsmith run` and `goldsmith scan` look into disks ([evidence](evidence.md)).

Every row is a disk that a test makes with the tools that make real ones (mke2fs, mkfs.xfs, mkfs.btrfs, lvm2, sfdisk, sgdisk, qemu-img, cryptsetup, and the kernel's own
file systems) and then reads. The systems on a disk are found by their content (`/etc/os-release`, `/usr/lib/os-release`), not by names or numbers of partitions.

## Containers, tables and file systems

Each of these is compared with the folder from which it was made: every name, mode, link and byte.

";

/// Writes the page.
pub(crate) fn render(rows: &[Row], special: &[Row]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "| table | file system | container | found |\n|---|---|---|---|\n";
    for Row { cells: [table, files, container], result, .. } in rows {
        writeln!(page, "| {table} | {files} | {container} | {result} |").unwrap();
    }
    page += "\n## Others\n\n| disk | found |\n|---|---|\n";
    for Row { name, result, .. } in special {
        writeln!(page, "| {name} | {result} |").unwrap();
    }
    page
}

/// Compares it with what is in the repository.
pub(crate) fn check(page: &str) {
    let path = repository("docs/disks.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs_err::write(&path, page).unwrap();
        return;
    }
    let there = fs_err::read_to_string(&path).unwrap_or_default();
    let advice =
        "docs/disks.md is out of date: run with UPDATE_EXPECTED=1 to write it, then read it";
    assert!(there == page, "{advice}");
}
