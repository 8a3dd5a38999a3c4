#![no_main]
//! Operations at one limit counter against a plain number.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::gate::fuzz::counter::operations(data));
