//! What is selected, and the forms of a plan.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::command_line::{self, Folder, commit};

const IMAGES: &str = "\
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
    labels: [team=web]
    runs_on: [self-hosted, kvm]
  base:
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
  lonely:
    template: lonely.pkr.hcl
    os: { family: debian, release: \"12\" }
    source: iso
";

const APP: &str = "\
source \"null\" \"n\" {}
variable \"which\" { default = env(\"WHICH\") }
build {
  sources = [\"null.n\"]
  provisioner \"shell\" { script = var.which }
}
";

const LONELY: &str = "\
source \"null\" \"n\" {}
build {
  sources = [\"null.n\"]
  provisioner \"shell\" { scripts = [\"scripts/setup.sh\"] }
}
";

fn folder() -> Folder {
    let folder = Folder::new(IMAGES);
    let files =
        [("app/app.pkr.hcl", APP), ("scripts/setup.sh", "true"), ("lonely.pkr.hcl", LONELY)];
    for (path, text) in files {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    folder
}

#[test]
fn parents_come_in_earlier_waves_and_what_cannot_be_followed_is_named() {
    insta::assert_snapshot!(folder().goldsmith(&["plan"], &[]), @"
    exit code 0
    --- stdout
    4 of 4 images are due

    wave 1
    + base       1.0.20261123  due: never built
    + lonely     1.0.20261123  due: never built

    wave 2
    + app-small  1.0.20261123  due: never built
    + app-large  1.0.20261123  due: never built

    Not tracked: a change of what these name goes unnoticed
    - app/app.pkr.hcl:5: `var.which`: `env()` is left to Packer
    --- stderr
    ");
    insta::assert_snapshot!(folder().goldsmith(&["plan", "--format=github-matrix"], &[]), @r#"
    exit code 0
    --- stdout
    {"waves":[{"include":[{"image":"base","version":"1.0.20261123","runs_on":[],"why":"never built"},{"image":"lonely","version":"1.0.20261123","runs_on":[],"why":"never built"}]},{"include":[{"image":"app-small","version":"1.0.20261123","runs_on":["self-hosted","kvm"],"why":"never built"},{"image":"app-large","version":"1.0.20261123","runs_on":["self-hosted","kvm"],"why":"never built"}]}]}
    --- stderr
    "#);
    insta::assert_snapshot!(folder().goldsmith(&["plan", "--format=mermaid"], &[]), @r#"
    exit code 0
    --- stdout
    flowchart LR
      n0["app-small<br>1.0.20261123"]:::due
      n1["app-large<br>1.0.20261123"]:::due
      n2["base<br>1.0.20261123"]:::due
      n3["lonely<br>1.0.20261123"]:::due
      n2 --> n0
      n2 --> n1
      classDef due stroke-width:4px
      classDef disabled stroke-dasharray:4
    --- stderr
    "#);
}

#[test]
fn images_are_selected_by_label() {
    insta::assert_snapshot!(folder().goldsmith(&["plan", "--label=team=web"], &[]), @"
    exit code 0
    --- stdout
    Nothing is due

    - app-small  not due: the channel candidate of its parent base names no version yet; base has to be
                 built first, or named too
    - app-large  not due: the channel candidate of its parent base names no version yet; base has to be
                 built first, or named too

    Not tracked: a change of what these name goes unnoticed
    - app/app.pkr.hcl:5: `var.which`: `env()` is left to Packer
    --- stderr
    ");
    insta::assert_snapshot!(folder().goldsmith(&["plan", "--label=team=wbe"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error: no image has the label `team=wbe`
      hint: did you mean `team=web`?
    ");
    insta::assert_snapshot!(folder().goldsmith(&["plan", "--only-failed"], &[]), @"
    exit code 0
    --- stdout
    No image was selected

    Not tracked: a change of what these name goes unnoticed
    - app/app.pkr.hcl:5: `var.which`: `env()` is left to Packer

    - 4 images not selected
    --- stderr
    ");
}

/// An advisory database that was made at that time.
fn advisories(folder: &Utf8Path, updated_at: &str) {
    let db = folder.join("db");
    fs_err::create_dir_all(&db).unwrap();
    fs_err::write(db.join("trivy.db"), "").unwrap();
    let metadata = json!({ "Version": 2, "UpdatedAt": updated_at });
    fs_err::write(db.join("metadata.json"), metadata.to_string()).unwrap();
}

/// Records that `lonely` was blocked on 22 November, by advisories of that morning.
fn block_lonely(folder: &Folder) {
    let plan = folder.goldsmith(&["plan", "lonely", "--format=json"], &[]);
    let plan = plan.split("--- stdout\n").nth(1).unwrap().split("--- stderr").next().unwrap();
    let plan: Value = serde_json::from_str(plan).unwrap();
    let log = folder.path().join("registry/images/lonely/log");
    fs_err::create_dir_all(&log).unwrap();
    let entries = [
        json!({ "entry": "reserved", "version": "1.0.20261122" }),
        json!({
            "entry": "rejected",
            "version": "1.0.20261122",
            "definition": plan["build"][0]["definition"],
            "started_at": "2026-11-22T10:00:00Z",
            "advisories_updated_at": "2026-11-22T06:00:00Z",
            "verdict": "blocked",
            "reasons": ["CVE-2026-1"],
            "locations": ["file:///srv/images/lonely"],
            "report": plan["build"][0]["definition"],
        }),
    ];
    for (mut entry, seq) in entries.into_iter().zip(1..) {
        let common = json!({
            "schema": 1,
            "seq": seq,
            "at": "2026-11-22T10:00:00Z",
            "image": "lonely",
            "run": "r1",
        });
        entry.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        let file = log.join(format!("{seq:08}.json"));
        fs_err::write(file, entry.to_string()).unwrap();
    }
}

#[test]
fn a_plan_and_a_run_know_the_same_advisories() {
    let folder = folder();
    block_lonely(&folder);
    let at_hand = folder.path().join(".local/state/goldsmith/advisories");
    let mut told = Vec::new();
    let mut tell = |case: &str, db: Option<&str>| {
        let db = db.map(|db| format!("--db={db}"));
        let arguments = |verb| [verb, "lonely", "--due"].into_iter().chain(db.as_deref());
        let last = |text: String| {
            let line = text.lines().rfind(|line| line.contains("lonely") || line.contains("error"));
            line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let plan = folder.goldsmith(&arguments("plan").collect::<Vec<_>>(), &[]);
        let run: Vec<_> = arguments("run").chain(["--dry-run"]).collect();
        let run = folder.goldsmith(&run, &[]);
        told.push(format!("{case}\nplan: {}\nrun: {}", last(plan), last(run)));
    };
    tell("none at hand: a run downloads new ones", None);
    advisories(&at_hand, "2026-11-22T05:00:00Z");
    tell("old ones at hand: a run downloads new ones", None);
    advisories(&folder.path().join("given"), "2026-11-22T06:00:00Z");
    tell("the same are given", Some("given"));
    advisories(&folder.path().join("given"), "2026-11-22T06:00:01Z");
    tell("newer ones are given", Some("given"));
    tell("none are where they should be", Some("missing"));
    insta::assert_snapshot!(told.join("\n\n"), @"
    none at hand: a run downloads new ones
    plan: + lonely 1.0.20261122 due: 1.0.20261122 did not pass, and is judged again without a build: there
    run: error: there is no `packer` on the search path

    old ones at hand: a run downloads new ones
    plan: + lonely 1.0.20261122 due: 1.0.20261122 did not pass, and is judged again without a build: there
    run: error: there is no `packer` on the search path

    the same are given
    plan: - lonely not due: 1.0.20261122, built on 22 November 2026, 10:00 UTC, is blocked, and nothing has
    run: - lonely not due: 1.0.20261122, built on 22 November 2026, 10:00 UTC, is blocked, and nothing has

    newer ones are given
    plan: + lonely 1.0.20261122 due: 1.0.20261122 did not pass, and is judged again without a build: there
    run: error: there is no `packer` on the search path

    none are where they should be
    plan: error: `FOLDER/missing` holds no advisory database: `db/trivy.db` is missing
    run: error: `FOLDER/missing` holds no advisory database: `db/trivy.db` is missing
    ");
}

#[test]
fn an_artifact_that_is_handed_in_is_never_left_out() {
    let folder = folder();
    fs_err::write(folder.path().join("disk"), "").unwrap();
    for filter in ["--only-failed", "--label=team=web", "--changed-since=HEAD"] {
        let told = folder.goldsmith(&["run", "--from-artifact=lonely=disk", filter], &[]);
        assert!(told.starts_with("exit code 2\n"), "{told}");
        let name = filter.split('=').next().unwrap();
        assert!(told.contains("'--from-artifact <IMAGE=PATH>' cannot be used with '"), "{told}");
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn slots_are_told_in_the_time_of_the_image() {
    let folder = folder();
    let images = IMAGES.replace(
        "source: iso\n",
        "source: iso\n    version: { timezone: Australia/Sydney }\n    rebuild: { every: monthly }\n",
    );
    fs_err::write(folder.path().join("images.yml"), images).unwrap();
    block_lonely(&folder);
    advisories(&folder.path().join("given"), "2026-11-22T06:00:00Z");
    let told = folder.goldsmith(&["plan", "lonely", "--due", "--db=given"], &[]);
    insta::assert_snapshot!(told, @"
    exit code 0
    --- stdout
    Nothing is due

    - lonely  not due: 1.0.20261122, built on 22 November 2026, 10:00 UTC, is blocked, and nothing has
              changed that could change that; next slot 1 December 2026, 02:00 Australia/Sydney
    --- stderr
    ");
}

/// A server that has nothing any more, for as many questions as are asked.
fn empty_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn upstream_is_asked_only_if_somebody_wants_that() {
    let folder = folder();
    let server = empty_server();
    let template = format!(
        "source \"qemu\" \"n\" {{\n  iso_url = \"{server}/a.iso\"\n}}\nbuild {{\n  sources = [\"qemu.n\"]\n}}\n"
    );
    fs_err::write(folder.path().join("lonely.pkr.hcl"), template).unwrap();
    let not_asked = folder.goldsmith(&["plan", "lonely"], &[]);
    assert!(!not_asked.contains("gone"), "{not_asked}");
    let asked = folder.goldsmith(&["plan", "lonely", "--check-upstream"], &[]);
    insta::assert_snapshot!(asked.replace(&server, "SERVER"), @"
    exit code 0
    --- stdout
    1 of 1 image is due

    + lonely  1.0.20261123  due: never built

    What builds change in copies of their templates
    - lonely.pkr.hcl: `output_directory` of `qemu.n` is added

    Upstream has changed, or does not answer
    ! lonely: `SERVER/a.iso` is gone (404): a build will fail
    --- stderr
    ");
    let others = folder.goldsmith(&["plan", "base", "--check-upstream"], &[]);
    assert!(!others.contains("gone"), "{others}");
}

#[test]
fn names_that_do_not_exist_are_told_with_some_that_do() {
    const SOME: &str = command_line::IMAGES;
    let many = "  \"app-${matrix.n}\":\n    matrix: { n: [A] }\n    template: packer\n    \
                os: { family: debian, release: \"12\" }\n    source: iso\n    labels: [apps, web]\n";
    let numbers = (100..1000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let folder = Folder::new(&format!("{SOME}{}", many.replace("[A]", &format!("[{numbers}]"))));
    let told: Vec<String> = [
        &["plan", "zzz"][..],
        &["plan", "nope*"],
        &["plan", "--label=zzz"],
        &["plan", "--label=wbe"],
        &["plan", "debian-12 debian-13"],
        &["scan", "disk.qcow2", "--image=debain-12"],
    ]
    .iter()
    .map(|arguments| folder.goldsmith(arguments, &[]))
    .collect();
    let told: Vec<&str> = told.iter().flat_map(|told| told.lines().skip(3)).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    error: no image is called `zzz`
      hint: images.yml has: debian-12, debian-13, app-100, app-101, app-102, app-103, app-104, app-105, app-106, app-107, app-108, app-109, app-110, app-111, app-112, app-113, app-114, app-115, app-116, app-117, … and 882 more
    error: no image matches `nope*`
      hint: images.yml has: debian-12, debian-13, app-100, app-101, app-102, app-103, app-104, app-105, app-106, app-107, app-108, app-109, app-110, app-111, app-112, app-113, app-114, app-115, app-116, app-117, … and 882 more
    error: no image has the label `zzz`
      hint: images.yml has: apps, web
    error: no image has the label `wbe`
      hint: images.yml has: apps, web
    error: no image is called `debian-12 debian-13`
      hint: each name is an argument of its own; the input `images` has one a line
    error: no image is called `debain-12` in `FOLDER/images.yml`
      hint: did you mean `debian-12`?
    ");
    let told = Folder::new(SOME).goldsmith(&["plan", "--label=web"], &[]);
    assert!(told.ends_with("  hint: no image of images.yml has a label\n"), "{told}");
}

#[test]
fn a_branch_selects_what_it_changes_and_what_is_built_upon_that() {
    let folder = folder();
    commit(&folder.path());
    let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
    let changed = |folder: &Folder| {
        let told = folder.goldsmith(&["plan", "--changed-since=HEAD"], &[("PATH", &path)]);
        let lines = told.lines().filter(|line| line.starts_with("+ ") || line.contains("error"));
        lines.map(str::trim).collect::<Vec<_>>().join("\n")
    };
    let write = |name: &str, text: &str| fs_err::write(folder.path().join(name), text).unwrap();
    assert_eq!(changed(&folder), "");
    write("packer/new.sh", "true");
    insta::assert_snapshot!(changed(&folder), @"
    + base       1.0.20261123  due: touched by this change: packer/new.sh
    + app-small  1.0.20261123  due: its parent base is touched by this change
    + app-large  1.0.20261123  due: its parent base is touched by this change
    ");
    fs_err::remove_file(folder.path().join("packer/new.sh")).unwrap();
    // A script that lies elsewhere and is used by the template.
    write("scripts/setup.sh", "false");
    insta::assert_snapshot!(changed(&folder), @"+ lonely     1.0.20261123  due: touched by this change: scripts/setup.sh");
    write("scripts/setup.sh", "true");
    // Another release of one image; how another one is judged is no change.
    let images = IMAGES.replace("source: iso\n", "source: iso\n    vars: { a: b }\n");
    write("lonely.pkr.hcl", &format!("{LONELY}variable \"a\" {{}}\n"));
    write(
        "images.yml",
        &images
            .replace("    source: cloud-image\n", "    source: cloud-image\n    channel: stable\n"),
    );
    insta::assert_snapshot!(changed(&folder), @"+ lonely     1.0.20261123  due: touched by this change: lonely.pkr.hcl, images.yml");
    let told = folder.goldsmith(&["plan", "--changed-since=nowhere"], &[("PATH", &path)]);
    insta::assert_snapshot!(told, @"
    exit code 2
    --- stdout
    --- stderr
    error: cannot tell what has changed since `nowhere`: Not a valid object name nowhere
      hint: name a branch or commit that is there, such as `origin/main`; a checkout for CI needs its history (`fetch-depth: 0`)
    ");
}
