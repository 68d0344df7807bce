//! Any bytes as a file system of the ext family.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    goldsmith_disk::fuzz::ext(bytes);
});
