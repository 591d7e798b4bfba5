//! Records of Cruise Control's metrics reporter.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_fuzz::doors::reporter(bytes));
