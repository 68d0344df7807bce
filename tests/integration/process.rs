//! Children under the real supervisor, `goldsmith __child`, with shell scripts as victims.
//!
//! Nothing sleeps to be in time: a victim says when it is ready, and holds the write end of a FIFO
//! (its lifeline) that ends for the test when the last process below has gone.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod orphans;

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::environment::Environment;
use goldsmith::process::{
    Cancellation, Cause, ChildEnvironment, Command, Finished, Launcher, Line, Outcome,
    ProcessError, Redaction, Stream,
};
use rustix::fs::Mode;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;

/// Longer than anything here takes; a test that needs it has failed.
const LONG: Duration = Duration::from_mins(1);

/// One shell script to run, in a folder of its own.
struct Victim {
    folder: tempfile::TempDir,
    token: String,
}

impl Victim {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), token: uuid::Uuid::new_v4().to_string() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn environment(&self) -> ChildEnvironment {
        ChildEnvironment::allowed(&Environment::of_process())
            .set("VICTIM", &self.token)
            .set("LIFELINE", self.path("lifeline"))
    }

    fn script(&self, script: &str) -> Command {
        Command::new("/bin/sh", "run the victim")
            .arguments(["-c", script])
            .environment(self.environment())
            .timeout(LONG)
            .grace(LONG)
    }

    /// Everything that the victim and its descendants say over the lifeline, until the last of them
    /// has gone.
    fn lifeline(&self) -> std::thread::JoinHandle<String> {
        let path = self.path("lifeline");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path.as_std_path(),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        std::thread::spawn(move || fs_err::read_to_string(path).unwrap())
    }

    /// The processes that carry the victim's token, its supervisor included.
    fn survivors(&self) -> Vec<String> {
        let token = format!("VICTIM={}", self.token);
        fs_err::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|process| {
                fs_err::read(process.join("environ"))
                    .is_ok_and(|text| String::from_utf8_lossy(&text).contains(&token))
            })
            .map(|process| fs_err::read_to_string(process.join("cmdline")).unwrap_or_default())
            .collect()
    }
}

fn launcher() -> Launcher {
    Launcher::new(env!("CARGO_BIN_EXE_goldsmith"))
}

