//! Writes the corpus from which fuzzers and `tests/corpus.rs` start, with the tools that make real
//! disks: small ones, without their zeros.

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith_disk::fuzz::Packed;

use crate::make::{Loop, Workshop, copy, place, run};
use crate::repository;

/// Bytes of a file, and of all.
const MOST: usize = 64 << 10;
const ALL: usize = 1 << 20;

/// Disks, with the layers that they are for.
type Seeds = Vec<(&'static str, Utf8PathBuf)>;

#[test]
#[ignore = "writes tests/corpus anew, which differs each time: ids and times"]
fn the_corpus_is_written() {
    let temporary = tempfile::tempdir().unwrap();
    let shop = Workshop::new(Utf8Path::from_path(temporary.path()).unwrap());
    let root = shop.at("root");
    write_root(&root);
    let seeds = [
        container(&shop),
        partition(&shop),
        volume(&shop),
        ext(&shop, &root),
        xfs(&shop, &root),
        btrfs(&shop, &root),
    ];
    let mut all = 0;
    for (layer, path) in seeds.into_iter().flatten() {
        let packed = Packed::pack(&fs_err::read(&path).unwrap());
        assert!(packed.len() <= MOST, "{path} has {} bytes", packed.len());
        all += packed.len();
        let folder = repository("crates/disk/tests/corpus").join(layer);
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(path.file_name().unwrap()), packed).unwrap();
    }
    assert!(all <= ALL, "{all} bytes");
}

