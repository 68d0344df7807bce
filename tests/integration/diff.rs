//! `goldsmith diff`, against a registry as the format has it.

use camino::Utf8Path;
use goldsmith::model::{Address, Digest};
use goldsmith::registry::{self, Reach};
use serde_json::{Value, json};

use crate::command_line::{Folder, IMAGES};

/// A CycloneDX inventory of these packages: name, version, architecture, source.
fn inventory(packages: &[[&str; 4]]) -> String {
    let os = json!({ "type": "operating-system", "name": "debian", "version": "12.11" });
    let packages = packages.iter().map(|[name, version, arch, source]| {
        let (epoch, plain) = version.split_once(':').unwrap_or(("0", version));
        let plain = plain.replace('+', "%2B");
        json!({
            "type": "library", "name": name, "version": version,
            "purl": format!("pkg:deb/debian/{name}@{plain}?arch={arch}&epoch={epoch}"),
            "properties": [
                { "name": "aquasecurity:trivy:PkgType", "value": "debian" },
                { "name": "aquasecurity:trivy:SrcName", "value": source },
            ],
        })
    });
    let components: Vec<Value> = [os].into_iter().chain(packages).collect();
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": components }).to_string()
}

/// Keeps `content` in the registry.
fn keep(registry: &Utf8Path, content: &str) -> Digest {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let registry = registry::open(&Address::Directory(registry.to_owned()), &Reach::folders())
            .await
            .unwrap();
        registry.put_blob(content.as_bytes()).await.unwrap()
    })
}

/// Writes the log of an image with these versions, a day and an inventory each.
fn record(folder: &Folder, image: &str, versions: &[(&str, String)]) {
    let registry = folder.path().join("registry");
    let log = registry.join(format!("images/{image}/log"));
    fs_err::create_dir_all(&log).unwrap();
    let digest = format!("sha256:{}", "0".repeat(64));
    let mut entries = Vec::new();
    for (day, inventory) in versions {
        let version = format!("1.0.{}", day.replace('-', ""));
        entries.push((day, json!({ "entry": "reserved", "version": version })));
        entries.push((
            day,
            json!({
                "entry": "published", "version": version, "definition": digest, "materials": [],
                "started_at": format!("{day}T02:00:00Z"), "tools": {},
                "advisories_updated_at": format!("{day}T01:00:00Z"),
                "os": { "family": "debian", "release": "12.11" }, "artifacts": [], "packages": 3,
                "package_set": digest, "inventory": keep(&registry, inventory), "report": digest,
                "verdict": "passed",
            }),
        ));
    }
    if let Some((day, _)) = versions.first() {
        let to = format!("1.0.{}", day.replace('-', ""));
        entries.push((day, json!({ "entry": "moved", "channel": "stable", "to": to })));
    }
    for (seq, (day, mut entry)) in (1..).zip(entries) {
        let common = json!({
            "schema": 1, "seq": seq, "at": format!("{day}T03:00:00Z"), "image": image,
            "run": format!("{}t020000z-5f3a9c", day.replace('-', "")),
        });
        entry.as_object_mut().unwrap().extend(common.as_object().unwrap().clone());
        fs_err::write(log.join(format!("{seq:08}.json")), entry.to_string()).unwrap();
    }
}

/// Three versions: stable names the oldest.
fn folder() -> Folder {
    let folder = Folder::new(IMAGES);
    let bash = |version| ["bash", version, "amd64", "bash"];
    let ssl = |version| ["libssl3", version, "amd64", "openssl"];
    let versions = [
        ("2026-09-01", inventory(&[bash("5.2.15-2"), ssl("3.0.11-1~deb12u2")])),
        (
            "2026-10-01",
            inventory(&[
                bash("5.2.15-2"),
                ssl("3.0.15-1~deb12u1"),
                ["telnet", "0.17+2.5-3", "all", "inetutils"],
            ]),
        ),
        (
            "2026-11-01",
            inventory(&[bash("5.2.15-2+b7"), ssl("3.0.9-1"), ["six", "1:1", "all", "six"]]),
        ),
    ];
    record(&folder, "debian-12", &versions);
    record(&folder, "debian-13", &[("2026-11-02", inventory(&[bash("5.2.37-2")]))]);
    folder
}

