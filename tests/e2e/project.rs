//! A repository with an `images.yml`, and goldsmith run in it with an environment of its own.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith_testkit::advisory_db::{Advisories, Stamp};
use goldsmith_testkit::disk::{DiskOptions, debian_disk};
use goldsmith_testkit::rootfs::debian_packages;
use serde_json::Value;

/// The advisories of the demo.
const ADVISORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/advisories.json");

/// A fresh project folder. Everything that goldsmith keeps lies in it.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// How a command ended, and what it printed.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts the exit code; shows everything if it is another one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

impl Project {
    /// A project with this `images.yml`.
    pub(crate) fn new(images: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("goldsmith-e2e-").tempdir().unwrap();
        let project = Self { folder };
        project.write("images.yml", images);
        project
    }

    /// A project whose one image, `debian-12`, is built by `template`.
    pub(crate) fn with_template(template: &str) -> Self {
        let project = Self::new(DEBIAN);
        project.write("packer/debian.pkr.hcl", template);
        project
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// A database that knows Debian 12, made just now. `change` may spoil it.
    pub(crate) fn advisories(
        &self,
        change: impl FnOnce(&mut Advisories, &mut Stamp),
    ) -> Utf8PathBuf {
        let mut advisories = Advisories::read(ADVISORIES.into()).unwrap();
        let mut stamp =
            Stamp { updated_at: jiff::Timestamp::now(), fixture: Some("e2e".to_owned()) };
        change(&mut advisories, &mut stamp);
        let folder = self.path("advisories");
        advisories.write(&folder, &stamp).unwrap();
        folder
    }

    /// A raw disk with a Debian 12 of 150 packages.
    pub(crate) fn disk(&self) -> Utf8PathBuf {
        let path = self.path("disk.raw");
        debian_disk(&path, &debian_packages(150), &DiskOptions::default()).unwrap();
        path
    }

    /// The command `goldsmith`, in this project, with nothing of this process' environment but what
    /// finds the tools.
    pub(crate) fn goldsmith(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldsmith"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("GOLDSMITH_STATE_DIR", self.path("state"))
            .stdin(Stdio::null());
        for name in ["PATH", "PACKER_PLUGIN_PATH"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        fs_err::create_dir_all(self.path("home")).unwrap();
        command
    }

    /// Runs `goldsmith` with these arguments to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.goldsmith().args(arguments).output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The names of what lies in a folder of this project; none if there is no such folder.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let Ok(entries) = self.path(name).read_dir_utf8() else {
            return Vec::new();
        };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    /// The JSON document at `name`.
    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs_err::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    /// The kinds of the entries in the log of `image`, oldest first.
    pub(crate) fn log(&self, image: &str) -> Vec<String> {
        let folder = format!("registry/images/{image}/log");
        let entries =
            self.list(&folder).into_iter().map(|name| self.json(&format!("{folder}/{name}")));
        entries.map(|entry| entry["entry"].as_str().unwrap().to_owned()).collect()
    }
}

/// The first version of today.
pub(crate) fn today() -> String {
    jiff::Timestamp::now().strftime("1.0.%Y%m%d").to_string()
}

/// One Debian 12, published below the project.
pub(crate) const DEBIAN: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
  debian-12:
    template: packer
    os: { family: debian, release: \"12\" }
    source: cloud-image
";

/// A template that builds nothing: enough for artifacts that are handed in.
pub(crate) const EMPTY_TEMPLATE: &str = "source \"null\" \"debian\" { communicator = \"none\" }\n\
build { sources = [\"source.null.debian\"] }\n";
