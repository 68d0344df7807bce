//! Where Trivy runs, with a script in its place.

use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::model::Tool;
use goldsmith::process::{Cancellation, Cause, Launcher, Outcome, ProcessError};
use goldsmith::trivy::{Answer, Database, Scanner, TrivyError};
use rustix::fs::{CWD, FileType, Mode, mknodat};

struct Bench {
    folder: tempfile::TempDir,
    cancellation: Cancellation,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cancellation: Cancellation::new() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// Asks a Trivy that does this; it knows where its `output` goes.
    async fn ask(&self, does: &str) -> Result<Answer, TrivyError> {
        let program = self.path("trivy");
        let script = format!(
            "#!/bin/sh\nfor it; do [ \"${{last-}}\" != --output ] || output=$it; last=$it; done\n{does}\n"
        );
        fs_err::write(&program, script).unwrap();
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let scanner = Scanner {
            tool: Tool { name: "trivy".to_owned(), path: program, version: "0.74.0".to_owned() },
            launcher: Launcher::new(env!("CARGO_BIN_EXE_goldsmith")),
            cancellation: self.cancellation.clone(),
            log: self.path("log").into(),
        };
        let database = Database {
            folder: self.path("advisories"),
            updated_at: jiff::Timestamp::UNIX_EPOCH,
            downloaded_at: None,
            fixture: None,
        };
        scanner.match_inventory(&self.path("inventory"), &database, &self.path("")).await
    }
}

#[tokio::test]
async fn a_scan_has_no_network_where_this_machine_can_do_without() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bench = Bench::new();
    let answer = bench
        .ask(&format!(
            "{{ sed -n 's/:.*//p' /proc/net/dev
            bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2>/dev/null && echo reached || echo 'not reached'; }} >\"$output\""
        ))
        .await
        .unwrap();
    let said = answer.text.lines().map(str::trim).collect::<Vec<_>>();
    let unshare = || std::process::Command::new("unshare").args(["-rn", "true"]).output();
    if unshare().is_ok_and(|tried| tried.status.success()) {
        assert_eq!(said, ["lo", "not reached"]);
    } else {
        assert_eq!(said.last(), Some(&"reached"));
        let log = fs_err::read_to_string(bench.path("log")).unwrap();
        assert!(log.contains("Trivy runs with a network"), "{log}");
    }
}

#[tokio::test]
async fn how_a_scan_ends_is_known_and_it_can_be_stopped() {
    let bench = Bench::new();
    let failed = bench.ask("exit 7").await.unwrap_err();
    assert!(matches!(failed, TrivyError::Failed { outcome: Outcome::Exited(7), .. }), "{failed:?}");

    let fifo = bench.path("begun");
    mknodat(CWD, fifo.as_std_path(), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let does =
        format!("trap 'exit 3' TERM; echo begun >'{fifo}'; while :; do sleep 600 & wait; done");
    let cancellation = bench.cancellation.clone();
    let stop = tokio::task::spawn_blocking(move || {
        let mut said = String::new();
        fs_err::File::open(fifo).unwrap().read_to_string(&mut said).unwrap();
        cancellation.request(Cause::Interrupted);
    });
    let stopped = bench.ask(&does).await.unwrap_err();
    stop.await.unwrap();
    let TrivyError::Process(ProcessError::Cancelled { cause, .. }) = stopped else {
        panic!("{stopped:?}");
    };
    assert_eq!(cause, Cause::Interrupted);
}
