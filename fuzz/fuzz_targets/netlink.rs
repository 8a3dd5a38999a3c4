#![no_main]
//! Arbitrary bytes as what netfilter's sockets receive.
libfuzzer_sys::fuzz_target!(|data: &[u8]| tollgate::guard::fuzz::messages(data));
