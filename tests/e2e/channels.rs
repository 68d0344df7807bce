//! `promote`, `rollback`, `pin`, `unpin`, `revoke` and `versions`, with the real Trivy.

use goldsmith_testkit::advisory_db::Fix;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::build::{COPY, project_with, run};
use crate::project::{DEBIAN, Project, today};

/// A project with two published versions, of which `candidate` names the second.
fn twice_published() -> (Project, String, String) {
    let project = project_with(COPY);
    run(&project, &["debian-12"]).expect(0);
    run(&project, &["debian-12", "--force"]).expect(0);
    let first = today();
    let second = format!("{first}.2");
    (project, first, second)
}

/// What `goldsmith` answers to `arguments`, or why it refuses, which ends with `code`.
fn told(project: &Project, arguments: &[&str], code: i32) -> String {
    let ended = project.run(arguments).expect(code);
    let text = if code == 0 { ended.stdout } else { ended.stderr };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn channel(project: &Project, name: &str) -> Value {
    project.json(&format!("registry/images/debian-12/channels/{name}.json"))
}

#[test]
fn a_channel_is_promoted_taken_back_and_goes_on() {
    let (project, first, second) = twice_published();
    let promote = |version: &str, code| {
        told(&project, &["promote", "debian-12", version, "stable", "--db", "advisories"], code)
    };
    assert_eq!(promote(&first, 0), format!("stable of debian-12 names {first}"));
    let now = promote("candidate", 0);
    assert_eq!(now, format!("stable of debian-12 names {second}, and {first} before"));
    assert_eq!(promote(&second, 0), format!("stable of debian-12 already names {second}"));
    let late =
        ["promote", "debian-12", &second, "stable", "--expect", &first, "--db", "advisories"];
    let late = told(&project, &late, 2);
    assert!(late.contains("names"), "{late}");

    let because = "boots no more";
    let back = told(&project, &["rollback", "debian-12", "candidate", "--because", because], 0);
    assert!(back.contains(&format!("candidate of debian-12 is held at {first}")), "{back}");
    let file = channel(&project, "candidate");
    assert_eq!((&file["held"], &file["because"]), (&json!(true), &json!(because)), "{file}");

    // What is published does not enter a channel that is held.
    let third = run(&project, &["debian-12", "--force"]).expect(0);
    assert!(third.stderr.contains(&format!("candidate is held at {first}")), "{}", third.stderr);
    assert_eq!(channel(&project, "candidate")["version"], first.as_str());
    let free = told(&project, &["unpin", "debian-12", "candidate"], 0);
    assert!(free.contains("is not held any more"), "{free}");
    run(&project, &["debian-12"]).expect(0);
    assert_ne!(channel(&project, "candidate")["version"], first.as_str());

    let swap = ["promote", "debian-12", "--swap", "stable", "candidate", "--db", "advisories"];
    let before = [channel(&project, "stable"), channel(&project, "candidate")];
    told(&project, &swap, 0);
    let after = [channel(&project, "candidate"), channel(&project, "stable")];
    assert_eq!(
        before.map(|file| file["version"].clone()),
        after.map(|file| file["version"].clone())
    );

    let history = told(&project, &["versions", "debian-12", "--history"], 0);
    for what in ["stable promoted", "candidate rolled-back", "candidate unpinned", because] {
        assert!(history.contains(what), "{history}");
    }
}

#[test]
fn what_has_been_a_candidate_for_long_enough_becomes_stable_by_itself_if_it_still_passes() {
    let project = project_with(COPY);
    let soak = "    promote: [{ from: candidate, to: stable, after: 30m }]\n";
    project.write("images.yml", &format!("{DEBIAN}{soak}"));
    let version = today();
    run(&project, &["debian-12"]).expect(0);
    let later = (Timestamp::now() + SignedDuration::from_mins(45)).to_string();
    let planned = told(&project, &["plan"], 0);
    assert!(planned.contains("will be promoted to stable in 30 min"), "{planned}");
    let planned = told(&project, &["plan", "--now", &later], 0);
    assert!(planned.contains("is to be promoted to stable now"), "{planned}");

    let daily = ["run", "--db", "advisories", "--now", &later];
    let dry = told(&project, &[&daily[..], &["--dry-run"]].concat(), 0);
    assert!(!dry.contains("stable"), "{dry}");
    let fix: Fix = "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap();
    project.advisories(|advisories, _| advisories.fix(&fix).unwrap());
    // Another build would bring the fix: that is not what this is about.
    let waits = told(
        &project,
        &["promote", "debian-12", "--due", "--db", "advisories", "--now", &later],
        0,
    );
    assert!(waits.contains("CVE-2019-1010022 (HIGH) in glibc, fixed in"), "{waits}");
    let none = told(&project, &["show", "debian-12@stable"], 2);
    assert!(none.contains("has no channel `stable`"), "{none}");

    project.advisories(|_, _| {});
    let done = told(&project, &daily, 0);
    let said = format!("debian-12: stable is {version} now: soak: 30m in candidate");
    assert!(done.contains(&said), "{done}");
    let file = channel(&project, "stable");
    assert_eq!((&file["act"], &file["version"]), (&json!("promoted"), &json!(version)), "{file}");
    assert!(file["fresh_until"].is_string(), "{file}");
    let all = project.json("registry/images/debian-12/goldsmith.auto.tfvars.json");
    let named = &all["goldsmith_images"]["debian-12"]["stable"];
    assert_eq!(named["version"], json!(version), "{all}");
}

#[test]
fn nothing_is_promoted_that_would_not_pass_today_unless_somebody_says_why() {
    let (project, first, second) = twice_published();
    let promote = |version: &str, more: &[&str], code| {
        let ask = ["promote", "debian-12", version, "stable", "--db", "advisories"];
        told(&project, &[&ask, more].concat(), code)
    };
    project.write("images.yml", &format!("{DEBIAN}    tests: [{{ run: ./smoke.sh }}]\n"));
    project.write("packer/smoke.sh", "#!/bin/sh\n");
    let refused = promote(&second, &[], 1);
    assert!(refused.contains("it has not passed the tests `./smoke.sh`"), "{refused}");

    project.write("images.yml", DEBIAN);
    let fix: Fix = "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap();
    project.advisories(|advisories, _| advisories.fix(&fix).unwrap());
    let refused = promote(&second, &[], 1);
    assert!(refused.contains("CVE-2019-1010022 (HIGH) in glibc, fixed in"), "{refused}");
    let listed = told(&project, &["versions", "debian-12"], 0);
    assert!(listed.contains("blocked"), "{listed}");
    let all_the_same = promote(&second, &["--because", "not reachable here"], 0);
    assert!(all_the_same.contains("overruled: it would not pass"), "{all_the_same}");
    assert_eq!(channel(&project, "stable")["because"], "not reachable here");

    project.advisories(|advisories, _| advisories.forget("debian 12"));
    let unproven = promote(&first, &[], 4);
    assert!(unproven.contains("nothing is proven"), "{unproven}");
    project.advisories(|_, _| {});

    let revoke = ["revoke", "debian-12", &first, "--because", "leaked key"];
    let revoked = told(&project, &revoke, 0);
    assert_eq!(revoked, format!("debian-12 {first} is revoked"));
    let refused = promote(&first, &[], 1);
    assert!(refused.contains("it is revoked: leaked key"), "{refused}");
    let none = told(&project, &["rollback", "debian-12", "stable"], 2);
    assert!(none.contains("has named nothing before"), "{none}");
    let shown = told(&project, &["show", "debian-12@stable", "--format", "env"], 0);
    assert!(shown.contains(&format!("GOLDSMITH_VERSION='{second}'")), "{shown}");
    let shown = project.run(&["show", &format!("debian-12@{first}")]).expect(1);
    assert!(shown.stdout.contains("REVOKED    leaked key"), "{}", shown.stdout);
    let file = project.json(&format!("registry/images/debian-12/versions/{first}.json"));
    assert_eq!(file["revoked"]["reason"], "leaked key");
    told(&project, &["revoke", "debian-12", &first, "--undo", "--because", "not ours"], 0);
    promote(&first, &[], 0);
}
