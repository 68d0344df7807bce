//! The kernel's table of processes: who belongs to whom, and killing those who do.

use std::io;

use rustix::process::{Pid, Signal, getpid, kill_process};

/// What ties a process to others.
#[derive(Debug, PartialEq, Eq)]
struct Ties {
    parent: i32,
    session: i32,
    /// It has ended and waits for its parent.
    dead: bool,
}

/// The children of this process. For a subreaper, everything that was ever started below it becomes
/// its child sooner or later.
pub(super) fn children() -> io::Result<Vec<Pid>> {
    offspring().map(|(living, _)| living)
}

/// The same, and the children that have ended and wait for this process.
pub(super) fn offspring() -> io::Result<(Vec<Pid>, Vec<Pid>)> {
    let own = getpid().as_raw_nonzero().get();
    let (mut living, mut dead) = (Vec::new(), Vec::new());
    for (pid, ties) in ties_of_all()? {
        match ties {
            Ties { parent, dead: false, .. } if parent == own => living.push(pid),
            Ties { parent, dead: true, .. } if parent == own => dead.push(pid),
            _ => {}
        }
    }
    Ok((living, dead))
}

/// The members of a session, without its leader.
pub(super) fn members(session: Pid) -> io::Result<Vec<Pid>> {
    let leader = session.as_raw_nonzero().get();
    let members = ties_of_all()?
        .into_iter()
        .filter(|(pid, ties)| ties.session == leader && !ties.dead && *pid != session);
    Ok(members.map(|(pid, _)| pid).collect())
}

/// Sends SIGKILL to each. The caller sees to it that none of them is waited for meanwhile, so that
/// no process id can have passed to somebody else.
pub(super) fn kill(processes: &[Pid]) {
    for process in processes {
        // Not permitted for another user's process: it then counts as stuck.
        let _ = kill_process(*process, Signal::KILL);
    }
}

/// Every process that this one can see.
pub(super) fn all() -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw));
    }
    // An empty folder is no table.
    if found.contains(&getpid()) {
        Ok(found)
    } else {
        Err(io::Error::other("`/proc` is not mounted"))
    }
}

fn ties_of_all() -> io::Result<Vec<(Pid, Ties)>> {
    // A process that has ended meanwhile has no file any more.
    let read = |pid: Pid| {
        let stat = fs_err::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        Some((pid, ties(&stat)?))
    };
    Ok(all()?.into_iter().filter_map(read).collect())
}

/// Reads `/proc/PID/stat`: behind the name (in parentheses; it may hold anything, parentheses too)
/// stand state, parent, group and session.
fn ties(stat: &[u8]) -> Option<Ties> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end_of_name + 1..]).ok()?.split_ascii_whitespace();
    let dead = fields.next()? == "Z";
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Ties { parent, session, dead })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_read_behind_any_name() {
        let (parent, session) = (7, 41);
        let expected = Some(Ties { parent, session, dead: false });
        assert_eq!(ties(b"42 (sh) S 7 40 41 0 -1"), expected);
        assert_eq!(ties(b"42 (a) b) \xff) R 1 1) S 7 40 41"), expected);
        let dead = Some(Ties { parent, session, dead: true });
        assert_eq!(ties(b"42 (sh) Z 7 40 41 0 -1"), dead);
        assert_eq!(ties(b"42 (sh) S 7"), None);
        assert_eq!(ties(b"42"), None);
    }
}
