//! A plan needs no network, no Packer and no Trivy, and writes nothing but its cache.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::command_line::Folder;

const IMAGES: &str = "\
version: 1
registry: REGISTRY
defaults:
  stores: [{ dir: { url: STORE } }]
images:
  current:
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
  old:
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
  app:
    template: packer
    os: { family: debian, release: \"12\" }
    source: image
    parents: [current]
";

/// Writes the log of an image with one version, as the format of the registry has it.
fn record(registry: &Utf8Path, image: &str, day: &str, definition: &Value) {
    let version = format!("1.0.{}", day.replace('-', ""));
    let digest = format!("sha256:{}", "0".repeat(64));
    let published = json!({
        "entry": "published", "version": version, "definition": definition, "materials": [],
        "started_at": format!("{day}T02:00:00Z"), "tools": {},
        "advisories_updated_at": format!("{day}T01:00:00Z"),
        "os": { "family": "debian", "release": "12.11" }, "artifacts": [], "packages": 208,
        "package_set": digest, "inventory": digest, "report": digest, "verdict": "passed",
    });
    let moved = json!({ "entry": "moved", "channel": "candidate", "to": version });
    let log = registry.join(format!("images/{image}/log"));
    fs_err::create_dir_all(&log).unwrap();
    let entries = [json!({ "entry": "reserved", "version": version }), published, moved];
    for (seq, mut entry) in (1..).zip(entries) {
        let common = json!({
            "schema": 1, "seq": seq, "at": format!("{day}T03:00:00Z"), "image": image,
            "run": format!("{}t020000z-5f3a9c", day.replace('-', "")),
        });
        entry.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        fs_err::write(log.join(format!("{seq:08}.json")), entry.to_string()).unwrap();
    }
}

/// Every file and folder with its content and when it was changed.
fn tree(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, (SystemTime, Option<Vec<u8>>)> {
    let walk = ignore::WalkBuilder::new(root).standard_filters(false).build();
    walk.map(|entry| {
        let path = Utf8PathBuf::from_path_buf(entry.unwrap().into_path()).unwrap();
        let there = fs_err::symlink_metadata(&path).unwrap();
        let content = there.is_file().then(|| fs_err::read(&path).unwrap());
        (path, (there.modified().unwrap(), content))
    })
    .collect()
}

/// goldsmith in a name space without a network, if this machine allows them; else with proxies that
/// nobody answers on. Nothing at all is on its search path.
fn cut_off(folder: &Folder, cache: &Utf8Path) -> Command {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--", "env"]);
        command
    };
    let allowed = unshare().arg("true").output().is_ok_and(|output| output.status.success());
    let mut command = if allowed { unshare() } else { Command::new("env") };
    command.args(["-i", "PATH=/nonexistent", "HOME=/nonexistent"]);
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        command.arg(format!("{name}=http://127.0.0.1:9"));
    }
    command.arg(format!("XDG_CACHE_HOME={cache}")).arg(env!("CARGO_BIN_EXE_goldsmith"));
    command.current_dir(folder.path());
    command
}

#[test]
fn a_plan_needs_no_network_and_no_tools_and_writes_nothing_but_its_cache() {
    let outside = tempfile::tempdir().unwrap();
    let outside = Utf8Path::from_path(outside.path()).unwrap();
    let (registry, store, cache) =
        (outside.join("registry"), outside.join("store"), outside.join("cache"));
    fs_err::create_dir_all(&registry).unwrap();
    let folder = Folder::new(
        &IMAGES.replace("REGISTRY", registry.as_str()).replace("STORE", store.as_str()),
    );
    let plan = |arguments: &[&str]| {
        let now = "2026-11-23T10:00:00Z";
        let mut command = cut_off(&folder, &cache);
        let output = command.arg("plan").args(arguments).args(["--now", now]).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr, "");
        String::from_utf8(output.stdout).unwrap()
    };
    // Nothing is recorded yet: the plan says what defines the images.
    let first: Value = serde_json::from_str(&plan(&["--format=json"])).unwrap();
    let definition = |image: &str| {
        let build = first["build"].as_array().unwrap();
        build.iter().find(|planned| planned["image"] == image).unwrap()["definition"].clone()
    };
    record(&registry, "current", "2026-11-02", &definition("current"));
    record(&registry, "old", "2026-09-02", &definition("old"));

    // Twice and in every format: what is written on the way would show.
    let trees = || (tree(&folder.path()), tree(&registry), store.exists());
    let before = trees();
    let text = plan(&[]);
    insta::assert_snapshot!(text, @"
    2 of 3 images are due

    + old      1.0.20261123  due: the slot of 1 November 2026, 02:00 UTC has begun; newest is
                             1.0.20260902; overdue: the slot of 1 October 2026 was missed
    + app      1.0.20261123  due: never built

    - current  not due: built in this slot as 1.0.20261102 and its definition is unchanged; next slot 1
               December 2026, 02:00 UTC
    ");
    for format in ["json", "mermaid", "github-matrix"] {
        plan(&["--format", format]);
    }
    assert!(trees() == before, "a plan has written into the repository or the registry");
    for entry in outside.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        assert!(["cache", "registry"].contains(&entry.file_name()), "{}", entry.path());
    }
}
