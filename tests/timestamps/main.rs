//! Trusted time: bundles stamped by a real authority over HTTP and by hand, what that changes, and attacks on tokens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may panic

#[path = "../sample_bundle/mod.rs"]
mod sample_bundle;
#[path = "../second_opinion/nobody.rs"]
mod second_opinion;
#[path = "../support/mod.rs"]
mod support;

#[path = "../frozen_bundles/keep.rs"]
mod keep;

mod attacks;
mod authority;
mod stamping;

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use pgdossier::bundle::Sealed;
use pgdossier::sign::{Envelope, Scheme, Signer as _, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::keep::keep;

/// A sealed bundle, a policy for its key, and the folder that they are in.
struct Desk {
    folder: TempDir,
    sealed: Sealed,
    signature: String,
}

impl Desk {
    fn new() -> Self {
        Self::of(Scheme::Ed25519)
    }

    fn of(scheme: Scheme) -> Self {
        let (folder, key) = (
            tempfile::tempdir().unwrap(),
            SigningKey::generate_for(scheme).unwrap(),
        );
        let sealed = sample_bundle::sealed_after(None, "acme", &key, folder.path()).unwrap();
        let signature = format!(
            "signatures/preparer-{}.sigstore.json",
            key.public_key().short_keyid()
        );
        let policy = json!({
            "version": 1,
            "keys": [{
                "keyid": key.public_key().keyid(), "public_key": key.public_key().to_pem(), "owner": "Ada",
                "roles": ["preparer"], "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z",
            }],
            "require": [{"statement": "assessment", "role": "preparer", "threshold": 1}],
        });
        let desk = Self {
            folder,
            sealed,
            signature,
        };
        std::fs::write(desk.path("signer.pem"), key.public_key().to_pem()).unwrap();
        desk.set_policy(&policy);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn policy(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("policy.json")).unwrap()).unwrap()
    }

    fn set_policy(&self, policy: &Value) {
        std::fs::write(self.path("policy.json"), policy.to_string()).unwrap();
    }

    /// Trusts a root from now on.
    fn trust(&self, root: &Path, required: bool) {
        let mut policy = self.policy();
        let root = std::fs::read_to_string(root).unwrap();
        policy["timestamp"] = json!({"roots": [root], "required": required});
        self.set_policy(&policy);
    }

    fn envelope(&self) -> Envelope {
        let file = self.sealed.folder.join(&self.signature);
        Envelope::from_sigstore_json(&std::fs::read(file).unwrap()).unwrap()
    }

    /// Puts a token into the folder, whatever it is.
    fn plant(&self, token: &[u8]) {
        let mut envelope = self.envelope();
        envelope.token = Some(token.to_vec());
        std::fs::write(
            self.sealed.folder.join(&self.signature),
            envelope.to_sigstore_json(),
        )
        .unwrap();
    }

    /// `pgdossier timestamp`.
    fn timestamp(&self, bundle: &Path, arguments: &[&str]) -> std::process::Output {
        support::pgdossier()
            .current_dir(self.folder.path())
            .arg("timestamp")
            .arg(bundle)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The result of `pgdossier verify`, as JSON.
    fn verified_at(&self, bundle: &Path, now: DateTime<Utc>) -> Value {
        let output = support::pgdossier()
            .args(["--format", "json", "verify", "--trust"])
            .arg(self.path("policy.json"))
            .args(["--as-of", &now.to_rfc3339()])
            .arg(bundle)
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", support::text(&output.stderr)));
        assert_eq!(
            output.status.code(),
            Some(if json["verdict"] == "invalid" { 5 } else { 0 })
        );
        let verdict = json["verdict"].as_str().unwrap();
        keep(
            "timestamp",
            bundle,
            &self.policy().to_string(),
            now,
            verdict,
            &codes(&json),
        );
        crate::second_opinion::ask(bundle, &self.policy(), &json);
        json
    }

    fn verified(&self, bundle: &Path) -> Value {
        self.verified_at(bundle, Utc::now() + TimeDelta::minutes(1))
    }

    /// The codes of all failures in the folder.
    fn failures(&self) -> Vec<String> {
        codes(&self.verified(&self.sealed.folder))
    }
}

fn codes(verification: &Value) -> Vec<String> {
    let checks = verification["checks"].as_array().unwrap().iter();
    checks
        .flat_map(|check| check["failures"].as_array().unwrap())
        .map(|failure| failure["code"].as_str().unwrap().to_owned())
        .collect()
}
