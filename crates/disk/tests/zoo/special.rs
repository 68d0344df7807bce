//! Disks that are more than a container, a table and a file system, and those that cannot be read.

use std::fmt::Write as _;

use camino::Utf8Path;

use crate::folder;
use crate::make::{Loop, Workshop, copy, mib, place, run};
use crate::recipe::{Container, Files, Table};

/// A disk.
pub(crate) struct Special {
    pub(crate) name: &'static str,
    pub(crate) words: &'static str,
    /// Is its first system the folder that all are made from, byte for byte?
    pub(crate) whole: bool,
    pub(crate) make: fn(&Workshop, &str),
}

/// All of them.
pub(crate) fn all() -> Vec<Special> {
    let special = |name, words, make| Special { name, words, whole: false, make };
    let whole = |name, words, make| Special { name, words, whole: true, make };
    vec![
        whole("damaged-gpt", "GPT whose first copy is overwritten", damaged_gpt),
        whole(
            "former-gpt",
            "ext4 on a whole disk whose former GPT is still at its end",
            former_gpt,
        ),
        whole("lost-mbr", "GPT whose first MiB is overwritten with zeros", lost_mbr),
        whole("dirty-ext4", "ext4 that was not unmounted", dirty_ext4),
        whole("dirty-ext3", "ext3 that was not unmounted", dirty_ext3),
        whole("dirty-xfs", "XFS that was not unmounted", dirty_xfs),
        special(
            "default-subvolume",
            "btrfs with `@` as its default subvolume, `/var` in another, and a snapshot",
            default_subvolume,
        ),
        special("two-roots", "two systems in two partitions", two_roots),
        special("separate-usr-var", "`/usr` and `/var` on LVM2, found by fstab", separate),
        whole("rhel-like", "XFS for `/boot`, XFS and swap on LVM2", rhel_like),
        whole(
            "typed-usr-var",
            "`/usr` and `/var` in GPT partitions of the types for them, no fstab",
            |shop, name| typed(shop, name, &["usr", "var"]),
        ),
        special("typed-twice", "two GPT partitions of the type for `/var`", |shop, name| {
            typed(shop, name, &["var", "var"]);
        }),
        special(
            "typed-encrypted",
            "LUKS2 in a GPT partition of the type for `/var`",
            typed_encrypted,
        ),
        special("lone-usr", "a `/usr` without the rest", lone_usr),
        special("bind", "`/var` in a folder of another partition, by fstab", bind),
        whole("large-gpt", "GPT in sectors of 4096 bytes, XFS with the same", large_gpt),
        whole("large-mbr", "MBR in sectors of 4096 bytes, root in a logical partition", large_mbr),
        special("missing-var", "`/var` on another disk", missing_var),
        special("ostree", "an ostree deployment", ostree),
        special("no-system", "an ext4 file system without a system", no_system),
        special("empty", "nothing but zeros", |shop, name| drop(shop.zeros(name, 4))),
        special("luks1", "LUKS1 beside ext4", |shop, name| luks(shop, name, "luks1")),
        special("luks2", "LUKS2 beside ext4", |shop, name| luks(shop, name, "luks2")),
        special("squashfs", "squashfs", squashfs),
        special("iso", "an ISO image", iso),
        special("striped", "LVM2, striped", striped),
        special("half-lvm", "LVM2 of which one physical volume is elsewhere", half_lvm),
        special("extended-l2", "qcow2 with extended L2 entries", |shop, name| {
            qcow2(shop, name, "extended_l2=on");
        }),
        special("external-data", "qcow2 with an external data file", |shop, name| {
            let data = shop.at("external-data.bytes");
            qcow2(shop, name, &format!("data_file={data}"));
        }),
        special("encrypted-qcow2", "encrypted qcow2", |shop, name| {
            qcow2(shop, name, "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10");
        }),
        special(
            "backing-elsewhere",
            "qcow2 whose backing file is `/etc/passwd`",
            backing_elsewhere,
        ),
        special("vmdk", "VMDK", |shop, name| convert(shop, name, "vmdk")),
        special("vmdk-streamed", "VMDK, stream-optimized", |shop, name| {
            convert_with(shop, name, "vmdk", &["-o", "subformat=streamOptimized"]);
        }),
        special("vhdx", "VHDX", |shop, name| convert(shop, name, "vhdx")),
        special("vhd", "VHD", |shop, name| convert(shop, name, "vpc")),
        special("vdi", "VDI", |shop, name| convert(shop, name, "vdi")),
        special("qcow1", "qcow, version 1", |shop, name| convert(shop, name, "qcow")),
        special("qed", "QED", |shop, name| convert(shop, name, "qed")),
        special("gzip", "a raw image, compressed with gzip", gzip),
    ]
}

