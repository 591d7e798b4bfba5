//! Answers of a Prometheus server's query API.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_fuzz::doors::prometheus(bytes));
