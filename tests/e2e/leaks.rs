//! Leaks that real images had, found by the golden rules, with the real Trivy.

use goldsmith_testkit::disk::{DiskOptions, debian_disk};
use goldsmith_testkit::rootfs::debian_packages;

use crate::project::{DEBIAN, Project};

/// A template that logs in as `builder`, with a password that stands in it.
const TEMPLATE: &str = "\
variable \"password\" {
  default = \"Image-Builder-7\"
}
source \"qemu\" \"debian\" {
  ssh_username = \"builder\"
  ssh_password = var.password
}
build { sources = [\"source.qemu.debian\"] }
";

/// SHA-512 of `builder`, by glibc.
const BUILDER: &str = "$6$saltsalt$AMApe3UxKRHFGgpM1NDN5e0tMZ6laQYyoi896lWiBlxd7Nwbszp8z77oH.h4MAG5Y14p5yLYfTD/sjuLtHEDG/";

/// A project whose `disk.raw` has these files besides packages.
fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::with_template(TEMPLATE);
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let options = DiskOptions { files: files.collect(), ..DiskOptions::default() };
    debian_disk(&project.path("disk.raw"), &debian_packages(150), &options).unwrap();
    project.advisories(|_, _| {});
    project
}

const RUN: &[&str] = &["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];
const SCAN: &[&str] = &["scan", "disk.raw", "--image", "debian-12", "--db", "advisories"];

/// Expects that the image is blocked for each of `rules`, wherever it is judged, and that nothing of it
/// is published or tells what is `secret`.
#[track_caller]
fn expect_blocked(project: &Project, rules: &[&str], secret: &str) {
    for command in [RUN, SCAN] {
        let ended = project.run(command).expect(1);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        for rule in rules {
            assert!(all.contains(rule), "`{rule}` is missing in\n{all}");
        }
        assert!(!all.contains(secret), "{all}");
    }
    assert!(!project.log("debian-12").contains(&"published".to_owned()));
}

#[test]
fn default_credentials_of_the_builder_are_blocked_as_in_cve_2024_9486() {
    let passwd = "root:x:0:0:root:/root:/bin/bash\nbuilder:x:1000:1000::/home/builder:/bin/bash\n";
    let shadow = format!("root:*:20000:0:99999:7:::\nbuilder:{BUILDER}:20000:0:99999:7:::\n");
    let project = project(&[("etc/passwd", passwd), ("etc/shadow", &shadow)]);
    expect_blocked(&project, &["builder-password", "default-password"], BUILDER);
}

#[test]
fn a_machine_id_that_was_cloned_is_blocked() {
    let id = "0123456789abcdef0123456789abcdef";
    let project = project(&[("etc/machine-id", id), ("var/lib/dbus/machine-id", id)]);
    expect_blocked(&project, &["machine-id"], id);
}

#[test]
fn the_token_of_the_runner_in_netrc_is_blocked() {
    let token = format!("ghp_{}", "0123456789abcdefABCDEF0123456789abcd");
    let netrc = format!("machine github.com login x-access-token password {token}\n");
    let found = project(&[("root/.netrc", &netrc)]);
    expect_blocked(&found, &["token", "/root/.netrc"], &token);
    // The same elsewhere is found by its looks.
    let profile = format!("export GITHUB_TOKEN={token}\n");
    let found = project(&[("etc/profile.d/ci.sh", &profile)]);
    expect_blocked(&found, &["token", "/etc/profile.d/ci.sh"], &token);
}

#[test]
fn levels_of_images_yml_and_what_a_checker_objects_to_decide() {
    let id = "0123456789abcdef0123456789abcdef";
    let project = project(&[("etc/machine-id", id)]);
    let images = |more: &str| project.write("images.yml", &format!("{DEBIAN}{more}"));
    images("    gate: { generalize: { machine-id: warn } }\n");
    project.run(SCAN).expect(0);
    let sarif = r#"{ "version": "2.1.0", "runs": [ { "tool": { "driver": { "name": "Checkov" } }, "results": [ { "ruleId": "CKV_1", "level": "error", "message": { "text": "an objection" } } ] } ] }"#;
    project.write("packer/answer", sarif);
    let checked = "    checks: [{ run: \"cp answer out.sarif; exit 1\", sarif: out.sarif }]\n    gate: { generalize: { machine-id: warn } }\n";
    images(checked);
    let ended = project.run(SCAN).expect(1);
    assert!(ended.stdout.contains("checkov/CKV_1"), "{}", ended.stdout);
    // An answer of an earlier run is none.
    images(&checked.replace("cp answer out.sarif; exit 1", "exit 1"));
    let ended = project.run(SCAN).expect(4);
    assert!(format!("{}{}", ended.stdout, ended.stderr).contains("has no answer"));
    images(&checked.replace("machine-id: warn", "machine-id: warn, checkov/CKV_1: off"));
    project.run(SCAN).expect(0);
}
