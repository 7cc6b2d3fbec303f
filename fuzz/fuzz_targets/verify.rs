//! Any bytes are bytecode or are not, and bytecode does what it says.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::verify(data));
