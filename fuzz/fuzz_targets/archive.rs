//! See `pgdossier::fuzzing::archive`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::archive(bytes));