#[tokio::test]
async fn a_child_reads_the_file_that_it_is_given() {
    let victim = Victim::new();
    let input = victim.path("input");
    fs_err::write(&input, "all of it\nwithout an end").unwrap();
    let command = victim.script("cat; exit 3");
    let finished = undisturbed(&command.clone().input(input)).await.unwrap();
    assert_eq!(
        (finished.stdout.text().as_str(), finished.outcome),
        ("all of it\nwithout an end", Outcome::Exited(3))
    );
    let error = undisturbed(&command.input("/missing")).await.unwrap_err();
    let ProcessError::NotStarted { source, .. } = error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

/// Runs the command and interrupts it as often as `interrupts` says when it prints `ready`.
async fn interrupted(command: &Command, interrupts: usize) -> Finished {
    let cancellation = Cancellation::new();
    launcher()
        .run(command, &cancellation, |line| {
            if line.bytes == b"ready" {
                for _ in 0..interrupts {
                    cancellation.request(Cause::Interrupted);
                }
            }
        })
        .await
        .unwrap()
}

async fn undisturbed(command: &Command) -> Result<Finished, ProcessError> {
    launcher().run(command, &Cancellation::new(), |_| {}).await
}

#[tokio::test]
async fn a_child_sees_only_what_it_was_given() {
    let victim = Victim::new();
    let command = victim
        .script(r#"cat; echo "$0 $1 $GIVEN $HOME."; pwd; (: </dev/tty) 2>/dev/null || echo no terminal; exit 3"#)
        .arguments(["zero", "two words"])
        .environment(ChildEnvironment::default().set("GIVEN", "value"))
        .directory("/usr");
    let mut lines = Vec::new();
    let finished = launcher()
        .run(&command, &Cancellation::new(), |line| {
            lines.push(String::from_utf8_lossy(line.bytes).into_owned());
        })
        .await
        .unwrap();
    assert_eq!(finished.outcome, Outcome::Exited(3));
    assert_eq!((finished.leftover, finished.stuck), (0, 0));
    insta::assert_snapshot!(lines.join("\n"), @"
    zero two words value .
    /usr
    no terminal
    ");
    insta::assert_snapshot!(finished.success().unwrap_err(), @"failed to run the victim: exit status 3: no terminal");
}

#[tokio::test]
async fn a_lock_is_held_for_as_long_as_anything_of_a_child_is_left() {
    use rustix::fs::{FlockOperation, flock};
    let victim = Victim::new();
    let lock = victim.path("lock");
    fs_err::write(&lock, "").unwrap();
    let is_free = || {
        let lock = fs_err::OpenOptions::new().read(true).write(true).open(&lock).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
    };
    let launcher = launcher();
    launcher.hold(lock.clone(), "run-1");
    // The program itself ends at once; what it has started is swept away after it.
    let mut free = Vec::new();
    let command = victim.script("setsid sleep 1000 & echo ready");
    let finished = launcher
        .run(&command, &Cancellation::new(), |line| {
            assert_eq!(line.bytes, b"ready");
            free.push(is_free());
        })
        .await
        .unwrap();
    assert_eq!(finished.outcome, Outcome::Exited(0));
    assert_eq!((free, is_free()), (vec![false], true));

    // Somebody cleans up: nothing is started for a run that is dead.
    let reaper = fs_err::OpenOptions::new().read(true).write(true).open(&lock).unwrap();
    flock(&reaper, FlockOperation::NonBlockingLockExclusive).unwrap();
    let refused = launcher.run(&command, &Cancellation::new(), |_| {}).await;
    assert!(matches!(refused, Err(ProcessError::SupervisorLost { .. })));
}

#[tokio::test]
async fn what_cannot_be_started_is_told_with_its_purpose() {
    let mut told = Vec::new();
    for command in [
        Command::new("/nonexistent/tool", "ask the tool"),
        Command::new("/etc/passwd", "run a text"),
        Command::new("/bin/true", "do nothing").directory("/nonexistent"),
        Command::new("/bin/true", "do nothing").log(Utf8PathBuf::from("/nonexistent/log")),
    ] {
        let error = undisturbed(&command).await.unwrap_err();
        let failure = goldsmith::model::Failure::caused_by(
            goldsmith::model::FailureClass::ToolMissing,
            &error,
        );
        told.push(failure.reason);
    }
    insta::assert_snapshot!(told.join("\n"), @"
    failed to ask the tool: cannot start `/nonexistent/tool`: No such file or directory (os error 2)
    failed to run a text: cannot start `/etc/passwd`: Permission denied (os error 13)
    failed to do nothing: there is no folder `/nonexistent`
    failed to do nothing: cannot open its log: failed to open file `/nonexistent/log`: No such file or directory (os error 2)
    ");

    let cancellation = Cancellation::new();
    cancellation.request(Cause::Terminated);
    let command = Command::new("/bin/true", "do nothing");
    let error = launcher().run(&command, &cancellation, |_| {}).await.unwrap_err();
    insta::assert_snapshot!(error, @"failed to do nothing: cancelled");
}

#[tokio::test]
async fn a_cooperative_program_stops_in_order_and_its_children_are_left_to_it() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let finished = interrupted(
        &victim.script(
            r#"
            exec 9>"$LIFELINE"
            mkfifo "$LIFELINE.child"
            sh -c '
                trap "echo the child was signalled >&9" TERM
                read line
                echo "the child stops: $line" >&9
            ' <"$LIFELINE.child" &
            exec 8>"$LIFELINE.child"
            trap 'echo please >&8; wait; echo in order >&9; exit 7' TERM
            echo ready
            while :; do sleep 0.05; done"#,
        ),
        1,
    )
    .await;
    assert_eq!(finished.outcome, Outcome::Exited(7));
    assert_eq!(finished.cancelled, Some(Cause::Interrupted));
    assert_eq!(finished.leftover, 0);
    insta::assert_snapshot!(lifeline.join().unwrap(), @"
    the child stops: please
    in order
    ");
}

/// Ignores SIGTERM, as do its descendants: one in its group, one in a session of its own, one that
/// was orphaned on purpose.
const STUBBORN: &str = r#"
    exec 9>"$LIFELINE"
    trap '' TERM
    sleep 1000 &
    setsid sleep 1000 &
    ( setsid sh -c 'trap "" TERM; echo orphan >&9; while :; do sleep 1000; done' & )
    echo ready
    while :; do sleep 1000; done"#;

#[tokio::test]
async fn a_stubborn_program_is_killed_with_all_descendants_after_the_grace() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let grace = Duration::from_millis(300);
    let finished = interrupted(&victim.script(STUBBORN).grace(grace), 1).await;
    assert_eq!(finished.outcome, Outcome::Signalled(9));
    assert!(finished.took >= grace);
    assert_eq!(victim.survivors(), [""; 0]);
    assert_eq!(lifeline.join().unwrap(), "orphan\n");
}

#[tokio::test]
async fn a_second_interrupt_leaves_no_grace() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let finished = interrupted(&victim.script(STUBBORN), 2).await;
    assert_eq!(finished.outcome, Outcome::Signalled(9));
    assert!(finished.took < LONG);
    assert_eq!(victim.survivors(), [""; 0]);
    lifeline.join().unwrap();
}

#[tokio::test]
async fn a_timeout_runs_the_same_ladder() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let command = victim
        .script(STUBBORN)
        .timeout(Duration::from_millis(300))
        .grace(Duration::from_millis(50));
    let finished = undisturbed(&command).await.unwrap();
    assert_eq!(finished.cancelled, None);
    assert_eq!(finished.outcome, Outcome::Signalled(9));
    assert_eq!(victim.survivors(), [""; 0]);
    lifeline.join().unwrap();
    insta::assert_snapshot!(finished.success().unwrap_err(), @"failed to run the victim: not done after 300ms");
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_killed_and_counted() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let finished = undisturbed(&victim.script(
        r#"
        exec 9>"$LIFELINE"
        sleep 1000 &
        ( setsid sleep 1000 & )
        echo done"#,
    ))
    .await
    .unwrap();
    assert!(finished.succeeded());
    assert_eq!(finished.leftover, 2);
    assert_eq!(finished.stdout.text(), "done\n");
    assert_eq!(victim.survivors(), [""; 0]);
    lifeline.join().unwrap();
}

#[tokio::test]
async fn a_program_that_is_killed_takes_its_descendants_along() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let script = STUBBORN.replace("echo ready", "echo ready; kill -KILL $$");
    let finished = undisturbed(&victim.script(&script)).await.unwrap();
    assert_eq!(finished.outcome, Outcome::Signalled(9));
    assert!(!finished.succeeded());
    assert!(finished.leftover >= 3);
    assert_eq!(victim.survivors(), [""; 0]);
    lifeline.join().unwrap();
}