/// Small images whose bytes are changed by the tests of hostile disks. What has no checksums is
/// changed deeper.
pub(crate) fn make_bases(shop: &Workshop) {
    let root = shop.at("parts/small");
    folder::write_small(&root);
    let ext = shop.ext("base-ext", 8, &["-t", "ext4", "-O", "^metadata_csum,^64bit"], &root);
    // A folder that is its own grandchild.
    let looped = shop.at("base-loop");
    run("cp", &["--sparse=always", ext.as_str(), looped.as_str()]);
    run("debugfs", &["-w", "-R", "ln / etc/loop", looped.as_str()]);
    let ext3 =
        shop.ext("base-ext3", 8, &["-t", "ext3", "-b", "1024", "-O", "^resize_inode"], &root);
    let script = shop.at("parts/prototype");
    fs_err::write(&script, folder::prototype(&root)).unwrap();
    let xfs = shop.zeros("base-xfs", 32);
    run("mkfs.xfs", &["-q", "-f", "-m", "crc=0", "-p", script.as_str(), xfs.as_str()]);
    shop.btrfs("base-btrfs", 128, |top| {
        run("btrfs", &["subvolume", "create", top.join("@").as_str()]);
        copy(&root, &top.join("@"));
    });
    for (compression, name) in [("zlib", "base-zlib"), ("zstd", "base-zstd")] {
        let options = format!("compression_type={compression}");
        let target = shop.at(name);
        run(
            "qemu-img",
            &[
                "convert",
                "-c",
                "-O",
                "qcow2",
                "-o",
                &options,
                "-f",
                "raw",
                ext3.as_str(),
                target.as_str(),
            ],
        );
    }
    let disk = shop.at("base-mbr");
    fs_err::File::create(&disk).unwrap().set_len(16 << 20).unwrap();
    shop.table(
        &disk,
        "label: dos\n1 : start=1MiB, size=1MiB, type=83\n2 : start=3MiB, size=12MiB, type=5\n\
         5 : start=4MiB, size=8MiB, type=83\n6 : start=13MiB, size=1MiB, type=82",
    );
    place(&ext3, &disk, [4, 0, 8]);
    let disk = shop.at("base-gpt");
    fs_err::File::create(&disk).unwrap().set_len(12 << 20).unwrap();
    shop.table(
        &disk,
        "label: gpt\nstart=1MiB, size=8MiB, type=linux\nstart=10MiB, size=1MiB, type=swap",
    );
    place(&ext3, &disk, [1, 0, 8]);
    shop.lvm(&[("base-lvm", 16)], &[("root", &[], &ext3)]);
}

fn ext4_disk(shop: &Workshop) -> camino::Utf8PathBuf {
    let raw = shop.at("disk.raw");
    shop.disk(&raw, Table::Gpt, &shop.part_files(Files::Ext4));
    raw
}

fn pack(shop: &Workshop, raw: &Utf8Path, name: &str) {
    shop.contain(raw, Container::Qcow2V3, name);
    fs_err::remove_file(raw).unwrap();
}

/// A disk of these partitions.
fn partitions(shop: &Workshop, name: &str, parts: &[&Utf8Path]) {
    let parts: Vec<_> = parts.iter().map(|part| ("linux", *part)).collect();
    partitions_of(shop, name, &parts);
}

