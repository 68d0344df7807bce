//! Any bytes as a disk with a partition table.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    goldsmith_disk::fuzz::partition(bytes);
});
