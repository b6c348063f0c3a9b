//! Samples from a signed population: anybody draws the same, and nobody's spreadsheet runs what a server says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use pgdossier::bundle::Digest;
use serde_json::Value;
use support::{Assessed, Workspace, conninfo_as, pgdossier, server, sql, text};

/// A role's name that a spreadsheet would run, and one that Markdown would show as something else.
const FORMULA: &str = "=HYPERLINK(\"http://evil.example\")";
const MARKUP: &str = "a|b <img src=x> `x` \u{202e}";

/// One assessed server for all tests, gone when its bundle is sealed.
struct Sealed {
    workspace: Workspace,
    assessed: Assessed,
    policy: std::path::PathBuf,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let cluster = server(&[]);
    let grants = pgdossier()
        .args(["grants", "--role", "auditor"])
        .output()
        .unwrap();
    sql(&cluster, "postgres", &text(&grants.stdout));
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    sql(
        &cluster,
        "postgres",
        &format!("CREATE ROLE {} LOGIN", quoted(FORMULA)),
    );
    sql(
        &cluster,
        "postgres",
        &format!("CREATE ROLE {} LOGIN", quoted(MARKUP)),
    );
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&conninfo_as(&cluster, "auditor", "postgres"));
    let policy = workspace.policy();
    Sealed {
        workspace,
        assessed,
        policy,
    }
});

fn sample(bundle: &Path, out: &Path, arguments: &[&str]) -> (Output, Value) {
    let output = pgdossier()
        .args(["--format", "json", "sample"])
        .arg(bundle)
        .args(arguments)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output, json)
}

fn lines(json: &Value) -> Vec<u64> {
    let items = json["items"].as_array().unwrap().iter();
    items.map(|item| item["line"].as_u64().unwrap()).collect()
}

/// A control whose population are all roles.
const ROLES: &str = "expired-roles-cannot-log-in";

#[test]
fn the_same_seed_draws_the_same_rows_and_anybody_can_do_it_by_hand() {
    let (folder, sealed) = (tempfile::tempdir().unwrap(), &*SEALED);
    let trust = sealed.policy.to_str().unwrap();
    let arguments = [
        "--control",
        ROLES,
        "--size",
        "4",
        "--seed",
        "2026-11-23 AB",
        "--trust",
        trust,
        "--as-of",
        "2026-11-24",
    ];
    let (output, json) = sample(&sealed.assessed.archive(), &folder.path().join("a"), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(json["verified"], true);
    let (_, again) = sample(&sealed.assessed.folder(), &folder.path().join("b"), &arguments);
    assert_eq!(json["items"], again["items"]);
    for name in [
        "sample-expired-roles-cannot-log-in.csv",
        "sample-expired-roles-cannot-log-in.md",
    ] {
        let read = |part: &str| std::fs::read(folder.path().join(part).join(name)).unwrap();
        assert_eq!(read("a"), read("b"), "{name}");
    }
    // With a shell alone, as the method says.
    let file = json["items"][0]["file"].as_str().unwrap();
    let statement = Digest::of(&std::fs::read(sealed.assessed.folder().join("statement.json")).unwrap());
    let script = format!(
        "n=0; while read -r row; do n=$((n+1)); case $row in *'\"can_login\":true'*) printf '%s %s\\n' \"$(printf '%s\\n%s\\n%s\\n%s' '2026-11-23 AB' {statement} {file} $n | sha256sum | cut -c1-64)\" $n;; esac; done < {file} | sort | head -4"
    );
    let by_hand = Command::new("sh")
        .args(["-c", &script])
        .current_dir(sealed.assessed.folder())
        .output()
        .unwrap();
    let drawn: Vec<String> = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| format!("{} {}", item["ticket"].as_str().unwrap(), item["line"]))
        .collect();
    assert_eq!(text(&by_hand.stdout).lines().collect::<Vec<_>>(), drawn);
    // Each row is the sealed one.
    let rows = std::fs::read_to_string(sealed.assessed.folder().join(file)).unwrap();
    for item in json["items"].as_array().unwrap() {
        let line = usize::try_from(item["line"].as_u64().unwrap()).unwrap();
        let row: Value = serde_json::from_str(rows.lines().nth(line - 1).unwrap()).unwrap();
        assert_eq!(item["row"], row);
    }
    // Another seed, and a smaller sample of the same seed.
    let with = |name: &str, seed: &str, size: &str| {
        let arguments = ["--control", ROLES, "--size", size, "--seed", seed];
        lines(&sample(&sealed.assessed.folder(), &folder.path().join(name), &arguments).1)
    };
    assert_eq!(with("c", "2026-11-23 AB", "2"), lines(&json)[..2]);
    assert_ne!(with("d", "another", "4"), lines(&json));
}