#[test]
fn a_diff_tells_what_has_changed_since_the_version_before() {
    let folder = folder();
    insta::assert_snapshot!(folder.goldsmith(&["diff", "debian-12"], &[]), @"
    exit code 0
    --- stdout
    debian-12: from 1.0.20261001 to 1.0.20261101

    package  change      from              to           source
    bash     upgraded    5.2.15-2          5.2.15-2+b7  bash
    libssl3  downgraded  3.0.15-1~deb12u1  3.0.9-1      openssl
    six      added       -                 1:1          six
    telnet   removed     0.17+2.5-3        -            inetutils

    1 upgraded, 1 downgraded, 1 added, 1 removed, 0 unchanged
    --- stderr
    ");
    insta::assert_snapshot!(folder.goldsmith(&["diff", "debian-12", "stable"], &[]), @"
    exit code 0
    --- stdout
    debian-12: from 1.0.20260901 to 1.0.20261101

    package  change      from              to           source
    bash     upgraded    5.2.15-2          5.2.15-2+b7  bash
    libssl3  downgraded  3.0.11-1~deb12u2  3.0.9-1      openssl
    six      added       -                 1:1          six

    1 upgraded, 1 downgraded, 1 added, 0 unchanged
    --- stderr
    ");
    let json = ["diff", "debian-12", "stable", "1.0.20261001", "--format", "json"];
    insta::assert_snapshot!(folder.goldsmith(&json, &[]), @r#"
    exit code 0
    --- stdout
    {
      "version": 1,
      "kind": "diff",
      "image": "debian-12",
      "from": {
        "image": "debian-12",
        "version": "1.0.20260901",
        "published_at": "2026-09-01T03:00:00Z",
        "os": {
          "family": "debian",
          "release": "12.11"
        },
        "packages": 2
      },
      "to": {
        "image": "debian-12",
        "version": "1.0.20261001",
        "published_at": "2026-10-01T03:00:00Z",
        "os": {
          "family": "debian",
          "release": "12.11"
        },
        "packages": 3
      },
      "counts": {
        "upgraded": 1,
        "downgraded": 0,
        "rebuilt": 0,
        "changed": 0,
        "added": 1,
        "removed": 0,
        "unchanged": 1
      },
      "changes": [
        {
          "package": "libssl3",
          "change": "upgraded",
          "from": {
            "version": "3.0.11-1~deb12u2",
            "arch": "amd64",
            "source": "openssl"
          },
          "to": {
            "version": "3.0.15-1~deb12u1",
            "arch": "amd64",
            "source": "openssl"
          }
        },
        {
          "package": "telnet",
          "change": "added",
          "from": null,
          "to": {
            "version": "0.17+2.5-3",
            "arch": "all",
            "source": "inetutils"
          }
        }
      ],
      "findings": null,
      "files": [],
      "configuration": null
    }
    --- stderr
    "#);
    insta::assert_snapshot!(folder.goldsmith(&["diff", "debian-12", "1.0.20261101"], &[]), @"
    exit code 0
    --- stdout
    debian-12: from 1.0.20261101 to 1.0.20261101

    no package has changed (3 packages)
    --- stderr
    ");
}

#[test]
fn a_diff_of_nothing_says_what_there_is() {
    let folder = folder();
    let told = [
        &["diff", "debian-12", "1.0.20260101"][..],
        &["diff", "debian-12", "beta"],
        &["diff", "debian-13"],
        &["diff", "debian-14"],
        &["diff", "debian-12", "stable", "--registry", "./elsewhere"],
    ]
    .map(|arguments| folder.goldsmith(arguments, &[]));
    insta::assert_snapshot!(told.join("\n"), @"
    exit code 2
    --- stdout
    --- stderr
    error: version 1.0.20260101 of `debian-12` was never published
      hint: there are: 1.0.20261101, 1.0.20261001, 1.0.20260901, stable

    exit code 2
    --- stdout
    --- stderr
    error: `debian-12` has no channel `beta`, and a version it is not either
      hint: there are: 1.0.20261101, 1.0.20261001, 1.0.20260901, stable

    exit code 2
    --- stdout
    --- stderr
    error: 1.0.20261102 is the only published version of `debian-13`

    exit code 2
    --- stdout
    --- stderr
    error: no version of `debian-14` is published in `FOLDER/registry`
      hint: did you mean `debian-13`?

    exit code 2
    --- stdout
    --- stderr
    error: no version of `debian-12` is published in `FOLDER/elsewhere`
    ");
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn an_inventory_that_is_none_is_told() {
    let folder = Folder::new(IMAGES);
    let versions = [("2026-09-01", inventory(&[])), ("2026-10-01", "{".to_owned())];
    record(&folder, "debian-12", &versions);
    let skipped = [("2026-09-01", inventory(&[])), ("2026-10-01", String::new())];
    record(&folder, "debian-13", &skipped);
    insta::assert_snapshot!(folder.goldsmith(&["diff", "debian-13"], &[]), @"
    exit code 2
    --- stdout
    --- stderr
    error: there is no inventory of `debian-13` 1.0.20261001
    ");
    insta::assert_snapshot!(folder.goldsmith(&["diff", "debian-12"], &[]), @"
    exit code 5
    --- stdout
    --- stderr
    error: the inventory of `debian-12` 1.0.20261001 cannot be read: the inventory is not readable: EOF while parsing an object at line 1 column 1
    ");
}

/// Adds to what is recorded of a version.
fn add(folder: &Folder, entry: &str, more: &Value) {
    let path = folder.path().join(format!("registry/images/debian-12/log/{entry}.json"));
    let mut recorded: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    recorded.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fs_err::write(path, recorded.to_string()).unwrap();
}

#[test]
fn findings_sizes_and_configuration_are_compared_where_both_are_known() {
    let folder = folder();
    let registry = folder.path().join("registry");
    let finding = |id: &str, severity: &str| {
        json!({
            "id": id, "package": "bash", "source": "bash", "installed": "5.2", "fixed": null,
            "severity": severity, "status": "affected", "title": "", "url": null, "published": null,
        })
    };
    let findings = |day: &str, found: &[Value]| {
        let made = format!("{day}T01:00:00Z");
        let document = json!({ "schema": 1, "advisories_updated_at": made, "findings": found });
        keep(&registry, &document.to_string())
    };
    let disk = |version: &str, size: u64| {
        let sha256 = format!("sha256:{}", "0".repeat(64));
        let name = format!("debian-12-v{version}.qcow2");
        json!([{ "name": name, "size": size, "sha256": sha256, "locations": [] }])
    };
    let setup = |services: &Value| {
        let document = json!({ "schema": 1, "subjects": { "services": services } });
        keep(&registry, &document.to_string())
    };
    let old = [finding("CVE-2026-1", "HIGH"), finding("CVE-2026-2", "LOW")];
    let new = [finding("CVE-2026-2", "LOW"), finding("CVE-2026-3", "CRITICAL")];
    let first = json!({
        "artifacts": disk("1.0.20260901", 1 << 30), "findings": findings("2026-09-01", &old),
        "configuration": setup(&json!({ "ssh.service": "", "telnet.socket": "" })),
    });
    add(&folder, "00000002", &first);
    let second = json!({
        "artifacts": disk("1.0.20261001", 3 << 29), "findings": findings("2026-10-01", &new),
        "configuration": setup(&json!({ "ssh.service": "" })),
    });
    add(&folder, "00000004", &second);
    let told = [
        &["diff", "debian-12@stable", "1.0.20261001"][..],
        // Of the newest nobody knows more than its packages.
        &["diff", "debian-12@1.0.20261001"],
        &["diff", "debian-12@stable", "debian-13@1.0.20261102"],
        &["diff", "debian-12@stable", "debian-12@1.0.20260901", "stable"],
    ]
    .map(|arguments| folder.goldsmith(arguments, &[]));
    insta::assert_snapshot!(told.join("\n"), @"
    exit code 0
    --- stdout
    debian-12: from 1.0.20260901 to 1.0.20261001

    package  change    from              to                source
    libssl3  upgraded  3.0.11-1~deb12u2  3.0.15-1~deb12u1  openssl
    telnet   added     -                 0.17+2.5-3        inetutils

    1 upgraded, 1 added, 1 unchanged

    + CVE-2026-3 (CRITICAL) in bash
    - CVE-2026-1 (HIGH) in bash
    findings: 1 new (1 CRITICAL), 1 gone (1 HIGH), 1 in both
    by advisories of 1 September 2026, 01:00 UTC and of 1 October 2026, 01:00 UTC

    .qcow2: was 1.0 GiB, is 1.5 GiB

    - services: telnet.socket
    --- stderr

    exit code 0
    --- stdout
    debian-12: from 1.0.20261001 to 1.0.20261101

    package  change      from              to           source
    bash     upgraded    5.2.15-2          5.2.15-2+b7  bash
    libssl3  downgraded  3.0.15-1~deb12u1  3.0.9-1      openssl
    six      added       -                 1:1          six
    telnet   removed     0.17+2.5-3        -            inetutils

    1 upgraded, 1 downgraded, 1 added, 1 removed, 0 unchanged
    --- stderr

    exit code 0
    --- stdout
    debian-12: from 1.0.20260901 to debian-13 1.0.20261102

    package  change    from              to        source
    bash     upgraded  5.2.15-2          5.2.37-2  bash
    libssl3  removed   3.0.11-1~deb12u2  -         openssl

    1 upgraded, 1 removed, 0 unchanged
    --- stderr

    exit code 2
    --- stdout
    --- stderr
    error: `IMAGE@VERSION` is compared with one other version
      hint: `goldsmith diff debian-12@stable candidate`, or `… debian-13@stable`
    ");
    let json =
        folder.goldsmith(&["diff", "debian-12@stable", "1.0.20261001", "--format", "json"], &[]);
    for part in [r#""gone": ["#, r#""file": ".qcow2""#, r#""name": "telnet.socket""#] {
        assert!(json.contains(part), "{json}");
    }
}
