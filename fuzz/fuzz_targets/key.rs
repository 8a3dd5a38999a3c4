#![no_main]
//! Arbitrary bytes as an activation key, and as its text.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::license::key::fuzz::key(data));
