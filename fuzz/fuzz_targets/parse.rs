//! Any text parses to a tree, and a printed tree to the same tree.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| divert_testkit::checks::parse(data));
