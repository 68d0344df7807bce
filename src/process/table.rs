//! The kernel's table of processes: who belongs to whom, and killing those who do.

use std::io;

use rustix::process::{Pid, Signal, getpid, kill_process};

/// What ties a process to others.
#[derive(Debug, PartialEq, Eq)]
struct Ties {
    parent: i32,
    session: i32,
}

/// The children of this process. For a subreaper, everything that was ever started below it becomes
/// its child sooner or later.
pub(super) fn children() -> io::Result<Vec<Pid>> {
    let own = getpid().as_raw_nonzero().get();
    select(|ties| ties.parent == own)
}

/// The members of a session, without its leader.
pub(super) fn members(session: Pid) -> io::Result<Vec<Pid>> {
    let leader = session.as_raw_nonzero().get();
    let mut members = select(|ties| ties.session == leader)?;
    members.retain(|pid| *pid != session);
    Ok(members)
}

/// Sends SIGKILL to each. The caller sees to it that none of them is waited for meanwhile, so that
/// no process id can have passed to somebody else.
pub(super) fn kill(processes: &[Pid]) {
    for process in processes {
        // Not permitted for another user's process: it then counts as stuck.
        let _ = kill_process(*process, Signal::KILL);
    }
}

fn select(wanted: impl Fn(&Ties) -> bool) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let Some(pid) =
            entry?.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)
        else {
            continue;
        };
        // A process that has ended meanwhile has no file any more.
        if let Ok(stat) = fs_err::read(format!("/proc/{}/stat", pid.as_raw_nonzero()))
            && ties(&stat).is_some_and(|ties| wanted(&ties))
        {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Reads `/proc/PID/stat`: behind the name (in parentheses; it may hold anything, parentheses too)
/// stand state, parent, group and session. A dead process that waits for its parent has none.
fn ties(stat: &[u8]) -> Option<Ties> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end_of_name + 1..]).ok()?.split_ascii_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Ties { parent, session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_read_behind_any_name() {
        let (parent, session) = (7, 41);
        let expected = Some(Ties { parent, session });
        assert_eq!(ties(b"42 (sh) S 7 40 41 0 -1"), expected);
        assert_eq!(ties(b"42 (a) b) \xff) R 1 1) S 7 40 41"), expected);
        assert_eq!(ties(b"42 (sh) Z 7 40 41 0 -1"), None);
        assert_eq!(ties(b"42 (sh) S 7"), None);
        assert_eq!(ties(b"42"), None);
    }
}
