#![no_main]
//! Arbitrary messages to the server, the backup and a participant of shared licensing.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::pool::fuzz::machines(data));
