//! What finds the processes of a run when nobody is left who knows them: a mark in their environment.
//!
//! A supervisor outlives goldsmith, and goldsmith its supervisors. Where both were killed, what they
//! had started runs on, and only its environment tells whose it is.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, geteuid, getpid, pidfd_open, pidfd_send_signal};

use super::table;

/// The variable that names the run in the environment of all that it starts.
pub const MARK: &str = "GOLDSMITH_RUN";

/// How often and at what distance the processes of a run are looked for, until there is none left.
const ROUNDS: u32 = 500;
const ROUND: Duration = Duration::from_millis(10);

/// How many processes of this user carry the mark of a run, for each run.
pub fn marked() -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for pid in others() {
        if let Some(run) = mark_of(pid) {
            *found.entry(run).or_default() += 1;
        }
    }
    found
}

/// Kills the processes of this user that carry the mark of `run`, and all that they start meanwhile.
/// Gives how many there were and how many are left. The caller has proof that the run is dead, and
/// has all the time that it takes.
pub fn kill_marked(run: &str) -> (u32, u32) {
    let mut killed = 0;
    for _ in 0..ROUNDS {
        let round = others().filter(|pid| kill_if_marked(*pid, run)).count();
        if round == 0 {
            return (killed, 0);
        }
        // One that takes a while to die is seen again.
        killed = killed.max(u32::try_from(round).unwrap_or(u32::MAX));
        std::thread::sleep(ROUND);
    }
    let left = others().filter(|pid| is_marked(*pid, run)).count();
    (killed, u32::try_from(left).unwrap_or(u32::MAX))
}

/// Sends SIGKILL to a process that carries the mark. Whether it does.
fn kill_if_marked(pid: Pid, run: &str) -> bool {
    // Taken first: should the process id pass to another process, the signal reaches nobody.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    is_marked(pid, run) && pidfd_send_signal(process, Signal::KILL).is_ok()
}

/// Whether a process carries the mark of `run`.
pub(super) fn is_marked(pid: Pid, run: &str) -> bool {
    mark_of(pid).is_some_and(|mark| mark == run)
}

/// The processes of this user, but for this one.
fn others() -> impl Iterator<Item = Pid> {
    let (own, user) = (getpid(), geteuid().as_raw());
    let theirs = move |pid: &Pid| {
        let folder = fs_err::metadata(format!("/proc/{}", pid.as_raw_nonzero()));
        *pid != own && folder.is_ok_and(|folder| folder.uid() == user)
    };
    table::all().unwrap_or_default().into_iter().filter(theirs)
}

/// The run in the environment that a process was started with. A dead one has none.
fn mark_of(pid: Pid) -> Option<String> {
    let environment = fs_err::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
    let variables = environment.split(|byte| *byte == 0);
    let mut marks =
        variables.filter_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="));
    String::from_utf8(marks.next()?.to_vec()).ok()
}
