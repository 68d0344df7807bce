//! What supervisors that were killed leave behind: it comes to goldsmith, as their next ancestor that
//! asked for orphans.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::process::{Pid, WaitOptions, getpid, set_child_subreaper, waitpid};

use super::table;
use super::traces::is_marked;

/// Knows which children goldsmith has started itself. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub(super) struct Adoption {
    supervisors: Arc<Mutex<HashSet<Pid>>>,
    /// Set once orphans come here: the children that were there before, and whose orphans look like
    /// those of a supervisor.
    strangers: Arc<OnceLock<HashSet<Pid>>>,
}

impl Adoption {
    /// From now on orphans of supervisors come to this process.
    pub(super) fn begin(&self) -> io::Result<()> {
        // `sleep 1000 & exec goldsmith` makes a child of goldsmith that is none of its business. To
        // the first process of a container come all orphans of the container.
        let mut strangers: HashSet<Pid> = table::children()?.into_iter().collect();
        if getpid() == Pid::INIT {
            strangers.insert(Pid::INIT);
        }
        set_child_subreaper(Some(getpid()))?;
        let _ = self.strangers.set(strangers);
        Ok(())
    }

    /// Starts a supervisor. Meanwhile nobody takes it for an orphan.
    pub(super) fn start<T>(
        &self,
        spawn: impl FnOnce() -> io::Result<T>,
        pid: impl FnOnce(&T) -> Option<Pid>,
    ) -> io::Result<T> {
        let mut supervisors = self.lock();
        let started = spawn()?;
        supervisors.extend(pid(&started));
        Ok(started)
    }

    /// A supervisor was waited for: its process id may be somebody else's from now on.
    pub(super) fn over(&self, supervisor: Pid) {
        self.lock().remove(&supervisor);
    }

    /// Kills the orphans that have come here, and waits for those that are dead. Gives those that
    /// lived: their children come next. `mark` is known to be in the environment of a run's processes.
    pub(super) fn kill(&self, mark: Option<&str>) -> Vec<Pid> {
        let Some(strangers) = self.strangers.get() else { return Vec::new() };
        let supervisors = self.lock();
        let ours = |pid: &Pid| {
            !supervisors.contains(pid)
                && (strangers.is_empty()
                    || !strangers.contains(pid) && mark.is_some_and(|mark| is_marked(*pid, mark)))
        };
        let (mut living, dead) = table::offspring().unwrap_or_default();
        living.retain(ours);
        table::kill(&living);
        // Nobody else waits for them, and what became of a stranger nobody wants to know.
        for pid in dead.iter().filter(|pid| !supervisors.contains(pid)) {
            let _ = waitpid(Some(*pid), WaitOptions::NOHANG);
        }
        living
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Pid>> {
        self.supervisors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
