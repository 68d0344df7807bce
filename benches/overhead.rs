//! What goldsmith adds to the tools that it drives: the demo through goldsmith, and the same Packer
//! build, conversion and Trivy scan as a shell pipeline would run them, one after the other.
//!
//! `make bench` prints the figures; benches/README.md keeps them. Nothing here asserts on time.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith_testkit::advisory_db::{Advisories, Stamp};
use serde_json::Value;

use measure::{succeed, watch_memory};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo");

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    for file in ["images.yml", "debian-12.pkr.hcl", "prepare.sh"] {
        fs_err::copy(format!("{DEMO}/{file}"), root.join(file)).unwrap();
    }
    let advisories = root.join("advisories");
    let stamp = Stamp { updated_at: jiff::Timestamp::now(), fixture: Some("benchmark".to_owned()) };
    Advisories::read(format!("{DEMO}/advisories.json").as_str().into())
        .unwrap()
        .write(&advisories, &stamp)
        .unwrap();

    let (wall, peak, report) = through_goldsmith(root);
    let stage = |name: &str| seconds_of(&report["images"][0]["stages"], name);
    let bare = bare(root);
    println!("goldsmith run, whole                 {:8.2} s", wall.as_secs_f64());
    println!(
        "  its own time (wall less children)  {:8.2} s",
        report["own_seconds"].as_f64().unwrap()
    );
    println!("  its peak memory                    {peak:8.1} MB");
    println!("  prepare                            {:8.2} s", stage("prepare"));
    println!(
        "  build, evidence, scan              {:8.2} s",
        stage("build") + stage("evidence") + stage("scan")
    );
    println!("bare packer, qemu-img, trivy         {:8.2} s", bare.as_secs_f64());
    let (second, _, _) = through_goldsmith(root);
    println!("goldsmith run, nothing due           {:8.3} s", second.as_secs_f64());
}

/// Seconds of one stage of a report.
fn seconds_of(stages: &Value, name: &str) -> f64 {
    let stages = stages.as_array().unwrap();
    stages.iter().find(|stage| stage["stage"] == name).unwrap()["seconds"].as_f64().unwrap()
}

/// Runs the demo; how long it took, the most memory that goldsmith itself held (MB), its report.
fn through_goldsmith(root: &Utf8Path) -> (Duration, f64, Value) {
    let begun = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_goldsmith"))
        .args(["run", "--db", "advisories", "--format", "json"])
        .current_dir(root)
        .env("GOLDSMITH_STATE_DIR", root.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let peak = watch_memory(&child, Duration::from_millis(20));
    let output = child.wait_with_output().unwrap();
    let wall = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    (wall, peak.join().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

/// The same work by hand, on the base image that the run before has prepared.
fn bare(root: &Utf8Path) -> Duration {
    let begun = Instant::now();
    let output = root.join("bare");
    succeed(
        Command::new("packer")
            .args(["build", "-machine-readable", "debian-12.pkr.hcl"])
            .current_dir(root)
            .env("PKR_VAR_goldsmith_output_dir", &output)
            .env("PKR_VAR_goldsmith_scratch_name", "bare"),
    );
    let raw = root.join("bare.raw");
    let disk: Utf8PathBuf = output.join("bare.qcow2");
    succeed(Command::new("qemu-img").args(["convert", "-O", "raw", disk.as_str(), raw.as_str()]));
    succeed(
        Command::new("trivy")
            .args(["vm", "--format", "json", "--list-all-pkgs", "--scanners", "vuln"])
            .args(["--pkg-types", "os", "--cache-backend", "memory", "--skip-db-update"])
            .args([
                "--skip-java-db-update",
                "--offline-scan",
                "--cache-dir",
                "advisories",
                raw.as_str(),
            ])
            .current_dir(root),
    );
    begun.elapsed()
}
