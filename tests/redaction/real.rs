//! A real server's bundle, redacted by the program, in the hands of somebody who wants what is withheld.

use std::path::Path;
use std::process::Output;

use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;

use crate::attacker::{Attacker, Files, Guess};
use crate::support::{Assessed, Workspace, files, pgdossier, sql, text};

const SECRET: &str = "zz_payroll_clerk";
const HBA: &str = "local all all trust
host all all 127.0.0.1/32 trust
host all zz_payroll_clerk 10.1.2.3/32 scram-sha-256
host all all 10.9.0.0/16 reject
";
/// All that the authentication method of a rule can be.
const METHODS: &[&str] = &[
    "trust",
    "reject",
    "scram-sha-256",
    "md5",
    "password",
    "gss",
    "sspi",
    "ident",
    "peer",
    "ldap",
    "radius",
    "cert",
    "pam",
    "bsd",
    "oauth",
];

struct Redacting {
    workspace: Workspace,
    assessed: Assessed,
    policy: std::path::PathBuf,
}

impl Redacting {
    fn new(cluster: &Cluster) -> Self {
        let workspace = Workspace::new();
        let assessed = workspace.assessed(&cluster.conninfo("postgres"));
        let policy = workspace.policy();
        Self {
            workspace,
            assessed,
            policy,
        }
    }

    fn redact(&self, rules: &str, out: &str) -> Output {
        let rules = self.workspace.write("rules.yaml", rules);
        let mut command = pgdossier();
        command
            .arg("--format")
            .arg("json")
            .arg("redact")
            .arg(self.assessed.archive());
        command
            .arg("--withhold")
            .arg(rules)
            .arg("--key")
            .arg(self.workspace.path("key.pem"));
        command.args(["--role", "assessor", "--as-of", "2026-11-24", "--out"]);
        command.arg(self.workspace.path(out)).output().unwrap()
    }

    fn verify(&self, path: &Path) -> (i32, Value) {
        let mut command = pgdossier();
        command.args(["--format", "json", "verify", "--as-of", "2026-11-25", "--trust"]);
        let output = command.arg(&self.policy).arg(path).output().unwrap();
        (
            output.status.code().unwrap(),
            serde_json::from_slice(&output.stdout).unwrap(),
        )
    }

