//! What the measurements share.

#![allow(dead_code, reason = "no measurement needs all of it")]

use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

/// Reads the kernel's high-water mark of a process, in MB, until it is gone.
pub(crate) fn watch_memory(child: &Child, every: Duration) -> JoinHandle<f64> {
    let status = format!("/proc/{}/status", child.id());
    std::thread::spawn(move || {
        let mut peak = 0.0;
        while let Ok(text) = fs_err::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(kilobytes) = line.and_then(|line| line.split_whitespace().next()) else {
                break;
            };
            peak = kilobytes.parse::<f64>().unwrap() / 1000.0;
            std::thread::sleep(every);
        }
        peak
    })
}

/// Processor time of all children that were waited for, and of theirs, in seconds: proc(5).
pub(crate) fn cpu_of_children() -> f64 {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which may contain anything, `cutime` and `cstime` are the 14th and 15th field.
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks: f64 = fields.skip(13).take(2).map(|field| field.parse::<f64>().unwrap()).sum();
    // The unit of every Linux that goldsmith runs on.
    ticks / 100.0
}

/// Runs a command to its end, which has to be a good one.
pub(crate) fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
