//! Any bytes as an image file: qcow2's header and tables.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    goldsmith_disk::fuzz::container(bytes);
});
