//! See `pgdossier::fuzzing::ssh_signature`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pgdossier::fuzzing::ssh_signature(bytes));
