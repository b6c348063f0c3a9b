//! A series of bundles as an auditor keeps it: complete, in time, unforked, and continuing what was accepted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pgdossier::assessment::{Definitions, Operator, Period, Summary, TargetSummary, Tool};
use pgdossier::bundle::{
    Contents, Description, Digest, SealOptions, TreeHead, is_consistent, seal, tree_head_of_lines,
};
use pgdossier::finding::Tally;
use pgdossier::record::{FORMAT, to_json};
use pgdossier::sign::{Signer as _, SigningKey, TrustPolicy};
use serde_json::Value;
use support::{pgdossier, text};

/// A team's key and where its bundles go.
struct Team {
    folder: tempfile::TempDir,
    key: SigningKey,
}

/// What one bundle is to be.
struct Quarter<'a> {
    id: &'a str,
    period: &'a str,
    as_of: &'a str,
    previous: Option<&'a Path>,
    targets: &'a [&'a str],
    files: BTreeMap<&'a str, String>,
}

fn quarter<'a>(id: &'a str, period: &'a str, as_of: &'a str, previous: Option<&'a Path>) -> Quarter<'a> {
    Quarter {
        id,
        period,
        as_of,
        previous,
        targets: &["db1"],
        files: BTreeMap::from([
            ("controls/guide.yaml", "guide\n".to_owned()),
            ("controls/access/tcp/a.yaml", "a\n".to_owned()),
            ("profile.json", "{}\n".to_owned()),
        ]),
    }
}

impl Team {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            key: SigningKey::generate().unwrap(),
        }
    }

    fn bundles(&self) -> PathBuf {
        self.folder.path().join("bundles")
    }

    fn seal(&self, quarter: &Quarter<'_>) -> PathBuf {
        self.seal_as(quarter, "acme", &self.key)
    }

    fn seal_as(&self, quarter: &Quarter<'_>, series: &str, key: &SigningKey) -> PathBuf {
        let mut contents = Contents::new();
        contents
            .insert("assessment.json", to_json(&summary(quarter)))
            .unwrap();
        for (path, text) in &quarter.files {
            contents.insert(path, text.clone().into_bytes()).unwrap();
        }
        let description = Description {
            id: quarter.id.to_owned(),
            series: series.to_owned(),
            organisation: "Acme".to_owned(),
            period: quarter.period.to_owned(),
            as_of: quarter.as_of.parse().unwrap(),
            tool: pgdossier::bundle::Tool {
                name: "pgdossier".to_owned(),
                version: "0.1.0".to_owned(),
                commit: None,
            },
        };
        let cancel = AtomicBool::new(false);
        let options = SealOptions {
            cancel: &cancel,
            threads: None,
        };
        let sealed = seal(
            contents,
            &description,
            quarter.previous,
            key,
            "assessor",
            &self.bundles(),
            &options,
        );
        sealed.unwrap().folder
    }

    fn policy(&self) -> PathBuf {
        self.policy_until("2029-01-01T00:00:00Z")
    }

    fn policy_until(&self, until: &str) -> PathBuf {
        let path = self.folder.path().join("trust-policy.json");
        let from = "2026-01-01T00:00:00Z".parse().unwrap();
        let policy = TrustPolicy::single(
            self.key.public_key(),
            "Ann",
            "assessor",
            from,
            until.parse().unwrap(),
        );
        policy.write(&path).unwrap();
        path
    }

    /// Three quarters, one after another, each in time.
    fn three(&self) -> [PathBuf; 3] {
        let first = self.seal(&quarter("q1", "2026-Q1", "2026-04-02T00:00:00Z", None));
        let second = self.seal(&quarter("q2", "2026-Q2", "2026-07-02T00:00:00Z", Some(&first)));
        let third = self.seal(&quarter("q3", "2026-Q3", "2026-10-02T00:00:00Z", Some(&second)));
        [first, second, third]
    }

    fn run(&self, verb: &str, arguments: &[&str]) -> (i32, Value, String) {
        self.run_at("2026-11-01", verb, arguments)
    }

    fn run_at(&self, as_of: &str, verb: &str, arguments: &[&str]) -> (i32, Value, String) {
        let output = pgdossier()
            .args(["--format", "json", "series", verb, "--as-of", as_of])
            .arg(self.bundles())
            .args(arguments)
            .output()
            .unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code().unwrap(), json, text(&output.stderr))
    }

    fn check(&self, policy: &Path, more: &[&str]) -> (i32, Value, String) {
        let mut arguments = vec!["--trust", policy.to_str().unwrap()];
        arguments.extend(more);
        self.run("check", &arguments)
    }

    fn verify(&self, bundle: &Path, policy: &Path) -> (i32, Vec<String>) {
        let output = pgdossier()
            .args(["--format", "json", "verify", "--as-of", "2026-11-01"])
            .arg(bundle)
            .arg("--trust")
            .arg(policy)
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let checks = json["checks"].as_array().unwrap().iter();
        let failures = checks.flat_map(|check| check["failures"].as_array().unwrap());
        let codes = failures
            .map(|failure| failure["code"].as_str().unwrap().to_owned())
            .collect();
        (output.status.code().unwrap(), codes)
    }
}

