//! What the code promises of itself: data flows one way, nothing is forgotten, documents name what exists.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.sort();
    found
}

/// The top-level module that a file belongs to.
fn module(path: &Path) -> String {
    let inner = path.strip_prefix("src").unwrap();
    inner
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// Code without its unit tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

#[test]
fn data_modules_import_no_stage_and_stages_not_each_other() {
    let stages = [
        "collect", "evaluate", "report", "bundle", "sign", "redact", "cli", "demo",
    ];
    // Sealing needs a key's signature, whoever gives it: the one stage that another may use.
    let allowed = [("bundle", "sign")];
    // The fuzzers' entry drives whole stages, as the command line does.
    let chains = ["cli", "demo", "fuzzing", "lib", "main"];
    let mut looked = 0;
    for (path, text) in sources(Path::new("src")) {
        let own = module(&path);
        if chains.contains(&own.as_str()) {
            continue;
        }
        looked += 1;
        for stage in stages {
            let uses = code(&text).contains(&format!("crate::{stage}::"))
                || code(&text).contains(&format!("use crate::{stage};"));
            let fine = own == stage || allowed.contains(&(own.as_str(), stage));
            assert!(!uses || fine, "{} uses the stage `{stage}`", path.display());
        }
    }
    assert!(looked > 40, "{looked}");
}

#[test]
fn evaluating_does_no_io_and_reads_no_clock() {
    for (path, text) in sources(Path::new("src")) {
        let own = module(&path);
        if own != "evaluate" && own != "report" || path.ends_with("templates.rs") {
            continue;
        }
        for forbidden in [
            "std::fs",
            "std::env",
            "Utc::now",
            "SystemTime",
            "std::net",
            "tokio",
        ] {
            assert!(
                !code(&text).contains(forbidden),
                "{} uses {forbidden}",
                path.display()
            );
        }
    }
}

#[test]
fn every_collector_has_its_file_and_its_line() {
    let listed: Vec<&str> = pgdossier::collect::COLLECTORS
        .iter()
        .map(|collector| collector.name())
        .collect();
    for name in &listed {
        let file = format!("src/collect/{}.rs", name.replace('-', "_"));
        assert!(Path::new(&file).exists(), "{file}");
    }
    let mut implementing = 0;
    for (path, text) in sources(Path::new("src/collect")) {
        if code(&text).contains("impl Collector for") {
            implementing += 1;
            let stem = path.file_stem().unwrap().to_string_lossy().replace('_', "-");
            assert!(
                listed.contains(&stem.as_str()),
                "{} is not in COLLECTORS",
                path.display()
            );
        }
    }
    assert_eq!(implementing, listed.len());
}

#[test]
fn modules_say_what_lives_there_and_stay_small() {
    for (path, text) in sources(Path::new("src")) {
        assert!(
            text.starts_with("//! "),
            "{} does not open with a line that says what lives there",
            path.display()
        );
        let lines = text.lines().count();
        assert!(
            lines <= 520,
            "{} has {lines} lines: look for its seam",
            path.display()
        );
    }
}

#[test]
fn documents_name_only_what_exists() {
    let mut named = 0;
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(document).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let path = word.trim_end_matches('/');
            let plain = path.contains('/')
                && path
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
            let ours = [
                "src/",
                "controls/",
                "templates/",
                "tests/",
                "scripts/",
                "docs/",
                "benches/",
            ];
            if plain && ours.iter().any(|start| path.starts_with(start)) {
                named += 1;
                assert!(
                    Path::new(path).exists(),
                    "{document} names `{path}`, which does not exist"
                );
            }
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn the_embedded_catalog_is_good_and_answers_every_section() {
    let catalog = pgdossier::control::Catalog::embedded().unwrap();
    let problems = pgdossier::control::lint(&catalog, &pgdossier::collect::contracts());
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(catalog.guide.sections().count() >= 25);
}
