//! Files that people write agree with their JSON Schemas, as an independent validator sees it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{files, pgdossier, text};

/// Runs the validator; gives whether all files agree, and what it said.
fn validate(schema: &Path, files: &BTreeSet<PathBuf>) -> (bool, String) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schema-venv/bin/check-jsonschema");
    assert!(program.exists(), "no validator: run scripts/install-test-needs");
    assert!(!files.is_empty());
    let output = Command::new(program)
        .arg("--schemafile")
        .arg(schema)
        .args(files)
        .output()
        .unwrap();
    (
        output.status.success(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

fn assert_valid(schema: &Path, files: &BTreeSet<PathBuf>) {
    let (valid, said) = validate(schema, files);
    assert!(valid, "{}: {said}", schema.display());
}

/// The YAML files below a folder by the schema that their first line names.
fn by_schema(folder: &Path) -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let mut found: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, bytes) in files(folder) {
        let extension = path.extension().unwrap_or_default();
        if extension != "yaml" && extension != "yml" {
            continue;
        }
        let content = text(&bytes);
        let first = content.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{} names no schema: {first}", path.display()));
        let schema = path.parent().unwrap().join(schema);
        let schema = schema
            .canonicalize()
            .unwrap_or_else(|error| panic!("{}: {}: {error}", path.display(), schema.display()));
        found.entry(schema).or_default().insert(path);
    }
    found
}

#[test]
fn every_shipped_control_query_framework_and_profile_agrees_with_the_schema_that_it_names() {
    let found = by_schema(Path::new("controls"));
    let names: Vec<String> = found
        .keys()
        .map(|schema| schema.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "control.schema.json",
            "framework.schema.json",
            "guide.schema.json",
            "query.schema.json",
            "profile.schema.json",
        ]
    );
    for (schema, files) in &found {
        assert_valid(schema, files);
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = Path::new("docs/schemas");
    for (schema, wrong) in [
        ("inventory", "targets: [{ id: a }]\n"),
        ("profile", "name: a\nbasis: baseline\n"),
        ("pgdossier", "organisation: Acme\ninventory: 1\n"),
        ("attestation", "kind: attestation\ncontrols: [a]\n"),
        ("attestation", "kind: attestation\ndraft: false\ncontrols: [a]\n"),
        (
            "attestation",
            "kind: attestation\ndraft: true\ncontrols: [a]\nanswer: perhaps\n",
        ),
        ("certificate", "kind: certificate\ndraft: true\n"),
    ] {
        let file = folder.path().join("wrong.yaml");
        std::fs::write(&file, wrong).unwrap();
        let (valid, said) = validate(
            &schemas.join(format!("{schema}.schema.json")),
            &BTreeSet::from([file]),
        );
        assert!(!valid, "{wrong}: {said}");
    }
}

#[test]
fn what_the_demo_attests_agrees_with_the_schemas_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    for (schema, files) in by_schema(Path::new("src/demo")) {
        let mut written = BTreeSet::new();
        for file in files {
            // `{today-12}` stands for a day.
            let content = std::fs::read_to_string(&file).unwrap();
            let mut parts = content.split("{today");
            let mut whole = parts.next().unwrap().to_owned();
            for part in parts {
                whole.push_str("2026-11-23");
                whole.push_str(part.split_once('}').unwrap().1);
            }
            let path = folder.path().join(file.file_name().unwrap());
            std::fs::write(&path, whole).unwrap();
            written.insert(path);
        }
        assert_valid(&schema, &written);
    }
}

#[test]
fn every_file_of_a_new_workspace_agrees_with_the_committed_schema_that_lies_beside_it() {
    for site in [None, Some("own"), Some("co-location"), Some("cloud")] {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().join("w");
        let mut command = pgdossier();
        command.arg("init").arg(&workspace).args([
            "--no-passphrase",
            "--organisation",
            "Weiß & \"Söhne\": # \\ AG\u{202e}",
        ]);
        command.args(["--connection", "host=db1 dbname='a b' user=x"]);
        if let Some(site) = site {
            command.args(["--site", site]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let found = by_schema(&workspace);
        let named: BTreeSet<String> = found
            .keys()
            .map(|schema| schema.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let mut expected = BTreeSet::from([
            "attestation.schema.json".to_owned(),
            "inventory.schema.json".to_owned(),
            "pgdossier.schema.json".to_owned(),
            "profile.schema.json".to_owned(),
        ]);
        if site != Some("own") {
            expected.insert("certificate.schema.json".to_owned());
        }
        assert_eq!(named, expected, "{site:?}");
        for (schema, files) in &found {
            assert_valid(schema, files);
        }
        let schemas = workspace.join(".schemas");
        let policy = workspace.join("trust-policy.json");
        let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&policy).unwrap()).unwrap();
        assert_valid(
            &workspace.join(read["$schema"].as_str().unwrap()),
            &BTreeSet::from([policy]),
        );
        for (path, bytes) in files(&schemas) {
            let name = path.file_name().unwrap();
            let committed = std::fs::read(Path::new("docs/schemas").join(name)).unwrap();
            assert!(
                bytes == committed,
                "docs/schemas/{name:?} is out of date: run make docs"
            );
        }
    }
}

/// The YAML that a page shows: blocks of it, and files that its commands write.
fn shown(page: &str) -> Vec<String> {
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().to_owned());
    let written = page.split("<<'YAML'\n").skip(1);
    let written = written.map(|rest| rest.split("\nYAML\n").next().unwrap().to_owned() + "\n");
    blocks.chain(written).collect()
}

#[test]
fn every_yaml_example_of_the_documents_agrees_with_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let mut by_kind: BTreeMap<&str, BTreeSet<PathBuf>> = BTreeMap::new();
    let mut pages = vec![PathBuf::from("README.md")];
    pages.extend(
        files(Path::new("docs"))
            .into_iter()
            .map(|(path, _)| path)
            .filter(|path| path.extension().is_some_and(|extension| extension == "md")),
    );
    for page in pages {
        for (number, example) in shown(&std::fs::read_to_string(&page).unwrap()).iter().enumerate() {
            let starts = |word: &str| example.lines().any(|line| line.starts_with(word));
            let kind = match () {
                () if starts("kind: attestation") => "attestation",
                () if starts("kind: certificate") => "certificate",
                () if starts("targets:") && !starts("control:") => "inventory",
                () if starts("organisation:") => "pgdossier",
                () if starts("control:") => "waiver",
                () if starts("base:") || starts("select:") || starts("exclude:") => "profile",
                () => panic!("{}: which schema is this for?\n{example}", page.display()),
            };
            let name = format!("{}-{number}.yaml", page.file_stem().unwrap().to_string_lossy());
            let path = folder.path().join(name);
            std::fs::write(&path, example).unwrap();
            by_kind.entry(kind).or_default().insert(path);
        }
    }
    assert!(by_kind.len() >= 3, "{by_kind:?}");
    for (kind, files) in by_kind {
        assert_valid(
            &Path::new("docs/schemas").join(format!("{kind}.schema.json")),
            &files,
        );
    }
}
