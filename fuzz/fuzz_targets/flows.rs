#![no_main]
//! Arbitrary traffic against a plain model of connections.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::capture::fuzz::flows(data));