/// A disk of partitions of these types.
fn partitions_of(shop: &Workshop, name: &str, parts: &[(&str, &Utf8Path)]) {
    let raw = shop.at("disk.raw");
    let mut script = "label: gpt\n".to_owned();
    let mut next = 1;
    for (kind, part) in parts {
        writeln!(script, "start={next}MiB, size={}MiB, type={kind}", mib(part)).unwrap();
        next += mib(part);
    }
    fs_err::File::create(&raw).unwrap().set_len((next + 2) << 20).unwrap();
    shop.table(&raw, &script);
    let mut next = 1;
    for (_, part) in parts {
        place(part, &raw, [next, 0, mib(part)]);
        next += mib(part);
    }
    pack(shop, &raw, name);
}

fn damaged_gpt(shop: &Workshop, name: &str) {
    let raw = ext4_disk(shop);
    let file = fs_err::OpenOptions::new().write(true).open(&raw).unwrap();
    std::os::unix::fs::FileExt::write_all_at(file.file(), &vec![0xAB; 33 * 512], 512).unwrap();
    pack(shop, &raw, name);
}

fn former_gpt(shop: &Workshop, name: &str) {
    let raw = shop.zeros("disk.raw", 48);
    shop.table(&raw, "label: gpt\nstart=1MiB, size=40MiB, type=linux");
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", shop.root().as_str(), raw.as_str(), "47M"]);
    pack(shop, &raw, name);
}

fn lost_mbr(shop: &Workshop, name: &str) {
    let raw = ext4_disk(shop);
    run(
        "dd",
        &["status=none", "if=/dev/zero", "bs=1M", "count=1", "conv=notrunc", &format!("of={raw}")],
    );
    pack(shop, &raw, name);
}

/// Takes a file system away from under the kernel, with work left in its journal.
fn dirty(shop: &Workshop, image: &Utf8Path, name: &str) {
    let taken = shop.zeros("parts/taken", mib(image));
    shop.mounted(image, "", |top| {
        let sync = || drop(run("sync", &["--file-system", top.as_str()]));
        let in_top = |command: &str| drop(run("sh", &["-c", &format!("cd '{top}' && {command}")]));
        // What was on the disk before must not show through where nothing was written since.
        in_top("dd if=/dev/zero bs=1M count=40 status=none | tr '\\0' 'X' > fill");
        sync();
        in_top("rm fill");
        copy(&shop.root(), top);
        sync();
        // What is deleted and written again is in the journal twice.
        fs_err::remove_dir_all(top.join("usr/share/many")).unwrap();
        copy(&shop.root(), top);
        // Space that is promised to a file, of which one byte is written (not on ext3).
        in_top("rm var/log/sparse && : > var/log/sparse");
        in_top("fallocate --length 3MiB var/log/sparse || truncate --size 3MiB var/log/sparse");
        in_top("printf end | dd of=var/log/sparse bs=1 seek=3145725 conv=notrunc status=none");
        sync();
        run("cp", &["--sparse=always", image.as_str(), taken.as_str()]);
    });
    partitions(shop, name, &[&taken]);
}

fn dirty_ext4(shop: &Workshop, name: &str) {
    let image = shop.zeros("parts/dirty", 64);
    run("mke2fs", &["-q", "-F", "-t", "ext4", image.as_str()]);
    dirty(shop, &image, name);
}

fn dirty_ext3(shop: &Workshop, name: &str) {
    let image = shop.zeros("parts/dirty", 64);
    run("mke2fs", &["-q", "-F", "-t", "ext3", "-b", "1024", image.as_str()]);
    dirty(shop, &image, name);
}

fn dirty_xfs(shop: &Workshop, name: &str) {
    let image = shop.zeros("parts/dirty", 64);
    run("mkfs.xfs", &["-q", "-f", image.as_str()]);
    dirty(shop, &image, name);
}

