//! Templates that know nothing of goldsmith, built by the real Packer from copies of them.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::build::{COPY, project_with, run};
use crate::project::Project;

/// Names its output itself, and everything else by paths of every kind.
const STUBBORN: &str = r#"source "file" "debian" {
  source = "${path.root}/../disk.raw"
  target = "output/debian.raw"
}
build {
  sources = ["source.file.debian"]
  provisioner "shell-local" {
    script = "here.sh"
  }
  provisioner "shell-local" {
    inline = ["cat ${path.root}/../shared/note ${path.root}/data/note ${path.cwd}/data/note >> $HOME/seen"]
  }
}
"#;

fn stubborn(template: &str) -> Project {
    let project = project_with(template);
    project.write("shared/note", "shared\n");
    project.write("packer/data/note", "data\n");
    project.write("packer/here.sh", "#!/bin/sh\nls -A .. >> $HOME/seen\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(project.path("packer/here.sh"), mode).unwrap();
    project
}

/// Everything below the project but what runs keep, sorted.
fn files(project: &Project) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![Utf8PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in project.path(folder.as_str()).read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let below = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() && !["state", "home"].contains(&below.as_str()) {
                folders.push(below);
            } else {
                files.push(below.into_string());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_template_with_a_place_of_its_own_is_built_as_it_is_and_nothing_is_left() {
    let project = stubborn(STUBBORN);
    let plan = project.run(&["plan"]).expect(0);
    let told = "packer/debian.pkr.hcl:3: `target` of `file.debian` is overridden";
    assert!(plan.stdout.contains(told), "{}", plan.stdout);

    run(&project, &[]).expect(0);
    let seen = fs_err::read_to_string(project.path("home/seen")).unwrap();
    assert!(seen.contains(".goldsmith-"), "beside the folder lies the copy: {seen}");
    assert!(seen.ends_with("shared\ndata\ndata\n"), "{seen}");
    let left = files(&project);
    assert!(!left.iter().any(|file| file.contains(".goldsmith") || file.contains("output")));

    // The template has not changed.
    let again = run(&project, &[]).expect(0);
    assert!(again.stdout.contains("not due"), "{}", again.stdout);
}

#[test]
fn images_of_one_template_and_of_files_in_one_folder_do_not_meet() {
    let project = stubborn(STUBBORN);
    let image = |name: &str, template: &str| {
        format!(
            "  {name}:\n    template: {template}\n    os: {{ family: debian, release: \"12\" }}\n    source: cloud-image\n"
        )
    };
    let head = "version: 1\nregistry: ./registry\ndefaults:\n  stores: [{ dir: { url: ./store } }]\nimages:\n";
    let images = [
        head.to_owned(),
        image("one", "packer"),
        image("two", "packer"),
        image("three", "files/a.pkr.hcl"),
        image("four", "files/a.pkr.hcl"),
        image("five", "packer/debian.pkr.hcl"),
    ];
    project.write("images.yml", &images.concat());
    let simple = STUBBORN.split("  provisioner").next().unwrap().to_owned() + "}\n";
    project.write("files/a.pkr.hcl", &simple);
    let ended = run(&project, &[]).expect(0);
    for name in ["one", "two", "three", "four", "five"] {
        assert_eq!(project.log(name), ["reserved", "published", "moved"], "{}", ended.stdout);
    }
    assert!(!files(&project).iter().any(|file| file.contains(".goldsmith")));
}

#[test]
fn what_packer_says_of_a_copy_is_said_of_the_template() {
    // The copy has more lines before this one: an output directory, and a provisioner.
    let template = r#"source "qemu" "debian" {
  iso_url      = "disk.raw"
  iso_checksum = "none"
  ssh_username = "root"
}
build {
  sources = ["source.qemu.debian"]
  provisioner "shell" {
    scrip = "here.sh"
  }
}
"#;
    for folder in ["packer", "packer/debian.pkr.hcl"] {
        let project = stubborn(template);
        let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
        let images = images.replace("template: packer", &format!("template: {folder}"));
        project.write("images.yml", &images);
        let ended = run(&project, &[]).expect(3);
        let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let place = "debian.pkr.hcl:9,5-10: Unsupported argument";
        assert!(told.contains(place), "{place} is not in {}", ended.stdout);
        assert!(told.contains("error: debian.pkr.hcl:"), "{}", ended.stdout);
        let relayed = ended.stderr.lines().filter(|line| line.contains("scrip = "));
        relayed.for_each(|line| assert!(line.contains("9:     scrip"), "{line}"));
        assert!(!(ended.stdout + &ended.stderr).contains(".goldsmith-"));
        assert!(!files(&project).iter().any(|file| file.contains(".goldsmith")));
    }
}

#[test]
fn what_cannot_be_enforced_is_refused_before_anything_is_built() {
    let project = stubborn(STUBBORN);
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &(images + "    enforce: [scripts/cis.sh]\n"));
    project.write("scripts/cis.sh", "true\n");
    let ended = run(&project, &[]).expect(2);
    let told = "it has no communicator";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert_eq!(project.log("debian-12"), Vec::<String>::new());
}

#[test]
fn without_room_for_a_copy_the_build_fails_and_says_what_to_do() {
    let project = stubborn(STUBBORN);
    fs_err::create_dir(project.path("closed")).unwrap();
    fs_err::rename(project.path("packer"), project.path("closed/packer")).unwrap();
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &images.replace("template: packer", "template: closed/packer"));
    // Nobody may write there, not even root: as in a read-only checkout.
    let made = std::process::Command::new("chattr").arg("+i").arg(project.path("closed")).output();
    let closed = made.is_ok_and(|made| made.status.success());
    if !closed {
        let mode = std::fs::Permissions::from_mode(0o555);
        fs_err::set_permissions(project.path("closed"), mode).unwrap();
    }
    let ended = run(&project, &[]);
    let _ = std::process::Command::new("chattr").arg("-i").arg(project.path("closed")).output();
    fs_err::set_permissions(project.path("closed"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    let ended = ended.expect(3);
    let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("no copy of the template can be made beside it"), "{}", ended.stdout);
    assert!(told.contains("let goldsmith write to"), "{}", ended.stdout);
}

#[test]
fn a_copy_that_a_killed_run_has_left_is_no_part_of_anything_and_goes_with_the_next_run() {
    let waiting = STUBBORN.replace("script = \"here.sh\"", "inline = [\"touch begun; sleep 600\"]");
    let project = stubborn(&waiting);
    project.write("packer/.gitignore", "begun\n");
    let definition = || {
        let plan = project.run(&["plan", "--format", "json"]).expect(0);
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        plan["build"][0]["definition"].clone()
    };
    // The template's folder, and the one above it.
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    let outer = images.replace("template: packer", "template: .\n    build: file.debian");
    let before = definition();
    let mut child = project
        .goldsmith()
        .args(["run", "--db", "advisories"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while !project.path("packer/begun").exists() {
        assert!(since.elapsed() < Duration::from_mins(1), "the build does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let copies = || project.list(".").into_iter().filter(|name| name.starts_with(".goldsmith-"));
    let copy = project.path(&copies().next().unwrap());
    assert_eq!(definition(), before);

    project.write("debian.pkr.hcl", COPY);
    project.write("images.yml", &outer);
    let with = definition();
    let elsewhere = tempfile::tempdir_in(project.path("..")).unwrap();
    let aside = elsewhere.path().join("copy");
    fs_err::rename(&copy, &aside).unwrap();
    assert_eq!(definition(), with);
    fs_err::rename(&aside, &copy).unwrap();

    project.write("images.yml", &images);
    project.write("packer/debian.pkr.hcl", COPY);
    run(&project, &[]).expect(0);
    assert!(!copy.exists(), "the next run cleans up");
}
