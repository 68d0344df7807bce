//! Looking inside: every strategy on the same system, with the real Trivy, and what none can see.

use std::process::Command;

use camino::Utf8Path;
use goldsmith::model::Digest;
use goldsmith_testkit::rootfs::{self, Release, debian_packages};
use serde_json::{Value, json};

use crate::docker::succeed;
use crate::project::{DEBIAN, EMPTY_TEMPLATE, Project};

/// A project with a root file system of 150 packages in `rootfs`.
fn project() -> Project {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.advisories(|_, _| {});
    rootfs::write(&project.path("rootfs"), &Release::default(), &debian_packages(150)).unwrap();
    project
}

fn tar(project: &Project, options: &str, archive: &str, folder: &str) {
    let (archive, folder) = (project.path(archive), project.path(folder));
    succeed(Command::new("tar").args([options, archive.as_str(), "-C", folder.as_str(), "."]));
}

fn scan(project: &Project, path: &str, more: &[&str], code: i32) -> Value {
    let arguments = ["scan", path, "--db", "advisories", "--format", "json"];
    let ended = project.run(&[&arguments, more].concat()).expect(code);
    serde_json::from_str(&ended.stdout).unwrap()
}

/// What a scan found, and how it looked.
fn found(report: &Value) -> String {
    let image = &report["image"];
    let verdict = &image["verdict"];
    let findings = verdict["findings"].as_array().unwrap().len();
    format!(
        "{} {} {}: {} packages, {findings} findings, {}",
        image["evidence"]["strategy"].as_str().unwrap(),
        image["os"]["family"].as_str().unwrap_or("-"),
        image["os"]["release"].as_str().unwrap_or("-"),
        image["packages"],
        verdict["decision"].as_str().unwrap(),
    )
}

