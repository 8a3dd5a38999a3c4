#![no_main]
//! Arbitrary bytes as a capture file, replayed with one tracker and with three.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::capture::fuzz::file(data));
