//! Paths of a tree lead nowhere but into it.

use goldsmith_disk::{Disk, Limits, Tree};

use crate::make;

fn with_tree<T>(look: impl FnOnce(&Tree) -> T) -> T {
    let disk = make::zoo().disk("raw-gpt-ext4");
    let disk = Disk::open(&disk, &Limits::default()).unwrap();
    look(disk.roots()[0].tree())
}

#[test]
fn links_are_resolved_inside_of_the_tree() {
    let paths = [
        "/etc/os-release",
        "/etc/outside",
        "/etc/circle",
        "/bin/zeros",
        "/bin/../lib/os-release",
        "/../../etc/../etc/fstab",
        "etc/./fstab//",
        "/etc/long",
        "/etc/fstab/x",
        "/nothing",
        "/deep/a/b/c/d/e/f/small",
        "",
    ];
    let told = with_tree(|tree| {
        paths.map(|path| match tree.resolve(path) {
            Ok(found) => format!("{path}: {}", String::from_utf8(found).unwrap()),
            Err(error) => format!("{path}: {error}"),
        })
    });
    insta::assert_snapshot!(told.join("\n"), @"
    /etc/os-release: /usr/lib/os-release
    /etc/outside: /etc/fstab
    /etc/circle: too many links on the way to `/etc/circle`
    /bin/zeros: /usr/bin/zeros
    /bin/../lib/os-release: /usr/lib/os-release
    /../../etc/../etc/fstab: /etc/fstab
    etc/./fstab//: /etc/fstab
    /etc/long: /usr/share/many
    /etc/fstab/x: `/etc/fstab` is no folder
    /nothing: there is no `/nothing`
    /deep/a/b/c/d/e/f/small: /deep/a/b/c/d/e/f/small
    : /
    ");
}

#[test]
fn what_is_no_file_or_too_large_is_told() {
    let told = with_tree(|tree| {
        let read = |path: &str, limit| match tree.read(path, limit) {
            Ok(content) => format!("{} bytes", content.len()),
            Err(error) => error.to_string(),
        };
        let names = tree.read_dir("/var").unwrap();
        let names: Vec<_> =
            names.iter().map(|entry| String::from_utf8_lossy(entry.name()).into_owned()).collect();
        let link = |path: &str| match tree.read_link(path) {
            Ok(target) => String::from_utf8(target).unwrap(),
            Err(error) => error.to_string(),
        };
        [
            read("/usr/bin/noise", 900_001),
            read("/usr/bin/noise", 900_000),
            read("/usr/bin", 10),
            names.join(" "),
            link("/etc/absolute"),
            link("/etc/fstab"),
        ]
    });
    insta::assert_snapshot!(told.join("\n"), @"
    900001 bytes
    `/usr/bin/noise` has 900001 bytes, more than 900000
    `/usr/bin` is no regular file
    lib log
    /usr/lib/os-release
    `/etc/fstab` is no link
    ");
}
