//! Any bytes as `waivers.yml`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| goldsmith::config::fuzz_waivers(bytes));
