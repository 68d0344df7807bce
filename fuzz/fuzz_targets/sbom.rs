//! Any bytes as an inventory.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| goldsmith::evidence::fuzz_sbom(bytes));