fn summary(quarter: &Quarter<'_>) -> Summary {
    let target = |id: &&str| TargetSummary {
        id: (*id).to_owned(),
        connection: String::new(),
        tags: Vec::new(),
        site: None,
        server: None,
        failure: None,
        warnings: Vec::new(),
        tally: Tally::default(),
    };
    Summary {
        format: FORMAT.to_owned(),
        id: quarter.id.to_owned(),
        organisation: "Acme".to_owned(),
        period: Period::parse(quarter.period).unwrap(),
        as_of: quarter.as_of.parse().unwrap(),
        tool: Tool {
            name: "pgdossier".to_owned(),
            version: "0.1.0".to_owned(),
            binary_sha256: None,
        },
        operator: Operator {
            user: "ann".to_owned(),
            host: "audit".to_owned(),
        },
        definitions: Definitions {
            catalog_sha256: String::new(),
            controls: 1,
            profile: "baseline".to_owned(),
            templates_sha256: String::new(),
        },
        targets: quarter.targets.iter().map(target).collect(),
        tally: Tally::default(),
    }
}

fn codes(json: &Value) -> Vec<String> {
    let of = |problems: &Value| -> Vec<String> {
        let problems = problems.as_array().unwrap().iter();
        problems
            .map(|problem| problem["code"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut all = of(&json["invalid"]);
    for series in json["series"].as_array().unwrap() {
        all.extend(of(&series["problems"]));
    }
    all
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn attestation(performed: &str, expires: &str, more: &str) -> String {
    format!(
        "kind: attestation\ncontrols: [physical-locked-racks]\nstatement: The racks are locked.\nanswer: satisfied\n\
         method: examine\nperformed_by: {{ name: Bo }}\nperformed_at: {performed}\nexpires_at: {expires}\n{more}"
    )
}

#[test]
fn three_quarters_in_time_are_good_and_tell_their_checkpoint() {
    let team = Team::new();
    team.three();
    let (code, json, stderr) = team.check(&team.policy(), &[]);
    assert_eq!(code, 0, "{json:#} {stderr}");
    let series = &json["series"][0];
    assert_eq!(series["id"], "acme");
    let bundles = series["bundles"].as_array().unwrap();
    assert_eq!(
        bundles
            .iter()
            .map(|one| one["bundle_id"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["q1", "q2", "q3"]
    );
    // Folder and ZIP are one bundle.
    assert!(
        bundles
            .iter()
            .all(|one| one["paths"].as_array().unwrap().len() == 2)
    );
    assert!(
        bundles
            .iter()
            .all(|one| one["verdict"] == "valid" && one["signers"][0] == "Ann (assessor)")
    );
    let lines: String = bundles
        .iter()
        .map(|one| {
            format!(
                "{}  {}\n",
                one["statement_sha256"].as_str().unwrap(),
                one["bundle_id"].as_str().unwrap()
            )
        })
        .collect();
    let head = tree_head_of_lines(lines.as_bytes());
    assert_eq!(series["checkpoint"]["size"], 3);
    assert_eq!(series["checkpoint"]["root"], head.root.to_string());
    // The same for people.
    let output = pgdossier()
        .args(["series", "status", "--as-of", "2026-11-01"])
        .arg(team.bundles())
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("nothing is missing, late, forked or lapsed"),
        "{said}"
    );
    assert!(said.contains(&format!("size 3, root {}", head.root)), "{said}");
    assert!(said.contains("who sealed the bundles was not checked"), "{said}");
}

#[test]
fn a_remembered_checkpoint_names_what_does_not_continue_it() {
    let team = Team::new();
    let policy = team.policy();
    let [_, second, third] = team.three();
    let (code, json, _) = team.check(&policy, &["--remember"]);
    assert_eq!((code, &json["remembered"]), (0, &Value::Bool(true)));
    let remembered = TrustPolicy::load(&policy).unwrap().series.unwrap();
    assert_eq!((remembered.id.as_str(), remembered.size), ("acme", 3));
    // What was accepted is of the past; what follows it is good; what leaves one out, or follows others, is named.
    assert_eq!(
        team.verify(&third, &policy),
        (5, vec!["chain.reordered".to_owned()])
    );
    let fourth = team.seal(&quarter("q4", "2026-Q4", "2026-10-20T00:00:00Z", Some(&third)));
    assert_eq!(team.verify(&fourth, &policy), (0, vec![]));
    let fifth = team.seal(&quarter("q5", "2026-Q4", "2026-10-21T00:00:00Z", Some(&fourth)));
    assert_eq!(
        team.verify(&fifth, &policy),
        (5, vec!["chain.skipped".to_owned()])
    );
    let (code, json, _) = team.check(&policy, &[]);
    assert_eq!(code, 0, "{json:#}");
    // Both checkpoints and the proof are enough to see that the history only grew.
    let series = &json["series"][0];
    let root = |value: &Value| value.as_str().unwrap().parse::<Digest>().unwrap();
    let proof: Vec<Digest> = series["known"]["consistency_proof"]
        .as_array()
        .unwrap()
        .iter()
        .map(root)
        .collect();
    let head = |value: &Value| TreeHead {
        size: value["size"].as_u64().unwrap(),
        root: root(&value["root"]),
    };
    assert!(is_consistent(
        head(&series["known"]),
        head(&series["checkpoint"]),
        &proof
    ));
    // Earlier bundles need not be here any more.
    for old in ["q1", "q2", "q3"] {
        std::fs::remove_dir_all(team.bundles().join(old)).unwrap();
        std::fs::remove_file(team.bundles().join(format!("{old}.zip"))).unwrap();
    }
    let (code, json, _) = team.check(&policy, &["--remember"]);
    assert_eq!(code, 0, "{json:#}");
    assert_eq!(TrustPolicy::load(&policy).unwrap().series.unwrap().size, 5);
    // Bundles from before the checkpoint cannot be held against it.
    let alone = Team {
        folder: tempfile::tempdir().unwrap(),
        key: SigningKey::generate().unwrap(),
    };
    std::fs::create_dir_all(alone.bundles()).unwrap();
    let _ = second;
    copy(&fourth, &alone.bundles().join("q4"));
    let (code, json, _) = alone.check(&policy, &["--remember"]);
    assert_eq!(code, 4, "{json:#}");
    assert!(codes(&json).contains(&"series.behind".to_owned()));
    assert_eq!(json["remembered"], false);
}

#[test]
fn gaps_and_late_early_and_overdue_assessments_are_exceptions() {
    let team = Team::new();
    let first = team.seal(&quarter("q1", "2026-Q1", "2026-06-15T00:00:00Z", None));
    let third = team.seal(&quarter("q3", "2026-Q3", "2026-06-20T00:00:00Z", Some(&first)));
    let policy = team.policy();
    let (code, json, _) = team.check(&policy, &[]);
    assert_eq!(code, 3, "{json:#}");
    assert_eq!(codes(&json), ["series.late", "series.early", "series.gap"]);
    let problems = &json["series"][0]["problems"];
    assert!(
        problems[0]["message"]
            .as_str()
            .unwrap()
            .contains("76 days after the end of 2026-Q1"),
        "{problems:#}"
    );
    assert!(
        problems[2]["message"]
            .as_str()
            .unwrap()
            .contains("2026-04-01 to 2026-06-30"),
        "{problems:#}"
    );
    // How late is late is the organisation's to say, and a bundle made afterwards fills the gap.
    team.seal(&quarter("q2", "2026-Q2", "2026-10-01T00:00:00Z", Some(&third)));
    let (_, json, _) = team.check(&policy, &["--late-after", "100"]);
    assert_eq!(codes(&json), ["series.early"]);
    let (code, json, _) = team.run_at("2027-03-01", "status", &["--late-after", "100"]);
    assert_eq!((code, codes(&json)), (3, vec!["series.early".to_owned()]));
    let (_, json, _) = team.run_at("2027-06-01", "status", &["--late-after", "100"]);
    assert_eq!(codes(&json), ["series.early", "series.overdue"]);
}

#[test]
fn a_fork_fails_and_is_not_remembered() {
    let team = Team::new();
    let policy = team.policy();
    let [first, _, _] = team.three();
    team.seal(&quarter(
        "q2-other",
        "2026-Q2",
        "2026-07-03T00:00:00Z",
        Some(&first),
    ));
    let before = std::fs::read(&policy).unwrap();
    let (code, json, _) = team.check(&policy, &["--remember"]);
    assert_eq!(code, 5, "{json:#}");
    assert_eq!(codes(&json), ["chain.forked"]);
    let bundles = json["series"][0]["problems"][0]["bundles"].as_array().unwrap();
    assert_eq!(bundles, &["q2", "q2-other"]);
    assert_eq!(json["remembered"], false);
    assert_eq!(std::fs::read(&policy).unwrap(), before);
}

#[test]
fn another_history_than_the_accepted_one_fails() {
    let (team, other) = (Team::new(), Team::new());
    team.three();
    let policy = team.policy();
    assert_eq!(team.check(&policy, &["--remember"]).0, 0);
    // The same team begins anew, with the same names.
    let key = team.key;
    let mut previous: Option<PathBuf> = None;
    for (id, period, as_of) in [
        ("q1", "2026-Q1", "2026-04-03T00:00:00Z"),
        ("q2", "2026-Q2", "2026-07-03T00:00:00Z"),
        ("q3", "2026-Q3", "2026-10-03T00:00:00Z"),
        ("q4", "2026-Q4", "2026-10-20T00:00:00Z"),
    ] {
        previous = Some(other.seal_as(&quarter(id, period, as_of, previous.as_deref()), "acme", &key));
    }
    let (code, json, _) = other.check(&policy, &[]);
    assert_eq!(code, 5, "{json:#}");
    assert!(codes(&json).contains(&"chain.forked".to_owned()), "{json:#}");
    assert_eq!(json["series"][0]["known"]["continued"], false);
    assert_eq!(
        other.verify(&previous.unwrap(), &policy),
        (5, vec!["chain.forked".to_owned()])
    );
}

#[test]
fn a_missing_bundle_is_named_by_what_its_successor_says_of_it() {
    let team = Team::new();
    let policy = team.policy();
    let [_, second, _] = team.three();
    let digest = Digest::of(&std::fs::read(second.join("statement.json")).unwrap()).to_string();
    std::fs::remove_dir_all(&second).unwrap();
    std::fs::remove_file(team.bundles().join("q2.zip")).unwrap();
    let (code, json, _) = team.check(&policy, &["--remember"]);
    // The gap in what was looked at outranks that it was not looked at.
    assert_eq!(code, 3, "{json:#}");
    assert_eq!(codes(&json), ["chain.skipped", "series.gap"]);
    let problem = &json["series"][0]["problems"][0];
    assert_eq!(problem["bundles"][0], "q2");
    assert!(problem["message"].as_str().unwrap().contains(&digest));
    assert_eq!(json["remembered"], false);
}

#[test]
fn what_does_not_verify_is_left_out_and_fails() {
    let team = Team::new();
    let policy = team.policy();
    let [first, second, third] = team.three();
    for name in ["q1.zip", "q2.zip", "q3.zip"] {
        std::fs::remove_file(team.bundles().join(name)).unwrap();
    }
    std::fs::write(first.join("controls/access/tcp/a.yaml"), "b\n").unwrap();
    std::fs::remove_file(second.join("statement.json")).unwrap();
    std::fs::write(team.bundles().join("notes.txt"), "mine").unwrap();
    let (code, json, _) = team.check(&policy, &[]);
    assert_eq!(code, 5, "{json:#}");
    assert_eq!(codes(&json)[..2], ["series.invalid", "series.invalid"]);
    assert!(
        json["invalid"][0]["message"]
            .as_str()
            .unwrap()
            .contains("file.changed"),
        "{json:#}"
    );
    assert_eq!(json["series"][0]["bundles"].as_array().unwrap().len(), 1);
    assert!(json["ignored"][0].as_str().unwrap().ends_with("notes.txt"));
    // Somebody else's bundle does not count, whatever it says of itself.
    let stranger = SigningKey::generate().unwrap();
    team.seal_as(
        &quarter("q4", "2026-Q4", "2026-10-20T00:00:00Z", Some(&third)),
        "acme",
        &stranger,
    );
    let (_, json, _) = team.check(&policy, &[]);
    let strange = json["invalid"].as_array().unwrap().iter();
    assert_eq!(
        strange
            .filter(|one| one["message"].to_string().contains("signature.untrusted"))
            .count(),
        2
    );
    // Without a policy too, a bundle that contradicts itself is no bundle.
    let statement = third.join("statement.json");
    let said = std::fs::read_to_string(&statement).unwrap();
    std::fs::write(&statement, said.replace("\"index\": 2", "\"index\": 7")).unwrap();
    let (code, json, _) = team.run("status", &[]);
    assert_eq!(code, 5);
    let invalid = json["invalid"].as_array().unwrap();
    assert!(
        invalid
            .iter()
            .any(|one| one["message"].to_string().contains("chain.size")),
        "{json:#}"
    );
    let empty = tempfile::tempdir().unwrap();
    let output = pgdossier()
        .args(["series", "status"])
        .arg(empty.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_was_changed_between_bundles_is_told() {
    let team = Team::new();
    let first = team.seal(&quarter("q1", "2026-Q1", "2026-04-02T00:00:00Z", None));
    let mut next = quarter("q2", "2026-Q2", "2026-07-02T00:00:00Z", Some(&first));
    next.targets = &["db2", "db3"];
    next.files.insert("controls/guide.yaml", "another\n".to_owned());
    next.files.remove("controls/access/tcp/a.yaml");
    next.files.insert("controls/access/tls/b.yaml", "b\n".to_owned());
    next.files
        .insert("profile.json", "{\"name\": \"x\"}\n".to_owned());
    next.files.insert("controls/queries/roles.yaml", "q\n".to_owned());
    let other = SigningKey::generate().unwrap();
    let second = team.seal_as(&next, "acme", &other);
    let mut last = quarter("q3", "2026-Q3", "2026-10-02T00:00:00Z", Some(&second));
    last.targets = &["db2", "db3"];
    last.files = next.files.clone();
    last.files
        .insert("controls/access/tls/b.yaml", "changed\n".to_owned());
    team.seal_as(&last, "acme", &other);
    let (code, json, _) = team.run("status", &[]);
    assert_eq!(code, 0, "{json:#}");
    let changes = |index: usize| -> Vec<(String, String)> {
        let list = json["series"][0]["changes"][index]["changes"]
            .as_array()
            .unwrap()
            .iter();
        list.map(|one| {
            (
                one["what"].as_str().unwrap().to_owned(),
                one["detail"][0].as_str().unwrap().to_owned(),
            )
        })
        .collect()
    };
    let first = changes(0);
    for (what, detail) in [
        ("guide", "controls/guide.yaml"),
        ("controls-added", "b"),
        ("controls-removed", "a"),
        ("queries", "controls/queries/roles.yaml"),
        ("profile", "baseline, with other selections or parameters"),
        ("targets-added", "db2"),
        ("targets-removed", "db1"),
    ] {
        assert!(
            first.contains(&(what.to_owned(), detail.to_owned())),
            "{what}: {first:?}"
        );
    }
    assert!(first.iter().any(|(what, _)| what == "key"));
    assert_eq!(changes(1), [("controls-changed".to_owned(), "b".to_owned())]);
}

#[test]
fn statements_that_ended_inside_a_period_are_told_unless_something_took_their_place() {
    let team = Team::new();
    let mut first = quarter("q1", "2026-Q1", "2026-03-20T00:00:00Z", None);
    first.targets = &["db1", "db2"];
    first.files.insert(
        "attestations/racks.yaml",
        attestation("2025-12-01", "2026-03-25", ""),
    );
    first.files.insert(
        "attestations/open.yaml",
        attestation("2025-12-01", "2026-02-10", "targets: [db2]\n"),
    );
    let one = team.seal(&first);
    let mut second = quarter("q2", "2026-Q2", "2026-06-20T00:00:00Z", Some(&one));
    second.targets = &["db1", "db2"];
    // Continues where the first one ended, and is withdrawn with nothing in its place for a while.
    second.files.insert(
        "attestations/racks-2.yaml",
        attestation(
            "2026-03-26",
            "2026-12-31",
            "revoked_at: 2026-05-11\nrevoked_reason: mistaken\n",
        ),
    );
    second.files.insert(
        "attestations/racks-3.yaml",
        attestation("2026-06-01", "2027-06-01", "targets: [db1]\n"),
    );
    team.seal(&second);
    let (code, json, _) = team.run_at("2026-07-20", "status", &[]);
    assert_eq!(code, 3, "{json:#}");
    let problems = json["series"][0]["problems"].as_array().unwrap();
    let messages: Vec<&str> = problems
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        messages,
        [
            "inside 2026-Q2, `racks-2` ended on 2026-05-10 for `physical-locked-racks` (db2), and nothing has taken its place",
            "inside 2026-Q2, `racks-2` ended on 2026-05-10 for `physical-locked-racks` (db1), and nothing took its place until 2026-06-01",
        ]
    );
    assert!(
        problems
            .iter()
            .all(|one| one["code"] == "series.lapsed" && one["bundles"][0] == "q2")
    );
}

#[test]
fn a_key_that_expired_since_counts_for_what_was_accepted_while_it_was_valid() {
    let team = Team::new();
    team.three();
    let policy = team.policy_until("2026-10-10T00:00:00Z");
    let accepted = ["--trust", policy.to_str().unwrap(), "--remember"];
    let (code, json, _) = team.run_at("2026-11-01", "check", &accepted);
    assert_eq!((code, &json["remembered"]), (5, &Value::Bool(false)), "{json:#}");
    assert_eq!(codes(&json), ["key.expired", "key.expired", "key.expired"]);
    assert_eq!(team.run_at("2026-10-05", "check", &accepted).0, 0);
    let (code, json, _) = team.run_at("2026-11-01", "check", &accepted);
    assert_eq!(code, 0, "{json:#}");
    assert_eq!(json["series"][0]["bundles"][0]["verdict"], "key-expired");
    // What was made afterwards is not covered.
    team.seal(&quarter(
        "q4",
        "2026-Q4",
        "2026-10-20T00:00:00Z",
        Some(&team.bundles().join("q3")),
    ));
    let (code, json, _) = team.run_at("2026-11-01", "check", &accepted);
    assert_eq!((code, codes(&json)), (5, vec!["key.expired".to_owned()]));
}

#[test]
fn series_are_kept_apart() {
    let team = Team::new();
    let policy = team.policy();
    team.three();
    assert_eq!(team.check(&policy, &["--remember"]).0, 0);
    team.seal_as(
        &quarter("other", "2026-Q3", "2026-10-01T00:00:00Z", None),
        "other",
        &team.key,
    );
    let (code, json, _) = team.check(&policy, &[]);
    assert_eq!((code, codes(&json)), (5, vec!["chain.series".to_owned()]));
    let (code, _, stderr) = team.check(&policy, &["--remember"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("choose one with --series"), "{stderr}");
    let (code, json, _) = team.check(&policy, &["--series", "acme", "--remember"]);
    assert_eq!(code, 0, "{json:#}");
}

#[test]
fn no_name_writes_a_line_of_the_report() {
    let team = Team::new();
    let name = "other\ncheckpoint to keep: series acme";
    let bundle = quarter("other", "2026-Q3", "2026-10-01T00:00:00Z", None);
    team.seal_as(&bundle, name, &team.key);
    let output = pgdossier()
        .args(["series", "status", "--as-of", "2026-11-01"])
        .arg(team.bundles())
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(said.contains("series other\\u{a}checkpoint"), "{said}");
    let starts = ["checkpoint to keep: series acme"];
    assert!(
        !said
            .lines()
            .any(|line| starts.iter().any(|start| line.starts_with(start))),
        "{said}"
    );
}