#[tokio::test]
async fn a_dropped_run_stops_its_program() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let ready = tokio::sync::Notify::new();
    let command = victim.script(STUBBORN).grace(Duration::ZERO);
    let (launcher, cancellation) = (launcher(), Cancellation::new());
    tokio::select! {
        _ = launcher.run(&command, &cancellation, |_| ready.notify_one()) => unreachable!(),
        () = ready.notified() => {}
    }
    lifeline.join().unwrap();
}

#[test]
fn when_goldsmith_is_killed_its_program_still_stops_in_order() {
    let victim = Victim::new();
    let lifeline = victim.lifeline();
    let mut goldsmith = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::a_goldsmith_that_gets_killed", "--ignored"])
        .env("VICTIM_FOLDER", victim.folder.path())
        .env("VICTIM_TOKEN", &victim.token)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The victim kills its supervisor's parent, and then needs a reader for its last words.
    let said = lifeline.join().unwrap();
    assert!(!goldsmith.wait().unwrap().success());
    insta::assert_snapshot!(said, @"
    written to nobody
    cleaned up
    ");
    let since = Instant::now();
    while !victim.survivors().is_empty() && since.elapsed() < LONG {
        std::thread::yield_now();
    }
    assert_eq!(victim.survivors(), [""; 0]);
}

/// Not a test: the process that `when_goldsmith_is_killed_its_program_still_stops_in_order` starts.
#[tokio::test]
#[ignore = "started by another test"]
async fn a_goldsmith_that_gets_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the other test passes its victim")]
    let variable = |name: &str| std::env::var(name).unwrap();
    let folder = Utf8PathBuf::from(variable("VICTIM_FOLDER"));
    let environment = ChildEnvironment::allowed(&Environment::of_process())
        .set("VICTIM", variable("VICTIM_TOKEN"))
        .set("LIFELINE", folder.join("lifeline"))
        .set("GOLDSMITH", std::process::id().to_string());
    let command = Command::new("/bin/sh", "run the victim")
        .arguments([
            "-c",
            r#"
            exec 9>"$LIFELINE"
            trap 'stop=yes' TERM
            setsid sh -c 'trap "" TERM; while :; do sleep 1000; done' &
            kill -KILL "$GOLDSMITH"
            while [ -z "$stop" ]; do sleep 0.05; done
            head -c 1000000 /dev/zero && echo "written to nobody" >&9
            echo "more" && echo "cleaned up" >&9"#,
        ])
        .environment(environment)
        .grace(LONG);
    let _ = undisturbed(&command).await;
}

