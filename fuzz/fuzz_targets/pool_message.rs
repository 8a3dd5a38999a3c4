#![no_main]
//! Arbitrary bytes as a message of shared licensing.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::pool::fuzz::message(data));
