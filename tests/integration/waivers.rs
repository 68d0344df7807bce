//! `waivers.yml`, and by whose policy a pull request is judged.

use std::process::Command;

use camino::Utf8Path;

use crate::command_line::{Folder, IMAGES, commit};

const WAIVERS: &str = "\
# Reviewed on Mondays.
- id: CVE-2026-1234   # asked upstream
  images: [debian-*]
  reason: the module is not loaded
  until: 2026-12-31
- { id: CVE-2026-5678, images: [fedora-*], reason: not ours, until: 2026-11-25 }
";

fn with(waivers: &str) -> Folder {
    let folder = Folder::new(IMAGES);
    fs_err::write(folder.path().join("waivers.yml"), waivers).unwrap();
    folder
}

#[test]
fn waivers_are_listed_and_what_no_image_can_need_is_taken_out() {
    let folder = with(WAIVERS);
    insta::assert_snapshot!(folder.goldsmith(&["waivers"], &[]), @"
    exit code 0
    --- stdout
    waiver         state                   until       found in   reason
    CVE-2026-1234  holds for 38 days       2026-12-31  not known  the module is not loaded
    CVE-2026-5678  stale: matches nothing  2026-11-25  -          not ours

    2 waivers, 1 stale; `goldsmith waivers --prune` takes out what is stale
    --- stderr
    warning[idle-pattern]: no image that this file is for is called `fedora-*`
     --> waivers.yml:6:33
      |
    6 | - { id: CVE-2026-5678, images: [fedora-*], reason: not ours, until: 2026-11-25 }
      |                                 ^^^^^^^^ matches no image
    ");
    insta::assert_snapshot!(folder.goldsmith(&["waivers", "--prune", "--format=json"], &[]), @r#"
    exit code 0
    --- stdout
    {
      "version": 1,
      "kind": "waivers",
      "waivers": [
        {
          "file": "waivers.yml",
          "line": 2,
          "id": "CVE-2026-1234",
          "images": [
            "debian-*"
          ],
          "packages": [],
          "reason": "the module is not loaded",
          "by": null,
          "until": "2026-12-31",
          "days_left": 38,
          "term": "holds",
          "use": "unknown",
          "found_in": [],
          "pruned": false
        },
        {
          "file": "waivers.yml",
          "line": 6,
          "id": "CVE-2026-5678",
          "images": [
            "fedora-*"
          ],
          "packages": [],
          "reason": "not ours",
          "by": null,
          "until": "2026-11-25",
          "days_left": 2,
          "term": "holds",
          "use": "matches-nothing",
          "found_in": [],
          "pruned": true
        }
      ]
    }
    --- stderr
    warning[idle-pattern]: no image that this file is for is called `fedora-*`
     --> waivers.yml:6:33
      |
    6 | - { id: CVE-2026-5678, images: [fedora-*], reason: not ours, until: 2026-11-25 }
      |                                 ^^^^^^^^ matches no image
    "#);
    let left = fs_err::read_to_string(folder.path().join("waivers.yml")).unwrap();
    assert_eq!(left, WAIVERS.lines().take(5).fold(String::new(), |all, line| all + line + "\n"));
}

#[test]
fn a_misspelt_key_is_told_and_nothing_is_planned() {
    let folder = with("- id: CVE-2026-1234\n  reasn: not loaded\n  until: 2026-12-31\n");
    insta::assert_snapshot!(folder.goldsmith(&["plan"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error[unknown-key]: unknown key `reasn` in a waiver
     --> waivers.yml:2:3
      |
    2 |   reasn: not loaded
      |   ^^^^^ did you mean `reason`?

    error: 1 problem in images.yml, waivers.yml
    ");
    assert!(folder.goldsmith(&["lint"], &[]).contains("did you mean `reason`?"));
}

#[test]
fn lists_that_are_named_must_be_there_and_name_something() {
    let folder = with("");
    let gate = "source: iso\n    gate: { waivers: other.yml, kev: kev.json }\n";
    let images = IMAGES.replacen("source: cloud-image\n", gate, 1);
    fs_err::write(folder.path().join("images.yml"), images).unwrap();
    fs_err::write(folder.path().join("kev.json"), "{\"vulnerabilities\": []}").unwrap();
    insta::assert_snapshot!(folder.goldsmith(&["plan"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error[missing-path]: `waivers`: `other.yml` does not exist
      --> images.yml:10:22
       |
    10 |     gate: { waivers: other.yml, kev: kev.json }
       |                      ^^^^^^^^^

    error[bad-list]: `kev`: `kev.json` cannot be used: it names nothing
      --> images.yml:10:38
       |
    10 |     gate: { waivers: other.yml, kev: kev.json }
       |                                      ^^^^^^^^

    error: 2 problems in images.yml, waivers.yml
    ");
}

/// What `plan` says on a pull request into the commit `base`.
fn plan_of_pull_request(folder: &Folder, base: &str) -> String {
    let event = format!(
        r#"{{"action": "opened", "pull_request": {{"number": 7, "base": {{"ref": "main", "sha": "{base}"}}}}}}"#
    );
    let runner = tempfile::tempdir().unwrap();
    let file = runner.path().join("event.json");
    fs_err::write(&file, event).unwrap();
    let output = folder
        .command(&["plan"])
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GITHUB_ACTIONS", "true")
        .env("FORGEJO_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", &file)
        .env("GITHUB_BASE_REF", "main")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.replace(folder.path().as_str(), "FOLDER");
    let said = base.get(..12).map_or(said.clone(), |short| said.replace(short, "COMMIT"));
    format!("exit code {}\n{said}", output.status.code().unwrap())
}

fn head(folder: &Utf8Path) -> String {
    let git = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(folder).output().unwrap();
    String::from_utf8(git.stdout).unwrap().trim().to_owned()
}

/// A repository with `waivers`, whose registry lies elsewhere: a checkout wipes what is in it.
fn repository(waivers: &str) -> (Folder, tempfile::TempDir, String) {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = with(waivers);
    let images = IMAGES.replace("./registry", elsewhere.path().to_str().unwrap());
    fs_err::write(folder.path().join("images.yml"), images).unwrap();
    commit(&folder.path());
    let base = head(&folder.path());
    (folder, elsewhere, base)
}

#[test]
fn a_pull_request_is_judged_by_its_base_branch() {
    let (folder, _registry, base) = repository("");
    let unchanged = plan_of_pull_request(&folder, &base);
    assert!(
        unchanged.starts_with("exit code 0") && !unchanged.contains("base branch"),
        "{unchanged}"
    );

    fs_err::write(
        folder.path().join("waivers.yml"),
        "- { id: CVE-2026-1234, images: [debian-12], reason: x, until: 2026-01-01 }\n",
    )
    .unwrap();
    commit(&folder.path());
    insta::assert_snapshot!(plan_of_pull_request(&folder, &base), @"
    exit code 0
    warning: judged by the policy and the waivers of the base branch (COMMIT): what is changed here of how `debian-12` is judged takes effect after merging
    ");

    // Evidence is part of how an image is judged: nobody gives that up for themselves.
    let images = fs_err::read_to_string(folder.path().join("images.yml")).unwrap();
    let skip = "evidence: { skip: { reason: x, until: 2036-01-01 } }\n    gate: { fail_on: [CRITICAL] }\n    rebuild";
    fs_err::write(folder.path().join("images.yml"), images.replace("rebuild", skip)).unwrap();
    commit(&folder.path());
    insta::assert_snapshot!(plan_of_pull_request(&folder, &base), @"
    exit code 0
    warning: judged by the policy and the waivers of the base branch (COMMIT): what is changed here of how `debian-12`, `debian-13` are judged takes effect after merging
    ");
}

#[test]
fn without_its_base_branch_nothing_of_a_pull_request_is_judged() {
    let (folder, _registry, _) = repository("");
    let gone = "0123456789abcdef0123456789abcdef01234567";
    insta::assert_snapshot!(plan_of_pull_request(&folder, gone), @"
    exit code 2
    error: a pull request is judged by the policy of its base branch, and that cannot be read: `refs/remotes/origin/main` is not there
      hint: check the repository out with its history: `fetch-depth: 0` of the checkout action
    ");
    // A base that cannot be understood is none.
    let (folder, _registry, base) = repository("- id: CVE-2026-1234\n");
    fs_err::write(folder.path().join("waivers.yml"), "").unwrap();
    insta::assert_snapshot!(plan_of_pull_request(&folder, &base), @"
    exit code 2
    error: what the base branch (COMMIT) judges by cannot be read: FOLDER/waivers.yml:1:3: missing-key: `reason` and `until` are missing in a waiver
      hint: a pull request is judged by the policy of the branch that it goes into; put that right first
    ");
}

#[test]
fn files_of_trivy_are_pointed_out_where_images_lie_and_permit_nothing() {
    let workdir = "workdir: work/deep/place\n    rebuild";
    let folder = Folder::new(&IMAGES.replace("rebuild", workdir));
    let at = |name: &str, text: &str| {
        fs_err::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs_err::write(folder.path().join(name), text).unwrap();
    };
    at("trivy.yaml", "severity: [CRITICAL]\n");
    at("packer/.trivyignore", "CVE-2026-1234\n");
    at("work/.trivyignore.yml", "vulnerabilities: [{ id: CVE-2026-1234 }]\n");
    at("work/deep/place/notes", "");
    // Nothing is looked for where no image lies, and a folder is no such file.
    at("elsewhere/.trivyignore", "CVE-2026-1234\n");
    at(".trivyignore.yaml/notes", "");
    insta::assert_snapshot!(folder.goldsmith(&["lint"], &[]), @"
    exit code 0
    --- stdout
    warning[trivy-file-unused]: `trivy.yaml` decides nothing here: what it leaves out is judged all the same
    --> trivy.yaml
     = help: put what it permits into waivers.yml, with a reason and a last day; `goldsmith waivers` shows what has become of it

    warning[trivy-file-unused]: `.trivyignore` decides nothing here: what it leaves out is judged all the same
    --> packer/.trivyignore
     = help: put what it permits into waivers.yml, with a reason and a last day; `goldsmith waivers` shows what has become of it

    warning[trivy-file-unused]: `.trivyignore.yml` decides nothing here: what it leaves out is judged all the same
    --> work/.trivyignore.yml
     = help: put what it permits into waivers.yml, with a reason and a last day; `goldsmith waivers` shows what has become of it

    warning: 3 warnings in images.yml, trivy.yaml, packer/.trivyignore, work/.trivyignore.yml
    every kind of problem is explained in docs/problems.md
    --- stderr
    warning: the templates are not checked by Packer: there is no `packer` on the search path
    ");
    let plan = folder.goldsmith(&["plan"], &[]);
    assert_eq!(plan.matches("warning[trivy-file-unused]").count(), 3, "{plan}");
    assert!(plan.starts_with("exit code 0"), "{plan}");
}
