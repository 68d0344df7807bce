//! Many builds at once.

use std::collections::BTreeMap;

use goldsmith::model::Digest;
use rustix::process::{Pid, Signal, kill_process};

use crate::build::{COPY, run, wait_for};
use crate::project::Project;

/// Forty images of one template, whose `manifest` post-processors write into one file.
const FORTY: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
  resources: { memory: 1M, disk: 1M }
images:
  \"i${matrix.tens}${matrix.ones}\":
    matrix:
      tens: [0, 1, 2, 3]
      ones: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
    vars: { me: \"${image}\" }
";

const SHARED_MANIFEST: &str = r#"
variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "disk" }
variable "me" {}
source "file" "text" {
  content = "this is ${var.me}"
  target  = "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw"
}
build {
  sources = ["source.file.text"]
  post-processor "manifest" {
    output      = "../packer-manifest.json"
    custom_data = { image = var.me }
  }
}
"#;

#[test]
fn of_forty_builds_at_once_every_artifact_is_accounted_for() {
    let project = Project::new(FORTY);
    project.write("packer/text.pkr.hcl", SHARED_MANIFEST);
    project.advisories(|_, _| {});
    // What they build is no disk, so that the gate trusts none of them: but each has been built.
    let ended = run(&project, &["--budget", "cpus=40", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 40);
    let mut wrong = BTreeMap::new();
    for image in images {
        let name = image["name"].as_str().unwrap();
        let expected = Digest::of(format!("this is {name}").as_bytes()).to_string();
        if image["digest"] != expected.as_str() {
            wrong.insert(name, image["failure"].to_string());
            continue;
        }
        // It is the very file that lies there, and what goldsmith keeps with it tells of it alone.
        let folder = format!("state/runs/{}/work/{name}/output", report["run"].as_str().unwrap());
        let mut files = project.list(&folder).into_iter();
        let record = files.find(|file| file.ends_with(".build.json"));
        let record = project.json(&format!("{folder}/{}", record.unwrap()));
        let disk = &record["artifact"]["files"][0];
        assert_eq!((&record["image"], &disk["digest"]), (&image["name"], &image["digest"]));
        let bytes = fs_err::read(disk["path"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, format!("this is {name}").as_bytes());
    }
    // A shared manifest that is half written when another Packer reads it makes that one's
    // post-processor fail, and Packer then deletes the artifact.
    let broken = |why: &String| why.contains("post-processor");
    assert!(wrong.values().all(broken), "{wrong:?}");
    assert!(wrong.len() < 40, "{wrong:?}");
    // Packer's manifest may have lost some; the registry has lost none.
    for image in images {
        let name = image["name"].as_str().unwrap();
        assert_eq!(project.log(name), ["reserved", "failed"], "{name}");
    }
}

#[test]
fn a_scan_overlaps_another_images_build_and_a_child_waits_for_its_parent() {
    let images = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
  resources: { cpus: 1, memory: 1M, disk: 1M }
images:
";
    let image = |name: &str, more: &str| {
        format!(
            "  {name}:\n    template: packer\n    os: {{ family: debian, release: \"12\" }}\n    source: cloud-image\n{more}"
        )
    };
    let second = "    prepare: { run: 'while ! grep -q evidence $EVENTS; do :; done' }\n    env: [EVENTS]\n    workdir: elsewhere\n";
    let images = [
        images.to_owned(),
        image("child", "    parents: [first]\n"),
        image("first", ""),
        image("second", second),
    ];
    let project = Project::new(&images.concat());
    project.write("packer/copy.pkr.hcl", &COPY.replace("../disk.raw", "${path.root}/../disk.raw"));
    project.write("elsewhere/here", "");
    project.disk();
    project.advisories(|_, _| {});
    let events = project.path("events");
    let ended = project
        .goldsmith()
        .args(["run", "--db", "advisories", "--budget", "cpus=1", "--no-progress"])
        .env("EVENTS", &events)
        .stderr(fs_err::File::create(&events).unwrap().into_parts().0)
        .output()
        .unwrap();
    let said = fs_err::read_to_string(&events).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    // The second one's build waits until the first one's artifact is looked into.
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    assert!(at("second │ prepare") > at("first  │ build done"), "{said}");
    assert!(at("second │ build done") < at("child  │ build\n"), "{said}");
}

/// Two images that are built one after the other, each by a template of its own, with these further
/// lines.
fn two_in_turn(first: &str, second: &str) -> Project {
    let image = |name: &str, more: &str| {
        format!(
            "  {name}:\n    template: {name}\n    os: {{ family: debian, release: \"12\" }}\n    \
             source: cloud-image\n{more}"
        )
    };
    let images = "version: 1\nregistry: ./registry\ndefaults:\n  stores: [{ dir: { url: ./store } }]\n  \
                  resources: { cpus: 1, memory: 1M, disk: 1M }\nimages:\n";
    let images = [images.to_owned(), image("first", first), image("second", second)].concat();
    let project = Project::new(&images);
    for name in ["first", "second"] {
        project.write(&format!("{name}/copy.pkr.hcl"), COPY);
    }
    project.disk();
    project.advisories(|_, _| {});
    project
}

#[test]
fn a_build_that_waits_before_it_is_tried_again_leaves_its_place_to_another_one() {
    let project = two_in_turn("", "");
    let nobody_answers = r#"
source "null" "debian" {
  ssh_host     = "127.0.0.1"
  ssh_port     = 1
  ssh_username = "x"
  ssh_password = "x"
  ssh_timeout  = "1s"
}
build { sources = ["source.null.debian"] }
"#;
    project.write("first/copy.pkr.hcl", nobody_answers);
    let stderr = project.path("stderr");
    let mut goldsmith = project
        .goldsmith()
        .args(["run", "--db", "advisories", "--budget", "cpus=1", "--no-progress"])
        .stderr(fs_err::File::create(&stderr).unwrap().into_file())
        .spawn()
        .unwrap();
    let said = || fs_err::read_to_string(&stderr).unwrap();
    wait_for("the second attempt", || said().contains("trying again in 45"));
    // Nobody has to wait for the third.
    kill_process(Pid::from_child(&goldsmith), Signal::TERM).unwrap();
    assert_eq!(goldsmith.wait().unwrap().code(), Some(143), "{}", said());
    let at = |text: &str| said().find(text).unwrap_or_else(|| panic!("{text}: {}", said()));
    assert!(at("trying again in 5") < at("second │ build done"), "{}", said());
    assert!(at("second │ build done") < at("trying again in 45"), "{}", said());
}

#[test]
fn tests_wait_for_their_place_in_the_budget() {
    let script = |name: &str| {
        format!(
            "    tests: [{{ run: 'mkdir ../busy && sleep 1 && touch ../{name} && rmdir ../busy' }}]\n"
        )
    };
    let project = two_in_turn(&script("one"), &script("other"));
    run(&project, &["--budget", "cpus=1"]).expect(0);
    assert!(project.path("one").exists() && project.path("other").exists());
}
