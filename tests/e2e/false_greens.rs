//! Every way in which Trivy is known to end with 0 and without a finding although nothing was scanned,
//! made with the real Trivy, and what goldsmith says of the same: a verdict, or that nothing is proven.
//! Never "passed".
//!
//! The system that is looked at has a package with a grave advisory and a fix.

use std::process::Command;

use camino::Utf8Path;
use goldsmith_testkit::advisory_db::Fix;
use goldsmith_testkit::disk::{DiskOptions, debian_disk, lvm_disk};
use goldsmith_testkit::gpt;
use goldsmith_testkit::rootfs::{self, Release, debian_packages};
use serde_json::Value;

use crate::docker::succeed;
use crate::project::{EMPTY_TEMPLATE, Project};

const FIRST_BYTE: u64 = gpt::FIRST_SECTOR * gpt::SECTOR;

/// A project with the advisory, and the system in the folder `rootfs`.
fn project() -> Project {
    let project = Project::with_template(EMPTY_TEMPLATE);
    let grave: Fix = "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap();
    project.advisories(|advisories, _| advisories.fix(&grave).unwrap());
    rootfs::write(&project.path("rootfs"), &Release::default(), &debian_packages(150)).unwrap();
    project
}

/// Asserts that Trivy, asked as its manual says, ends with 0 and names no vulnerability.
#[track_caller]
fn clean_says_trivy(project: &Project, arguments: &[&str], target: &str) {
    let mut command = Command::new("trivy");
    command
        .current_dir(project.path(""))
        .args(arguments)
        .args(["--format", "json", "--quiet", "--skip-db-update", "--skip-java-db-update"])
        .args(["--offline-scan", "--skip-version-check", "--disable-telemetry"])
        .args(["--cache-dir", project.path("advisories").as_str(), "--cache-backend", "memory"])
        .arg(target);
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = report["Results"].as_array().into_iter().flatten();
    let found: Vec<&Value> =
        results.flat_map(|it| it["Vulnerabilities"].as_array().into_iter().flatten()).collect();
    assert_eq!(found, Vec::<&Value>::new(), "Trivy is better than it was: {told}");
}

/// Asserts that goldsmith finds the advisory.
#[track_caller]
fn found_by_goldsmith(project: &Project, target: &str) {
    let ended = project.run(&["scan", target, "--image", "debian-12", "--db", "advisories"]);
    let ended = ended.expect(1);
    assert!(ended.stdout.contains("CVE-2019-1010022 (HIGH) in libc"), "{}", ended.stdout);
}

/// Asserts that goldsmith says that nothing is proven, for this reason.
#[track_caller]
fn untrusted_says_goldsmith(project: &Project, target: &str, why: &str) {
    let ended = project.run(&["scan", target, "--image", "debian-12", "--db", "advisories"]);
    let ended = ended.expect(4);
    let all = ended.stdout + &ended.stderr;
    assert!(all.contains(why), "`{why}` is missing in\n{all}");
    assert!(!all.contains("passed"), "{all}");
}

/// A disk whose only partition holds the file system that `make` writes into a file.
fn disk_of(project: &Project, disk_size: u64, make: impl FnOnce(&Utf8Path, &Utf8Path)) {
    let system = project.path("system");
    let size = disk_size - FIRST_BYTE - (1 << 20);
    fs_err::File::create(&system).unwrap().set_len(size).unwrap();
    make(&system, &project.path("rootfs"));
    let disk = project.path("disk.raw");
    fs_err::File::create(&disk).unwrap().set_len(disk_size).unwrap();
    let (from, to) = (format!("if={system}"), format!("of={disk}"));
    let at = format!("seek={FIRST_BYTE}");
    let options = ["bs=1M", "oflag=seek_bytes", "conv=notrunc,sparse"];
    succeed(Command::new("dd").args([&from, &to, &at]).args(options));
    let partition = gpt::Partition {
        number: 1,
        kind: gpt::LINUX_DATA,
        name: String::new(),
        first: gpt::FIRST_SECTOR,
        sectors: size / gpt::SECTOR,
    };
    gpt::write(&disk, &[partition]).unwrap();
}