#[tokio::test]
async fn output_is_bounded_in_memory_and_complete_in_the_log() {
    let victim = Victim::new();
    let log = victim.path("log");
    fs_err::write(&log, "before\n").unwrap();
    let command = victim
        .script(
            r"
            head -c 1000000 /dev/zero | tr '\0' x; echo
            printf 'not \377 UTF-8\r\nno line feed'
            echo problem >&2",
        )
        .log(&log);
    let mut lines = Vec::new();
    let finished = launcher()
        .run(&command, &Cancellation::new(), |line: Line<'_>| {
            lines.push((line.stream, line.bytes.len(), line.continues));
        })
        .await
        .unwrap();
    assert!(finished.succeeded());
    assert!(finished.stdout.is_cut() && finished.stdout.text().ends_with("\nno line feed"));
    assert_eq!(finished.stderr.text(), "problem\n");
    lines.retain(|(stream, ..)| *stream == Stream::Stdout);
    assert_eq!(lines.iter().map(|(_, size, _)| size).sum::<usize>(), 1_000_000 + 12 + 12);
    assert!(lines.iter().all(|(_, size, _)| *size <= 64 * 1024));
    assert_eq!(lines.iter().filter(|(.., continues)| !continues).count(), 3);
    let mut logged = Vec::new();
    fs_err::File::open(&log).unwrap().read_to_end(&mut logged).unwrap();
    assert!(logged.starts_with(b"before\nxxx"));
    assert_eq!(logged.len(), 7 + 1_000_001 + 13 + 12 + 8);
}

#[tokio::test]
async fn a_secret_is_in_no_output_however_it_is_printed() {
    let victim = Victim::new();
    let secret = SecretString::from("p&ss, w0rd");
    let log = victim.path("log");
    let command = victim
        .script(
            r"printf 'p&ss'; echo ', w0rd' 'end'
            printf '%s' 'user:p&ss, w0rd' | base64 >&2
            printf 'Authorization=p%%26ss%%2C%%20w0rd p&ss, w0r'",
        )
        .log(&log)
        .redaction(Redaction::of([&secret]));
    let mut lines = Vec::new();
    let heard = |line: Line<'_>| lines.push(String::from_utf8_lossy(line.bytes).into_owned());
    let finished = launcher().run(&command, &Cancellation::new(), heard).await.unwrap();
    assert_eq!(finished.stdout.text(), "*** end\nAuthorization=*** p&ss, w0r");
    let error = finished.stderr.text();
    assert!(error.starts_with("dXNlcj") && error.contains("***"), "{error}");
    lines.sort();
    assert_eq!(lines[..2], ["*** end", "Authorization=*** p&ss, w0r"]);
    let log = fs_err::read_to_string(log).unwrap();
    assert!(log.contains("*** end\n") && !log.contains("ss, w0rd"), "{log}");
}

#[tokio::test]
async fn output_survives_a_cancellation() {
    let victim = Victim::new();
    let log = victim.path("log");
    let script = "echo first; echo ready; trap '' TERM; while :; do sleep 1000; done";
    let command = victim.script(script).log(&log).grace(Duration::ZERO);
    let finished = interrupted(&command, 1).await;
    assert_eq!(finished.stdout.text(), "first\nready\n");
    assert_eq!(fs_err::read_to_string(log).unwrap(), "first\nready\n");
}

#[tokio::test]
async fn only_the_time_of_the_programs_counts_as_waiting() {
    let launcher = launcher();
    let cancellation = Cancellation::new();
    let nap = || Command::new("/bin/sleep", "wait").arguments(["0.2"]);
    let (one, other) = (nap(), nap());
    let begun = Instant::now();
    let (one, other) = tokio::join!(
        launcher.run(&one, &cancellation, |_| {}),
        launcher.run(&other, &cancellation, |_| {}),
    );
    let sum = one.unwrap().took + other.unwrap().took;
    let waited = launcher.waiting().total();
    assert!(waited >= Duration::from_millis(100));
    assert!(waited <= begun.elapsed() && waited < sum);
}

#[test]
fn a_supervisor_refuses_to_work_for_a_person() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_goldsmith"))
        .args(["__child", "--grace-ms=0", "--", "/bin/echo", "hello"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

/// The supervisor must not be reachable by the signals that a terminal sends to goldsmith's group.
#[tokio::test]
async fn a_signal_to_the_program_alone_is_its_own_affair() {
    let victim = Victim::new();
    let command = victim.script("trap 'exit 5' INT; echo $$; while :; do sleep 0.05; done");
    let finished = launcher()
        .run(&command, &Cancellation::new(), |line| {
            let pid = String::from_utf8_lossy(line.bytes).parse().unwrap();
            kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
        })
        .await
        .unwrap();
    assert_eq!(finished.outcome, Outcome::Exited(5));
    assert_eq!(finished.cancelled, None);
}

/// A script's `goldsmith run &` starts it with such signals ignored, and programs would inherit that.
#[test]
fn a_program_hears_signals_that_goldsmith_was_told_to_ignore() {
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", r#"trap "" INT QUIT TERM; exec "$0" --exact "$1""#])
        .arg(std::env::current_exe().unwrap())
        .arg("process::a_signal_to_the_program_alone_is_its_own_affair")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
