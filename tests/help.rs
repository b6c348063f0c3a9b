//! What the program says of itself: help at every level, completions, manual pages.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use support::{names, pgdossier, text};

/// All verbs with their sub-verbs.
const LEVELS: &[&[&str]] = &[
    &[],
    &["init"],
    &["assess"],
    &["verify"],
    &["page"],
    &["attest", "new"],
    &["attest", "check"],
    &["attest", "status"],
    &["attest", "verify"],
    &["waiver"],
    &["waiver", "new"],
    &["waiver", "check"],
    &["waiver", "status"],
    &["waiver", "sign"],
    &["profile"],
    &["profile", "list"],
    &["profile", "show"],
    &["keys"],
    &["keys", "new"],
    &["keys", "public"],
    &["trust"],
    &["trust", "init"],
    &["controls"],
    &["controls", "list"],
    &["controls", "show"],
    &["controls", "lint"],
    &["controls", "coverage"],
    &["grants"],
    &["report"],
    &["replay"],
    &["series"],
    &["series", "status"],
    &["series", "check"],
    &["sample"],
    &["demo"],
    &["completions"],
    &["man"],
];

#[test]
fn help_at_every_level_is_as_reviewed() {
    let mut all = String::new();
    for level in LEVELS {
        let output = pgdossier()
            .args(*level)
            .arg("--help")
            .env("COLUMNS", "100")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{level:?}");
        all.push_str(&format!(
            "$ pgdossier {} --help\n{}\n",
            level.join(" "),
            text(&output.stdout)
        ));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn completions_and_manual_pages_know_every_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let output = pgdossier().args(["completions", shell]).output().unwrap();
        assert!(text(&output.stdout).contains("replay"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = pgdossier()
        .arg("man")
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let pages = names(folder.path());
    for page in ["pgdossier.1", "pgdossier-assess.1", "pgdossier-keys-new.1"] {
        assert!(pages.contains(&page.to_owned()), "{pages:?}");
    }
}

#[test]
fn wrong_usage_has_its_exit_code() {
    for arguments in [
        &["assess"][..],
        &["verify", "x"],
        &["no-such-verb"],
        &["controls", "show", "no-such-control"],
    ] {
        let output = pgdossier().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn standard_output_is_for_machines_when_asked() {
    let output = pgdossier()
        .args(["--format", "json", "controls", "coverage"])
        .output()
        .unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(rows.iter().all(|row| row["automated"].is_array()));
    // Colour only where somebody sees it.
    let output = pgdossier().args(["controls", "show", "x"]).output().unwrap();
    assert!(!output.stderr.contains(&0x1b));
    let output = pgdossier()
        .args(["controls", "show", "x"])
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(output.stderr.contains(&0x1b));
    let output = pgdossier()
        .args(["controls", "show", "x"])
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!output.stderr.contains(&0x1b));
}
