//! See `pgdossier::fuzzing::trust_policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::trust_policy(bytes));
