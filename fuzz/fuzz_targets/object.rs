//! Any bytes are an object string or are not, and objects load.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::object(data));
