//! Any bytes as a Packer template, as its files with variables and as the files that it reads.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| goldsmith::template::fuzz(bytes));
