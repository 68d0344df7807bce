//! Many builds at once.

use std::collections::BTreeMap;

use goldsmith::model::Digest;

use crate::build::run;
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
        }
    }
    // A shared manifest that is half written when another Packer reads it makes that one's
    // post-processor fail, and Packer then deletes the artifact.
    let broken = |why: &String| why.contains("post-processor");
    assert!(wrong.values().all(broken), "{wrong:?}");
    assert!(wrong.len() < 40, "{wrong:?}");
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
    project.write(
        "packer/copy.pkr.hcl",
        &crate::build::COPY.replace("../disk.raw", "${path.root}/../disk.raw"),
    );
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
