//! Many builds at once: a hundred null builds through goldsmith and by `xargs -P` of the bare Packer, in
//! turns; and what goldsmith itself needs for each, with something in Packer's place that answers at
//! once.
//!
//! A null build leaves nothing, so goldsmith goes through everything up to the build's end and records it
//! as failed (`no-artifact`). `make bench` prints the figures; benches/README.md keeps them. Nothing here
//! asserts on time. How many builds, at once, and how often can be named:
//! `cargo bench --bench parallel -- 100 2 3`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::environment::Environment;
use goldsmith_testkit::advisory_db::{Advisories, Stamp};
use serde_json::Value;

use measure::{cpu_of_children, watch_memory};

const ADVISORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/advisories.json");

const TEMPLATE: &str = r#"
variable "me" {}
source "null" "n" { communicator = "none" }
build { sources = ["source.null.n"] }
"#;

/// Answers as Packer 1.16.0 does to a null build, without being one.
const STAND_IN: &str = concat!(
    "#!/bin/sh\ncase $1 in version) echo 0,,version,1.16.0 ;; *) exec cat <<'END' ;; esac\n",
    include_str!("../src/packer/recorded/no_artifact"),
    "\nEND\n",
);

fn main() {
    let asked: Vec<usize> = std::env::args().filter_map(|number| number.parse().ok()).collect();
    let number = |at: usize, default| asked.get(at).copied().unwrap_or(default);
    let bench = Bench {
        builds: number(0, 100),
        at_once: number(1, 2),
        folder: tempfile::tempdir().unwrap(),
    };
    bench.furnish();
    let (builds, at_once, rounds) = (bench.builds, bench.at_once, number(2, 3));
    println!("{builds} null builds, {at_once} at once        goldsmith    bare packer   ratio");
    let environment = Environment::of_process();
    let path = environment.get("PATH").unwrap();
    for _ in 0..rounds {
        let run = bench.goldsmith(path, at_once);
        let bare = bench.bare(path);
        let [run, bare] = [run.wall, bare.wall].map(|wall| wall.as_secs_f64());
        println!(
            "                                {run:8.2} s    {bare:8.2} s   {:6.3}",
            run / bare
        );
    }
    let stand_in = format!("{}:{path}", bench.path("stand-in"));
    println!("own time of a build                wall, alone    processor time");
    for _ in 0..rounds {
        let [alone, beside] = [1, at_once].map(|at_once| bench.goldsmith(&stand_in, at_once));
        let bare = bench.bare(&stand_in);
        let each = |time: f64| time * 1000.0 / f64::from(u32::try_from(builds).unwrap());
        println!(
            "                                   {:8.1} ms       {:8.1} ms    peak memory {:.1} MB",
            each(alone.own),
            each(beside.cpu - bare.cpu),
            beside.peak
        );
    }
}

/// What one way of building everything took, in seconds; and MB.
struct Taken {
    wall: Duration,
    /// Processor time of everything that ran.
    cpu: f64,
    /// In which no child ran, if somebody told.
    own: f64,
    peak: f64,
}

struct Bench {
    builds: usize,
    at_once: usize,
    folder: tempfile::TempDir,
}

impl Bench {
    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn furnish(&self) {
        for folder in ["project/packer", "stand-in", "home"] {
            fs_err::create_dir_all(self.path(folder)).unwrap();
        }
        let numbers = (0..self.builds).map(|number| number.to_string()).collect::<Vec<_>>();
        let images = format!(
            "version: 1\nregistry: ./registry\ndefaults:\n  stores: [{{ dir: {{ url: ./store }} }}]\n  \
             resources: {{ cpus: 1, memory: 1M, disk: 1M }}\nimages:\n  \"i${{matrix.n}}\":\n    \
             matrix: {{ n: [{}] }}\n    template: packer\n    os: {{ family: debian, release: \"12\" }}\n    \
             source: cloud-image\n    vars: {{ me: \"${{image}}\" }}\n",
            numbers.join(", ")
        );
        fs_err::write(self.path("project/images.yml"), images).unwrap();
        fs_err::write(self.path("project/packer/null.pkr.hcl"), TEMPLATE).unwrap();
        let stand_in = self.path("stand-in/packer");
        fs_err::write(&stand_in, STAND_IN).unwrap();
        fs_err::set_permissions(stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
        let stamp =
            Stamp { updated_at: jiff::Timestamp::now(), fixture: Some("benchmark".to_owned()) };
        let advisories = self.path("project/advisories");
        Advisories::read(ADVISORIES.into()).unwrap().write(&advisories, &stamp).unwrap();
    }

    fn command(&self, program: &str, path: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path("project"))
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("GOLDSMITH_STATE_DIR", self.path("state"))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn goldsmith(&self, path: &str, at_once: usize) -> Taken {
        for folder in ["state", "project/registry"] {
            let _ = fs_err::remove_dir_all(self.path(folder));
        }
        let budget = format!("cpus={at_once},memory=1G,disk=1G");
        let (begun, before) = (Instant::now(), cpu_of_children());
        let child = self
            .command(env!("CARGO_BIN_EXE_goldsmith"), path)
            .args(["run", "--db", "advisories", "--format", "json", "--budget", &budget])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let peak = watch_memory(&child, Duration::from_millis(20));
        let output = child.wait_with_output().unwrap();
        let (wall, cpu) = (begun.elapsed(), cpu_of_children() - before);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let images = report["images"].as_array().unwrap();
        assert_eq!(images.len(), self.builds);
        let built = |image: &&Value| image["failure"]["class"] == "no-artifact";
        assert_eq!(images.iter().filter(built).count(), self.builds, "{}", images[0]);
        let own = report["own_seconds"].as_f64().unwrap();
        Taken { wall, cpu, own, peak: peak.join().unwrap() }
    }

    /// The same builds without goldsmith, as a shell script would do them.
    fn bare(&self, path: &str) -> Taken {
        let script = format!(
            "seq 0 {} | xargs -P {} -I@ packer build -machine-readable -parallel-builds=1 \
             -on-error=cleanup -var me=i@ packer",
            self.builds - 1,
            self.at_once
        );
        let (begun, before) = (Instant::now(), cpu_of_children());
        let output = self.command("/bin/sh", path).args(["-c", &script]).output().unwrap();
        let (wall, cpu) = (begun.elapsed(), cpu_of_children() - before);
        assert!(output.status.success());
        let done = String::from_utf8_lossy(&output.stdout).matches("artifact-count,1").count();
        assert_eq!(done, self.builds);
        Taken { wall, cpu, own: 0.0, peak: 0.0 }
    }
}