#[test]
fn what_a_server_says_is_neither_formula_nor_markup() {
    let (folder, sealed) = (tempfile::tempdir().unwrap(), &*SEALED);
    let arguments = ["--control", ROLES, "--size", "1000", "--seed", "s"];
    let (output, json) = sample(&sealed.assessed.folder(), folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("who sealed the bundle was not checked"));
    let csv = std::fs::read_to_string(folder.path().join(format!("sample-{ROLES}.csv"))).unwrap();
    assert!(
        csv.contains("\"'=HYPERLINK(\"\"http://evil.example\"\")\""),
        "{csv}"
    );
    for cell in csv.split("\r\n").flat_map(|line| line.split("\",\"")) {
        assert!(
            !cell.trim_start_matches('"').starts_with(['=', '+', '@']),
            "{cell}"
        );
    }
    assert!(!csv.contains('\u{202e}'));
    let population = json["population"].as_u64().unwrap();
    assert_eq!(csv.split("\r\n").count() as u64, population + 2);
    let sheet = std::fs::read_to_string(folder.path().join(format!("sample-{ROLES}.md"))).unwrap();
    assert!(!sheet.contains('\u{202e}') && !sheet.contains(" <img"));
    assert!(sheet.contains("a\\|b \\<img"), "{sheet}");
    for wanted in [
        "1000 asked",
        ": the whole population",
        "sha256sum",
        "- [ ] exception",
        "| Performed by, date | |",
    ] {
        assert!(sheet.contains(wanted), "{wanted}: {sheet}");
    }
    assert_eq!(sheet.matches("\n### ").count() as u64, population);
    // What somebody may have written into is never overwritten.
    let (output, _) = sample(&sealed.assessed.folder(), folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("exists already"));
}

