#![no_main]
//! Arbitrary bytes as the record of a unit's file and of the authority's.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::store::fuzz::store(data));
