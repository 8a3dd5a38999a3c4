#![no_main]
//! Text as a scenario.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::sim::fuzz::scenario(data));
