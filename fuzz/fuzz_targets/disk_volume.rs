//! Any bytes as an LVM2 physical volume, and as LVM2's text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    goldsmith_disk::fuzz::volume(bytes);
});
