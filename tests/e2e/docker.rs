//! A Docker daemon of the test's own, that ends with it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Debian's client. One found earlier on PATH may be newer and lack BuildKit.
const CLIENT: &str = "/usr/bin/docker";

/// A running daemon with its data in a folder of its own.
pub(crate) struct Docker {
    daemon: Child,
    folder: TempDir,
}

impl Docker {
    /// Starts a daemon and waits until it answers.
    pub(crate) fn start() -> Self {
        // Not TMPDIR: the path of a socket has at most 108 bytes.
        let folder = TempDir::new_in("/tmp").unwrap();
        let at = |name: &str| folder.path().join(name);
        // The daemon is told to stop also when this test is killed and cannot say so.
        let daemon = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "/usr/sbin/dockerd"])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("socket").display()))
            .args(["--default-ulimit", "nofile=4096:4096"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv of util-linux starts");
        let mut docker = Self { daemon, folder };
        docker.wait_until_ready();
        docker
    }

    fn wait_until_ready(&mut self) {
        let log = BufReader::new(self.daemon.stderr.take().unwrap()).lines();
        let (lines, received) = mpsc::channel();
        // Reads on to the end: a daemon that nobody listens to stops.
        thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut said = Vec::new();
        while let Ok(line) = received.recv_timeout(Duration::from_mins(1)) {
            if line.contains("API listen on") {
                return;
            }
            said.push(line);
        }
        panic!(
            "dockerd did not start (it needs root, and docker.io: `tools/install --with docker`):\n{}",
            said.join("\n")
        );
    }

    /// The socket that the daemon listens on.
    pub(crate) fn socket(&self) -> Utf8PathBuf {
        Utf8PathBuf::try_from(self.folder.path().join("socket")).unwrap()
    }

    /// A command of the client.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(CLIENT);
        command
            .env("DOCKER_HOST", format!("unix://{}", self.socket()))
            .env("DOCKER_BUILDKIT", "1")
            .stdin(Stdio::null());
        command
    }

    /// Makes an image of a tar archive.
    pub(crate) fn import(&self, archive: &Utf8Path, name: &str) {
        succeed(self.command().args(["import", archive.as_str(), name]));
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // It stops its containers, and removes its mounts from the folder.
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let _ = self.daemon.wait();
    }
}

/// Runs a command that has to succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}
