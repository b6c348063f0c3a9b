//! Attacks on a good bundle, as data: `tests/bundles/<attack>/attack.json` says what is done to it and the exact
//! failures that must be found. `tests/random_changes.rs` changes bytes at random.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

pub(crate) mod sample_bundle;
#[path = "second_opinion/nobody.rs"]
mod second_opinion;
#[path = "bundle_attacks/steps.rs"]
pub(crate) mod steps;
#[path = "bundle_attacks/zip_file.rs"]
mod zip_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pgdossier::bundle::{Sealed, Verdict};
use pgdossier::sign::{Scheme, Signer as _, SigningKey, TrustPolicy};
use sample_bundle::{files_below, policy, sealed_after, verified};
use serde::Deserialize;
use steps::{Step, Tampering};

/// What `attack.json` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    /// What the attacker tries, in a sentence.
    about: String,
    /// Which form of the bundle is attacked.
    bundle: Form,
    /// Done in this order.
    #[serde(default)]
    steps: Vec<Step>,
    /// Changes to the trust policy: JSON pointer and new value.
    #[serde(default)]
    policy: BTreeMap<String, serde_json::Value>,
    /// The codes of all failures found, in the order of the steps of verification.
    expect: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    Folder,
    Archive,
}

/// Two bundles of a series by one key, sealed once for all tests; the second is attacked.
struct Sample {
    _dir: tempfile::TempDir,
    key: SigningKey,
    reviewer: SigningKey,
    earlier: Sealed,
    sealed: Sealed,
}

fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
        let earlier = sealed_after(None, "acme-2026-Q3", &key, dir.path()).unwrap();
        let sealed = sealed_after(Some(&earlier.folder), "acme-2026-Q4", &key, dir.path()).unwrap();
        Sample {
            _dir: dir,
            key,
            reviewer: SigningKey::generate_for(Scheme::P256).unwrap(),
            earlier,
            sealed,
        }
    })
}

/// A copy of the sample to do harm to.
fn copy(form: Form, to: &Path) -> PathBuf {
    let sealed = &sample().sealed;
    let (from, copy) = match form {
        Form::Folder => (&sealed.folder, to.join("acme-2026-Q4")),
        Form::Archive => (&sealed.archive, to.join("acme-2026-Q4.zip")),
    };
    for file in files_below(from) {
        let target = copy.join(file.strip_prefix(from).unwrap());
        let target = if form == Form::Folder {
            target
        } else {
            copy.clone()
        };
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
    copy
}

fn changed_policy(changes: &BTreeMap<String, serde_json::Value>) -> TrustPolicy {
    let mut policy = policy(&sample().key);
    let (from, until) = (policy.keys[0].valid_from, policy.keys[0].valid_until);
    let reviewer = sample().reviewer.public_key();
    let reviewer = TrustPolicy::single(reviewer, "Ines", "reviewer", from, until);
    policy.add(reviewer).unwrap();
    let mut json = serde_json::to_value(policy).unwrap();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let object = json.pointer_mut(parent).and_then(|parent| parent.as_object_mut());
        object
            .unwrap_or_else(|| panic!("the policy has no {parent}"))
            .insert(name.to_owned(), value.clone());
    }
    serde_json::from_value(json).unwrap()
}

/// The codes of the failures that the attack leads to.
fn carry_out(attack: &Attack) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let bundle = copy(attack.bundle, dir.path());
    let tampering = Tampering {
        bundle: &bundle,
        earlier: &sample().earlier.folder,
        key: &sample().key,
        reviewer: &sample().reviewer,
    };
    for step in &attack.steps {
        tampering.carry_out(step);
    }
    let policy = changed_policy(&attack.policy);
    let verification = verified(&bundle, &policy);
    crate::second_opinion::ask(
        &bundle,
        &serde_json::to_value(policy).unwrap(),
        &serde_json::to_value(&verification).unwrap(),
    );
    let codes: Vec<String> = verification
        .failures()
        .map(|failure| failure.code.to_owned())
        .collect();
    assert_eq!(
        verification.verdict == Verdict::Invalid,
        !codes.is_empty(),
        "{verification}"
    );
    codes
}

#[test]
fn every_attack_is_noticed_and_named() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles");
    let mut attacks: Vec<PathBuf> = corpus
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    attacks.sort();
    let documented = std::fs::read_to_string(corpus.join("../../docs/bundle-format.md")).unwrap();
    let mut wrong = Vec::new();
    for folder in &attacks {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(folder.join("attack.json"))
            .unwrap_or_else(|error| panic!("{name}/attack.json: {error}"));
        let attack: Attack =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}/attack.json: {error}"));
        assert!(!attack.expect.is_empty(), "{name} expects nothing to be found");
        assert!(!attack.about.is_empty(), "{name} does not say what it is about");
        for code in &attack.expect {
            let row = format!("| `{code}` |");
            assert!(
                documented.contains(&row),
                "docs/bundle-format.md does not explain {code}"
            );
        }
        let found = carry_out(&attack);
        if found != attack.expect {
            wrong.push(format!("{name}: expected {:?}, found {found:?}", attack.expect));
        }
    }
    println!("{} attacks carried out", attacks.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
