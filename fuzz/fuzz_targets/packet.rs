//! Any bytes are a packet or are not, and the helpers agree on it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::packet(data));
