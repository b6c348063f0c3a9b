//! See `pgdossier::fuzzing::envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::envelope(bytes));