fn default_subvolume(shop: &Workshop, name: &str) {
    let uuid = "11111111-2222-4333-8444-555555555555";
    let image = shop.zeros("parts/default", 128);
    run("mkfs.btrfs", &["-q", "-f", "-U", uuid, image.as_str()]);
    shop.mounted(&image, "compress-force=zstd", |top| {
        let at = |path: &str| top.join(path).into_string();
        run("btrfs", &["subvolume", "create", &at("@")]);
        run("btrfs", &["subvolume", "create", &at("@var")]);
        let fstab =
            format!("UUID={uuid} / btrfs defaults 0 0\nUUID={uuid} /var btrfs subvol=/@var 0 0\n");
        folder::write(&top.join("@"), "opensuse-leap", &fstab);
        fs_err::remove_dir_all(top.join("@/var")).unwrap();
        fs_err::create_dir(top.join("@/var")).unwrap();
        copy(&shop.root().join("var"), &top.join("@var"));
        fs_err::create_dir_all(top.join("@/.snapshots/1")).unwrap();
        run("btrfs", &["subvolume", "snapshot", "-r", &at("@"), &at("@/.snapshots/1/snapshot")]);
        run("btrfs", &["subvolume", "set-default", &at("@")]);
    });
    partitions(shop, name, &[&image]);
}

fn two_roots(shop: &Workshop, name: &str) {
    let other = shop.at("parts/other");
    folder::write(&other, "ubuntu", "");
    let b = shop.ext("parts/b", 48, &["-t", "ext4"], &other);
    partitions(shop, name, &[&shop.part_files(Files::Ext4)[0], &b]);
}

/// Divides a root into one without a folder, and that folder.
fn divide(shop: &Workshop, fstab: &str, without: &[&str]) -> camino::Utf8PathBuf {
    let root = shop.at("parts/divided");
    if root.exists() {
        fs_err::remove_dir_all(&root).unwrap();
    }
    folder::write(&root, "debian", fstab);
    for folder in without {
        fs_err::remove_dir_all(root.join(folder)).unwrap();
        fs_err::create_dir(root.join(folder)).unwrap();
    }
    root
}

fn separate(shop: &Workshop, name: &str) {
    let fstab = "LABEL=root / ext4 defaults 0 1\n/dev/mapper/the--group-the--usr /usr ext4 ro 0 2\n\
        UUID=aaaaaaaa-0000-4000-8000-000000000001 /var ext4 defaults 0 2\ntmpfs /tmp tmpfs\n";
    let root = divide(shop, fstab, &["usr", "var"]);
    let root = shop.ext("parts/root", 16, &["-t", "ext4", "-L", "root"], &root);
    let usr = shop.ext("parts/usr", 32, &["-t", "ext4"], &shop.root().join("usr"));
    let uuid = "aaaaaaaa-0000-4000-8000-000000000001";
    let var = shop.ext("parts/var", 16, &["-t", "ext4", "-U", uuid], &shop.root().join("var"));
    shop.lvm(&[("parts/pv", 80)], &[("the-usr", &[], &usr), ("var", &[], &var)]);
    partitions(shop, name, &[&root, &shop.at("parts/pv")]);
}

const ROOT: &str = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
const USR: &str = "8484680c-9521-48c6-9c11-b0720656f69e";
const VAR: &str = "4d21b016-b534-45c2-a9fb-5c16e091fd2d";

/// A root whose folders lie in partitions of the types for them.
fn typed(shop: &Workshop, name: &str, folders: &[&str]) {
    let root = divide(shop, "", folders);
    let root = shop.ext("parts/root", 48, &["-t", "ext4"], &root);
    let mut parts = vec![(ROOT, root)];
    for (number, folder) in folders.iter().enumerate() {
        let kind = if *folder == "usr" { USR } else { VAR };
        let content = shop.root().join(folder);
        parts.push((kind, shop.ext(&format!("parts/{number}"), 32, &["-t", "ext4"], &content)));
    }
    let parts: Vec<_> = parts.iter().map(|(kind, part)| (*kind, part.as_path())).collect();
    partitions_of(shop, name, &parts);
}

