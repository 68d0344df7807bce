//! The processes of a build, found by a token in their environment.

use rustix::process::{Pid, Signal, kill_process};

/// A process that carries the token.
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) command: String,
}

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid).unwrap(), signal).unwrap();
    }
}

/// Every process whose environment has the variable `token`, supervisors included.
pub(crate) fn processes(token: &str) -> Vec<Process> {
    let mut processes = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap() {
        let folder = entry.unwrap().path();
        let read = |name: &str| {
            let text = fs_err::read(folder.join(name)).unwrap_or_default();
            String::from_utf8_lossy(&text).replace('\0', " ")
        };
        if read("environ").split(' ').any(|variable| variable == token) {
            let stat = read("stat");
            let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1);
            processes.push(Process {
                pid: folder.file_name().unwrap().to_str().unwrap().parse().unwrap(),
                parent: parent.unwrap_or("0").parse().unwrap(),
                command: read("cmdline"),
            });
        }
    }
    processes
}

/// The two processes of Packer itself, if they are there: the outer one, which only copies, and the
/// core.
pub(crate) fn outer_and_core(mut processes: Vec<Process>) -> Option<(Process, Process)> {
    processes.retain(|process| process.command.contains("packer build -machine"));
    let mut take = |is_it: &dyn Fn(&Process) -> bool| {
        let at = processes.iter().position(is_it)?;
        Some(processes.swap_remove(at))
    };
    let supervisor = take(&|process| process.command.contains(" __child "))?;
    let outer = take(&|process| process.parent == supervisor.pid)?;
    let core = take(&|process| process.parent == outer.pid)?;
    Some((outer, core))
}