    fn target(&self) -> String {
        self.assessed.json["targets"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn cluster() -> Cluster {
    let cluster = Cluster::start(ClusterOptions {
        hba: Some(HBA.to_owned()),
        ..ClusterOptions::default()
    })
    .unwrap();
    sql(&cluster, "postgres", "CREATE ROLE zz_payroll_clerk LOGIN");
    cluster
}

/// All of a copy: its files and its archive.
fn everything(copy: &Value) -> Files {
    let folder = Path::new(copy["folder"].as_str().unwrap());
    let mut all: Files = files(folder)
        .into_iter()
        .map(|(path, bytes)| (path.strip_prefix(folder).unwrap().display().to_string(), bytes))
        .collect();
    let archive = copy["archive"].as_str().unwrap();
    all.push(("the archive".to_owned(), std::fs::read(archive).unwrap()));
    all
}

/// The salt of a sealed file whose last line it is.
fn salt(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    line["_salt"].as_str().unwrap().to_owned()
}

#[test]
fn withheld_rows_are_nowhere_in_the_copy_and_copies_of_their_values_are_told() {
    let redacting = Redacting::new(&cluster());
    let sealed = everything(&redacting.assessed.json);
    assert!(
        Attacker::new(sealed).finds(SECRET).len() > 5,
        "the attacker finds nothing at all"
    );

    let mut rules = format!(
        "withhold:\n- evidence: hba\n  rows: '\"{SECRET}\" in row.users'\n  reason: a person\n\
         - evidence: roles\n  rows: row.role == \"{SECRET}\"\n  reason: a person\n"
    );
    // Each refusal names the evidence that holds the name too; nothing is written meanwhile.
    let mut told = Vec::new();
    let output = loop {
        let output = redacting.redact(&rules, "copy");
        if output.status.success() {
            break output;
        }
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(!message.contains(SECRET), "{message}");
        assert!(!redacting.workspace.path("copy").exists());
        let names: Vec<String> = message
            .split("/evidence/")
            .skip(1)
            .filter_map(|rest| rest.split_once('`'))
            .map(|(file, _)| file.split('.').next().unwrap().to_owned())
            .filter(|name| !told.contains(name) && !["hba", "roles"].contains(&name.as_str()))
            .collect();
        assert!(!names.is_empty(), "{message}");
        for name in names {
            if !told.contains(&name) {
                rules.push_str(&format!(
                    "- evidence: {name}\n  reason: names people\n  copies: accepted\n"
                ));
                told.push(name);
            }
        }
    };
    assert!(told.contains(&"role-reach".to_owned()), "{told:?}");

    let copy: Value = serde_json::from_slice(&output.stdout).unwrap();
    let attacker = Attacker::new(everything(&copy));
    assert_eq!(attacker.finds(SECRET), Vec::<&str>::new());
    for path in ["folder", "archive"] {
        let (code, json) = redacting.verify(Path::new(copy[path].as_str().unwrap()));
        assert_eq!(
            (code, json["verdict"].as_str()),
            (0, Some("valid-with-withheld-files")),
            "{json:#}"
        );
        let target = redacting.target();
        let paths: Vec<&str> = json["withheld"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for gone in [
            "report/index.html",
            &format!("targets/{target}/evidence/hba.rules.ndjson"),
        ] {
            assert!(paths.contains(&gone), "{paths:?}");
        }
        assert_eq!(json["redaction"]["owner"], "Ann");
    }
}

#[test]
fn few_possible_values_cannot_be_guessed_without_the_salt() {
    let redacting = Redacting::new(&cluster());
    let output = redacting.redact(
        "withhold:\n- evidence: hba\n  fields: [auth_method, rule]\n  reason: methods\n  copies: accepted\n",
        "copy",
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let copy: Value = serde_json::from_slice(&output.stdout).unwrap();
    let path = format!("targets/{}/evidence/hba.ndjson", redacting.target());
    let original = redacting.assessed.folder().join(&path);
    let shown = Path::new(copy["folder"].as_str().unwrap()).join(format!("redacted/{path}.rows.ndjson"));
    let shown = std::fs::read_to_string(shown).unwrap();
    let rows = redacting.assessed.rows("hba");
    assert_eq!(shown.lines().count(), rows.len());

    let ignorant = Attacker::new(everything(&copy));
    let knowing = Attacker::new(everything(&copy)).knowing(&salt(&original));
    for (row, (line, true_row)) in shown.lines().zip(&rows).enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = line["fields"].as_array().unwrap();
        let field = fields
            .iter()
            .position(|field| field["name"] == "auth_method")
            .unwrap();
        assert!(fields[field].get("value").is_none() && fields[field].get("salt").is_none());
        let confirmed = |attacker: &Attacker| -> Vec<String> {
            let guesses = METHODS.iter().filter(|method| {
                let value = format!("\"{method}\"");
                attacker.confirms(&Guess {
                    row,
                    field,
                    value: &value,
                })
            });
            guesses.map(|method| (*method).to_owned()).collect()
        };
        assert_eq!(confirmed(&ignorant), Vec::<String>::new(), "row {row}");
        assert_eq!(
            confirmed(&knowing),
            [true_row["auth_method"].as_str().unwrap()],
            "row {row}"
        );
    }

    // The same for a whole file, whose digest stands in the manifest: even who guesses all of it learns nothing.
    let whole = std::fs::read_to_string(&original).unwrap();
    let (content, _) = whole.rsplit_once("{\"_salt\"").unwrap();
    assert!(!ignorant.confirms_file(content.as_bytes()));
    assert!(knowing.confirms_file(content.as_bytes()));
    assert_eq!(ignorant.finds("all all trust"), Vec::<&str>::new());
}

#[test]
fn values_of_few_letters_and_of_few_kinds_are_told_where_another_table_has_them() {
    let cluster = cluster();
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE bob LOGIN CREATEROLE CONNECTION LIMIT 4711",
    );
    let redacting = Redacting::new(&cluster);
    for (rule, kept) in [
        // A truth has two values, and stands beside the same name in other evidence.
        (
            "  fields: [superuser]\n",
            &[
                "role-reach.roles",
                "object-privileges.roles",
                "password-verifiers.verifiers",
            ][..],
        ),
        // Too short to be looked for inside of other texts.
        (
            "  rows: row.role == \"bob\"\n",
            &["role-reach.roles", "password-verifiers.verifiers"],
        ),
    ] {
        let rules = format!("withhold:\n- evidence: roles\n{rule}  reason: people\n");
        let output = redacting.redact(&rules, "copy");
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        for name in kept {
            assert!(message.contains(&format!("/{name}.ndjson")), "{name}: {message}");
        }
        assert!(!message.contains("bob"), "{message}");
        let accepted = redacting.redact(&format!("{rules}  copies: accepted\n"), "accepted");
        assert!(accepted.status.success(), "{}", text(&accepted.stderr));
        std::fs::remove_dir_all(redacting.workspace.path("accepted")).unwrap();
    }
    // A whole table, named as a file, is no other than its rows.
    let rule = "withhold:\n- files: targets/*/evidence/roles.ndjson\n  reason: people\n";
    let output = redacting.redact(rule, "copy");
    assert!(
        text(&output.stderr).contains("/role-reach.ndjson"),
        "{}",
        text(&output.stderr)
    );
    assert!(!redacting.workspace.path("copy").exists());
}

#[test]
fn rules_that_do_not_fit_the_bundle_are_told_with_their_place() {
    let redacting = Redacting::new(&cluster());
    for (rules, expected) in [
        (
            "- evidence: hbaa\n  reason: x\n",
            "rules.yaml:2:3: no evidence of the bundle matches",
        ),
        (
            "- evidence: hba\n  fields: [usr]\n  reason: x\n",
            "rules.yaml:3:12: no row that matches has the field `usr`",
        ),
        (
            "- evidence: hba\n  rows: row.users == []\n  reason: x\n",
            "rules.yaml:2:3: no row matches",
        ),
        (
            "- evidence: hba\n  rows: row.nothing\n  reason: x\n",
            "rules.yaml:3:9: on row 1",
        ),
        (
            "- files: nothing/**\n  reason: x\n",
            "rules.yaml:2:3: no file of the bundle matches",
        ),
        ("- files: controls/**\n  reason: x\n", "carry no salt"),
        ("- files: chain/**\n  reason: x\n", "cannot be withheld"),
    ] {
        let output = redacting.redact(&format!("withhold:\n{rules}"), "copy");
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{rules}{message}");
    }
    assert!(!redacting.workspace.path("copy").exists());
}

#[test]
fn a_bundle_with_salts_is_still_replayed_and_rendered_byte_for_byte() {
    let redacting = Redacting::new(&cluster());
    for verb in ["replay", "report"] {
        let output = pgdossier()
            .arg(verb)
            .arg(redacting.assessed.archive())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{verb}: {}", text(&output.stdout));
    }
    let (code, json) = redacting.verify(&redacting.assessed.archive());
    assert_eq!((code, json["verdict"].as_str()), (0, Some("valid")));
}

/// What a copy shows of a file: for each row the names of the fields that are shown.
fn shown_names(copy: &Value, path: &str) -> Vec<Vec<String>> {
    let folder = Path::new(copy["folder"].as_str().unwrap());
    let text = std::fs::read_to_string(folder.join(format!("redacted/{path}.rows.ndjson"))).unwrap();
    let row = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = line["fields"].as_array().unwrap().clone();
        let shown = fields.iter().filter(|field| field.get("value").is_some());
        shown
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect()
    };
    text.lines().map(row).collect()
}

#[test]
fn what_tells_of_a_withheld_file_is_withheld_too() {
    let redacting = Redacting::new(&cluster());
    let redacted = |rules: &str, out: &str| -> Value {
        let output = redacting.redact(&format!("withhold:\n{rules}"), out);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let copy: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (code, json) = redacting.verify(Path::new(copy["archive"].as_str().unwrap()));
        assert_eq!(code, 0, "{json:#}");
        let gone = copy["withheld"].as_array().unwrap().iter();
        let gone: Vec<&str> = gone.map(|file| file["path"].as_str().unwrap()).collect();
        for start in ["report/", "kit/"] {
            assert!(gone.iter().any(|path| path.starts_with(start)), "{gone:?}");
            assert!(!Path::new(copy["folder"].as_str().unwrap()).join(start).exists());
        }
        copy
    };
    let target = redacting.target();

    let copy = redacted(
        "- files: targets/*/findings.json\n  reason: statuses\n",
        "statuses",
    );
    let summary = &shown_names(&copy, "assessment.json")[0];
    assert!(summary.contains(&"organisation".to_owned()));
    assert!(!summary.contains(&"tally".to_owned()) && !summary.contains(&"targets".to_owned()));

    let control = "- files: controls/**/hba-no-trust.yaml\n  reason: ours\n  guessable: accepted\n";
    let copy = redacted(control, "control");
    let of_target = |name: &str| format!("targets/{target}/{name}");
    let findings = shown_names(&copy, &of_target("findings.json"));
    let position = redacting
        .assessed
        .findings()
        .iter()
        .position(|one| one["control"] == "hba-no-trust");
    for (index, shown) in findings.iter().enumerate() {
        let told = shown.contains(&"title".to_owned());
        assert!(shown.contains(&"status".to_owned()));
        assert_eq!(told, Some(index) != position, "{shown:?}");
    }
    let provenance = &shown_names(&copy, &of_target("evidence/hba.json"))[0];
    for hidden in ["arguments", "queries", "visibility"] {
        assert!(!provenance.contains(&hidden.to_owned()), "{provenance:?}");
    }

    // A raw table tells of the population that is derived from it, so that goes as a whole.
    let copy = redacted(
        "- files: targets/*/evidence/hba.rules.ndjson\n  reason: raw\n  copies: accepted\n",
        "raw",
    );
    let gone = copy["withheld"].as_array().unwrap().iter();
    let gone: Vec<&str> = gone.map(|file| file["path"].as_str().unwrap()).collect();
    assert!(
        gone.contains(&of_target("evidence/hba.ndjson").as_str()),
        "{gone:?}"
    );
}
