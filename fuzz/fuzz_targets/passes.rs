//! Any graph means after every pass what it meant before.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::passes(data));
