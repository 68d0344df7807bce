//! What the gate says about artifacts that exist, with the real Trivy.

use goldsmith_testkit::advisory_db::{Fix, truncate};
use goldsmith_testkit::disk::zero_disk;

use crate::project::{DEBIAN, EMPTY_TEMPLATE, Ended, Project};

fn project() -> Project {
    Project::with_template(EMPTY_TEMPLATE)
}

/// Takes `disk.raw` through the pipeline from after the build.
fn run_from_artifact(project: &Project) -> Ended {
    project.run(&["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"])
}

/// An advisory that the fixture disk is affected by, with a fix.
fn blocking() -> Fix {
    "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap()
}

#[test]
fn a_clean_artifact_is_published_recorded_and_enters_the_channel() {
    let project = project();
    project.disk();
    project.advisories(|_, _| {});
    run_from_artifact(&project).expect(0);

    let today = jiff::Timestamp::now().strftime("1.0.%Y%m%d").to_string();
    assert_eq!(project.log("debian-12"), ["reserved", "published", "moved"]);
    let channel = project.json("registry/images/debian-12/channels/candidate.json");
    assert_eq!(channel["version"], today.as_str());
    assert_eq!(
        project.list(&format!("store/debian-12/{today}")),
        [
            "SHA256SUMS",
            &format!("debian-12-v{today}.raw"),
            "inventory.cdx.json",
            "manifest.json",
            "report.json",
        ]
    );
    assert_eq!(project.list("state/runs").len(), 1);
}

#[test]
fn a_fixable_high_finding_keeps_the_artifact_aside_and_publishes_nothing() {
    let project = project();
    project.disk();
    project.advisories(|_, _| {});
    run_from_artifact(&project).expect(0);
    let published = project.list("store/debian-12");
    let channel = project.json("registry/images/debian-12/channels/candidate.json");

    project.advisories(|advisories, _| advisories.fix(&blocking()).unwrap());
    let first = run_from_artifact(&project).expect(1);
    for told in ["CVE-2019-1010022", "glibc", "2.36-9+deb12u99", "HIGH"] {
        assert!(first.stdout.contains(told), "{told}\n{}", first.stdout);
    }
    run_from_artifact(&project).expect(1);

    assert_eq!(project.list("store/debian-12"), published, "nothing new is published");
    let now = project.json("registry/images/debian-12/channels/candidate.json");
    assert_eq!(now, channel, "the channel has not moved");
    assert_eq!(project.list("store/rejected/debian-12").len(), 1, "one is kept");
    assert_eq!(
        project.log("debian-12"),
        ["reserved", "published", "moved", "reserved", "rejected", "reserved", "rejected"]
    );
}

/// Expects exit code 4, a message with each of `told`, and that nothing was published.
#[track_caller]
fn expect_untrusted(project: &Project, told: &[&str]) {
    for command in [
        &["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"][..],
        &["scan", "disk.raw", "--image", "debian-12", "--db", "advisories"],
    ] {
        let ended = project.run(command).expect(4);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        for told in told {
            assert!(all.contains(told), "`{told}` is missing in\n{all}");
        }
        assert!(!all.contains("passed"), "{all}");
    }
    assert_eq!(project.list("store/debian-12"), Vec::<String>::new());
    assert!(!project.log("debian-12").contains(&"published".to_owned()));
}

#[test]
fn another_operating_system_than_images_yml_names_is_untrusted() {
    let project = project();
    project.write("images.yml", &DEBIAN.replace("release: \"12\"", "release: \"13\""));
    project.disk();
    project.advisories(|_, _| {});
    expect_untrusted(&project, &["debian 12", "debian 13", "correct `os:` in images.yml"]);
}

#[test]
fn a_database_without_advisories_for_the_release_is_untrusted() {
    let project = project();
    project.disk();
    project.advisories(|advisories, _| advisories.forget("debian 12"));
    expect_untrusted(&project, &["the advisory database has nothing about debian 12"]);
}

#[test]
fn a_database_from_last_year_is_untrusted() {
    let project = project();
    project.disk();
    project.advisories(|_, stamp| {
        stamp.updated_at -= jiff::SignedDuration::from_hours(365 * 24);
    });
    expect_untrusted(&project, &["the advisory database is 365 days old", "refresh it"]);
}

#[test]
fn a_truncated_database_is_untrusted() {
    let project = project();
    project.disk();
    let folder = project.advisories(|_, _| {});
    truncate(&folder).unwrap();
    expect_untrusted(&project, &["damaged advisory database"]);
}

#[test]
fn a_disk_of_zeros_is_untrusted() {
    let project = project();
    zero_disk(&project.path("disk.raw")).unwrap();
    project.advisories(|_, _| {});
    expect_untrusted(&project, &["no operating system was found"]);
}

#[test]
fn a_folder_without_a_database_is_untrusted() {
    let project = project();
    project.disk();
    fs_err::create_dir(project.path("advisories")).unwrap();
    expect_untrusted(&project, &["`db/trivy.db` is missing"]);
}
