//! What becomes of runs that were stopped, failed half-way, or met another one.

use std::process::Stdio;
use std::time::{Duration, Instant};

use goldsmith_testkit::advisory_db::truncate;
use rustix::process::{Pid, Signal, kill_process};

use crate::build::{COPY, project_with, run, wait_for};
use crate::project::{DEBIAN, EMPTY_TEMPLATE, Project, today};

/// Words as they stand in a report, whatever its line breaks.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_version_whose_run_died_before_the_channel_moved_enters_it_in_the_next_run() {
    let project = project_with(COPY);
    run(&project, &[]).expect(0);
    // As a kill between the two leaves it.
    fs_err::remove_file(project.path("registry/images/debian-12/log/00000003.json")).unwrap();
    let channel = "registry/images/debian-12/channels/candidate.json";
    fs_err::remove_file(project.path(channel)).unwrap();

    run(&project, &["--dry-run"]).expect(0);
    assert!(!project.path(channel).exists(), "a dry run records nothing");
    let next = run(&project, &[]).expect(0);
    let told = format!("candidate is {} now", today());
    assert!(next.stdout.contains(&told) && next.stdout.contains("not due"), "{}", next.stdout);
    assert_eq!(project.json(channel)["version"], today());
    assert_eq!(project.log("debian-12"), ["reserved", "published", "moved"]);
    let last = run(&project, &[]).expect(0);
    assert!(!last.stdout.contains("candidate"), "{}", last.stdout);
}

#[test]
fn a_build_whose_publishing_failed_goes_on_where_it_stopped() {
    let project = project_with(COPY);
    let artifact = kept_artifact(&project);
    let first = project.list("state/runs").pop().unwrap();
    let kept = project.path(&format!("state/runs/{first}/work/debian-12"));
    assert!(!kept.join("scratch").exists(), "of the scratch space only the artifact is kept");
    expect_failed(&project, 2, "publish", "publish");

    run(&project, &["--from-artifact", &artifact]).expect(0);
    let published = project.json("registry/images/debian-12/log/00000004.json");
    assert_eq!(published["entry"], "published");
    assert!(published["tools"]["packer"].is_string(), "who built it is known: {published}");
    assert!(published.get("handed_in").is_none());
    let next = run(&project, &[]).expect(0);
    assert!(next.stdout.contains("not due"), "its slot is satisfied: {}", next.stdout);
    assert!(!kept.exists(), "nobody needs it any more");
}

/// Expects that entry `seq` says that a build failed in this way.
#[track_caller]
fn expect_failed(project: &Project, seq: u64, class: &str, stage: &str) {
    let failed = project.json(&format!("registry/images/debian-12/log/{seq:08}.json"));
    let told = [&failed["entry"], &failed["class"], &failed["stage"]];
    assert_eq!(told, ["failed", class, stage], "{failed}");
}

#[test]
fn a_build_that_cannot_be_scanned_is_tried_as_often_as_one_that_fails() {
    let project = project_with(COPY);
    project.write("images.yml", &format!("retry_limit: 2\n{DEBIAN}"));
    truncate(&project.path("advisories")).unwrap();
    run(&project, &[]).expect(4);
    expect_failed(&project, 2, "scan", "scan");
    let plan = project.run(&["plan", "--only-failed"]).expect(0);
    assert!(words(&plan.stdout).contains("attempt 2 of 2"), "{}", plan.stdout);
    run(&project, &[]).expect(4);
    let ended = run(&project, &[]).expect(0);
    assert!(words(&ended.stdout).contains("given up after 2 attempts"), "{}", ended.stdout);
    assert_eq!(project.log("debian-12"), ["reserved", "failed", "reserved", "failed"]);
}

#[test]
fn a_registry_that_fails_is_no_attempt_to_build() {
    let project = project_with(COPY);
    project.write("registry/blobs", "a file where a folder should be");
    run(&project, &[]).expect(5);
    assert_eq!(project.log("debian-12"), ["reserved"]);
}

#[test]
fn what_was_handed_in_is_published_and_satisfies_no_slot() {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.disk();
    project.advisories(|_, _| {});
    run(&project, &["--from-artifact", "debian-12=disk.raw"]).expect(0);
    let published = project.json("registry/images/debian-12/log/00000002.json");
    assert_eq!(published["handed_in"], true);
    let plan = project.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("due: never built"), "{}", plan.stdout);
}