#[test]
fn trivy_vm_on_an_lvm_root_says_nothing_and_goldsmith_says_what_it_lacks() {
    let project = project();
    lvm_disk(&project.path("disk.raw")).unwrap();
    clean_says_trivy(&project, &["vm"], "disk.raw");
    untrusted_says_goldsmith(&project, "disk.raw", "LVM");
}

#[test]
fn btrfs_is_nothing_to_trivy_vm_and_is_read_by_goldsmith() {
    let project = project();
    disk_of(&project, 256 << 20, |system, root| {
        let rootdir = ["-q", "--rootdir", root.as_str(), system.as_str()];
        succeed(Command::new("mkfs.btrfs").args(rootdir));
    });
    clean_says_trivy(&project, &["vm"], "disk.raw");
    found_by_goldsmith(&project, "disk.raw");
}

#[test]
fn luks_is_nothing_to_trivy_vm_and_untrusted_to_goldsmith() {
    let project = project();
    project.write("key", "secret");
    disk_of(&project, 256 << 20, |system, _| {
        let format = ["luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000"];
        let key = project.path("key");
        succeed(Command::new("cryptsetup").args(format).args([system, &key]));
    });
    clean_says_trivy(&project, &["vm"], "disk.raw");
    untrusted_says_goldsmith(&project, "disk.raw", "encryption cannot be read");
}

#[test]
fn a_file_system_that_nobody_knows_is_nothing_to_trivy_vm_and_untrusted_to_goldsmith() {
    let project = project();
    disk_of(&project, 256 << 20, |system, _| {
        fs_err::write(system, vec![0xa5; 64 << 20]).unwrap();
    });
    clean_says_trivy(&project, &["vm"], "disk.raw");
    untrusted_says_goldsmith(&project, "disk.raw", "partition 1");
}

/// Trivy 0.74 has learned to read small disks with such blocks, and still stops where they come in
/// clusters.
#[test]
fn ext4_with_blocks_of_1_kib_is_nothing_to_trivy_vm_and_is_read_by_goldsmith() {
    let project = project();
    let disk = |clusters: &str| {
        disk_of(&project, 320 << 20, |system, root| {
            let make = ["-q", "-F", "-t", "ext4", "-b", "1024", "-O", clusters, "-d"];
            succeed(Command::new("mke2fs").args(make).args([root, system]));
        });
    };
    disk("bigalloc");
    clean_says_trivy(&project, &["vm"], "disk.raw");
    untrusted_says_goldsmith(&project, "disk.raw", "partition 1: the ext2/3/4 file system");
    disk("^bigalloc");
    found_by_goldsmith(&project, "disk.raw");
}

#[test]
fn a_partition_named_root_is_passed_over_by_trivy_vm_and_is_read_by_goldsmith() {
    let project = project();
    let options = DiskOptions { name: "root".to_owned(), ..DiskOptions::default() };
    debian_disk(&project.path("disk.raw"), &debian_packages(150), &options).unwrap();
    clean_says_trivy(&project, &["vm"], "disk.raw");
    found_by_goldsmith(&project, "disk.raw");
}

#[test]
fn a_fifth_partition_is_passed_over_by_trivy_vm_and_is_read_by_goldsmith() {
    let project = project();
    let options = DiskOptions { number: 5, ..DiskOptions::default() };
    debian_disk(&project.path("disk.raw"), &debian_packages(150), &options).unwrap();
    clean_says_trivy(&project, &["vm"], "disk.raw");
    found_by_goldsmith(&project, "disk.raw");
}

#[test]
fn a_folder_without_a_system_is_clean_to_trivy_rootfs_and_untrusted_to_goldsmith() {
    let project = project();
    for gone in ["etc/os-release", "etc/debian_version"] {
        fs_err::remove_file(project.path("rootfs").join(gone)).unwrap();
    }
    clean_says_trivy(&project, &["rootfs", "--scanners", "vuln"], "rootfs");
    untrusted_says_goldsmith(&project, "rootfs", "no operating system was identified");
}

