//! The test `boot` with a machine that is played by a shell script: what the driver makes of it.
//! The real QEMU boots a real image in the end-to-end tests.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::model::TestResult;
use goldsmith::process::{Cancellation, Cause, Launcher, Redaction};
use goldsmith::testing::{Boot, Clones, TestingError};

/// `qemu-img`: an overlay is an empty file, and no disk has partitions.
const QEMU_IMG: &str = "\
case $1 in
create) for last; do :; done; : >\"$last\" ;;
dd) for part; do case $part in of=*) : >\"${part#of=}\" ;; esac; done ;;
esac
";

/// What a machine says before it reports: KVM works, and the marker stands in the seed.
const QEMU: &str = "\
case \"$*\" in *isa-debug-exit*) exit 33 ;; esac
echo 'the console'
marker=$(grep -a -o -m1 \"printf '[0-9a-f]*:\" seed.iso | grep -o '[0-9a-f]\\{32\\}')
tell() { printf '%s:%s:%s:\\n' \"$marker\" \"$1\" \"$(printf %s \"$2\" | base64 | tr -d '\\n')\"; }
";

struct Bench {
    folder: tempfile::TempDir,
    cancellation: Cancellation,
}

impl Bench {
    fn new(machine: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bench = Self { folder, cancellation: Cancellation::new() };
        bench.program("qemu-img", QEMU_IMG);
        bench.program("qemu", &format!("{QEMU}{machine}"));
        fs_err::write(bench.path("disk.raw"), "disk").unwrap();
        fs_err::create_dir(bench.path("work")).unwrap();
        bench
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let text = format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}");
        fs_err::write(self.path(name), text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(self.path(name), mode).unwrap();
    }

    async fn boot(&self) -> Result<TestResult, TestingError> {
        let clones = Clones {
            launcher: Launcher::new(env!("CARGO_BIN_EXE_goldsmith")),
            cancellation: self.cancellation.clone(),
            qemu_img: self.path("qemu-img"),
            log: self.path("log").into(),
        };
        let boot = Boot {
            clones: &clones,
            qemu: &self.path("qemu"),
            variables: None,
            cloud_init: true,
            builder: Some("packer"),
            timeout: Duration::from_mins(1),
            redaction: Redaction::default(),
            kept: &self.path("kept"),
        };
        let room = async |_| Ok(());
        boot.run(&self.path("disk.raw"), &self.path("work"), room, |_| {}).await
    }

    /// The cases, a line each, and what was kept.
    async fn told(&self) -> String {
        let result = self.boot().await.unwrap();
        let cases = result.cases.iter().map(|case| {
            format!("{:?} {}: {}", case.outcome, case.name, case.message).trim_end().to_owned()
        });
        let kept = result.kept.iter().map(|path| {
            format!("{}: {}", path.file_name().unwrap(), fs_err::read_to_string(path).unwrap())
        });
        cases.chain(kept).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}

#[tokio::test]
async fn two_machines_that_share_nothing_pass() {
    // Each has the marker for its machine-id: new for every boot.
    let bench = Bench::new(
        "{ tell cloud-init-status 0; tell cloud-init-result '{\"v1\": {\"errors\": []}}'
        tell machine-id \"$marker\"; tell failed-units ''; tell builder absent; tell end yes; } >report",
    );
    let told = bench.told().await;
    insta::with_settings!({filters => [(r"in \d+ s and \d+ s", "in TIME"), ("[0-9a-f]{32}:", "MARKER:")]}, {
        insta::assert_snapshot!(told, @"
        Passed the image boots: BIOS, KVM, in TIME
        Passed cloud-init finishes without error:
        Passed every machine gets a machine-id of its own:
        Skipped every machine gets SSH host keys of its own: there is no SSH server
        Skipped the guest agent answers: qemu-guest-agent is not installed
        Passed no systemd unit has failed:
        Passed the builder's login is refused: there is no account `packer`
        ");
    });
}

#[tokio::test]
async fn a_report_on_the_console_counts_and_tells_what_they_share() {
    let bench = Bench::new(
        "tell cloud-init-status 0; tell cloud-init-result '{\"v1\": {\"errors\": []}}'
        tell machine-id 0123456789abcdef0123456789abcdef; tell guest-agent yes; tell end yes",
    );
    let told = bench.told().await;
    insta::with_settings!({filters => [(r"in \d+ s and \d+ s", "in TIME"), ("[0-9a-f]{32}:", "MARKER:")]}, {
        insta::assert_snapshot!(told, @"
        Passed the image boots: BIOS, KVM, in TIME
        Passed cloud-init finishes without error:
        Failed every machine gets a machine-id of its own: two machines have MARKER: the template has to empty /etc/machine-id
        Skipped every machine gets SSH host keys of its own: there is no SSH server
        Failed the guest agent answers: the machine ended by itself (exit status 0)
        Skipped no systemd unit has failed: there is no systemd
        Skipped the builder's login is refused: the template does not tell its `ssh_username`
        kept-boot-1.log: the console
        MARKER:cloud-init-status:MA==:
        MARKER:cloud-init-result:eyJ2MSI6IHsiZXJyb3JzIjogW119fQ==:
        MARKER:machine-id:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=:
        MARKER:guest-agent:eWVz:
        MARKER:end:eWVz:

        kept-boot-2.log: the console
        MARKER:cloud-init-status:MA==:
        MARKER:cloud-init-result:eyJ2MSI6IHsiZXJyb3JzIjogW119fQ==:
        MARKER:machine-id:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=:
        MARKER:guest-agent:eWVz:
        MARKER:end:eWVz:
        ");
    });
}

#[tokio::test]
async fn a_machine_that_ends_without_a_report_has_failed_and_its_console_is_kept() {
    let bench = Bench::new("echo 'no bootable device' >&2; exit 1");
    let told = bench.told().await;
    // Two pipes: what came through one is not before or after what came through the other.
    let told = told.replace("no bootable device\nthe console", "the console\nno bootable device");
    insta::assert_snapshot!(told, @"
    Failed the image boots: BIOS, KVM: no report: the machine ended by itself (exit status 1: no bootable device)
    kept-boot-1.log: the console
    no bootable device

    kept-boot-2.log: the console
    no bootable device
    ");
}

#[tokio::test]
async fn a_wish_to_stop_ends_the_machines() {
    let bench = Bench::new("exec sleep 600");
    let (booted, ()) =
        tokio::join!(bench.boot(), async {
            // Both machines have said something: both run.
            while !["kept-boot-1.log", "kept-boot-2.log"].map(|name| bench.path(name)).iter().all(
                |log| fs_err::read_to_string(log).is_ok_and(|text| text.contains("the console")),
            ) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            bench.cancellation.request(Cause::Interrupted);
        });
    assert_eq!(booted.unwrap_err().failure(), {
        let mut failure = Cause::Interrupted.failure();
        failure.reason = "failed to boot the image: cancelled".to_owned();
        failure
    });
}
