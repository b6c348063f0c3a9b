//! Profiles that differ by the targets' tags: what each comes to, where that is written, and what reports say of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::process::Output;

use serde_json::{Value, json};
use support::{Assessed, Workspace, pgdossier, server, sql, text};

/// What differs for payment servers is written below; line numbers matter.
const PROFILE: &str = "name: ours
base: strict
exclude:
  log-hostname-off: { reason: \"names help us <b>here</b>\", decided_by: Ann Stone, decided_at: 2026-10-01 }
  log-timezone-approved: the host keeps the time
severity: { log-connections: low }
parameters:
  tables-not-public: { approved: [public.shared] }
tags:
  pci:
    include: [log-timezone-approved]
    exclude: { log-replication-commands: nothing is replicated }
    severity: { log-connections: critical }
    parameters:
      tables-not-public: { approved: [] }
  test:
    severity: { log-connections: medium }
  emea:
    exclude: { log-error-verbosity: decided elsewhere }
";

struct Profiles {
    workspace: Workspace,
}

impl Profiles {
    fn new() -> Self {
        let profiles = Self {
            workspace: Workspace::new(),
        };
        profiles.workspace.write("profile.yaml", PROFILE);
        profiles
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = pgdossier();
        command.current_dir(self.workspace.folder.path());
        command.args(arguments).output().unwrap()
    }

    /// What a profile says of each control.
    fn show(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["--format", "json", "profile", "show"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn assess(&self, targets: &[(&str, &str, &str)]) -> Assessed {
        let mut inventory = String::from("targets:\n");
        for (id, connection, tags) in targets {
            let connection = serde_json::to_string(connection).unwrap();
            inventory.push_str(&format!(
                "  - {{ id: {id}, connection: {connection}, tags: [{tags}] }}\n"
            ));
        }
        let inventory = self.workspace.write("inventory.yaml", &inventory);
        let mut command = self.workspace.assess();
        command.current_dir(self.workspace.folder.path());
        command
            .args(["--profile", "profile.yaml", "--inventory"])
            .arg(inventory);
        Assessed::new(command.output().unwrap())
    }
}

fn control<'a>(shown: &'a Value, id: &str) -> &'a Value {
    let all = shown["controls"].as_array().unwrap();
    all.iter()
        .find(|control| control["id"] == id)
        .unwrap_or_else(|| panic!("{id} is not shown"))
}

#[test]
fn show_tells_what_counts_and_where_each_value_is_written() {
    let profiles = Profiles::new();
    let strict = profiles.show(&["strict"]);
    let connections = control(&strict, "log-connections");
    assert_eq!(connections["from"], "controls/profiles/strict.yaml:4");
    assert_eq!(
        connections["severity"]["from"],
        "controls/auditing/logging/log-connections.yaml"
    );
    let tables = &control(&strict, "tables-not-public")["parameters"]["approved"];
    assert_eq!(
        *tables,
        json!({"value": [], "from": "controls/data-access/privileges/tables-not-public.yaml"})
    );
    let baseline = profiles.show(&[]);
    assert_eq!(baseline["name"], "baseline");
    assert_eq!(
        control(&baseline, "hba-no-trust")["from"],
        "controls/profiles/baseline.yaml:4"
    );

    for (tags, severity, approved, timezone, replication) in [
        (
            &[][..],
            json!({"value": "low", "from": "profile.yaml:6"}),
            json!({"value": ["public.shared"], "from": "profile.yaml:8"}),
            (false, "profile.yaml:5"),
            (true, "controls/profiles/strict.yaml:4"),
        ),
        (
            &["--tag", "pci"],
            json!({"value": "critical", "from": "profile.yaml:13 (tag pci)"}),
            json!({"value": [], "from": "profile.yaml:15 (tag pci)"}),
            (true, "profile.yaml:11 (tag pci)"),
            (false, "profile.yaml:12 (tag pci)"),
        ),
        (
            &["--tag", "test", "--tag", "emea"],
            json!({"value": "medium", "from": "profile.yaml:17 (tag test)"}),
            json!({"value": ["public.shared"], "from": "profile.yaml:8"}),
            (false, "profile.yaml:5"),
            (true, "controls/profiles/strict.yaml:4"),
        ),
    ] {
        let shown = profiles.show(&[&["profile.yaml"], tags].concat());
        assert_eq!(shown["known_tags"], json!(["emea", "pci", "test"]));
        assert_eq!(
            control(&shown, "log-connections")["severity"],
            severity,
            "{tags:?}"
        );
        assert_eq!(
            control(&shown, "tables-not-public")["parameters"]["approved"],
            approved,
            "{tags:?}"
        );
        for (id, (applies, from)) in [
            ("log-timezone-approved", timezone),
            ("log-replication-commands", replication),
        ] {
            let control = control(&shown, id);
            assert_eq!(
                (&control["applies"], &control["from"]),
                (&json!(applies), &json!(from)),
                "{tags:?} {id}"
            );
        }
    }
    let said = text(
        &profiles
            .run(&["profile", "show", "profile.yaml", "--tag", "pci"])
            .stdout,
    );
    for expected in [
        "profile ours, for a target with the tags pci",
        "log-hostname-off: does not apply (profile.yaml:4)\n    names help us <b>here</b>; decided by Ann Stone on 2026-10-01",
        "severity = critical (profile.yaml:13 (tag pci))",
        "approved = [] (profile.yaml:15 (tag pci))",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let unknown = profiles.run(&["profile", "show", "profile.yaml", "--tag", "pcj"]);
    assert!(text(&unknown.stderr).contains("says nothing of the tag `pcj`"));
}

#[test]
fn list_names_every_shipped_profile() {
    let profiles = Profiles::new();
    let output = profiles.run(&["--format", "json", "profile", "list"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| {
        let all = json.as_array().unwrap();
        let own = all.iter().find(|profile| profile["name"] == name).unwrap();
        own["controls"].as_u64().unwrap()
    };
    assert!(of("baseline") > 0 && of("strict") > of("baseline"));
    let said = text(&profiles.run(&["profile", "list"]).stdout);
    assert!(
        said.contains("stig") && said.contains("What every server should meet"),
        "{said}"
    );
}

#[test]
fn each_target_is_judged_by_its_own_profile_and_replayed_by_it() {
    let cluster = server(&[]);
    sql(
        &cluster,
        "postgres",
        "CREATE TABLE shared (a int); GRANT SELECT ON shared TO PUBLIC",
    );
    let (profiles, connection) = (Profiles::new(), cluster.conninfo("postgres"));
    let assessed = profiles.assess(&[
        ("pay", &connection, "pci, other"),
        ("plain", &connection, "other"),
        ("lab", &connection, "test, emea"),
    ]);
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let finding = |target: &str, control: &str| -> Value {
        let path = assessed.folder().join(format!("targets/{target}/findings.json"));
        let all: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let own = all.into_iter().find(|finding| finding["control"] == control);
        own.unwrap_or_else(|| panic!("no finding for {control} on {target}"))
    };
    let of = |control: &str, key: &str| {
        ["pay", "plain", "lab"].map(|target| finding(target, control)[key].as_str().unwrap().to_owned())
    };
    assert_eq!(of("log-connections", "severity"), ["critical", "low", "medium"]);
    assert_eq!(
        of("tables-not-public", "status"),
        ["not-satisfied", "satisfied", "satisfied"]
    );
    assert_eq!(of("log-hostname-off", "status"), ["not-applicable"; 3]);
    let excluded = of("log-error-verbosity", "status");
    assert!(
        excluded[0] != "not-applicable" && excluded[2] == "not-applicable",
        "{excluded:?}"
    );
    assert_eq!(of("log-replication-commands", "status")[0], "not-applicable");
    assert_ne!(of("log-timezone-approved", "status")[0], "not-applicable");
    // The bundle holds what differs, for each target.
    for (target, own) in [("pay", true), ("plain", false), ("lab", true)] {
        let path = assessed.folder().join(format!("targets/{target}/profile.json"));
        assert_eq!(path.exists(), own, "{target}");
    }
    let replayed = profiles.run(&["replay", assessed.folder().to_str().unwrap()]);
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
    let rendered = profiles.run(&["report", assessed.folder().to_str().unwrap()]);
    assert_eq!(rendered.status.code(), Some(0), "{}", text(&rendered.stdout));

    // The statement of applicability: which control, where, why not, and who decided when.
    let markdown = std::fs::read_to_string(assessed.folder().join("report/report.md")).unwrap();
    let markdown = markdown.replace('\\', "");
    let (_, statement) = markdown.split_once("## Statement of applicability").unwrap();
    for line in [
        "| no | names help us <b>here</b> | Ann Stone | 2026-10-01 |",
        "| no, on lab, plain | the host keeps the time | not said | not said |",
        "| no, on pay | nothing is replicated | not said | not said |",
        "| log-replication-commands | yes, on lab, plain | the profile selects it |",
        "| hba-no-trust | yes | the profile selects it |",
    ] {
        assert!(statement.contains(line), "{line}: {statement}");
    }
    let html = std::fs::read_to_string(assessed.folder().join("report/targets/pay.html")).unwrap();
    let (_, statement) = html.split_once("id=\"applicability-title\"").unwrap();
    assert!(statement.contains("nothing is replicated") && !statement.contains("the host keeps the time"));
    assert!(statement.contains("names help us &lt;b&gt;here&lt;/b&gt;"));
}

#[test]
fn tags_that_contradict_one_another_are_refused_with_both_places() {
    let profiles = Profiles::new();
    let refused = profiles.assess(&[("db1", "host=/nowhere", "pci, test")]);
    assert_eq!(refused.code(), 2);
    let said = refused.stderr();
    assert!(
        said.contains("target `db1`: profile.yaml:17:34: `log-connections` has two severities, here and at profile.yaml:13 (tag pci)"),
        "{said}"
    );
    let shown = profiles.run(&["profile", "show", "profile.yaml", "--tag", "test", "--tag", "pci"]);
    assert_eq!(shown.status.code(), Some(2));
    assert_eq!(profiles.workspace.bundles(), Vec::<String>::new());
    // A tag that no target has is told, for it may be misspelt.
    let warned = profiles.assess(&[("db1", "host=/nowhere", "pci")]);
    for tag in ["emea", "test"] {
        assert!(
            warned
                .stderr()
                .contains(&format!("says something of the tag `{tag}`, which no target has")),
            "{}",
            warned.stderr()
        );
    }
    assert!(!warned.stderr().contains("`pci`"));
}

#[test]
fn what_is_wrong_within_a_tag_is_told_with_its_place() {
    let profiles = Profiles::new();
    profiles.workspace.write(
        "wrong.yaml",
        "name: wrong\ntags:\n  pci:\n    include: [hba-no-trust]\n    exclude:\n      hba-no-trust: ''\n    \
         parameters:\n      tables-not-public: { aproved: [] }\n    severity: { no-such: high }\n",
    );
    let output = profiles.run(&["profile", "show", "wrong.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for expected in [
        "wrong.yaml:4:15: `hba-no-trust` is both included and excluded",
        "wrong.yaml:6:21: `hba-no-trust` is excluded without a reason",
        "wrong.yaml:8:26: `tables-not-public` has no parameter `aproved`",
        "wrong.yaml:9:26: there is no control `no-such`",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn the_schema_of_a_profile_takes_what_the_program_takes() {
    let profiles = Profiles::new();
    let shown = profiles.run(&["controls", "schema", "profile"]);
    let schema: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good: Value = serde_yaml::from_str(PROFILE).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&good)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    let mut bad = good;
    bad["tags"]["pci"]["severity"]["log-connections"] = json!("grave");
    assert!(!validator.is_valid(&bad));
}
