//! Any bytes as XFS.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    goldsmith_disk::fuzz::xfs(bytes);
});