fn typed_encrypted(shop: &Workshop, name: &str) {
    let root = divide(shop, "", &["var"]);
    let root = shop.ext("parts/root", 48, &["-t", "ext4"], &root);
    partitions_of(shop, name, &[(ROOT, &root), (VAR, &locked(shop, "luks2"))]);
}

fn lone_usr(shop: &Workshop, name: &str) {
    let usr = shop.ext("parts/usr", 32, &["-t", "ext4"], &shop.root().join("usr"));
    partitions_of(shop, name, &[(USR, &usr)]);
}

fn bind(shop: &Workshop, name: &str) {
    let fstab = "/data/var /var none bind\n\
        LABEL=data /data ext4 noauto,x-systemd.automount,X-mount.subdir=of 0 2\n";
    let root = divide(shop, fstab, &["var"]);
    let root = shop.ext("parts/root", 48, &["-t", "ext4"], &root);
    let data = shop.at("parts/of-data");
    fs_err::create_dir_all(data.join("of/var")).unwrap();
    copy(&shop.root().join("var"), &data.join("of/var"));
    let data = shop.ext("parts/data", 16, &["-t", "ext4", "-L", "data"], &data);
    partitions(shop, name, &[&root, &data]);
}

/// Lets sfdisk write a table in sectors of 4096 bytes, and puts a partition into it.
fn large(shop: &Workshop, name: &str, script: &str, (part, at): (&Utf8Path, u64)) {
    let raw = shop.zeros("disk.raw", mib(part) + at + 2);
    let device = Loop::with_sectors(&raw, 4096);
    shop.table(Utf8Path::new(&device.0), script);
    drop(device);
    place(part, &raw, [at, 0, mib(part)]);
    pack(shop, &raw, name);
}

fn large_gpt(shop: &Workshop, name: &str) {
    let image = shop.zeros("parts/large", 64);
    run("mkfs.xfs", &["-q", "-f", "-s", "size=4096", image.as_str()]);
    shop.mounted(&image, "", |top| copy(&shop.root(), top));
    large(shop, name, "label: gpt\nstart=1MiB, size=64MiB, type=linux", (&image, 1));
}

fn large_mbr(shop: &Workshop, name: &str) {
    let part = &shop.part_files(Files::Ext4)[0];
    let script = "label: dos\n1 : start=1MiB, size=1MiB, type=83\n\
        2 : start=3MiB, size=50MiB, type=5\n5 : start=4MiB, size=48MiB, type=83";
    large(shop, name, script, (part, 4));
}

fn rhel_like(shop: &Workshop, name: &str) {
    let boot = shop.at("parts/boot");
    fs_err::create_dir_all(&boot).unwrap();
    fs_err::write(boot.join("vmlinuz"), "a kernel").unwrap();
    let boot = shop.xfs("parts/boot.img", 64, &boot);
    let swap = shop.zeros("parts/swap", 8);
    run("mkswap", &["-q", swap.as_str()]);
    let root = shop.part_files(Files::Xfs).remove(0);
    shop.lvm(&[("parts/pv", 80)], &[("root", &[], &root), ("swap", &[], &swap)]);
    partitions(shop, name, &[&boot, &shop.at("parts/pv")]);
}

fn missing_var(shop: &Workshop, name: &str) {
    let fstab = "UUID=bbbbbbbb-0000-4000-8000-000000000001 /var ext4 defaults 0 2\n";
    let root = divide(shop, fstab, &["var"]);
    let root = shop.ext("parts/root", 48, &["-t", "ext4"], &root);
    partitions(shop, name, &[&root]);
}

fn ostree(shop: &Workshop, name: &str) {
    let root = shop.at("parts/ostree");
    let system = root.join("ostree/deploy/fedora");
    let deployment = system.join("deploy/0123abcd.0");
    fs_err::create_dir_all(deployment.parent().unwrap()).unwrap();
    folder::write(&deployment, "fedora", "");
    fs_err::rename(deployment.join("var"), system.join("var")).unwrap();
    fs_err::create_dir(deployment.join("var")).unwrap();
    let image = shop.xfs("parts/ostree.img", 64, &root);
    partitions(shop, name, &[&image]);
}

