//! `goldsmith rescan` and `goldsmith regate`, with the real Trivy.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use goldsmith::findings;
use goldsmith::model::Tool;
use goldsmith::process::{Cancellation, Launcher};
use goldsmith::rescan::{self, Answer, Batches, Found, Matches};
use goldsmith::trivy::{Database, Scanner};
use goldsmith_testkit::advisory_db::Fix;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::build::{COPY, project_with, run, wait_for};
use crate::guest::guest;
use crate::project::{DEBIAN, EMPTY_TEMPLATE, Project, today};

/// An advisory that the fixture disk is affected by, with a fix.
fn blocking() -> Fix {
    "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap()
}

/// A project with one published version.
fn published() -> Project {
    let project = project_with(COPY);
    run(&project, &[]).expect(0);
    project
}

/// Advisories that were made `minutes` after now, with these fixes.
fn advisories(project: &Project, minutes: i64, fixes: &[Fix]) {
    project.advisories(|advisories, stamp| {
        stamp.updated_at += SignedDuration::from_mins(minutes);
        for fix in fixes {
            advisories.fix(fix).unwrap();
        }
    });
}

fn rescan(project: &Project, code: i32) -> Value {
    let ended = project.run(&["rescan", "--db", "advisories", "--format", "json"]).expect(code);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn advice(report: &Value) -> Vec<&str> {
    report["advice"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect()
}

#[test]
fn what_would_not_pass_any_more_is_withdrawn_if_somebody_asks_for_that() {
    let project = published();
    let rescan = |more: &[&str], code| {
        let ask = ["rescan", "--db", "advisories", "--revoke", "--format", "json"];
        let ended = project.run(&[&ask, more].concat()).expect(code);
        serde_json::from_str::<Value>(&ended.stdout).unwrap()
    };
    assert_eq!(rescan(&[], 0)["revoked"], json!([]), "it would pass");
    advisories(&project, 1, &[blocking()]);
    let told = rescan(&["--revoke-after", "7d"], 1);
    let revoked = &told["revoked"][0];
    let because = revoked["because"].as_str().unwrap();
    assert!(because.contains("CVE-2019-1010022 (HIGH) in glibc"), "{told}");
    assert_eq!(revoked["versions"][0]["channels"], json!(["candidate"]), "{told}");
    project.run(&["show", "debian-12@candidate"]).expect(0);
    // Who asks again later takes nothing back, and who asks for it now gets it now.
    assert_eq!(rescan(&["--revoke-after", "8d"], 1)["revoked"][0]["versions"][0]["changed"], false);
    assert_eq!(rescan(&[], 1)["revoked"][0]["versions"][0]["changed"], true);
    let shown = project.run(&["show", "debian-12@candidate"]).expect(1);
    assert!(shown.stdout.contains(because), "{}", shown.stdout);
    assert_eq!(rescan(&[], 0)["revoked"], json!([]), "nobody watches it any more");
}

#[test]
fn what_becomes_of_a_published_version_is_told_once_and_makes_its_image_due() {
    let project = published();
    let log = || project.log("debian-12").split_off(3);
    let report = rescan(&project, 0);
    assert_eq!(report["versions"][0]["state"], "clean", "{report}");
    assert_eq!((advice(&report), log()), (Vec::new(), Vec::new()), "nothing has changed");

    // A fix comes out for what was there all the time.
    advisories(&project, 1, &[blocking()]);
    let report = rescan(&project, 1);
    assert_eq!(report["versions"][0]["state"], "blocked", "{report}");
    assert_eq!(report["versions"][0]["channels"], json!(["candidate"]));
    assert_eq!(advice(&report), ["became-bad", "newly-fixable"]);
    assert_eq!(log(), ["rescanned"]);
    let plan = project.run(&["plan", "--db", "advisories"]).expect(0);
    let told = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("CVE-2019-1010022 in glibc (fixed in 2.36-9+deb12u99)"), "{told}");

    // The day after it is no news, and Trivy is not even asked, since the advisories are the same.
    let again = rescan(&project, 1);
    assert_eq!((advice(&again), log()), (Vec::new(), vec!["rescanned".to_owned()]));
    assert_eq!(
        (again["work"]["asked"].as_u64(), again["work"]["kept"].as_u64()),
        (Some(0), Some(1))
    );

    // Under another policy it would pass.
    project.write("images.yml", &format!("{DEBIAN}    gate: {{ fail_on: [CRITICAL] }}\n"));
    let report = rescan(&project, 0);
    assert_eq!(advice(&report), ["clean-again"], "{report}");
    assert_eq!(report["work"]["asked"], 0);
    assert_eq!(log(), ["rescanned", "rescanned"]);
    let ended = project.run(&["rescan", "--db", "advisories"]).expect(0);
    assert!(ended.stdout.contains("1 version: 1 clean"), "{}", ended.stdout);
}

/// Stops goldsmith as soon as one of two answers of Trivy is there.
fn kill_after_the_first_answer(project: &Project) {
    let trivy = which_trivy();
    project.write(
        "bin/trivy",
        &format!(
            "#!/bin/sh\ncase $1 in sbom) mkdir {first} 2>/dev/null || exec sleep 600;; esac\n\
             exec {trivy} \"$@\"\n",
            first = project.path("first"),
        ),
    );
    let wrapper = project.path("bin/trivy");
    fs_err::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", project.path("bin"));
    let mut goldsmith = project
        .goldsmith()
        .env("PATH", path)
        .args(["rescan", "--db", "advisories"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("an answer", || {
        assert!(goldsmith.try_wait().unwrap().is_none(), "nothing held it up");
        let folders = project.list("state/rescan").into_iter();
        let answers = folders.flat_map(|folder| project.list(&format!("state/rescan/{folder}")));
        answers.filter(|name| name.ends_with(".json.zst")).count() == 1
    });
    goldsmith.kill().unwrap();
    goldsmith.wait().unwrap();
}

#[test]
fn a_rescan_that_was_killed_goes_on_with_what_trivy_had_answered() {
    let project = published();
    let image = "  appliance:\n    template: packer\n    os: { family: debian, release: \"12\" }\n    \
                 source: cloud-image\n    evidence: { sbom: packer/sbom.json }\n";
    project.write("images.yml", &format!("{DEBIAN}{image}"));
    let made = format!("store/debian-12/{}/inventory.cdx.json", today());
    let mut inventory = project.json(&made);
    // Of another hand than goldsmith's, so that it is asked about by itself.
    inventory["specVersion"] = "1.5".into();
    project.write("packer/sbom.json", &inventory.to_string());
    run(&project, &["appliance", "--from-artifact", "appliance=disk.raw"]).expect(0);

    advisories(&project, 1, &[blocking()]);
    kill_after_the_first_answer(&project);
    let logs = || [project.log("debian-12").split_off(3), project.log("appliance").split_off(3)];
    assert_eq!(logs(), [const { Vec::<String>::new() }; 2], "nothing was recorded in part");
    let report = rescan(&project, 1);
    let work = &report["work"];
    assert_eq!((&work["asked"], &work["kept"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(advice(&report), ["became-bad", "newly-fixable", "became-bad", "newly-fixable"]);
    assert_eq!(logs(), [["rescanned"], ["rescanned"]]);
}

#[test]
fn a_registry_is_watched_without_templates_by_the_defaults_and_fails_closed() {
    let project = published();
    let registry = format!("file://{}", project.path("registry"));
    fs_err::remove_file(project.path("images.yml")).unwrap();
    fs_err::remove_dir_all(project.path("packer")).unwrap();
    let rescan = |more: &[&str], code: i32| {
        let ask = ["rescan", "--db", "advisories", "--registry", &registry];
        let ended = project.run(&[&ask, more].concat()).expect(code);
        format!("{}{}", ended.stdout, ended.stderr)
    };
    let told = rescan(&["--format", "json"], 0);
    assert!(told.contains("\"by_defaults\": true"), "{told}");
    let told = rescan(&["debain-*"], 2);
    assert!(told.contains("no image matches"), "{told}");

    project.advisories(|advisories, _| advisories.forget("debian 12"));
    let told = rescan(&[], 4);
    assert!(told.contains("untrusted: the advisory database has nothing about debian"), "{told}");
    project.advisories(|_, stamp| stamp.updated_at -= SignedDuration::from_hours(100));
    assert!(rescan(&[], 4).contains("the advisory database is 4 days old"));
    assert_eq!(project.log("debian-12").len(), 3, "what is not proven is not recorded");
}

#[test]
fn a_rejected_artifact_is_published_without_a_build_once_it_passes() {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.disk();
    advisories(&project, 0, &[blocking()]);
    let regate = ["regate", "--db", "advisories"];
    let none = project.run(&regate).expect(0);
    assert!(none.stderr.contains("there is nothing to judge again"), "{}", none.stderr);
    let none = project.run(&["regate", "debian-12", "--db", "advisories"]).expect(2);
    assert!(
        none.stderr.contains("no build of `debian-12` that did not pass is kept"),
        "{}",
        none.stderr
    );
    project.run(&["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"]).expect(1);
    let rejected = project.json("registry/images/debian-12/log/00000002.json");
    assert!(rejected["inventory"].is_string() && rejected["findings"].is_string(), "{rejected}");
    assert_eq!(rejected["evidence"], Value::Null, "the disk can be looked at again");

    // Nothing has changed, and it is judged again all the same.
    let again = project.run(&regate).expect(1);
    assert!(again.stderr.contains("nothing is built"), "{}", again.stderr);
    project.write("images.yml", &format!("{DEBIAN}    gate: {{ fail_on: [CRITICAL] }}\n"));
    project.run(&regate).expect(0);
    let log = ["reserved", "rejected", "rejected", "published", "moved"];
    assert_eq!(project.log("debian-12"), log);
    let channel = project.json("registry/images/debian-12/channels/candidate.json");
    assert_eq!(channel["version"], today().as_str());
}

#[test]
fn an_artifact_that_is_gone_is_not_built_again_by_judging_it() {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.disk();
    advisories(&project, 0, &[blocking()]);
    project.run(&["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"]).expect(1);
    fs_err::remove_dir_all(project.path("store/rejected")).unwrap();
    let ended = project.run(&["regate", "--db", "advisories"]).expect(2);
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(told.contains("is not kept on this machine"), "{told}");
    assert_eq!(project.log("debian-12"), ["reserved", "rejected"]);
}

#[test]
fn what_a_guest_has_told_is_judged_again_when_the_guest_is_gone() {
    let script = "mkdir -p /var/lib/dpkg; echo 12.13 >/etc/debian_version; \
        echo ID=debian >/etc/os-release; echo 'VERSION_ID=\\\"12\\\"' >>/etc/os-release; i=0; \
        add() { echo Package: $1; echo Status: install ok installed; echo Maintainer: Debian; \
        echo Architecture: amd64; echo Source: $2; echo Version: $3; echo Description: x; echo; }; \
        (add libc6 glibc 2.36-9+deb12u14; while [ $i -lt 150 ]; do add made-up-$i made-up-$i 1-1; \
        i=$((i+1)); done) >/var/lib/dpkg/status";
    let project = Project::with_template(&guest(script, ""));
    project.write("images.yml", &format!("{DEBIAN}    evidence: guest\n"));
    goldsmith_testkit::disk::zero_disk(&project.path("disk.raw")).unwrap();
    advisories(&project, 0, &[blocking()]);
    let first = run(&project, &[]).expect(1);
    assert!(first.stdout.contains("CVE-2019-1010022"), "{}", first.stdout);
    let rejected = project.json("registry/images/debian-12/log/00000002.json");
    assert!(rejected["evidence"].is_string(), "{rejected}");

    // The disk holds nothing that could be looked at: what the guest has told is all there is.
    project.run(&["regate", "--db", "advisories"]).expect(1);
    let lenient = format!("{DEBIAN}    evidence: guest\n    gate: {{ fail_on: [CRITICAL] }}\n");
    project.write("images.yml", &lenient);
    let again = run(&project, &[]).expect(0);
    assert!(again.stderr.contains("nothing is built"), "{}", again.stderr);
    let log = ["reserved", "rejected", "rejected", "published", "moved"];
    assert_eq!(project.log("debian-12"), log);
}

/// What an inventory is made of, as Trivy writes it and goldsmith keeps it.
struct Listing {
    components: Vec<Value>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Listing {
    fn new() -> Self {
        let system = json!({
            "bom-ref": "os", "type": "operating-system", "name": "debian", "version": "12.13",
            "properties": properties(&[("Class", "os-pkgs"), ("Type", "debian")]),
        });
        let edges = [("image".to_owned(), vec!["os".to_owned()])].into();
        Self { components: vec![system], edges }
    }

    fn put(&mut self, below: &str, name: &str, version: &str, purl: &str, more: &[(&str, &str)]) {
        let reference = format!("{purl}#{}", self.components.len());
        self.components.push(json!({
            "bom-ref": reference, "type": "library", "name": name, "version": version,
            "purl": purl, "properties": properties(more),
            "licenses": [{ "license": { "name": format!("licence of {reference}") } }],
        }));
        self.edges.entry(below.to_owned()).or_default().push(reference);
    }

    fn system(&mut self, name: &str, source: &str, version: &str, arch: &str) {
        let purl = format!("pkg:deb/debian/{name}@{version}?arch={arch}&distro=debian-12.13");
        let (plain, release) = version.rsplit_once('-').unwrap_or((version, ""));
        let id = format!("{name}@{version}");
        let properties = [
            ("PkgID", id.as_str()),
            ("PkgType", "debian"),
            ("SrcName", source),
            ("SrcVersion", plain),
            ("SrcRelease", release),
        ];
        self.put("os", name, version, &purl, &properties);
    }

    fn npm(&mut self, name: &str, version: &str, file: &str) {
        let id = format!("{name}@{version}");
        let more = [("PkgID", id.as_str()), ("PkgType", "node-pkg"), ("FilePath", file)];
        self.put("image", name, version, &format!("pkg:npm/{name}@{version}"), &more);
    }

    fn binary(&mut self, file: &str, modules: &[(&str, &str)]) {
        let reference = format!("application:{file}");
        self.components.push(json!({
            "bom-ref": reference, "type": "application", "name": file,
            "properties": properties(&[("Class", "lang-pkgs"), ("Type", "gobinary")]),
        }));
        self.edges.get_mut("image").unwrap().push(reference.clone());
        for (name, version) in modules {
            let id = format!("{name}@{version}");
            let purl = format!("pkg:golang/{name}@{version}");
            let more = [("PkgID", id.as_str()), ("PkgType", "gobinary")];
            self.put(&reference, name, version, &purl, &more);
        }
    }

    fn document(&self) -> String {
        let edges = self.edges.iter().map(|(from, to)| json!({ "ref": from, "dependsOn": to }));
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {
                "component": { "bom-ref": "image", "type": "application", "name": "disk" },
                "tools": { "components": [{
                    "type": "application", "manufacturer": { "name": "Aqua Security Software Ltd." },
                    "group": "aquasecurity", "name": "trivy", "version": "0.74.0",
                }] },
            },
            "components": self.components,
            "dependencies": edges.collect::<Vec<_>>(),
        })
        .to_string()
    }
}

fn properties(of: &[(&str, &str)]) -> Value {
    let named = |(name, value): &(&str, &str)| json!({ "name": format!("aquasecurity:trivy:{name}"), "value": value });
    of.iter().map(named).collect()
}

/// Inventories that share some of everything, and have what could be mixed up: packages of two
/// architectures, a library at two places, a program in two versions at one place.
fn inventories() -> Vec<String> {
    let mut all = Vec::new();
    for version in 0..4 {
        let mut listing = Listing::new();
        for (name, source) in [("libc6", "glibc"), ("libc-bin", "glibc"), ("tar", "tar")] {
            listing.system(name, source, &format!("2.3{version}-9"), "amd64");
        }
        listing.system("libc6", "glibc", &format!("2.3{version}-9"), "i386");
        listing.system("bash", "bash", "5.2-1", if version == 3 { "arm64" } else { "amd64" });
        listing.npm("left-pad", "1.3.0", "opt/a/node_modules/left-pad/package.json");
        let place = format!("opt/{version}/node_modules/left-pad/package.json");
        listing.npm("left-pad", "1.3.0", &place);
        listing.npm("left-pad", &format!("1.{version}.9"), "opt/b/package.json");
        let crypto = format!("v0.{version}.0");
        let modules = [("golang.org/x/crypto", crypto.as_str()), ("example.org/other", "v1.0.0")];
        listing.binary("usr/bin/tool", &modules);
        listing.binary("usr/bin/same", &[("golang.org/x/crypto", "v0.1.0")]);
        all.push(listing.document());
    }
    all
}

#[tokio::test]
async fn asked_about_together_inventories_have_the_findings_that_they_have_one_by_one() {
    let project = Project::with_template(EMPTY_TEMPLATE);
    let folder = project.advisories(|advisories, _| {
        let fix = |text: &str| text.parse::<Fix>().unwrap();
        for (package, text) in [
            ("glibc", "CVE-2026-0001=2.32-9:HIGH"),
            ("glibc", "CVE-2026-0002=2.99-1:CRITICAL"),
            ("tar", "CVE-2026-0003=2.31-1:LOW"),
            ("bash", "CVE-2026-0004=5.3-1:HIGH"),
        ] {
            advisories.add("debian 12", package, &fix(text));
        }
        advisories.add_library("npm", "left-pad", &fix("CVE-2026-0005=1.3.1:HIGH"));
        advisories.add_library("go", "golang.org/x/crypto", &fix("CVE-2026-0006=0.2.1:CRITICAL"));
    });
    let program = which_trivy();
    let scanner = Scanner {
        tool: Tool { name: "trivy".to_owned(), path: program, version: "0.74.0".to_owned() },
        launcher: Launcher::new(env!("CARGO_BIN_EXE_goldsmith")),
        cancellation: Cancellation::new(),
        log: project.path("log").into(),
    };
    let database = Database::open(&folder).unwrap();
    let scratch = project.path("scratch");
    fs_err::create_dir_all(&scratch).unwrap();
    let ask = async |name: &str, document: &str| {
        let path = scratch.join(name);
        fs_err::write(&path, document).unwrap();
        scanner.match_inventory(&path, &database, &scratch).await.unwrap().text
    };

    let inventories = inventories();
    let mut batches = Batches::default();
    let (mut parts, mut asked) = (Vec::new(), Vec::new());
    for document in &inventories {
        let inventory = rescan::read(document).expect("of goldsmith's own form");
        let (of, full) = batches.add(inventory, Scanner::covers);
        parts.push(of);
        asked.extend(full);
    }
    asked.extend(batches.finish());
    assert_eq!(asked.len(), 2, "one of another architecture is asked about apart");
    let mut matches = Matches::default();
    for batch in &asked {
        let text = ask(&format!("batch-{}", batch.number), &batch.document).await;
        let referenced = findings::read_referenced(&text).unwrap();
        let found = referenced.found.into_iter();
        let found = found.map(|(reference, path, finding)| Found { reference, path, finding });
        let answer = Answer {
            started_at: Timestamp::now(),
            made_at: None,
            about_subject: true,
            os: referenced.report.os,
            end_of_life: false,
            complaints: Vec::new(),
            listed: referenced.listed,
            found: found.collect(),
            packages: referenced.report.packages,
        };
        matches.take(batch, answer).unwrap();
    }
    let sorted = |mut findings: Vec<goldsmith::model::Finding>| {
        findings.sort_by_cached_key(|it| format!("{it:?}"));
        findings
    };
    for (index, document) in inventories.iter().enumerate() {
        let alone = findings::read(&ask(&format!("alone-{index}"), document).await).unwrap();
        let matched = matches.of(&parts[index], &batches).unwrap();
        assert!(alone.findings.len() > 8, "{:?}", alone.findings);
        assert_eq!(sorted(matched.findings), sorted(alone.findings), "inventory {index}");
        assert_eq!((matched.os, matched.lost), (alone.os, 0));
    }
}

#[expect(clippy::disallowed_methods, reason = "no part of goldsmith: where the test finds it")]
fn which_trivy() -> camino::Utf8PathBuf {
    let path = std::env::var("PATH").unwrap();
    let mut folders = path.split(':').map(|folder| camino::Utf8Path::new(folder).join("trivy"));
    folders.find(|program| program.is_file()).expect("`tools/install` installs Trivy")
}
