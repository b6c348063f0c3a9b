//! See `pgdossier::fuzzing::statement`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::statement(bytes));
