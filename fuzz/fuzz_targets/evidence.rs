//! See `pgdossier::fuzzing::evidence`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::evidence(bytes));
