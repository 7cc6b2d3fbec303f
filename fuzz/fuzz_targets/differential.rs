//! Any filter means to the machine what it means to the oracle.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::differential(data));
