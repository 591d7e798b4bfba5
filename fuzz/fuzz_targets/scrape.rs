//! Pages of brokers' metrics endpoints.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_fuzz::doors::scrape(bytes));