#[test]
fn a_projection_that_cannot_be_written_stops_neither_the_record_nor_the_channel() {
    let project = project_with(COPY);
    project.write("registry/images/debian-12/versions", "a file where a folder should be");
    let ended = run(&project, &[]).expect(0);
    assert!(ended.stderr.contains("is not up to date"), "{}", ended.stderr);
    assert_eq!(project.log("debian-12"), ["reserved", "published", "moved"]);
    let channel = project.json("registry/images/debian-12/channels/candidate.json");
    assert_eq!(channel["version"], today());
}

#[test]
fn runs_that_prepare_in_the_same_folder_wait_for_each_other() {
    let project = project_with(COPY);
    // The script locks its folder, as many do.
    let script = "cd ..; touch prepared-$$; while [ ! -e go ]; do sleep 0.1; done";
    let prepare =
        format!("    source: cloud-image\n    prepare: {{ run: 'flock . sh -c \"{script}\"' }}\n");
    project.write("images.yml", &DEBIAN.replace("    source: cloud-image\n", &prepare));
    let prepared = || project.list("").iter().filter(|name| name.starts_with("prepared-")).count();
    let told = |run: &str| fs_err::read_to_string(project.path(run)).unwrap();
    let start = |run: &str| {
        let stderr = fs_err::File::create(project.path(run)).unwrap().into_file();
        let mut command = project.goldsmith();
        command.args(["run", "--db", "advisories"]).stdout(Stdio::null()).stderr(stderr);
        command.spawn().unwrap()
    };
    let mut first = start("first");
    wait_for("the first preparation", || prepared() == 1);
    let mut second = start("second");
    wait_for("the note", || told("second").contains("waiting for another run that works in"));
    assert_eq!(prepared(), 1);

    project.write("go", "");
    assert_eq!(first.wait().unwrap().code(), Some(0), "{}", told("first"));
    assert_eq!(second.wait().unwrap().code(), Some(0), "{}", told("second"));
    assert_eq!(prepared(), 2);
}