#[test]
fn a_distribution_that_trivy_does_not_know_is_clean_to_it_and_untrusted_to_goldsmith() {
    let project = project();
    project.write("rootfs/etc/os-release", "ID=hobbyix\nVERSION_ID=12\n");
    fs_err::remove_file(project.path("rootfs/etc/debian_version")).unwrap();
    clean_says_trivy(&project, &["rootfs", "--scanners", "vuln"], "rootfs");
    untrusted_says_goldsmith(&project, "rootfs", "found hobbyix 12 instead of debian 12");
}

#[test]
fn a_release_newer_than_the_database_is_clean_to_trivy_and_untrusted_to_goldsmith() {
    let project = project();
    let release = Release { version: "15.0".to_owned(), ..Release::default() };
    rootfs::write(&project.path("rootfs"), &release, &debian_packages(150)).unwrap();
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &images.replace("release: \"12\"", "release: \"15\""));
    clean_says_trivy(&project, &["rootfs", "--scanners", "vuln"], "rootfs");
    untrusted_says_goldsmith(&project, "rootfs", "has nothing about debian 15");
}

#[test]
fn a_release_past_its_end_of_life_is_clean_to_trivy_and_untrusted_to_goldsmith() {
    let project = project();
    let release = Release { version: "9.13".to_owned(), ..Release::default() };
    rootfs::write(&project.path("rootfs"), &release, &debian_packages(150)).unwrap();
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &images.replace("release: \"12\"", "release: \"9\""));
    let old: Fix = "CVE-2017-1=1:SEVERITY".replace("SEVERITY", "LOW").parse().unwrap();
    project.advisories(|advisories, _| advisories.add("debian 9", "zlib", &old));
    clean_says_trivy(&project, &["rootfs", "--scanners", "vuln"], "rootfs");
    untrusted_says_goldsmith(&project, "rootfs", "past its end of life");
}

#[test]
fn a_database_from_2019_is_good_enough_for_trivy_and_untrusted_to_goldsmith() {
    let project = project();
    project.advisories(|_, stamp| stamp.updated_at = "2019-05-01T00:00:00Z".parse().unwrap());
    clean_says_trivy(&project, &["rootfs", "--scanners", "vuln", "--severity", "HIGH"], "rootfs");
    untrusted_says_goldsmith(&project, "rootfs", "the limit is 48 hours");
}

#[test]
fn files_of_the_repository_silence_trivy_and_not_goldsmith() {
    for (name, text) in
        [(".trivyignore", "CVE-2019-1010022\n"), ("trivy.yaml", "severity:\n  - CRITICAL\n")]
    {
        let project = project();
        project.write(name, text);
        let arguments: &[&str] = match name {
            ".trivyignore" => &["rootfs", "--scanners", "vuln", "--severity", "HIGH"],
            _ => &["rootfs", "--scanners", "vuln", "--ignore-unfixed"],
        };
        clean_says_trivy(&project, arguments, "rootfs");
        found_by_goldsmith(&project, "rootfs");
    }
}

#[test]
fn packer_templates_are_nothing_to_trivy_config_and_no_answer_to_goldsmith() {
    let project = project();
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    let scanner = "    evidence: { scanner: \"trivy config --quiet --format json .\" }\n    os:";
    project.write("images.yml", &images.replacen("    os:", scanner, 1));
    clean_says_trivy_config(&project);
    project.disk();
    untrusted_says_goldsmith(&project, "disk.raw", "no `Results`");
}

fn clean_says_trivy_config(project: &Project) {
    let mut command = Command::new("trivy");
    command.current_dir(project.path("packer"));
    let output = command.args(["config", "--quiet", "--format", "json", "."]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.get("Results"), None, "{report:#}");
}