/// A few files of every kind.
fn write_root(root: &Utf8Path) {
    for folder in ["etc", "usr/lib", "usr/many", "var/empty"] {
        fs_err::create_dir_all(root.join(folder)).unwrap();
    }
    let put = |path: &str, content: &[u8]| fs_err::write(root.join(path), content).unwrap();
    put("usr/lib/os-release", b"ID=debian\nVERSION_ID=12\n");
    put("usr/lib/larger", &b"some bytes ".repeat(500));
    for number in 0..30 {
        put(&format!("usr/many/a-file-{number:02}"), b"many");
    }
    let sparse = fs_err::File::create(root.join("var/sparse")).unwrap();
    sparse.set_len(100_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(sparse.file(), b"middle", 50_000).unwrap();
    std::os::unix::fs::symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    let long = format!("../{}usr", "./".repeat(80));
    std::os::unix::fs::symlink(long, root.join("etc/long")).unwrap();
}

fn container(shop: &Workshop) -> Seeds {
    let raw = shop.at("raw");
    let mut bytes = vec![0; 1 << 20];
    let text = (0..6000_u32).flat_map(|number| format!("{number} ").into_bytes());
    bytes.splice(300_000..325_000, text.take(25_000));
    fs_err::write(&raw, bytes).unwrap();
    let kinds: [(&str, &[&str]); 5] = [
        ("v2", &["-o", "compat=0.10"]),
        ("v3", &["-o", "compat=1.1"]),
        ("zlib", &["-c", "-o", "compression_type=zlib"]),
        ("zstd", &["-c", "-o", "compression_type=zstd"]),
        ("small", &["-c", "-o", "cluster_size=512"]),
    ];
    let make = |(name, options): (&str, &[&str])| {
        let path = shop.at(name);
        let fixed = ["convert", "-f", "raw", "-O", "qcow2"];
        run("qemu-img", &[&fixed, options, &[raw.as_str(), path.as_str()]].concat());
        ("container", path)
    };
    kinds.into_iter().map(make).collect()
}

fn partition(shop: &Workshop) -> Seeds {
    let gpt = "label: gpt\nstart=1MiB, size=2MiB, type=linux, name=\"the root\"\n\
        start=4MiB, size=1MiB, type=uefi\nstart=6MiB, size=1MiB, type=swap";
    let mbr = "label: dos\n1 : start=1MiB, size=1MiB, type=83, bootable\n\
        2 : start=3MiB, size=4MiB, type=5\n5 : start=4MiB, size=1MiB, type=83\n\
        6 : start=6MiB, size=1MiB, type=82";
    let kinds = [
        ("gpt", gpt, 512),
        ("gpt-hybrid", gpt, 512),
        ("gpt-4096", gpt, 4096),
        ("mbr", mbr, 512),
        ("mbr-4096", mbr, 4096),
    ];
    // What a partition holds tells in which sectors an MBR counts.
    let swap = shop.zeros("swap", 1);
    run("mkswap", &["-q", swap.as_str()]);
    let make = |(name, script, sector)| {
        let path = shop.zeros(name, 8);
        let device = Loop::with_sectors(&path, sector);
        shop.table(Utf8Path::new(&device.0), script);
        drop(device);
        place(&swap, &path, [6, 0, 1]);
        if name == "gpt-hybrid" {
            run("sgdisk", &["--hybrid", "1", path.as_str()]);
        }
        ("partition", path)
    };
    kinds.map(make).into()
}

fn volume(shop: &Workshop) -> Seeds {
    let content = shop.zeros("content", 4);
    shop.lvm(&[("two-volumes", 16)], &[("root", &[], &content), ("var-log", &[], &content)]);
    vec![("volume", shop.at("two-volumes"))]
}

fn ext(shop: &Workshop, root: &Utf8Path) -> Seeds {
    let kinds: [(&str, &[&str]); 5] = [
        ("ext2", &["-t", "ext2", "-b", "1024"]),
        ("ext3", &["-t", "ext3", "-b", "1024", "-J", "size=1"]),
        ("ext4", &["-t", "ext4", "-b", "4096", "-O", "^has_journal"]),
        ("ext4-plain", &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit,^has_journal"]),
        (
            "ext4-groups",
            &[
                "-t",
                "ext4",
                "-b",
                "1024",
                "-g",
                "1024",
                "-O",
                "^metadata_csum,^has_journal,meta_bg,^resize_inode",
            ],
        ),
    ];
    let mut seeds: Seeds = Vec::new();
    for (name, options) in kinds {
        seeds.push(("ext", shop.ext(name, 4, &[options, &["-N", "64"]].concat(), root)));
    }
    // One that was not unmounted: what it holds is in its journal.
    let image = shop.zeros("image", 8);
    let options = ["-t", "ext3", "-b", "1024", "-J", "size=1", "-N", "64"];
    run("mke2fs", &[&["-q", "-F"], &options[..], &[image.as_str()]].concat());
    let dirty = shop.at("ext3-dirty");
    shop.mounted(&image, "", |top| {
        copy(root, top);
        run("sync", &["--file-system", top.as_str()]);
        run("cp", &["--sparse=always", image.as_str(), dirty.as_str()]);
    });
    seeds.push(("ext", dirty));
    seeds
}

fn xfs(shop: &Workshop, root: &Utf8Path) -> Seeds {
    let script = shop.at("prototype");
    fs_err::write(&script, crate::folder::prototype(root)).unwrap();
    let kinds = [("v4", "crc=0"), ("v5", "crc=1")];
    let make = |(name, metadata)| {
        let path = shop.zeros(name, 32);
        let options = ["-q", "-f", "-m", metadata, "-p", script.as_str(), path.as_str()];
        run("mkfs.xfs", &options);
        ("xfs", path)
    };
    kinds.map(make).into()
}

fn btrfs(shop: &Workshop, root: &Utf8Path) -> Seeds {
    let options = ["-q", "-f", "-n", "4096", "-m", "single"];
    let plain = shop.zeros("plain", 128);
    let more = ["--rootdir", root.as_str(), plain.as_str()];
    run("mkfs.btrfs", &[&options[..], &more].concat());
    let subvolume = shop.zeros("subvolume", 128);
    run("mkfs.btrfs", &[&options[..], &[subvolume.as_str()]].concat());
    shop.mounted(&subvolume, "compress-force=zstd", |top| {
        run("btrfs", &["subvolume", "create", top.join("@").as_str()]);
        copy(root, &top.join("@"));
    });
    vec![("btrfs", plain), ("btrfs", subvolume)]
}
