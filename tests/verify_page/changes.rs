//! Random changes of a single byte: the page names the same failures as the command.
//!
//! The seed is printed; `SEED=<it> cargo test --test verify_page changes` makes the same changes again.

use std::path::Path;

use pgdossier::sign::{Scheme, SigningKey, TrustPolicy};

use crate::sample_bundle::random::Random;
use crate::sample_bundle::{policy, sealed_after, verified};
use crate::second_opinion;

const CHANGES: usize = 250;

fn compare(bundle: &Path, policy: &TrustPolicy) {
    let command = serde_json::to_value(verified(bundle, policy)).unwrap();
    second_opinion::ask(bundle, &serde_json::to_value(policy).unwrap(), &command);
}

#[test]
fn the_page_notices_random_changes_as_the_command_does() {
    let seed: u64 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::process::id().into(),
    };
    println!("SEED={seed}");
    let mut random = Random(seed);
    for scheme in [Scheme::Ed25519, Scheme::P256] {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate_for(scheme).unwrap();
        let policy = policy(&key);
        let earlier = sealed_after(None, "acme-2026-Q3", &key, dir.path()).unwrap();
        let sealed = sealed_after(Some(&earlier.folder), "acme-2026-Q4", &key, dir.path()).unwrap();
        compare(&sealed.archive, &policy);
        compare(&sealed.folder, &policy);
        let good = std::fs::read(&sealed.archive).unwrap();
        let changed = dir.path().join("changed.zip");
        for number in 0..CHANGES / 2 {
            let mut bad = good.clone();
            let at = random.below(bad.len());
            bad[at] ^= u8::try_from(1 + random.below(255)).unwrap();
            println!("{number}: byte {at} is now {}", bad[at]);
            std::fs::write(&changed, bad).unwrap();
            compare(&changed, &policy);
        }
    }
}
