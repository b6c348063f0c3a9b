//! Bundles as files, good ones and attacked ones: redacted copies and time stamps, which no step of `tests/bundles/` makes.
//! Each verifies, or fails, as its `case.json` says: whoever writes a second verifier can run it over them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)] // a test may panic and print

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use pgdossier::bundle::{Limits, Verdict, VerifyOptions, verify};
use pgdossier::sign::TrustPolicy;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What somebody tries, in a sentence.
    about: String,
    /// The verifier's clock.
    as_of: DateTime<Utc>,
    verdict: String,
    /// The codes of all failures, in the order of the steps of verification.
    expect: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folders(path: &str) -> Vec<PathBuf> {
    let entries = root().join(path).read_dir().unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn read_case(folder: &Path) -> Case {
    let bytes = std::fs::read(folder.join("case.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
}

fn verdict_and_codes(bundle: &Path, policy: &TrustPolicy, now: DateTime<Utc>) -> (String, Vec<String>) {
    let options = VerifyOptions {
        now,
        allow_withheld: false,
        limits: Limits::default(),
        threads: None,
        cancel: &AtomicBool::new(false),
    };
    let verification = verify(bundle, policy, &options).unwrap();
    let codes: Vec<String> = verification.failures().map(|one| one.code.to_owned()).collect();
    assert_eq!(verification.verdict == Verdict::Invalid, !codes.is_empty());
    let verdict = serde_json::to_value(verification.verdict).unwrap();
    (verdict.as_str().unwrap().to_owned(), codes)
}

#[test]
fn every_bundle_ends_as_its_case_says() {
    let cases = folders("tests/frozen");
    let mut good = 0;
    for folder in &cases {
        let case = read_case(folder);
        assert!(!case.about.is_empty());
        let policy = TrustPolicy::load(&folder.join("policy.json")).unwrap();
        let expected = (case.verdict, case.expect);
        let archive = folder.join("bundle.zip");
        assert_eq!(
            verdict_and_codes(&archive, &policy, case.as_of),
            expected,
            "{}",
            folder.display()
        );
        let place = tempfile::tempdir().unwrap();
        let unzipped = Command::new("unzip")
            .arg("-q")
            .arg(&archive)
            .arg("-d")
            .arg(place.path())
            .status();
        assert!(unzipped.unwrap().success());
        let extracted = place.path().read_dir().unwrap().next().unwrap().unwrap().path();
        assert_eq!(
            verdict_and_codes(&extracted, &policy, case.as_of),
            expected,
            "{}",
            folder.display()
        );
        good += usize::from(expected.1.is_empty());
    }
    println!("{} bundles, {good} of them good", cases.len());
    assert!(good > 3 && cases.len() > 40);
}

/// Codes that no bundle as data can show, with the test that does.
const ELSEWHERE: &[(&str, &str)] = &[
    ("archive.unreadable", "a disk that fails"),
    ("file.unreadable", "a disk that fails"),
    ("folder.special-file", "tests/hostile_bundles.rs"),
    ("folder.unreadable", "tests/hostile_bundles.rs"),
    ("limit.file-size", "tests/hostile_bundles.rs"),
    ("limit.files", "tests/hostile_bundles.rs"),
    ("limit.held-size", "tests/hostile_bundles.rs"),
    ("limit.total-size", "tests/hostile_bundles.rs"),
    ("manifest.case-twin", "src/bundle/manifest.rs"),
    ("redaction.copy", "tests/redaction/attacks.rs"),
    ("waiver.same-owner", "tests/waivers/signatures.rs"),
];

#[test]
fn every_documented_failure_has_a_bundle_or_a_test_that_shows_it() {
    let document = std::fs::read_to_string(root().join("docs/bundle-format.md")).unwrap();
    let codes: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(code, _)| code)
        .filter(|code| code.contains('.') && !code.starts_with('.') && !code.ends_with(".txt"))
        .filter(|code| !code.contains('/') && !code.starts_with("series.") && !code.contains("MANIFEST"))
        .filter(|code| *code != "statement.json" && *code != "VERIFY.md")
        .collect();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for folder in folders("tests/frozen") {
        shown.extend(read_case(&folder).expect);
    }
    for folder in folders("tests/bundles") {
        let attack: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("attack.json")).unwrap()).unwrap();
        let expected = attack["expect"].as_array().unwrap().iter();
        shown.extend(expected.map(|code| code.as_str().unwrap().to_owned()));
    }
    for (code, place) in ELSEWHERE {
        if let Some(path) = place.contains('/').then(|| root().join(place)) {
            let test = std::fs::read_to_string(path).unwrap();
            assert!(test.contains(code), "{place} does not show {code}");
        }
        shown.insert((*code).to_owned());
    }
    let missing: Vec<&&str> = codes.iter().filter(|code| !shown.contains(**code)).collect();
    assert!(codes.len() > 100, "{codes:?}");
    assert!(missing.is_empty(), "no bundle shows {missing:?}");
}
