//! What this machine can give to builds.

use std::num::NonZero;
use std::thread::available_parallelism;

use camino::Utf8Path;
use rustix::fs::statvfs;

use crate::model::Resources;

/// What is free now: processors that this process may use, memory, and room on the disk of `folder`.
/// What nobody can tell limits nothing.
pub(super) fn resources(folder: &Utf8Path) -> Resources {
    let cpus = available_parallelism().map_or(1, NonZero::get);
    let free =
        statvfs(folder.as_std_path()).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    Resources {
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        memory: memory(&read("/proc/meminfo"), &read("/sys/fs/cgroup/memory.max")),
        disk: free.unwrap_or(u64::MAX),
    }
}

fn read(path: &str) -> String {
    fs_err::read_to_string(path).unwrap_or_default()
}

/// The memory that can be had (proc(5), `MemAvailable`), and no more than the control group of this
/// process is allowed (cgroups(7), `memory.max`).
fn memory(meminfo: &str, limit: &str) -> u64 {
    let available = meminfo.lines().find_map(|line| {
        let kibibytes = line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?;
        kibibytes.parse::<u64>().ok()?.checked_mul(1024)
    });
    let limit = limit.trim().parse().unwrap_or(u64::MAX);
    available.unwrap_or(u64::MAX).min(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_is_free_within_what_is_allowed() {
        let meminfo = "MemTotal:  8000 kB\nMemFree:   1000 kB\nMemAvailable:    4096 kB\n";
        assert_eq!(memory(meminfo, "max\n"), 4 << 20);
        assert_eq!(memory(meminfo, "1048576\n"), 1 << 20);
        assert_eq!(memory("", ""), u64::MAX);
    }
}
