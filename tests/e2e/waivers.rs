//! What people permit and what they do not judge, with the real Trivy.

use std::process::Command;

use goldsmith_testkit::advisory_db::Fix;
use jiff::ToSpan as _;
use serde_json::{Value, json};

use crate::build::{COPY, project_with, run};
use crate::project::{DEBIAN, EMPTY_TEMPLATE, Ended, Project, today};

/// What the published version of some tests has.
const KNOWN: &str = "CVE-2019-1010022=2.36-9+deb12u99:HIGH";

/// Why what is `KNOWN` is permitted.
const REASON: &str = "nobody runs ldd on foreign files";

const FROM_DISK: [&str; 5] = ["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];

/// A project with a disk, and advisories with these fixes.
fn project(fixes: &[&str]) -> Project {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.disk();
    advisories(&project, fixes);
    project
}

fn advisories(project: &Project, fixes: &[&str]) {
    project.advisories(|advisories, _| {
        for fix in fixes {
            advisories.fix(&fix.parse::<Fix>().unwrap()).unwrap();
        }
    });
}

/// Advisories with `KNOWN`, and with `CVE-2026-1000`, which no database had before.
fn news(project: &Project) {
    project.advisories(|advisories, _| {
        advisories.fix(&KNOWN.parse().unwrap()).unwrap();
        advisories.add("debian 12", "coreutils", &"CVE-2026-1000=9.99-1:HIGH".parse().unwrap());
    });
}

/// The day so many days after today, in UTC.
fn day(days: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.checked_add(days.days()).unwrap().to_string()
}

/// A waiver of what is `KNOWN`.
fn waiver(until: &str) -> String {
    format!("- {{ id: CVE-2019-1010022, reason: {REASON}, until: {until} }}\n")
}

/// Everything that was printed, with every run of blanks as one: lines are wrapped.
fn told(ended: &Ended) -> String {
    let all = format!("{} {}", ended.stdout, ended.stderr);
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn tells(ended: &Ended, parts: &[&str]) {
    let told = told(ended);
    for part in parts {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
}

/// The one image of a JSON report.
fn image(ended: &Ended) -> Value {
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    report["images"][0].clone()
}

/// The bucket in which the finding `id` ended.
#[track_caller]
fn bucket(image: &Value, id: &str) -> String {
    let findings = image["verdict"]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["id"] == id);
    finding.unwrap_or_else(|| panic!("{id} was not found"))["bucket"].as_str().unwrap().to_owned()
}

#[test]
fn a_waiver_publishes_what_was_rejected_without_a_build() {
    let project = project_with(COPY);
    advisories(&project, &[KNOWN]);
    let built = run(&project, &[]).expect(1);
    assert!(built.stderr.contains("│ build\n"), "{}", built.stderr);
    assert_eq!(project.list("store/rejected/debian-12").len(), 1, "it is kept aside");
    assert_eq!(project.log("debian-12"), ["reserved", "rejected"]);
    let plan = || project.run(&["plan", "--db", "advisories"]).expect(0);
    tells(&plan(), &["not due"]);

    project.write("waivers.yml", &waiver(&day(30)));
    let due = "did not pass, and is judged again without a build: the waivers have changed";
    tells(&plan(), &[&today(), due]);
    let regate = ["regate", "--db", "advisories", "--format", "json"];
    let ended = project.run(&regate).expect(0);
    assert!(!ended.stderr.contains("│ build\n"), "{}", ended.stderr);
    let judged = image(&ended);
    assert_eq!(judged["result"], "published");
    assert_eq!(bucket(&judged, "CVE-2019-1010022"), "waived");
    let permitted = &judged["verdict"]["findings"][0]["waiver"];
    assert_eq!(*permitted, json!({ "reason": REASON, "until": day(30), "by": null }));

    assert_eq!(project.log("debian-12"), ["reserved", "rejected", "published", "moved"]);
    let channel = project.json("registry/images/debian-12/channels/candidate.json");
    assert_eq!(channel["version"], today().as_str(), "what was rejected is what is out");
    let kept = project.json(&format!("store/debian-12/{}/report.json", today()));
    assert!(kept.to_string().contains(REASON), "the version says by which waiver it passed");
}

#[test]
fn the_waiver_that_counted_is_named_to_people_with_its_reason_and_its_last_day() {
    let project = project(&[KNOWN]);
    project.write("waivers.yml", &waiver(&day(3)));
    let ended = project.run(&FROM_DISK).expect(0);
    tells(&ended, &["CVE-2019-1010022", REASON, &day(3)]);
}

#[test]
fn what_a_waiver_permitted_until_yesterday_blocks_again_and_that_is_said() {
    let project = project(&[KNOWN]);
    project.write("waivers.yml", &waiver(&day(-1)));
    let ended = project.run(&FROM_DISK).expect(1);
    let words = format!(
        "the waiver of CVE-2019-1010022 has ended on {}, so it blocks again: {REASON}",
        day(-1)
    );
    tells(&ended, &[&words]);
    assert_eq!(project.log("debian-12"), ["reserved", "rejected"]);

    // The last day counts whole.
    project.write("waivers.yml", &waiver(&day(0)));
    project.run(&["regate", "--db", "advisories"]).expect(0);
}

#[test]
fn a_misspelt_waiver_is_told_with_its_place_before_anything_is_judged() {
    let project = project(&[KNOWN]);
    let misspelt = waiver(&day(30)).replace("until", "untill");
    project.write("waivers.yml", &format!("# Ours.\n{misspelt}"));
    let column = misspelt.find("untill").unwrap() + 1;
    let place = format!("waivers.yml:2:{column}");
    for command in [&FROM_DISK[..], &["regate", "--db", "advisories"], &["waivers"]] {
        let ended = project.run(command).expect(2);
        tells(&ended, &[&place, "unknown key `untill` in a waiver", "did you mean `until`?"]);
    }
    assert_eq!(project.log("debian-12"), Vec::<String>::new());
}

#[test]
fn waivers_are_held_against_what_was_found_and_stale_ones_are_taken_out() {
    let project = project(&[KNOWN]);
    let stale = format!("- id: CVE-2020-1000\n  reason: not ours\n  until: {}\n", day(30));
    let kept = format!("# Reviewed on Mondays.\n{}", waiver(&day(30)));
    project.write("waivers.yml", &format!("{kept}# Asked upstream.\n{stale}# The end.\n"));
    let uses = |arguments: &[&str]| -> Vec<Value> {
        let ended = project.run(&[&["waivers", "--format", "json"], arguments].concat()).expect(0);
        let report: Value = serde_json::from_str(&ended.stdout).unwrap();
        let waivers = report["waivers"].as_array().unwrap().iter();
        waivers.map(|it| json!([it["id"], it["term"], it["use"], it["found_in"]])).collect()
    };
    let (known, idle) = ("CVE-2019-1010022", "CVE-2020-1000");
    assert_eq!(
        uses(&["--prune"]),
        [json!([known, "holds", "unknown", []]), json!([idle, "holds", "unknown", []])],
        "of nothing that was judged nothing is known, and nothing is taken out"
    );

    project.run(&FROM_DISK).expect(0);
    let expected = [
        json!([known, "holds", "needed", ["debian-12"]]),
        json!([idle, "holds", "matches-nothing", []]),
    ];
    assert_eq!(uses(&[]), expected);
    assert_eq!(uses(&["--prune"]), expected);
    let left = fs_err::read_to_string(project.path("waivers.yml")).unwrap();
    assert_eq!(left, format!("{kept}# Asked upstream.\n# The end.\n"));
    assert_eq!(uses(&[]), expected[..1]);
}

fn git(project: &Project, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(arguments);
    let output = git.current_dir(project.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(project: &Project, files: &[&str]) -> String {
    git(project, &[&["add"], files].concat());
    git(project, &["commit", "--quiet", "-m", "t"]);
    git(project, &["rev-parse", "HEAD"])
}

/// Judges the disk as the check of a pull request into the commit `base` does.
fn check_pull_request(project: &Project, base: &str) -> Ended {
    let base = json!({ "ref": "main", "sha": base });
    let event = json!({ "action": "opened", "pull_request": { "number": 7, "base": base } });
    project.write("home/event.json", &event.to_string());
    let mut command = project.goldsmith();
    command.args(FROM_DISK).args(["--dry-run", "--format", "json"]);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("FORGEJO_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", project.path("home/event.json"))
        .env("GITHUB_BASE_REF", "main");
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_pull_request_permits_itself_nothing_and_answers_for_what_it_introduces() {
    let project = project(&[]);
    // The next checkout wipes what lies in a repository.
    let elsewhere = tempfile::tempdir().unwrap();
    let place = elsewhere.path().to_str().unwrap();
    let images = DEBIAN.replace("./registry", &format!("{place}/registry"));
    project.write("images.yml", &images.replace("./store", &format!("{place}/store")));
    project.run(&FROM_DISK).expect(0);
    git(&project, &["init", "--quiet"]);
    let base = commit(&project, &["images.yml", "packer"]);

    // What has a fix by now was in the version that is out, and the change is not to blame.
    advisories(&project, &[KNOWN]);
    let ended = check_pull_request(&project, &base).expect(0);
    let judged = image(&ended);
    assert_eq!(judged["conclusion"], "neutral", "{judged}");
    assert_eq!(bucket(&judged, "CVE-2019-1010022"), "not-new");

    // What was not there before counts; and a waiver that comes along permits nothing.
    news(&project);
    let permit = format!("- {{ id: CVE-2026-1000, reason: mine, until: {} }}\n", day(30));
    project.write("waivers.yml", &permit);
    commit(&project, &["waivers.yml"]);
    let ended = check_pull_request(&project, &base).expect(1);
    let judged = image(&ended);
    assert_eq!(judged["conclusion"], "failure", "{judged}");
    assert_eq!(bucket(&judged, "CVE-2026-1000"), "blocks");
    tells(
        &ended,
        &["what is changed here of how `debian-12` is judged takes effect after merging"],
    );

    // Once it is merged, it counts.
    let merged = git(&project, &["rev-parse", "HEAD"]);
    let ended = check_pull_request(&project, &merged).expect(0);
    assert_eq!(bucket(&image(&ended), "CVE-2026-1000"), "waived");
}

#[test]
fn what_a_published_version_has_as_well_does_not_block_where_only_new_findings_do() {
    let project = project(&[KNOWN]);
    let policy = |gate: &str| project.write("images.yml", &format!("{DEBIAN}    gate: {gate}\n"));
    policy("{ fail_on: [CRITICAL] }");
    project.run(&FROM_DISK).expect(0);

    policy("{ fail_on: [CRITICAL, HIGH] }");
    project.run(&[&FROM_DISK[..], &["--dry-run"]].concat()).expect(1);
    policy("{ fail_on: [CRITICAL, HIGH], new_only: { since: candidate } }");
    let ended = project.run(&[&FROM_DISK[..], &["--format", "json"]].concat()).expect(0);
    let judged = image(&ended);
    assert_eq!(bucket(&judged, "CVE-2019-1010022"), "not-new");
    assert_eq!(judged["verdict"]["findings"][0]["not_new_since"], today().as_str());

    news(&project);
    let ended = project.run(&[&FROM_DISK[..], &["--format", "json"]].concat()).expect(1);
    let judged = image(&ended);
    assert_eq!(bucket(&judged, "CVE-2019-1010022"), "not-new");
    assert_eq!(bucket(&judged, "CVE-2026-1000"), "blocks");
}