#[test]
fn an_interrupt_is_heard_while_a_large_artifact_is_read() {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.advisories(|_, _| {});
    // Holes, which take minutes to read all the same.
    let large = fs_err::File::create(project.path("disk.raw")).unwrap();
    large.set_len(1 << 40).unwrap();
    let mut goldsmith = project
        .goldsmith()
        .args(["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"])
        .stdout(Stdio::null())
        .stderr(fs_err::File::create(project.path("stderr")).unwrap().into_file())
        .spawn()
        .unwrap();
    let told = || fs_err::read_to_string(project.path("stderr")).unwrap();
    wait_for("the reading", || told().contains("taking "));

    let asked = Instant::now();
    kill_process(Pid::from_child(&goldsmith), Signal::INT).unwrap();
    assert_eq!(goldsmith.wait().unwrap().code(), Some(130), "{}", told());
    // Not a measurement: the promise is ten seconds.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[test]
fn an_interrupt_is_heard_while_a_store_waits_for_somebody_else() {
    let project = project_with(COPY);
    let shelf = project.path("store/debian-12");
    fs_err::create_dir_all(&shelf).unwrap();
    let held = fs_err::File::open(&shelf).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut goldsmith = project
        .goldsmith()
        .args(["run", "--db", "advisories"])
        .stdout(Stdio::null())
        .stderr(fs_err::File::create(project.path("stderr")).unwrap().into_file())
        .spawn()
        .unwrap();
    let told = || fs_err::read_to_string(project.path("stderr")).unwrap();
    wait_for("the publishing", || told().contains("│ publish"));

    let asked = Instant::now();
    kill_process(Pid::from_child(&goldsmith), Signal::INT).unwrap();
    wait_for("the end", || goldsmith.try_wait().unwrap().is_some());
    assert_eq!(goldsmith.wait().unwrap().code(), Some(130), "{}", told());
    // Not a measurement: the promise is ten seconds.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(project.log("debian-12"), ["reserved"]);
}

#[test]
fn temporary_files_lie_where_the_path_of_a_socket_is_short_enough_and_go_with_the_build() {
    let hold = "if test -e ../hold; then touch ../started; while :; do sleep 0.1; done; fi";
    let script = format!("echo $TMPDIR >>../folders; mktemp; {hold}");
    let provisioner = format!("provisioner \"shell-local\" {{ inline = [{script:?}] }}");
    let sources = "sources = [\"source.file.debian\"]";
    let project = project_with(
        &COPY
            .replace(&format!("{{ {sources} }}"), &format!("{{\n  {sources}\n  {provisioner}\n}}")),
    );
    fs_err::create_dir(project.path("tmp")).unwrap();
    let start = |state: &str| {
        let mut command = project.goldsmith();
        command
            .env("GOLDSMITH_STATE_DIR", project.path(state))
            .env("TMPDIR", project.path("tmp"))
            .args(["run", "--force", "--db", "advisories"])
            .stdout(Stdio::null())
            .stderr(fs_err::File::create(project.path("stderr")).unwrap().into_file());
        command
    };
    let told = || fs_err::read_to_string(project.path("stderr")).unwrap();
    let folder = || fs_err::read_to_string(project.path("folders")).unwrap();
    assert!(start("state").status().unwrap().success(), "{}", told());
    assert!(folder().contains("/work/.tmp1\n"), "{}", folder());

    let far = "a-long-way-down-".repeat(4);
    assert!(start(&far).status().unwrap().success(), "{}", told());
    let short = project.path("tmp/goldsmith-");
    assert!(folder().contains(short.as_str()), "{}", folder());
    assert_eq!(project.list("tmp"), [""; 0]);

    project.write("hold", "");
    let mut goldsmith = start(&far).spawn().unwrap();
    wait_for("the build", || project.path("started").exists());
    goldsmith.kill().unwrap();
    goldsmith.wait().unwrap();
    let mut reap = project.goldsmith();
    reap.env("GOLDSMITH_STATE_DIR", project.path(&far)).arg("reap");
    assert_eq!(project.list("tmp").len(), 1, "the journal knows of it");
    wait_for("the end of the build", || {
        assert!(reap.output().unwrap().status.success());
        project.list("tmp").is_empty()
    });
}

/// A build whose publishing failed, and the artifact that it kept, as its report names it.
fn kept_artifact(project: &Project) -> String {
    project.write("store", "a file where a folder should be");
    let failed = run(project, &["--allow-dirty"]).expect(5);
    fs_err::remove_file(project.path("store")).unwrap();
    let told = failed.stdout.split('`').find(|part| part.contains("--from-artifact"));
    let told = told.unwrap_or_else(|| panic!("{}", failed.stdout));
    words(told).rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn a_dry_run_leaves_a_kept_artifact_where_it_is() {
    let project = project_with(COPY);
    let artifact = kept_artifact(&project);
    run(&project, &["--dry-run", "--from-artifact", &artifact]).expect(0);
    run(&project, &["--from-artifact", &artifact]).expect(0);
}

#[test]
fn an_artifact_of_uncommitted_changes_is_not_published_once_the_tree_is_clean() {
    let project = project_with(COPY);
    project.write(".gitignore", "/advisories/\n/disk.raw\n/home/\n/state/\n/store\n");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let mut command = std::process::Command::new("git");
        command.args(identity).args(arguments).current_dir(project.path(""));
        assert!(command.status().unwrap().success());
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "t"]);
    project.write("packer/debian.pkr.hcl", &format!("{COPY}\n# not committed\n"));
    let artifact = kept_artifact(&project);
    git(&["checkout", "--quiet", "packer"]);
    let refused = run(&project, &["--from-artifact", &artifact]).expect(2);
    let told = words(&refused.stdout);
    assert!(told.contains("built from changes that were in no commit"), "{told}");
    run(&project, &["--allow-dirty", "--from-artifact", &artifact]).expect(0);
}

#[test]
fn what_fails_after_the_record_is_told_as_published() {
    let project = project_with(COPY);
    // The log takes two entries, `reserved` and `published`, and not the move.
    let third = "registry/images/debian-12/log/00000003.json";
    fs_err::create_dir_all(project.path(third)).unwrap();
    let ended = run(&project, &[]).expect(5);
    let told = words(&ended.stdout);
    assert!(told.contains(&format!("{} is published and recorded", today())), "{told}");
    assert!(!told.contains("--from-artifact"), "{told}");
    fs_err::remove_dir(project.path(third)).unwrap();
    run(&project, &[]).expect(0);
    assert_eq!(project.log("debian-12"), ["reserved", "published", "moved"]);
}

#[test]
fn a_build_that_equals_an_older_version_than_the_newest_is_published() {
    let project = project_with(COPY);
    run(&project, &[]).expect(0);
    run(&project, &["--from-artifact", "debian-12=disk.raw"]).expect(0);
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(40 * 24);
    project.advisories(|_, stamp| stamp.updated_at = later);
    run(&project, &["--now", &later.to_string()]).expect(0);
    let published = project.log("debian-12").iter().filter(|entry| *entry == "published").count();
    assert_eq!(published, 3, "{:?}", project.log("debian-12"));
}
