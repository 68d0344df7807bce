//! Tests of an image, on artifacts that exist. The test `boot` is in `demo.rs`, where there is an
//! image that boots.

use goldsmith::model::Digest;
use serde_json::Value;

use crate::project::{DEBIAN, EMPTY_TEMPLATE, Ended, Project};

/// A project whose image has these tests.
fn project(tests: &str) -> Project {
    let project = Project::new(&format!("{DEBIAN}    env: [SMOKE_TOKEN]\n    tests: {tests}\n"));
    project.write("packer/debian.pkr.hcl", EMPTY_TEMPLATE);
    project.disk();
    project.advisories(|_, _| {});
    project
}

fn run(project: &Project) -> Ended {
    let arguments = ["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];
    let output = project
        .goldsmith()
        .args(arguments)
        .args(["--format", "json"])
        .env("SMOKE_TOKEN", "the-secret-token")
        .output()
        .unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What the report says of the image.
fn image(ended: &Ended) -> Value {
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    report["images"][0].clone()
}

/// The cases of all tests, a line each.
fn cases(image: &Value) -> String {
    let tests = image["tests"].as_array().unwrap();
    let cases = tests.iter().flat_map(|test| {
        test["cases"].as_array().unwrap().iter().map(move |case| {
            let text = |key: &str| case[key].as_str().unwrap().to_owned();
            let line = format!("{} {}: {}", text("outcome"), text("name"), text("message"));
            line.trim_end().to_owned()
        })
    });
    cases.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_passes_its_tests_is_published_and_they_wrote_only_to_copies() {
    let project = project("[{ run: ../smoke.sh }, { run: 'test \"$TERM\" = \"\"' }]");
    let digest = Digest::of(&fs_err::read(project.path("disk.raw")).unwrap());
    project.write(
        "smoke.sh",
        "#!/bin/sh -eu\n\
         head -c 4096 /dev/urandom | dd of=\"$GOLDSMITH_ARTIFACT\" conv=notrunc status=none\n\
         echo \"1..1\"; echo \"ok 1 $GOLDSMITH_IMAGE $(basename \"$GOLDSMITH_NAME\" \"$GOLDSMITH_VERSION\") $SMOKE_TOKEN\"\n\
         echo '<testsuite><testcase name=\"tpm\"><skipped message=\"none\"/></testcase></testsuite>' \
         >\"$GOLDSMITH_RESULTS/a.xml\"\n",
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(project.path("smoke.sh"), mode).unwrap();
    let ended = run(&project).expect(0);
    let image = image(&ended);
    assert_eq!(
        cases(&image),
        "passed debian-12 debian-12-v ***:\nskipped tpm: none\npassed test \"$TERM\" = \"\":"
    );
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("the-secret-token"));
    assert_eq!(Digest::of(&fs_err::read(project.path("disk.raw")).unwrap()), digest);
    let version = image["version"].as_str().unwrap();
    let log = "registry/images/debian-12/log";
    let record = project.json(&format!("{log}/{}", project.list(log)[1]));
    assert_eq!(
        record["tests"][0],
        serde_json::json!({ "name": "../smoke.sh", "passed": 1, "failed": 0, "skipped": 1 })
    );
    let published = project.json(&format!("store/debian-12/{version}/report.json"));
    assert_eq!(published["image"]["tests"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_fails_a_test_is_not_published_and_all_tests_are_done() {
    let project =
        project("[{ run: 'echo no route >&2; exit 3' }, { run: 'sleep 60' }, { run: 'true' }]");
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &format!("{images}    timeout: {{ test: 1s }}\n"));
    let ended = run(&project).expect(3);
    let image = image(&ended);
    assert_eq!(
        cases(&image),
        "failed echo no route >&2; exit 3: exit status 3: no route\n\
         failed sleep 60: not done after 1s\n\
         passed true:"
    );
    let failure = &image["failure"];
    assert_eq!((&failure["class"], &failure["stage"]), (&"test-failed".into(), &"test".into()));
    assert_eq!(
        failure["reason"],
        "echo no route >&2; exit 3: exit status 3: no route (and 1 more case)"
    );
    assert_eq!(project.list("store/debian-12"), [""; 0]);
}

#[test]
fn an_artifact_that_a_test_has_changed_is_not_published() {
    let project = project("[{ run: 'printf x >>../disk.raw' }]");
    let ended = run(&project).expect(5);
    assert_eq!(image(&ended)["failure"]["class"], "artifact-changed");
    assert_eq!(project.list("store/debian-12"), [""; 0]);
}

#[test]
fn an_image_without_cloud_init_cannot_be_booted_and_that_is_said_at_once() {
    let project = project("[boot]");
    let ended = run(&project).expect(3);
    assert_eq!(
        cases(&image(&ended)),
        "failed the image boots: `boot` needs cloud-init, and the image has no package of that name"
    );
}
