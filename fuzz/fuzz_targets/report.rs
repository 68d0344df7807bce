//! Any bytes as a scanner's report.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| goldsmith::findings::fuzz(bytes));
