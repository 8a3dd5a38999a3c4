#![no_main]
//! Arbitrary changes of a unit's file.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::store::fuzz::damage(data));
