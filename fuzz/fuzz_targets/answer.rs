//! Answers of brokers on the wire, by kind and version.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_fuzz::doors::answer(bytes));
