//! Makes disks with the tools that make real ones.

use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use crate::recipe::{Container, Files, Table};
use crate::{folder, recipe, special};

const MIB: u64 = 1 << 20;

/// All disks, made.
pub(crate) struct Zoo {
    /// Where they are.
    pub(crate) folder: Utf8PathBuf,
}

impl Zoo {
    /// The root file system that the disks hold.
    pub(crate) fn root(&self) -> Utf8PathBuf {
        self.folder.join("root")
    }

    pub(crate) fn disk(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }
}

/// Makes what is not in the cache.
pub(crate) fn zoo() -> Zoo {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(std::path::PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache"))).unwrap();
    let all = Utf8PathBuf::from_path_buf(cache).unwrap().join("goldsmith/zoo");
    fs_err::create_dir_all(&all).unwrap();
    // Tests run side by side, and so do their processes.
    let lock = fs_err::File::create(all.join("lock")).unwrap();
    lock.file().lock().unwrap();
    let folder = all.join(digest());
    if !folder.exists() {
        let partial = all.join("partial");
        remove_old(&all);
        fs_err::create_dir_all(&partial).unwrap();
        make_all(&partial);
        fs_err::rename(&partial, &folder).unwrap();
    }
    Zoo { folder }
}

/// Removes what a killed test left, and disks of a day ago. Newer ones may be in use by another clone.
fn remove_old(all: &Utf8Path) {
    let mounted = all.join("partial/mounted");
    let _ = Command::new("umount").args(["--quiet", mounted.as_str()]).output();
    for old in all.read_dir_utf8().unwrap().map(Result::unwrap) {
        let age = old.metadata().unwrap().modified().unwrap().elapsed().unwrap_or_default();
        let is_old = old.file_name() == "partial" || age > Duration::from_hours(24);
        if old.path().is_dir() && is_old {
            fs_err::remove_dir_all(old.path()).unwrap();
        }
    }
}

/// Of everything that decides what the disks are like, the tools' versions apart.
fn digest() -> String {
    let sources = [
        include_str!("make.rs"),
        include_str!("folder.rs"),
        include_str!("recipe.rs"),
        include_str!("special.rs"),
    ];
    let mut digest = Sha256::new();
    for source in sources {
        digest.update(source);
    }
    let digest = digest.finalize();
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

fn make_all(folder: &Utf8Path) {
    let shop = Workshop::new(folder);
    folder::write(&folder.join("root"), "debian", "");
    for files in Files::ALL {
        shop.parts(files);
    }
    for table in Table::ALL {
        for files in Files::ALL {
            let disks: Vec<_> = recipe::all()
                .into_iter()
                .filter(|recipe| recipe.table == table && recipe.files == files)
                .collect();
            if disks.is_empty() {
                continue;
            }
            let raw = shop.at("disk.raw");
            shop.disk(&raw, table, &shop.part_files(files));
            for recipe in disks {
                shop.contain(&raw, recipe.container, &recipe.name());
            }
            fs_err::remove_file(raw).unwrap();
        }
    }
    for special in special::all() {
        (special.make)(&shop, special.name);
    }
    special::make_bases(&shop);
    fs_err::remove_dir_all(folder.join("parts")).unwrap();
}

/// Where disks are made.
pub(crate) struct Workshop {
    folder: Utf8PathBuf,
}

/// Runs a program of this machine; what it says is what a failure tells.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .env("LVM_SUPPRESS_FD_WARNINGS", "1")
        // Small file systems, as xfsprogs' own tests make them.
        .envs([("TEST_DIR", "1"), ("TEST_DEV", "1"), ("QA_CHECK_FS", "1")])
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; run tools/install"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A loop device, given back when dropped.
pub(crate) struct Loop(pub(crate) String);

impl Loop {
    pub(crate) fn new(file: &Utf8Path) -> Self {
        Self::with_sectors(file, 512)
    }

    /// One with sectors of this many bytes.
    pub(crate) fn with_sectors(file: &Utf8Path, bytes: u32) -> Self {
        let size = bytes.to_string();
        let arguments = ["--find", "--show", "--sector-size", &size, file.as_str()];
        Self(run("losetup", &arguments).trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        run("losetup", &["--detach", &self.0]);
    }
}

impl Workshop {
    pub(crate) fn new(folder: &Utf8Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn at(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn root(&self) -> Utf8PathBuf {
        self.at("root")
    }

    pub(crate) fn part_files(&self, files: Files) -> Vec<Utf8PathBuf> {
        let count = if files == Files::LvmTwo { 2 } else { 1 };
        (0..count).map(|n| self.at(&format!("parts/{files:?}-{n}.img").to_lowercase())).collect()
    }

    pub(crate) fn zeros(&self, name: &str, mib: u64) -> Utf8PathBuf {
        let path = self.at(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::File::create(&path).unwrap().set_len(mib * MIB).unwrap();
        path
    }

    /// Makes the partitions of a root.
    fn parts(&self, files: Files) {
        let paths = self.part_files(files);
        let name = |index: usize| paths[index].strip_prefix(&self.folder).unwrap().as_str();
        let root = self.root();
        match files {
            Files::Ext4 => drop(self.ext(name(0), 48, &["-t", "ext4", "-b", "4096"], &root)),
            Files::Ext4Small => drop(self.ext(name(0), 40, &["-t", "ext4", "-b", "1024"], &root)),
            Files::Ext3 => drop(self.ext(name(0), 48, &["-t", "ext3", "-b", "4096"], &root)),
            Files::Xfs => drop(self.xfs(name(0), 64, &root)),
            Files::Btrfs => drop(self.btrfs(name(0), 128, |top| {
                run("btrfs", &["subvolume", "create", top.join("@").as_str()]);
                copy(&root, &top.join("@"));
            })),
            Files::Lvm => {
                let volume = self.ext("parts/volume", 48, &["-t", "ext4", "-b", "4096"], &root);
                self.lvm(&[(name(0), 64)], &[("root", &[], &volume)]);
            }
            Files::LvmTwo => {
                let volume = self.ext("parts/volume", 60, &["-t", "ext4", "-b", "4096"], &root);
                self.lvm(&[(name(0), 40), (name(1), 40)], &[("root", &[], &volume)]);
            }
        }
    }

    pub(crate) fn ext(
        &self,
        name: &str,
        mib: u64,
        options: &[&str],
        root: &Utf8Path,
    ) -> Utf8PathBuf {
        let path = self.zeros(name, mib);
        let more = ["-q", "-F", "-d", root.as_str(), path.as_str()];
        run("mke2fs", &[options, &more].concat());
        path
    }

    pub(crate) fn xfs(&self, name: &str, mib: u64, root: &Utf8Path) -> Utf8PathBuf {
        let path = self.zeros(name, mib);
        run("mkfs.xfs", &["-q", "-f", path.as_str()]);
        self.mounted(&path, "", |top| copy(root, top));
        path
    }

    pub(crate) fn btrfs(&self, name: &str, mib: u64, fill: impl FnOnce(&Utf8Path)) -> Utf8PathBuf {
        let path = self.zeros(name, mib);
        run("mkfs.btrfs", &["-q", "-f", path.as_str()]);
        self.mounted(&path, "compress-force=zstd", fill);
        path
    }

    /// Lets the kernel mount a file system, to write to it.
    pub(crate) fn mounted(&self, image: &Utf8Path, options: &str, fill: impl FnOnce(&Utf8Path)) {
        let place = self.at("mounted");
        fs_err::create_dir_all(&place).unwrap();
        let options = format!("loop,{options}");
        let options = options.trim_end_matches(',');
        run("mount", &["-o", options, image.as_str(), place.as_str()]);
        let filled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fill(&place)));
        run("umount", &[place.as_str()]);
        fs_err::remove_dir(&place).unwrap();
        filled.unwrap();
    }

    /// Makes physical volumes (name, MiB) and volumes of a group on them (name, options, content).
    pub(crate) fn lvm(&self, disks: &[(&str, u64)], volumes: &[(&str, &[&str], &Utf8Path)]) {
        let files: Vec<_> = disks.iter().map(|(name, mib)| self.zeros(name, *mib)).collect();
        let loops: Vec<Loop> = files.iter().map(|file| Loop::new(file)).collect();
        let names: Vec<&str> = loops.iter().map(|device| device.0.as_str()).collect();
        let accepted: Vec<_> = names.iter().map(|name| format!("\"a|^{name}$|\"")).collect();
        let config = format!(
            "devices {{ use_devicesfile=0 scan_lvs=0 filter=[{accepted}, \"r|.*|\"] global_filter=[{accepted}, \"r|.*|\"] }} \
             backup {{ backup=0 archive=0 }} activation {{ udev_sync=0 udev_rules=0 }}",
            accepted = accepted.join(", ")
        );
        let lvm = |verb: &str, arguments: &[&str]| {
            let common = [verb, "--driverloaded", "n", "--config", &config];
            run("lvm", &[&common, arguments].concat())
        };
        for name in &names {
            lvm("pvcreate", &["-qq", name]);
        }
        lvm("vgcreate", &[&["-qq", "the-group"][..], &names].concat());
        for (name, options, content) in volumes {
            let size = format!("{}b", fs_err::metadata(content).unwrap().len());
            let fixed = ["-qq", "-an", "-Zn", "-Wn", "-n", name, "-L", &size];
            lvm("lvcreate", &[&fixed, *options, &["the-group"]].concat());
            let fields =
                ["--noheadings", "--units", "b", "--nosuffix", "-o", "lv_name,seg_pe_ranges"];
            let mut written = 0;
            // Where its extents are: `root /dev/loop0:0-8`. All disks begin after 1 MiB, in 4 MiB.
            for line in lvm("lvs", &[&fields[..], &["--segments", "the-group"]].concat()).lines() {
                let Some((_, ranges)) = line.trim().split_once(' ').filter(|(n, _)| n == name)
                else {
                    continue;
                };
                for range in ranges.split_whitespace() {
                    let (device, extents) = range.split_once(':').unwrap();
                    let (first, last) = extents.split_once('-').unwrap();
                    let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
                    let disk = names.iter().position(|name| *name == device).unwrap();
                    let count = (last - first + 1) * 4;
                    let places = [1 + first * 4, written, count];
                    place(content, &files[disk], places);
                    written += count;
                }
            }
        }
    }

    /// Writes a disk with a table and a root's partitions.
    pub(crate) fn disk(&self, raw: &Utf8Path, table: Table, parts: &[Utf8PathBuf]) {
        let sizes: Vec<u64> = parts.iter().map(|part| mib(part)).collect();
        if table == Table::None {
            fs_err::File::create(raw).unwrap().set_len(sizes[0] * MIB).unwrap();
            return place(&parts[0], raw, [0, 0, sizes[0]]);
        }
        let efi = self.zeros("efi", 3);
        run("mkfs.vfat", &[efi.as_str()]);
        let mut next = 1;
        let mut script = Vec::new();
        let mut contents: Vec<(u64, Utf8PathBuf)> = Vec::new();
        let mut add = |script: &mut Vec<String>,
                       number: u32,
                       size: u64,
                       kind: &str,
                       content: Option<&Utf8Path>| {
            script.push(format!("{number} : start={next}MiB, size={size}MiB, {kind}"));
            contents.extend(content.map(|content| (next, content.to_owned())));
            // A logical partition has its entry in the sectors before it.
            next += size + 1;
        };
        let numbers = |first: u32| (first..).zip(sizes.iter().zip(parts));
        match table {
            Table::Gpt | Table::Hybrid => {
                script.push("label: gpt".to_owned());
                for (number, (size, part)) in numbers(1) {
                    add(&mut script, number, *size, "type=linux", Some(part));
                }
                add(
                    &mut script,
                    14,
                    1,
                    "type=21686148-6449-6E6F-744E-656564454649",
                    Some(&self.root().join("usr/bin/noise")),
                );
                add(&mut script, 15, 3, "type=uefi", Some(&efi));
            }
            Table::GptNamed => {
                script.push("label: gpt".to_owned());
                add(&mut script, 1, 3, "type=uefi, name=\"EFI System Partition\"", Some(&efi));
                for (number, (size, part)) in numbers(2) {
                    add(
                        &mut script,
                        number,
                        *size,
                        &format!("type=linux, name=\"the root {number}\""),
                        Some(part),
                    );
                }
            }
            Table::GptFifth => {
                script.push("label: gpt".to_owned());
                (1..=4).for_each(|number| add(&mut script, number, 1, "type=linux", None));
                for (number, (size, part)) in numbers(5) {
                    add(&mut script, number, *size, "type=linux", Some(part));
                }
            }
            Table::Mbr => {
                script.push("label: dos".to_owned());
                for (number, (size, part)) in numbers(1) {
                    add(&mut script, number, *size, "type=83, bootable", Some(part));
                }
            }
            Table::MbrExtended => {
                script.push("label: dos".to_owned());
                add(&mut script, 1, 1, "type=83", None);
                let rest = sizes.iter().map(|size| size + 1).sum::<u64>() + 3;
                script.push(format!("2 : start=3MiB, size={rest}MiB, type=5"));
                let swap = self.zeros("swap", 1);
                run("mkswap", &["-q", swap.as_str()]);
                next = 4;
                let mut add = |number: u32, size: u64, kind: &str, content: &Utf8Path| {
                    script.push(format!("{number} : start={next}MiB, size={size}MiB, {kind}"));
                    contents.push((next, content.to_owned()));
                    next += size + 1;
                };
                for (number, (size, part)) in numbers(6) {
                    add(number - 1, *size, "type=83", part);
                }
                add(5 + u32::try_from(parts.len()).unwrap(), 1, "type=82", &swap);
            }
            Table::None => {}
        }
        fs_err::File::create(raw).unwrap().set_len((next + 2) * MIB).unwrap();
        self.table(raw, &script.join("\n"));
        for (at, content) in contents {
            place(&content, raw, [at, 0, mib(&content)]);
        }
        if table == Table::Hybrid {
            run("sgdisk", &["--hybrid", "1", raw.as_str()]);
        }
    }

    /// Lets sfdisk write a table.
    pub(crate) fn table(&self, raw: &Utf8Path, script: &str) {
        let path = self.at("script");
        fs_err::write(&path, format!("{script}\n")).unwrap();
        run(
            "sh",
            &[
                "-c",
                &format!("exec sfdisk --quiet --no-reread --no-tell-kernel '{raw}' < '{path}'"),
            ],
        );
    }

    /// Puts a raw disk into a container.
    pub(crate) fn contain(&self, raw: &Utf8Path, container: Container, name: &str) {
        let target = self.at(name);
        let convert = |options: &[&str]| {
            let fixed = ["convert", "-f", "raw", "-O", "qcow2"];
            run("qemu-img", &[&fixed, options, &[raw.as_str(), target.as_str()]].concat());
        };
        match container {
            Container::Raw => {
                run("cp", &["--sparse=always", raw.as_str(), target.as_str()]);
            }
            Container::Qcow2V2 => convert(&["-o", "compat=0.10"]),
            Container::Qcow2V3 => convert(&["-o", "compat=1.1"]),
            Container::Zlib => convert(&["-c", "-o", "compression_type=zlib"]),
            Container::Zstd => convert(&["-c", "-o", "compression_type=zstd"]),
            Container::SmallClusters => convert(&["-o", "cluster_size=512"]),
            Container::Chain => self.chain(raw, name),
        }
    }

    /// A chain in which each image has what the one below has not, or has wrong.
    fn chain(&self, raw: &Utf8Path, name: &str) {
        let noise = self.root().join("usr/bin/noise");
        let base = self.at(&format!("{name}.base"));
        let wrong = self.at("wrong");
        for target in [&base, &wrong] {
            run("cp", &["--sparse=always", raw.as_str(), target.as_str()]);
        }
        // Two regions are wrong at the bottom, one of them also in the middle.
        let last = mib(raw) - 2;
        for (target, at) in [(&base, 0), (&base, last / 2), (&wrong, last / 2)] {
            place(&noise, target, [at, 0, 1]);
        }
        let middle = self.at(&format!("{name}.middle"));
        let convert = |from: &Utf8Path, below: &Utf8Path, format: &str, to: &Utf8Path| {
            let below = below.file_name().unwrap();
            let command = format!(
                "cd '{}' && exec qemu-img convert -f raw -O qcow2 -B '{below}' -F {format} '{from}' '{to}'",
                self.folder
            );
            run("sh", &["-c", &command]);
        };
        convert(&wrong, &base, "raw", &middle);
        convert(raw, &middle, "qcow2", &self.at(name));
        fs_err::remove_file(wrong).unwrap();
    }
}

/// Copies the content of a folder, as it is.
pub(crate) fn copy(from: &Utf8Path, to: &Utf8Path) {
    run("cp", &["-a", &format!("{from}/."), to.as_str()]);
}

/// Size in MiB, a part of one for a whole one.
pub(crate) fn mib(file: &Utf8Path) -> u64 {
    fs_err::metadata(file).unwrap().len().div_ceil(MIB)
}

/// Copies `count` MiB from MiB `from` of a file to MiB `to` of another.
pub(crate) fn place(content: &Utf8Path, disk: &Utf8Path, [to, from, count]: [u64; 3]) {
    run(
        "dd",
        &[
            "status=none",
            "bs=1M",
            "conv=notrunc,sparse",
            &format!("if={content}"),
            &format!("of={disk}"),
            &format!("seek={to}"),
            &format!("skip={from}"),
            &format!("count={count}"),
        ],
    );
}
