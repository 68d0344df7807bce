//! Images that are built upon each other, and images of a matrix.

use crate::build::{COPY, run, wait_for};
use crate::project::{DEBIAN, Project, today};

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

/// A build that leaves a further file beside the disk, as QEMU with EFI does, and notes that it ran;
/// unless there is a file `fail`.
fn with_firmware() -> String {
    let steps = "build {
  sources = [\"source.file.debian\"]
  provisioner \"shell-local\" {
    inline = [\"[ ! -e ../fail ]\", \"echo built >>../built\", \"echo variables >${var.goldsmith_output_dir}/efivars.fd\"]
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

#[test]
fn children_are_built_from_the_version_that_their_parent_came_to_in_the_same_run() {
    let project = family(&with_firmware());
    run(&project, &[]).expect(0);
    // They are built at once.
    let told = fs_err::read_to_string(project.path("told")).unwrap();
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    let today = today();
    let base = project.json("registry/images/base/channels/candidate.json");
    let names = [0, 1].map(|file| base["artifacts"][file]["name"].as_str().unwrap());
    assert_eq!(names, [format!("base-v{today}.raw"), format!("base-v{today}-efivars.fd")]);
    let digest = base["artifacts"][0]["sha256"].as_str().unwrap().replace("sha256:", "");
    let expected =
        ["large app-large", "small app-small"].map(|name| format!("{name} {today} {digest}"));
    assert_eq!(told, expected);

    let record = project.json("registry/images/app-small/log/00000002.json");
    assert_eq!(record["parents"][0]["image"], "base");
    assert_eq!(record["parents"][0]["version"], today);
    assert_eq!(record["materials"][0]["name"], format!("base {today}"));

    let plan = project.run(&["plan", "--db", "advisories"]).expect(0);
    assert!(plan.stdout.contains("Nothing is due"), "{}", plan.stdout);
    run(&project, &["base", "--force"]).expect(0);
    let plan = project.run(&["plan", "--db", "advisories"]).expect(0);
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

/// The fix for which a build is blocked.
fn fix() -> goldsmith_testkit::advisory_db::Fix {
    "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap()
}

/// An image whose one build was blocked.
fn blocked() -> Project {
    let project = Project::with_template(&with_firmware());
    project.disk();
    project.advisories(|advisories, _| advisories.fix(&fix()).unwrap());
    run(&project, &[]).expect(1);
    project
}

/// The image with a policy that lets it pass.
fn lenient() -> String {
    format!("{DEBIAN}    gate: {{ fail_on: [CRITICAL] }}\n")
}

/// As a kill between the entry `first` of the log and the one before it leaves the registry.
fn forget_since(project: &Project, first: usize) {
    let folder = "registry/images/debian-12";
    for name in &project.list(&format!("{folder}/log"))[first - 1..] {
        fs_err::remove_file(project.path(&format!("{folder}/log/{name}"))).unwrap();
    }
    for made in ["versions", "channels"] {
        fs_err::remove_dir_all(project.path(&format!("{folder}/{made}"))).unwrap();
    }
}

#[test]
fn a_build_that_was_blocked_is_judged_again_without_being_built() {
    let project = blocked();
    let plan = project.run(&["plan", "--db", "advisories"]).expect(0);
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

    // A later version of the day is of no consequence.
    project.write("fail", "");
    run(&project, &["--force"]).expect(3);
    fs_err::remove_file(project.path("fail")).unwrap();

    // The policy changes: nothing but the gate has to look again.
    project.write("images.yml", &lenient());
    let today = today();
    let plan = project.run(&["plan", "--db", "advisories", "--format", "json"]).expect(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["build"][0]["version"], today, "{plan}");
    let again = run(&project, &[]).expect(0);
    assert!(again.stderr.contains("nothing is built"), "{}", again.stderr);
    assert_eq!(fs_err::read_to_string(project.path("built")).unwrap(), "built\n");
    let log = ["reserved", "rejected", "rejected", "reserved", "failed", "published", "moved"];
    assert_eq!(project.log("debian-12"), log);
    // The disk says itself which version it is.
    let channel = "registry/images/debian-12/channels/candidate.json";
    assert_eq!(project.json(channel)["version"], today);
    let names = [format!("debian-12-v{today}-efivars.fd"), format!("debian-12-v{today}.raw")];
    assert_eq!(project.list(&format!("store/debian-12/{today}"))[1..3], names);
    let published = project.json("registry/images/debian-12/log/00000006.json");
    assert!(published["tools"]["packer"].is_string(), "{published}");
    let plan = project.run(&["plan", "--db", "advisories"]).expect(0);
    assert!(plan.stdout.contains("not due"), "its slot is satisfied: {}", plan.stdout);

    // Killed with all of it in the store and nothing in the log, it is published all the same.
    forget_since(&project, 6);
    run(&project, &[]).expect(0);
    assert_eq!(project.log("debian-12"), log);
    assert_eq!(project.json(channel)["version"], today);
}

#[test]
fn of_two_runs_that_judge_a_build_again_one_publishes_it_and_the_other_finds_it_published() {
    let project = blocked();
    project.write("images.yml", &lenient());
    project.write("other.yml", &lenient().replace("./store", "./other-store"));
    // The store lets nobody write, so that the other run, which has another one, overtakes this one.
    let shelf = project.path("store/debian-12");
    fs_err::create_dir_all(&shelf).unwrap();
    let held = fs_err::File::open(&shelf).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let stderr = fs_err::File::create(project.path("slow")).unwrap().into_file();
    let mut slow = project.goldsmith();
    slow.args(["run", "--db", "advisories"]).stdout(std::process::Stdio::null()).stderr(stderr);
    let mut slow = slow.spawn().unwrap();
    let told = || fs_err::read_to_string(project.path("slow")).unwrap();
    wait_for("the publishing", || told().contains("│ publish"));

    run(&project, &["--config", "other.yml"]).expect(0);
    drop(held);
    assert_eq!(slow.wait().unwrap().code(), Some(0), "{}", told());
    assert!(told().contains(&format!("equals {}", today())), "{}", told());
    assert_eq!(
        project.log("debian-12"),
        ["reserved", "rejected", "published", "moved", "verified"]
    );
    assert_eq!(fs_err::read_to_string(project.path("built")).unwrap(), "built\n");
}
