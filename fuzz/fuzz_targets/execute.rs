//! Any bytes are a program or are not, as the stock driver sees it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::execute(data));
