//! See `pgdossier::fuzzing::timestamp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::timestamp(bytes));