#[test]
fn only_rows_that_the_expectation_is_about_are_drawn() {
    let (folder, sealed) = (tempfile::tempdir().unwrap(), &*SEALED);
    let findings = sealed.assessed.findings();
    let partly = findings.iter().filter(|finding| {
        let count = |name: &str| finding[name].as_u64().unwrap();
        finding["status"] != "not-evaluated"
            && count("examined") > 0
            && count("examined") < count("population")
    });
    let mut looked = 0;
    for (number, finding) in partly.enumerate() {
        let arguments = [
            "--control",
            finding["control"].as_str().unwrap(),
            "--size",
            "100000",
            "--seed",
            "s",
        ];
        let (_, json) = sample(
            &sealed.assessed.folder(),
            &folder.path().join(number.to_string()),
            &arguments,
        );
        assert_eq!(json["population"], finding["examined"], "{finding:#}");
        let exceptions: Vec<u64> = finding["exceptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["line"].as_u64().unwrap())
            .collect();
        let mut judged: Vec<u64> = json["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["judged"] == "exception")
            .map(|item| item["line"].as_u64().unwrap())
            .collect();
        judged.sort_unstable();
        assert_eq!(judged, exceptions);
        looked += 1;
    }
    assert!(looked > 10, "{looked}");
}

#[test]
fn empty_and_hidden_populations_say_so() {
    let (folder, sealed) = (tempfile::tempdir().unwrap(), &*SEALED);
    let (output, json) = sample(
        &sealed.assessed.folder(),
        &folder.path().join("empty"),
        &[
            "--control",
            "replication-slots-kept-up",
            "--size",
            "3",
            "--seed",
            "s",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        (&json["population"], json["items"].as_array().unwrap().len()),
        (&Value::from(0), 0)
    );
    let sheet =
        std::fs::read_to_string(folder.path().join("empty/sample-replication-slots-kept-up.md")).unwrap();
    assert!(sheet.contains("has no row that could be chosen"), "{sheet}");
    // Nothing attested: nobody saw anything, which is no empty population.
    let (output, json) = sample(
        &sealed.assessed.folder(),
        &folder.path().join("hidden"),
        &["--control", "physical-locked-racks", "--size", "3", "--seed", "s"],
    );
    assert_eq!(output.status.code(), Some(4), "{json:#}");
    assert!(
        json["subjects"][0]["hidden"][0]
            .as_str()
            .unwrap()
            .contains("missing"),
        "{json:#}"
    );
    let sheet =
        std::fs::read_to_string(folder.path().join("hidden/sample-physical-locked-racks.md")).unwrap();
    assert!(
        sheet.contains("Not in the population, for nobody sees it"),
        "{sheet}"
    );
}

#[test]
fn withheld_and_changed_rows_are_never_drawn() {
    let (folder, sealed) = (tempfile::tempdir().unwrap(), &*SEALED);
    let copied = folder.path().join("copy");
    let status = Command::new("cp")
        .arg("-r")
        .arg(sealed.assessed.folder())
        .arg(&copied)
        .status()
        .unwrap();
    assert!(status.success());
    let target = sealed.assessed.json["targets"][0]["id"].as_str().unwrap();
    let rows = copied.join(format!("targets/{target}/evidence/roles.ndjson"));
    let trust = sealed.policy.to_str().unwrap();
    let arguments = [
        "--control",
        ROLES,
        "--size",
        "4",
        "--seed",
        "s",
        "--trust",
        trust,
        "--as-of",
        "2026-11-24",
    ];
    let changed = std::fs::read_to_string(&rows)
        .unwrap()
        .replace("auditor", "auditee");
    std::fs::write(&rows, changed).unwrap();
    for arguments in [&arguments[..6], &arguments[..]] {
        let (output, _) = sample(&copied, &folder.path().join("out"), arguments);
        assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("file.changed"));
    }
    std::fs::remove_file(&rows).unwrap();
    let (output, _) = sample(&copied, &folder.path().join("out"), &arguments);
    assert_eq!(output.status.code(), Some(5));
    assert!(!folder.path().join("out").exists());
    let allowed = [&arguments[..], &["--allow-withheld"]].concat();
    let (output, json) = sample(&copied, &folder.path().join("out"), &allowed);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert_eq!(json["subjects"][0]["hidden"][0], "its rows are withheld");
}

#[test]
fn wrong_names_are_refused() {
    let (folder, sealed) = (tempfile::tempdir().unwrap(), &*SEALED);
    for arguments in [
        &["--control", "no-such-control", "--size", "1", "--seed", "s"][..],
        &[
            "--control",
            ROLES,
            "--size",
            "1",
            "--seed",
            "s",
            "--target",
            "no-such-target",
        ],
        &["--control", ROLES, "--size", "0", "--seed", "s"],
        &["--control", ROLES, "--size", "1", "--seed", ""],
        &["--control", ROLES, "--size", "1", "--seed", "a\nb"],
    ] {
        let (output, _) = sample(&sealed.assessed.folder(), &folder.path().join("out"), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert!(!folder.path().join("out").exists());
    assert_eq!(sealed.workspace.bundles().len(), 2);
}
