//! Any bytes as a disk image: container, table, volumes, file systems, and the files in them.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use goldsmith_disk::{Disk, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (answer, time) = (Duration::from_secs(5), Duration::from_secs(10));
    let limits = Limits { answer, time, files: 5000, ..Limits::default() };
    let Ok(disk) = Disk::of_image(Arc::new(bytes.to_vec()), &limits) else { return };
    for root in disk.roots() {
        for entry in root.tree().walk("/").into_iter().flatten().flatten() {
            let _ = entry.copy(1 << 20, |_| {});
        }
    }
});
