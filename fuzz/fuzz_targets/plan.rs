//! Plan files, evenkeel's and Kafka's.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_fuzz::doors::plan(bytes));
