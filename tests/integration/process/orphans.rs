//! What is left when supervisors are killed: goldsmith adopts it, or knows it by its environment.

use std::time::Instant;

use camino::Utf8PathBuf;
use goldsmith::environment::Environment;
use goldsmith::process::{Cancellation, ChildEnvironment, Command, ProcessError};
use rustix::fs::{Mode, OFlags};

use super::{LONG, Victim, launcher, undisturbed};

#[tokio::test]
async fn when_the_supervisor_is_killed_its_program_is_killed_too() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let error = undisturbed(&victim.script(
        r#"
        exec 9>"$LIFELINE"
        trap '' TERM
        sleep 1000 &
        kill -KILL $PPID
        while :; do sleep 1000; done"#,
    ))
    .await
    .unwrap_err();
    insta::assert_snapshot!(error, @"failed to run the victim: its supervisor was killed");
    lifeline.join().unwrap();
}

/// Runs the test `name` of this file in a process of its own, as a goldsmith for `victim`, through
/// `shell`.
fn as_goldsmith(name: &str, victim: &Victim, shell: &str) -> std::process::Output {
    std::process::Command::new("/bin/sh")
        .args(["-c", shell])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("process::orphans::{name}"), "--ignored", "--nocapture"])
        .env("VICTIM_FOLDER", victim.folder.path())
        .env("VICTIM_TOKEN", &victim.token)
        .output()
        .unwrap()
}

#[test]
fn when_the_supervisor_is_killed_daemons_come_to_goldsmith_and_are_killed() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let output = as_goldsmith("a_goldsmith_that_adopts", &victim, r#"exec "$0" "$@""#);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(victim.survivors(), [""; 0]);
    assert_eq!(lifeline.join().unwrap(), "daemon\n");
}

#[test]
fn what_was_a_child_of_goldsmith_before_goldsmith_was_there_is_left_alone() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    // It ends with the test, also with one that fails.
    let shell = r#"
        mkfifo "$VICTIM_FOLDER/end"
        (read line <"$VICTIM_FOLDER/end"; echo it lives >"$VICTIM_FOLDER/lives") >/dev/null 2>&1 &
        exec "$0" "$@""#;
    let output = as_goldsmith("a_goldsmith_that_adopts", &victim, shell);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(victim.survivors(), [""; 0]);
    lifeline.join().unwrap();
    let since = Instant::now();
    while !victim.path("lives").exists() {
        // Fails as long as nobody reads.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK;
        let _ = rustix::fs::open(victim.path("end").as_str(), flags, Mode::empty());
        assert!(since.elapsed() < LONG, "it was killed");
        std::thread::yield_now();
    }
}

/// Not a test: the process that two others start. Its victim has a daemon that has left its session,
/// and kills its supervisor.
#[tokio::test]
#[ignore = "started by another test"]
async fn a_goldsmith_that_adopts() {
    #[expect(clippy::disallowed_methods, reason = "how the other test passes its victim")]
    let variable = |name: &str| std::env::var(name).unwrap();
    let folder = Utf8PathBuf::from(variable("VICTIM_FOLDER"));
    let launcher = launcher();
    launcher.adopt().unwrap();
    fs_err::write(folder.join("lock"), "").unwrap();
    launcher.hold(folder.join("lock"), variable("VICTIM_TOKEN"));
    let command = Command::new("/bin/sh", "run the victim")
        .arguments([
            "-c",
            r#"
            exec 9>"$LIFELINE"
            mkfifo "$LIFELINE.ready"
            (setsid sh -c '
                trap "" TERM
                (setsid sh -c "echo daemon >&9; echo ready >\"\$LIFELINE.ready\"; while :; do sleep 1000; done" &)
                sleep 1000' &)
            read line <"$LIFELINE.ready"
            kill -KILL $PPID
            while :; do sleep 1000; done"#,
        ])
        .environment(
            ChildEnvironment::allowed(&Environment::of_process())
                .set("VICTIM", variable("VICTIM_TOKEN"))
                .set("LIFELINE", folder.join("lifeline")),
        )
        .grace(LONG);
    let error = launcher.run(&command, &Cancellation::new(), |_| {}).await.unwrap_err();
    assert!(matches!(error, ProcessError::SupervisorLost { .. }), "{error}");
}

#[test]
fn what_nobody_watches_any_more_is_known_by_the_run_in_its_environment() {
    let run = uuid::Uuid::new_v4().to_string();
    let start = |mark: &str| {
        let mut sleep = std::process::Command::new("/bin/sleep");
        sleep.arg("1000").env(goldsmith::process::MARK, mark).spawn().unwrap()
    };
    let (mut marked, mut other) = (start(&run), start(&format!("{run}-2")));
    assert_eq!(goldsmith::process::marked()[&run], 1);
    // Whether it has been waited for does not matter.
    assert_eq!(goldsmith::process::kill_marked(&run), (1, 0));
    assert_eq!(marked.wait().unwrap().code(), None);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}
