//! Redacted copies: they verify, nothing of what they withhold can be recovered from them, and no lie in one passes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

#[path = "../second_opinion/nobody.rs"]
mod second_opinion;
#[path = "../support/mod.rs"]
mod support;

#[path = "../frozen_bundles/keep.rs"]
mod keep;

mod attacker;
mod attacks;
mod made;
mod real;
