//! The page against the command: everything that other tests have the command judge, the page judges too, in a browser.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::duplicate_mod,
    unreachable_pub,
    reason = "a test may panic and print, and whole test programs are taken in"
)]

mod browser;
mod changes;
#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../frozen_bundles/keep.rs"]
mod keep;
mod person;
mod second_opinion;
mod signed_files;
mod strictness;
#[path = "../support/mod.rs"]
mod support;

// The attacks that those programs carry out, carried out here once more: each verdict is compared.
#[path = "../bundle_attacks.rs"]
mod bundle_attacks;
#[path = "redaction.rs"]
mod redaction;
#[path = "../reviews.rs"]
mod reviews;
#[path = "../timestamps/main.rs"]
mod timestamps;

use bundle_attacks::sample_bundle;
