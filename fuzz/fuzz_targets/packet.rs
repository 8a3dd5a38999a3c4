#![no_main]
//! Arbitrary bytes as a frame of every link type.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::capture::fuzz::packet(data));
