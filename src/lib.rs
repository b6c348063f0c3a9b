//! Compliance evidence for PostgreSQL, from control definitions to a signed bundle.
//!
//! Data flows one way: controls, inventory and attestations are **collect**ed into evidence, **evaluate**d into
//! findings, **render**ed for people and **seal**ed in a bundle that anyone can **verify**. Data modules import no
//! stage; stages import data and never each other; only `cli` chains stages. `tests/architecture.rs` holds it.

// Data
pub mod assessment;
pub mod attestation;
pub mod control;
pub mod escape;
pub mod evidence;
pub mod file;
pub mod finding;
pub mod folder;
pub mod host;
mod parallel;
pub mod profile;
pub mod record;
pub mod salt;
pub mod signature;
pub mod strict;
pub mod target;
pub mod waiver;
pub mod withholding;
pub mod workspace;
pub mod yaml;

// Stages
pub mod bundle;
pub mod collect;
pub mod evaluate;
pub mod redact;
pub mod reperform;
pub mod report;
pub mod sign;

// What people run
pub mod cli;
pub mod cluster;
pub mod demo;

// What fuzzers run
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
