//! What a build that prints much costs: the most memory that goldsmith itself holds, the time, and what
//! is left on the disk. A script prints, below the real Packer, which hands on half a megabyte a second,
//! or as `prepare`, as fast as it can. `cargo bench --bench logs -- 200` has Packer print so many
//! megabytes (six minutes) instead of twenty.
//!
//! `make bench` prints the figures; benches/README.md keeps them. Nothing here asserts on time or memory.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use goldsmith_testkit::advisory_db::{Advisories, Stamp};

use measure::watch_memory;

const ADVISORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/advisories.json");

/// Lines of two thousand bytes, or one.
const LINES: &str = "yes \"$(head -c 1999 /dev/zero | tr '\\0' a)\" | head -c $AMOUNT";
const ONE_LINE: &str = "head -c $AMOUNT /dev/zero | tr '\\0' a";

/// Where the script runs.
#[derive(Clone, Copy)]
enum Place {
    Packer,
    Prepare,
}

fn main() {
    let more = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(20);
    println!(
        "printed                       peak memory       time  relayed  log on disk    events"
    );
    for (megabytes, place, script) in [
        (1, Place::Packer, LINES),
        (more, Place::Packer, LINES),
        (1, Place::Prepare, LINES),
        (200, Place::Prepare, LINES),
        (200, Place::Prepare, ONE_LINE),
    ] {
        measured(megabytes, place, script);
    }
}

/// A build that prints. It leaves no artifact, and so fails in the end; until then it is one like any
/// other.
fn project(root: &Utf8Path, place: Place, script: &str) {
    let quoted = serde_json::to_string(script).unwrap();
    let (inline, prepare) = match place {
        Place::Packer => (quoted, String::new()),
        Place::Prepare => ("\"true\"".to_owned(), format!("    prepare: {{ run: {quoted} }}\n")),
    };
    let template = format!(
        "source \"null\" \"n\" {{ communicator = \"none\" }}\nbuild {{\n  sources = [\"source.null.n\"]\n  \
         provisioner \"shell-local\" {{ inline = [{inline}] }}\n}}\n"
    );
    fs_err::write(root.join("chatty.pkr.hcl"), template).unwrap();
    let images = "version: 1\nregistry: ./registry\nimages:\n  chatty:\n    template: chatty.pkr.hcl\n    \
         os: { family: debian, release: \"12\" }\n    source: cloud-image\n    env: [AMOUNT]\n    \
         stores: [{ dir: { url: ./store } }]\n";
    fs_err::write(root.join("images.yml"), images.to_owned() + &prepare).unwrap();
    let stamp = Stamp { updated_at: jiff::Timestamp::now(), fixture: Some("benchmark".to_owned()) };
    let advisories = Advisories::read(ADVISORIES.into()).unwrap();
    advisories.write(&root.join("advisories"), &stamp).unwrap();
}

fn measured(megabytes: usize, place: Place, script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(folder.path()).unwrap();
    project(root, place, script);
    let told = fs_err::File::create(root.join("told")).unwrap();
    let begun = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_goldsmith"))
        .args(["run", "--db", "advisories"])
        .current_dir(root)
        .env("GOLDSMITH_STATE_DIR", root.join("state"))
        .env("CI", "true")
        .env("AMOUNT", (megabytes * 1_000_000).to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(told.into_file())
        .spawn()
        .unwrap();
    let peak = watch_memory(&child, Duration::from_millis(5));
    let output = child.wait_with_output().unwrap();
    let wall = begun.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let run = root.join("state/runs").read_dir_utf8().unwrap().next().unwrap().unwrap();
    let size = |name: &str| {
        let kilobytes = run.path().join(name).metadata().unwrap().len() / 1000;
        f64::from(u32::try_from(kilobytes).unwrap()) / 1000.0
    };
    let relayed = root.join("told").metadata().unwrap().len() / 1_000_000;
    println!(
        "{megabytes:4} MB in {} by {:7} {:8.1} MB {:8.2} s {relayed:5} MB {:9.2} MB {:6.1} MB",
        if script == LINES { "lines " } else { "a line" },
        match place {
            Place::Packer => "Packer",
            Place::Prepare => "prepare",
        },
        peak.join().unwrap(),
        wall.as_secs_f64(),
        size("logs/chatty.log.zst"),
        size("events.jsonl"),
    );
}
