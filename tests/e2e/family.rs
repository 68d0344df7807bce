//! Images that are built upon each other, and images of a matrix.

use crate::build::{COPY, run};
use crate::project::Project;

/// A base, and two images that are built upon it.
const FAMILY: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
  \"app-${matrix.flavour}\":
    matrix: { flavour: [small, large] }
    template: app
    os: { family: debian, release: \"12\" }
    source: image
    parents: [base]
    vars:
      base: \"${parents.base.path}\"
      told: \"${matrix.flavour} ${image} ${parents.base.version} ${parents.base.digest}\"
  base:
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
";

/// Copies its parent's disk and writes down what it was told.
const APP: &str = r#"
variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "disk" }
variable "base" {}
variable "told" {}
source "file" "app" {
  source = var.base
  target = "${var.goldsmith_output_dir}/${var.goldsmith_scratch_name}.raw"
}
build {
  sources = ["source.file.app"]
  provisioner "shell-local" { inline = ["echo '${var.told}' >>../told"] }
}
"#;

/// A build that leaves a further file beside the disk, as QEMU with EFI does, and notes that it ran.
fn with_firmware() -> String {
    let steps = "build {
  sources = [\"source.file.debian\"]
  provisioner \"shell-local\" {
    inline = [\"echo built >>../built\", \"echo variables >${var.goldsmith_output_dir}/efivars.fd\"]
  }
  post-processor \"artifice\" {
    files               = [\"${var.goldsmith_output_dir}/efivars.fd\"]
    keep_input_artifact = true
  }
}";
    COPY.replace("build { sources = [\"source.file.debian\"] }", steps)
}

fn family(base: &str) -> Project {
    let project = Project::new(FAMILY);
    project.write("packer/base.pkr.hcl", base);
    project.write("app/app.pkr.hcl", APP);
    project.disk();
    project.advisories(|_, _| {});
    project
}

fn today() -> String {
    jiff::Timestamp::now().strftime("1.0.%Y%m%d").to_string()
}

#[test]
fn children_are_built_from_the_version_that_their_parent_came_to_in_the_same_run() {
    let project = family(&with_firmware());
    run(&project, &[]).expect(0);
    let told = fs_err::read_to_string(project.path("told")).unwrap();
    let today = today();
    let base = project.json("registry/images/base/channels/candidate.json");
    let names = [0, 1].map(|file| base["artifacts"][file]["name"].as_str().unwrap());
    assert_eq!(names, [format!("base-v{today}.raw"), format!("base-v{today}-efivars.fd")]);
    let digest = base["artifacts"][0]["sha256"].as_str().unwrap().replace("sha256:", "");
    let expected = format!("small app-small {today} {digest}\nlarge app-large {today} {digest}\n");
    assert_eq!(told, expected);

    let record = project.json("registry/images/app-small/log/00000002.json");
    assert_eq!(record["parents"][0]["image"], "base");
    assert_eq!(record["parents"][0]["version"], today);
    assert_eq!(record["materials"][0]["name"], format!("base {today}"));

    let plan = project.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("Nothing is due"), "{}", plan.stdout);
    run(&project, &["base", "--force"]).expect(0);
    let plan = project.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("2 of 3 images are due"), "{}", plan.stdout);
    assert!(plan.stdout.contains(&format!("{today}.2")), "{}", plan.stdout);
}

#[test]
fn children_of_a_parent_that_failed_are_not_built_and_the_rest_is() {
    let failing = COPY.replace(
        "build { sources = [\"source.file.debian\"] }",
        "build {\n  sources = [\"source.file.debian\"]\n  \
         provisioner \"shell-local\" { inline = [\"exit 3\"] }\n}",
    );
    let project = family(&failing);
    let other = "  other:\n    template: other\n    os: { family: debian, release: \"12\" }\n    source: iso\n";
    project.write("images.yml", &format!("{FAMILY}{other}"));
    project.write("other/other.pkr.hcl", COPY);
    let ended = run(&project, &[]).expect(3);
    assert!(ended.stdout.contains("its parent base did not come to a version"), "{}", ended.stdout);
    assert_eq!(project.log("app-small"), Vec::<String>::new());
    assert_eq!(project.log("other"), ["reserved", "published", "moved"]);
}

#[test]
fn a_build_that_was_blocked_is_judged_again_without_being_built() {
    let project = Project::with_template(&with_firmware());
    project.disk();
    let fix = || "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap();
    project.advisories(|advisories, _| advisories.fix(&fix()).unwrap());
    run(&project, &[]).expect(1);
    let plan = project.run(&["plan"]).expect(0);
    let told = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("nothing has changed that could change that"), "{told}");
    run(&project, &[]).expect(0);
    // Later advisories may change it: it is judged again, and still blocked.
    project.advisories(|advisories, stamp| {
        advisories.fix(&fix()).unwrap();
        stamp.updated_at += jiff::SignedDuration::from_mins(1);
    });
    let again = run(&project, &[]).expect(1);
    assert!(again.stderr.contains("nothing is built"), "{}", again.stderr);

    // The policy changes: nothing but the gate has to look again.
    let policy = format!("{}    gate: {{ fail_on: [CRITICAL] }}\n", crate::project::DEBIAN);
    project.write("images.yml", &policy);
    let again = run(&project, &[]).expect(0);
    assert!(again.stderr.contains("nothing is built"), "{}", again.stderr);
    assert_eq!(fs_err::read_to_string(project.path("built")).unwrap(), "built\n");
    assert_eq!(
        project.log("debian-12"),
        ["reserved", "rejected", "reserved", "rejected", "reserved", "published", "moved"]
    );
    let published = project.json("registry/images/debian-12/log/00000006.json");
    assert!(published["tools"]["packer"].is_string(), "{published}");
    let plan = project.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("not due"), "its slot is satisfied: {}", plan.stdout);
}
