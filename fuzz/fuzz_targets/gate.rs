#![no_main]
//! Gate operations against plain counters.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::gate::fuzz::operations(data));
