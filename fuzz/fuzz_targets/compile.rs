//! Any text compiles or is refused, and what compiles loads again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::compile(data));