fn no_system(shop: &Workshop, name: &str) {
    let image = shop.ext("parts/data", 16, &["-t", "ext4"], &shop.root().join("var"));
    partitions(shop, name, &[&image]);
}

fn luks(shop: &Workshop, name: &str, kind: &str) {
    let data = shop.ext("parts/data", 16, &["-t", "ext4"], &shop.root().join("var"));
    partitions(shop, name, &[&data, &locked(shop, kind)]);
}

/// An encrypted partition.
fn locked(shop: &Workshop, kind: &str) -> camino::Utf8PathBuf {
    let image = shop.zeros("parts/luks", 20);
    let key = shop.at("parts/key");
    fs_err::write(&key, "key").unwrap();
    run(
        "cryptsetup",
        &[
            "luksFormat",
            "--batch-mode",
            "--type",
            kind,
            "--pbkdf",
            "pbkdf2",
            "--pbkdf-force-iterations",
            "1000",
            image.as_str(),
            key.as_str(),
        ],
    );
    image
}

fn squashfs(shop: &Workshop, name: &str) {
    let image = shop.at("parts/squashfs");
    run(
        "mksquashfs",
        &[shop.root().as_str(), image.as_str(), "-noappend", "-quiet", "-no-progress"],
    );
    partitions(shop, name, &[&image]);
}

fn iso(shop: &Workshop, name: &str) {
    let (root, image) = (shop.root().join("usr/lib"), shop.at(name));
    run(
        "xorriso",
        &[
            "-report_about",
            "WARNING",
            "-as",
            "mkisofs",
            "-quiet",
            "-o",
            image.as_str(),
            root.as_str(),
        ],
    );
}

fn striped(shop: &Workshop, name: &str) {
    let volume = shop.part_files(Files::Ext4).remove(0);
    shop.lvm(&[("parts/pv0", 40), ("parts/pv1", 40)], &[("root", &["--stripes", "2"], &volume)]);
    partitions(shop, name, &[&shop.at("parts/pv0"), &shop.at("parts/pv1")]);
}

fn half_lvm(shop: &Workshop, name: &str) {
    partitions(shop, name, &[&shop.part_files(Files::LvmTwo)[0]]);
}

fn qcow2(shop: &Workshop, name: &str, options: &str) {
    let raw = ext4_disk(shop);
    let target = shop.at(name);
    run(
        "qemu-img",
        &[
            "convert",
            "--object",
            "secret,id=key,data=abc",
            "-f",
            "raw",
            "-O",
            "qcow2",
            "-o",
            options,
            raw.as_str(),
            target.as_str(),
        ],
    );
    fs_err::remove_file(raw).unwrap();
}

fn backing_elsewhere(shop: &Workshop, name: &str) {
    run(
        "qemu-img",
        &[
            "create",
            "-q",
            "-f",
            "qcow2",
            "-b",
            "/etc/passwd",
            "-F",
            "raw",
            shop.at(name).as_str(),
            "1M",
        ],
    );
}

fn convert(shop: &Workshop, name: &str, format: &str) {
    convert_with(shop, name, format, &[]);
}

fn convert_with(shop: &Workshop, name: &str, format: &str, options: &[&str]) {
    let raw = ext4_disk(shop);
    let target = shop.at(name);
    let fixed = ["convert", "-f", "raw", "-O", format];
    run("qemu-img", &[&fixed, options, &[raw.as_str(), target.as_str()]].concat());
    fs_err::remove_file(raw).unwrap();
}

fn gzip(shop: &Workshop, name: &str) {
    let raw = ext4_disk(shop);
    run("sh", &["-c", &format!("gzip -1 < '{raw}' > '{}'", shop.at(name))]);
    fs_err::remove_file(raw).unwrap();
}
