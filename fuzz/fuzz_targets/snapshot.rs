//! Snapshot files.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_fuzz::doors::snapshot(bytes));
