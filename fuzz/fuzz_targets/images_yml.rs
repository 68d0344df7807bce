//! Any bytes as `images.yml`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| goldsmith::config::fuzz(bytes));
