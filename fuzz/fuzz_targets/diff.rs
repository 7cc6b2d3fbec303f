//! Comparing two filters gives a proof or a packet, and neither is wrong.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::diff(data));
