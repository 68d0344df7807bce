//! What the measurements share.

use std::process::Child;
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