/// A container image of two layers: the lower one has other packages and a folder that the upper one
/// takes away. As `docker save` writes it into `image.tar`, and as an OCI layout in `oci`.
fn container(project: &Project) {
    let older = project.path("older");
    rootfs::write(&older, &Release::default(), &debian_packages(20)).unwrap();
    for hidden in ["var/lib/dpkg/status.d/gone", "etc/ssh/ssh_host_rsa_key", "srv/old/file"] {
        project.write(&format!("older/{hidden}"), "Package: gone\nVersion: 1\n");
    }
    let upper = project.path("upper");
    rootfs::write(&upper, &Release::default(), &debian_packages(150)).unwrap();
    for whiteout in
        ["var/lib/dpkg/.wh.status.d", "etc/ssh/.wh.ssh_host_rsa_key", "srv/.wh..wh..opq"]
    {
        project.write(&format!("upper/{whiteout}"), "");
    }
    tar(project, "-cf", "docker/lower.tar", "older");
    tar(project, "-czf", "docker/upper.tar", "upper");
    let manifest = json!([{ "Config": "c.json", "Layers": ["lower.tar", "upper.tar"] }]);
    project.write("docker/manifest.json", &manifest.to_string());
    tar(project, "-cf", "image.tar", "docker");

    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let folder = project.path("oci/blobs/sha256");
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join(digest.hex()), bytes).unwrap();
        json!({ "digest": digest, "size": bytes.len() })
    };
    let layers = ["lower.tar", "upper.tar"]
        .map(|name| blob(&fs_err::read(project.path("docker").join(name)).unwrap()));
    let mut image = blob(json!({ "schemaVersion": 2, "layers": layers }).to_string().as_bytes());
    image["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    let mut other = blob(b"{}");
    other["platform"] = json!({ "architecture": "arm64", "os": "linux" });
    let index = json!({ "schemaVersion": 2, "manifests": [other, image] });
    project.write("oci/index.json", &index.to_string());
    project.write("oci/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    tar(project, "-cf", "oci.tar", "oci");
}

#[test]
fn every_strategy_finds_the_same_in_the_same_system() {
    let project = project();
    project.disk();
    fs_err::create_dir(project.path("docker")).unwrap();
    container(&project);
    tar(&project, "-cf", "rootfs.tar", "rootfs");
    tar(&project, "-czf", "rootfs.tgz", "rootfs");
    let (raw, qcow2) = (project.path("disk.raw"), project.path("disk.qcow2"));
    succeed(Command::new("qemu-img").args([
        "convert",
        "-O",
        "qcow2",
        raw.as_str(),
        qcow2.as_str(),
    ]));
    let all = [
        "disk.raw",
        "disk.qcow2",
        "rootfs",
        "rootfs.tar",
        "rootfs.tgz",
        "image.tar",
        "oci.tar",
        "oci",
    ]
    .map(|path| format!("{path}: {}", found(&scan(&project, path, &["--os", "debian:12"], 0))));
    insta::assert_snapshot!(all.join("\n"), @"
    disk.raw: disk debian 12.13: 150 packages, 22 findings, passed
    disk.qcow2: disk debian 12.13: 150 packages, 22 findings, passed
    rootfs: rootfs debian 12.13: 150 packages, 22 findings, passed
    rootfs.tar: rootfs debian 12.13: 150 packages, 22 findings, passed
    rootfs.tgz: rootfs debian 12.13: 150 packages, 22 findings, passed
    image.tar: container debian 12.13: 150 packages, 22 findings, passed
    oci.tar: container debian 12.13: 150 packages, 22 findings, passed
    oci: container debian 12.13: 150 packages, 22 findings, passed
    ");
    // A layer that is not what the image names.
    let blobs = project.list("oci/blobs/sha256");
    let largest = blobs.iter().max_by_key(|name| {
        fs_err::metadata(project.path(&format!("oci/blobs/sha256/{name}"))).unwrap().len()
    });
    let largest = project.path(&format!("oci/blobs/sha256/{}", largest.unwrap()));
    let mut bytes = fs_err::read(&largest).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs_err::write(&largest, bytes).unwrap();
    let ended = project.run(&["scan", "oci", "--db", "advisories"]).expect(4);
    assert!(ended.stderr.contains("of the image is sha256:"), "{}", ended.stderr);
    let hidden = scan(&project, "image.tar", &[], 0);
    assert_eq!(hidden["image"]["evidence"]["facts"]["host_keys"], json!([]), "taken away above");
}

#[test]
fn a_published_inventory_is_matched_like_the_disk_that_it_is_of() {
    let project = project();
    project.disk();
    let run = ["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];
    project.run(&run).expect(0);
    let version = &project.list("store/debian-12")[0];
    let inventory = format!("store/debian-12/{version}/inventory.cdx.json");
    let (disk, sbom) = (scan(&project, "disk.raw", &[], 0), scan(&project, &inventory, &[], 0));
    let findings = |report: &Value| report["image"]["verdict"]["findings"].clone();
    assert_eq!(findings(&sbom), findings(&disk));
    assert_eq!(project.json(&inventory)["specVersion"], "1.6");
    assert_eq!(sbom["image"]["evidence"]["strategy"], "sbom");
}

#[test]
fn libraries_of_languages_are_found_when_they_are_asked_for() {
    let project = project();
    let package = r#"{ "name": "left-pad", "version": "1.3.0" }"#;
    project.write("rootfs/opt/app/node_modules/left-pad/package.json", package);
    let metadata = "Metadata-Version: 2.1\nName: Django\nVersion: 1.2\n";
    project.write("rootfs/usr/lib/python3/dist-packages/Django-1.2.dist-info/METADATA", metadata);
    let libraries = |more: &[&str]| {
        scan(&project, "rootfs", more, 0)["image"]["evidence"]["libraries"].as_u64().unwrap()
    };
    assert_eq!(libraries(&[]), 0);
    assert_eq!(libraries(&["--full"]), 2);
}

/// `images.yml` with this `evidence:` for its image.
fn with_evidence(project: &Project, evidence: &str) {
    project.write("images.yml", &format!("{DEBIAN}    evidence: {evidence}\n"));
}

fn run(project: &Project, code: i32) -> String {
    let run = ["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];
    let ended = project.run(&run).expect(code);
    ended.stdout + &ended.stderr
}

#[test]
fn what_nobody_looks_into_is_published_until_the_day_that_was_named_and_every_report_says_so() {
    let project = project();
    goldsmith_testkit::disk::zero_disk(&project.path("disk.raw")).unwrap();
    with_evidence(&project, "{ skip: { reason: not ours to judge, until: 2099-12-31 } }");
    let told = run(&project, 0);
    assert!(
        told.contains("nobody looked into this image, allowed until 2099-12-31: not ours"),
        "{told}"
    );
    let version = &project.list("store/debian-12")[0];
    let report = project.json(&format!("store/debian-12/{version}/report.json"));
    assert_eq!(report["image"]["verdict"]["warnings"][0]["id"], "not-looked-at");
    // Two builds that nobody looked into are not known to be equal.
    run(&project, 0);
    assert_eq!(project.list("store/debian-12").len(), 2);

    with_evidence(&project, "{ skip: { reason: not ours to judge, until: 2026-01-31 } }");
    let told = run(&project, 4);
    assert!(told.contains("that was allowed until 2026-01-31 only"), "{told}");
    assert_eq!(project.list("store/debian-12").len(), 2);
}

#[test]
fn the_answer_of_a_scanner_of_ones_own_is_judged_by_the_same_gate() {
    let project = project();
    project.disk();
    let sarif = |results: Value| {
        json!({
            "version": "2.1.0",
            "runs": [{ "tool": { "driver": { "name": "arch-audit" } }, "results": results }],
        })
    };
    let result = json!({
        "ruleId": "CVE-2026-1", "level": "error", "message": { "text": "openssl is vulnerable" },
        "properties": { "security-severity": "9.8" },
    });
    project.write("packer/clean.sarif", &sarif(json!([])).to_string());
    project.write("packer/found.sarif", &sarif(json!([result])).to_string());
    project.write("packer/scan.sh", "set -eu\ntest -s \"$GOLDSMITH_ARTIFACT\"\ncat \"$1\"\n");

    with_evidence(&project, "{ scanner: sh scan.sh clean.sarif }");
    let told = run(&project, 0);
    assert!(told.contains("SARIF of arch-audit"), "{told}");
    // Without a known fix it blocks only where that is asked for.
    with_evidence(
        &project,
        "{ scanner: sh scan.sh found.sarif }\n    gate: { ignore_unfixed: false }",
    );
    let told = run(&project, 1);
    assert!(told.contains("CVE-2026-1 (CRITICAL)"), "{told}");
    for (command, said) in [
        ("sh scan.sh /dev/null", "empty"),
        ("echo nothing found", "is no JSON"),
        ("sh scan.sh clean.sarif; exit 2", "exit status 2"),
        ("sh scan.sh clean.sarif | head -c 40", "EOF while parsing"),
    ] {
        with_evidence(&project, &format!("{{ scanner: {} }}", json!(command)));
        let told = run(&project, 4);
        assert!(told.contains(said), "`{said}` is missing for `{command}`:\n{told}");
    }
}

#[test]
fn an_inventory_of_its_maker_is_judged_if_it_is_the_one_that_was_looked_at() {
    let project = project();
    let (disk, inventory) = (project.disk(), project.path("packer/sbom.json"));
    project.run(&["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"]).expect(0);
    let version = &project.list("store/debian-12")[0];
    let made = project.path(&format!("store/debian-12/{version}/inventory.cdx.json"));
    fs_err::copy(&made, &inventory).unwrap();
    goldsmith_testkit::disk::zero_disk(Utf8Path::new(&disk)).unwrap();
    let digest = Digest::of(&fs_err::read(&inventory).unwrap()).hex();
    with_evidence(&project, &format!("{{ sbom: packer/sbom.json, sha256: {digest} }}"));
    run(&project, 0);
    fs_err::write(&inventory, "{}").unwrap();
    let told = run(&project, 4);
    assert!(told.contains("instead of"), "{told}");
    with_evidence(&project, "{ sbom: packer/sbom.json }");
    let told = run(&project, 4);
    assert!(told.contains("JSON of an unknown kind"), "{told}");
}

#[test]
fn a_system_that_the_scanner_has_no_advisories_for_is_never_clean() {
    let project = project();
    let root = project.path("arch");
    fs_err::create_dir_all(root.join("etc")).unwrap();
    fs_err::write(root.join("etc/os-release"), "ID=arch\nBUILD_ID=rolling\n").unwrap();
    for number in 0..120 {
        let desc = format!("%NAME%\npackage-{number}\n\n%VERSION%\n1.0-{number}\n\n%ARCH%\nany\n");
        project.write(&format!("arch/var/lib/pacman/local/package-{number}-1.0/desc"), &desc);
    }
    let report = scan(&project, "arch", &["--os", "arch:rolling"], 4);
    insta::assert_snapshot!(found(&report), @"rootfs arch rolling: 120 packages, 0 findings, untrusted");
    let reasons = &report["image"]["verdict"]["reasons"];
    assert_eq!(reasons[0]["message"], "there is no advisory source for arch rolling", "{reasons}");
    assert_eq!(reasons.as_array().unwrap().len(), 1, "{reasons}");
}

#[test]
fn a_backing_file_is_read_only_where_that_is_allowed() {
    let project = project();
    project.disk();
    let overlay = project.path("overlay.qcow2");
    let create = ["create", "-q", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", overlay.as_str()];
    succeed(Command::new("qemu-img").args(create).current_dir(project.path("")));
    let scan = ["scan", "overlay.qcow2", "--os", "debian:12", "--db", "advisories"];
    let ended = project.run(&scan).expect(4);
    assert!(
        ended.stderr.contains("has the backing file `disk.raw`, which is not read"),
        "{}",
        ended.stderr
    );
    project.run(&[&scan[..], &["--backing", "."]].concat()).expect(0);
}

#[test]
fn a_container_of_three_packages_is_whole_and_one_that_is_packed_twice_is_told_to_be() {
    let project = project();
    for name in ["base-files", "netbase", "tzdata"] {
        let package = format!("Package: {name}\nVersion: 12\nArchitecture: amd64\n");
        project.write(&format!("small/var/lib/dpkg/status.d/{name}"), &package);
    }
    project.write("small/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    project.write("small/etc/debian_version", "12.13\n");
    fs_err::create_dir(project.path("saved")).unwrap();
    tar(&project, "-cf", "saved/layer.tar", "small");
    let manifest = json!([{ "Config": "c.json", "Layers": ["layer.tar"] }]);
    project.write("saved/manifest.json", &manifest.to_string());
    tar(&project, "-cf", "small.tar", "saved");
    let report = scan(&project, "small.tar", &["--os", "debian:12"], 0);
    assert_eq!(report["image"]["packages"], 3);
    tar(&project, "-czf", "small.tar.gz", "saved");
    let told = project.run(&["scan", "small.tar.gz", "--db", "advisories"]).expect(4).stderr;
    assert!(told.contains("a container image that is packed as a whole; unpack it"), "{told}");
}

#[test]
fn systems_that_the_scanner_calls_otherwise_are_the_ones_that_are_meant() {
    let project = project();
    let reasons = |os: &str| {
        let verdict = &scan(&project, "rootfs", &["--os", os], 4)["image"]["verdict"];
        let reasons = verdict["reasons"].as_array().unwrap().iter();
        let ids: Vec<_> = reasons.map(|reason| reason["id"].as_str().unwrap().to_owned()).collect();
        ids.join(" ")
    };
    fs_err::remove_file(project.path("rootfs/etc/debian_version")).unwrap();
    project.write("rootfs/etc/os-release", "ID=amzn\nVERSION_ID=\"2\"\n");
    project.write("rootfs/etc/system-release", "Amazon Linux release 2 (Karoo)\n");
    assert_eq!(reasons("amazon:2"), "no-advisories end-of-life", "the database has Debian's only");
    fs_err::remove_file(project.path("rootfs/etc/system-release")).unwrap();
    project.write("rootfs/etc/os-release", "NAME=SLES\nID=sles\nVERSION_ID=\"15.7\"\n");
    assert_eq!(reasons("sles:15.7"), "no-advisories");
    project.write("rootfs/etc/os-release", "ID=fedora\nVERSION_ID=42\n");
    assert_eq!(reasons("fedora:42"), "scanner-complained no-advisories");
}

#[test]
fn a_pipe_is_no_artifact() {
    let project = project();
    succeed(Command::new("mkfifo").arg(project.path("pipe")));
    let told = project.run(&["scan", "pipe", "--db", "advisories"]).expect(2).stderr;
    assert!(told.contains("is no regular file"), "{told}");
}

#[test]
fn an_encrypted_partition_beside_the_system_is_untrusted_and_the_way_out_is_told() {
    let project = project();
    project.disk();
    // As large as a LUKS2 header at the place of the second partition of a table that sfdisk makes.
    let disk = project.path("two.raw");
    fs_err::write(&disk, vec![0; 96 << 20]).unwrap();
    let mut table = Command::new("sh");
    table.args([
        "-c",
        &format!("printf 'label: gpt\\nsize=64MiB\\nsize=16MiB\\n' | sfdisk -q {disk}"),
    ]);
    succeed(&mut table);
    let system = project.path("root.ext4");
    let rootfs = project.path("rootfs");
    let make = ["-q", "-t", "ext4", "-d", rootfs.as_str(), system.as_str(), "64M"];
    succeed(Command::new("mke2fs").args(make));
    let key = project.path("key");
    fs_err::write(&key, "secret").unwrap();
    let encrypted = project.path("luks");
    fs_err::write(&encrypted, vec![0; 16 << 20]).unwrap();
    let format = ["luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000"];
    succeed(Command::new("cryptsetup").args(format).args([encrypted.as_str(), key.as_str()]));
    for (part, at) in [(&system, 1), (&encrypted, 65)] {
        let (from, to) = (format!("if={part}"), format!("of={disk}"));
        let at = format!("seek={}", at << 20);
        succeed(Command::new("dd").args([
            &from,
            &to,
            &at,
            "bs=1M",
            "oflag=seek_bytes",
            "conv=notrunc",
        ]));
    }
    let ended =
        project.run(&["scan", "two.raw", "--os", "debian:12", "--db", "advisories"]).expect(4);
    for told in ["partition 2: LUKS1 encryption cannot be read", "evidence: guest"] {
        assert!(ended.stdout.contains(told), "`{told}` is missing in\n{}", ended.stdout);
    }
}

#[test]
fn a_build_without_a_way_into_its_guest_is_refused_before_it_begins_if_the_guest_is_to_be_asked() {
    let project = project();
    with_evidence(&project, "guest");
    let told = project.run(&["run", "debian-12", "--db", "advisories"]).expect(2);
    let told = told.stdout + &told.stderr;
    for part in ["the guest cannot be asked", "it has no communicator", "evidence: disk"] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
}

/// An inventory of a system without a package manager, as its maker publishes it: libraries of Go, and
/// `others` of a kind that nobody has advisories for.
fn talos(project: &Project, others: usize) {
    let library = |name: String, kind: &str| {
        let purl = format!("pkg:{kind}/{name}@v0.20.0");
        json!({ "type": "library", "name": name, "version": "v0.20.0", "purl": purl })
    };
    let mut components =
        vec![json!({ "type": "operating-system", "name": "talos", "version": "1.11.2" })];
    components.push(library("golang.org/x/crypto".to_owned(), "golang"));
    components.extend((0..12).map(|n| library(format!("example.org/m{n}"), "golang")));
    components.extend((0..others).map(|n| library(format!("g{n}"), "generic")));
    for (number, component) in components.iter_mut().enumerate() {
        component["bom-ref"] = json!(format!("c{number}"));
    }
    let document = json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components,
    });
    project.write("talos.cdx.json", &document.to_string());
}

#[test]
fn an_inventory_of_libraries_is_judged_by_the_advisories_for_their_language_if_there_are_any() {
    let project = project();
    let scan = |more: usize, code: i32| {
        talos(&project, more);
        let report = scan(&project, "talos.cdx.json", &["--os", "talos:1.11"], code);
        report["image"]["verdict"].clone()
    };
    let verdict = scan(2, 4);
    assert_eq!(verdict["reasons"][0]["id"], "no-advisories", "{verdict}");

    let fix = "CVE-2024-45337=0.31.0:CRITICAL".parse().unwrap();
    project.advisories(|advisories, _| advisories.add_library("go", "golang.org/x/crypto", &fix));
    let verdict = scan(2, 1);
    assert_eq!(verdict["findings"][0]["fixed"], "0.31.0", "{verdict}");
    let told = verdict["warnings"][0]["message"].as_str().unwrap();
    assert!(told.starts_with("2 of 15 components are of kinds"), "{told}");
    // Mostly of kinds that nobody has advisories for: what little there is proves nothing.
    let verdict = scan(40, 4);
    assert_eq!(verdict["reasons"][0]["id"], "no-advisories", "{verdict}");
}

#[test]
fn a_container_image_is_published_like_a_disk() {
    let project = project();
    fs_err::create_dir(project.path("docker")).unwrap();
    container(&project);
    let given = "debian-12=image.tar";
    project.run(&["run", "--from-artifact", given, "--db", "advisories"]).expect(0);
    let version = &project.list("store/debian-12")[0];
    let files = project.list(&format!("store/debian-12/{version}"));
    assert!(files.contains(&format!("debian-12-v{version}.tar")), "{files:?}");
    let report = project.json(&format!("store/debian-12/{version}/report.json"));
    assert_eq!(report["image"]["evidence"]["strategy"], "container");
    assert_eq!(report["image"]["evidence"]["facts"], Value::Null, "no facts leave the machine");
}
