//! What stands beside the raw status, on real servers: rows, days, scores, exit codes, and a replay of it all.

use serde_json::{Value, json};

use crate::support::{self, Assessed, files, server, sql, text};
use crate::{LOCAL, NOWHERE, Waivers, judged, waived};

/// The rules of a finding's exceptions.
fn texts(finding: &Value) -> Vec<&str> {
    let exceptions = finding["exceptions"].as_array().unwrap();
    exceptions
        .iter()
        .map(|exception| exception["text"].as_str().unwrap())
        .collect()
}

#[test]
fn a_known_exception_is_accepted_and_a_new_one_is_not_hidden() {
    let cluster = server(&[]);
    let waivers = Waivers::new(&[("local.yaml", LOCAL)]);
    let (only, connection) = (waivers.only(&["hba-no-trust"]), cluster.conninfo("postgres"));
    let without = waivers.assess(
        &connection,
        &["--profile", &only, "--waivers", "none", "--out", "b0"],
    );
    assert_eq!(without.code(), 1, "a folder that is not there is no empty folder");

    let assessed = waivers.assess(&connection, &["--profile", &only]);
    let finding = assessed.finding("hba-no-trust");
    assert_eq!(finding["status"], "not-satisfied", "a waiver changes no status");
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let (accepted, exceptions) = (waived(&finding), texts(&finding));
    assert!(
        !accepted.is_empty() && accepted.len() < exceptions.len(),
        "{finding}"
    );
    for exception in finding["exceptions"].as_array().unwrap() {
        let local = exception["text"].as_str().unwrap().contains(": local ");
        let line = exception["line"].as_u64().unwrap();
        assert_eq!(accepted.contains(&line), local, "{exception}");
    }
    assert_eq!(finding["waived"][0]["by"], "waivers/local.yaml:2");
    let waiver = judged(&assessed, "local.yaml");
    assert_eq!(
        (&waiver["state"], &waiver["matched"]),
        (&json!("valid"), &json!(accepted.len()))
    );
    assert_eq!(
        assessed.json["score"],
        json!({"satisfied": 0, "attested": 0, "waived": 0, "applicable": 1})
    );
    let all = waivers.assess(
        &connection,
        &["--profile", &only, "--accept-waived", "--out", "b1"],
    );
    assert_eq!(all.code(), 3, "what is not waived is no less an exception");

    // The bundle has the file as it was, and a report of both.
    let sealed = std::fs::read_to_string(assessed.folder().join("waivers/local.yaml")).unwrap();
    assert_eq!(sealed, LOCAL);
    let report = std::fs::read_to_string(assessed.folder().join("report/index.html")).unwrap();
    assert!(
        report.contains("waived by <a href=\"#waiver-waivers_2f_local.yaml_3a_2\">waivers/local.yaml:2</a>")
    );
    let (code, said) = waivers.replay(&assessed.folder());
    assert_eq!(code, 0, "{said}");
    let rendered = waivers.run(&["report", assessed.folder().to_str().unwrap()]);
    assert_eq!(rendered.status.code(), Some(0), "{}", text(&rendered.stdout));
}

#[test]
fn waived_in_full_is_an_exception_still_and_ends_well_only_by_the_flag() {
    let cluster = server(&[]);
    let all = LOCAL.replace("rows: row.type == \"local\"\n", "");
    let waivers = Waivers::new(&[("all.yaml", &all)]);
    let (only, connection) = (waivers.only(&["hba-no-trust"]), cluster.conninfo("postgres"));
    let assessed = waivers.assess(&connection, &["--profile", &only]);
    assert_eq!(assessed.code(), 3);
    let finding = assessed.finding("hba-no-trust");
    assert_eq!(finding["status"], "not-satisfied");
    assert_eq!(waived(&finding).len(), texts(&finding).len());
    let score = &assessed.json["score"];
    assert_eq!(
        *score,
        json!({"satisfied": 0, "attested": 0, "waived": 1, "applicable": 1})
    );
    let accepting = waivers.assess(
        &connection,
        &["--profile", &only, "--accept-waived", "--out", "b1"],
    );
    assert_eq!(accepting.code(), 0, "{}", accepting.stderr());
    // The same bundle but for its folder and its salts: the flag is about the exit code alone.
    let of = |assessed: &Assessed| {
        let mut finding = assessed.finding("hba-no-trust");
        assert!(finding["evidence_sha256"].take().is_string());
        finding
    };
    assert_eq!(of(&accepting), of(&assessed));
    // Another control with exceptions that nobody accepted.
    let two = waivers.only(&["hba-no-trust", "log-connections"]);
    let more = waivers.assess(
        &connection,
        &["--profile", &two, "--accept-waived", "--out", "b2"],
    );
    assert_eq!(more.finding("log-connections")["status"], "not-satisfied");
    assert_eq!(more.code(), 3);
    // What was not seen cannot be accepted: 4 remains.
    let nowhere = waivers.assess(NOWHERE, &["--profile", &only, "--accept-waived", "--out", "b3"]);
    assert_eq!(nowhere.code(), 4);
    assert_eq!(judged(&nowhere, "all.yaml")["unseen"], json!(["db1"]));
}

/// A role that cannot see everything may find exceptions; whoever waives them has not seen the others.
#[test]
fn where_an_answer_is_incomplete_nothing_is_waived_in_full() {
    let cluster = server(&[]);
    for statement in [
        "CREATE ROLE auditor LOGIN",
        "CREATE DATABASE closed",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
        "CREATE TABLE open_to_all (a int)",
        "GRANT SELECT ON open_to_all TO PUBLIC",
    ] {
        sql(&cluster, "postgres", statement);
    }
    let all = LOCAL
        .replace("rows: row.type == \"local\"\n", "")
        .replace("hba-no-trust", "tables-not-public");
    let waivers = Waivers::new(&[("all.yaml", &all)]);
    let only = waivers.only(&["tables-not-public"]);
    let connection = support::conninfo_as(&cluster, "auditor", "postgres");
    let assessed = waivers.assess(&connection, &["--profile", &only, "--accept-waived"]);
    let finding = assessed.finding("tables-not-public");
    assert_eq!(finding["status"], "not-satisfied", "{finding}");
    assert!(!finding["missing"].as_array().unwrap().is_empty(), "{finding}");
    assert_eq!(waived(&finding).len(), texts(&finding).len());
    assert_eq!(assessed.code(), 3, "exceptions that nobody saw may be there");
    assert_eq!(assessed.json["score"]["waived"], 0);
}

/// Before, at and after each boundary, with the clock taken from `--as-of` alone.
#[test]
fn a_waiver_counts_on_its_days_and_is_reported_on_all_others() {
    let cluster = server(&[]);
    let waivers = Waivers::new(&[("local.yaml", LOCAL)]);
    let (only, connection) = (waivers.only(&["hba-no-trust"]), cluster.conninfo("postgres"));
    for (index, (as_of, state)) in [
        ("2026-10-31T23:59:59Z", "not-yet-valid"),
        ("2026-11-01T00:00:00Z", "valid"),
        ("2026-11-01T00:30:00+01:00", "not-yet-valid"),
        ("2027-04-30T23:59:59Z", "valid"),
        ("2027-04-30T23:59:59-00:30", "expired"),
        ("2027-05-01T00:00:00Z", "expired"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("b{index}");
        let assessed = waivers.assess(
            &connection,
            &["--profile", &only, "--as-of", as_of, "--out", &out],
        );
        let waiver = judged(&assessed, "local.yaml");
        assert_eq!(waiver["state"], state, "{as_of}");
        assert_eq!(
            waiver["matched"], 2,
            "what it is about is told whether it counts or not"
        );
        let finding = assessed.finding("hba-no-trust");
        assert_eq!(
            waived(&finding).len(),
            if state == "valid" { 2 } else { 0 },
            "{as_of}"
        );
        let told = assessed.stderr().contains("waivers/local.yaml:2: it count");
        assert_eq!(told, state != "valid", "{as_of}: {}", assessed.stderr());
        let report = std::fs::read_to_string(assessed.folder().join("report/report.md")).unwrap();
        let row = format!("| waivers/local.yaml:2 | hba-no-trust | {state} |");
        let report = report.replace('\\', "");
        assert_eq!(report.contains(&row), state != "valid", "{as_of}: {row}");
        assert_eq!(waivers.replay(&assessed.folder()).0, 0, "{as_of}");
    }
    // Longer than is allowed is as good as no end.
    let strict = waivers.assess(
        &connection,
        &["--profile", &only, "--waiver-max-days", "179", "--out", "long"],
    );
    assert_eq!(judged(&strict, "local.yaml")["state"], "too-long");
    assert!(waived(&strict.finding("hba-no-trust")).is_empty());
    assert_eq!(waivers.replay(&strict.folder()).0, 0);
    let just = waivers.assess(
        &connection,
        &["--profile", &only, "--waiver-max-days", "180", "--out", "just"],
    );
    assert_eq!(judged(&just, "local.yaml")["state"], "valid");
}

#[test]
fn a_waiver_is_about_its_targets_and_tags_and_says_when_it_matches_nothing() {
    let cluster = server(&[]);
    let with = |line: &str| format!("{line}\n{LOCAL}");
    let waivers = Waivers::new(&[
        ("a.yaml", &with("targets: [db2]")),
        ("b.yaml", &with("tags: [test]").replace("local", "host")),
        ("none.yaml", &with("targets: [db9]")),
        (
            "gone.yaml",
            &LOCAL.replace("row.type == \"local\"", "row.type == \"hostnogssenc\""),
        ),
        (
            "good.yaml",
            &LOCAL
                .replace("hba-no-trust", "log-connections")
                .replace("rows: row.type == \"local\"\n", ""),
        ),
        (
            "fails.yaml",
            &LOCAL.replace("row.type == \"local\"", "row.kind == \"local\""),
        ),
        ("lacks.yaml", &LOCAL.replace("hba-no-trust", "no-such-control")),
    ]);
    let only = waivers.only(&["hba-no-trust"]);
    let connection = cluster.conninfo("postgres");
    let assessed = waivers.assess_all(
        &[
            ("db1", &connection, "production"),
            ("db2", &connection, "test, emea"),
        ],
        &["--profile", &only],
    );
    let said = assessed.stderr();
    assert_eq!(judged(&assessed, "a.yaml")["matched"], 2, "{said}");
    let findings = |target: &str| -> Value {
        let path = assessed.folder().join(format!("targets/{target}/findings.json"));
        let all: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        all.into_iter()
            .find(|finding| finding["control"] == "hba-no-trust")
            .unwrap()
    };
    assert!(waived(&findings("db1")).is_empty());
    let second = findings("db2");
    assert_eq!(
        waived(&second).len(),
        texts(&second).len(),
        "two waivers together: {second}"
    );
    for unmatched in ["none.yaml:3", "gone.yaml:2", "good.yaml:1", "lacks.yaml:2"] {
        assert!(
            said.contains(&format!("{unmatched}: no exception matches it")),
            "{unmatched}: {said}"
        );
    }
    assert!(
        said.contains("fails.yaml:2: its expression failed: on row 1"),
        "{said}"
    );
    assert!(said.contains("names the control `no-such-control`"), "{said}");
    let page = std::fs::read_to_string(assessed.folder().join("report/targets/db1.html")).unwrap();
    assert!(!page.contains("waivers/a.yaml") && page.contains("waivers/gone.yaml"));
    assert_eq!(waivers.replay(&assessed.folder()).0, 0);
}

/// Where something has to be there and nothing is, there is no row to name.
#[test]
fn an_empty_population_can_be_waived_as_a_whole_only() {
    let cluster = server(&[]);
    let whole = LOCAL
        .replace("rows: row.type == \"local\"\n", "")
        .replace("hba-no-trust", "wanted");
    let waivers = Waivers::new(&[("w.yaml", &whole)]);
    let controls = waivers.workspace.path("controls");
    waivers.workspace.write(
        "controls/guide.yaml",
        "title: G\nchapters:\n  - { id: a, title: A, sections: [{ id: a/b, title: B, origin: guide, summary: S }] }\n",
    );
    waivers.workspace.write(
        "controls/a/b/wanted.yaml",
        "id: wanted\ntitle: It is set\nsection: a/b\nseverity: low\nrationale: R\nremediation: R\n\
         evidence: [{ collector: settings }]\npopulation: settings\nwhere: row.name == \"nothing.of_this_name\"\n\
         expect: row.value == \"on\"\nexception: '{{ row.name }}'\nwhen_empty: not-satisfied\nexamples:\n\
         - { note: g, row: { name: a, value: \"on\" }, meets: true }\n\
         - { note: b, row: { name: a, value: \"off\" }, meets: false }\n",
    );
    let assess = |out: &str| {
        let controls = controls.to_str().unwrap();
        waivers.assess(
            &cluster.conninfo("postgres"),
            &["--controls", controls, "--accept-waived", "--out", out],
        )
    };
    let assessed = assess("b1");
    assert_eq!(assessed.code(), 0, "{}", assessed.stderr());
    let finding = assessed.finding("wanted");
    assert_eq!(finding["status"], "not-satisfied");
    assert_eq!(finding["waived"], json!([{"by": "waivers/w.yaml:1"}]));
    let report = std::fs::read_to_string(assessed.folder().join("report/index.html")).unwrap();
    assert!(report.contains("waived by waivers/w.yaml:1"));
    waivers.put(
        "w.yaml",
        &LOCAL
            .replace("hba-no-trust", "wanted")
            .replace("row.type == \"local\"", "true"),
    );
    let by_row = assess("b2");
    assert_eq!(by_row.code(), 3);
    assert_eq!(judged(&by_row, "w.yaml")["matched"], 0);
}

/// Whoever seals could write anything into a bundle of their own: a replay tells.
#[test]
fn a_replay_notices_what_was_waived_by_nobody() {
    use pgdossier::bundle::{self, Contents, Description, SealOptions, Tool};
    use pgdossier::sign::SigningKey;

    let cluster = server(&[]);
    let expired = LOCAL.replace("2027-04-30", "2026-11-02");
    let waivers = Waivers::new(&[("local.yaml", &expired)]);
    let only = waivers.only(&["hba-no-trust"]);
    let assessed = waivers.assess(&cluster.conninfo("postgres"), &["--profile", &only]);
    let folder = assessed.folder();
    let seal_with = |changed: &str, from: &str, to: &str, out: &str| {
        let mut contents = Contents::new();
        let mut found = false;
        for (path, bytes) in files(&folder) {
            let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            let made = ["MANIFEST.sha256", "statement.json", "VERIFY.md"].contains(&name.as_str())
                || name == "commitments.txt"
                || name.starts_with("signatures/")
                || name.starts_with("chain/");
            if made {
                continue;
            }
            let mut content = bytes;
            if name == changed {
                let before = text(&content);
                found = before.contains(from);
                content = before.replacen(from, to, 1).into_bytes();
            }
            contents.insert(&name, content).unwrap();
        }
        assert!(found, "`{from}` is not in {changed}");
        let summary: Value =
            serde_json::from_slice(&std::fs::read(folder.join("assessment.json")).unwrap()).unwrap();
        let description = Description {
            id: summary["id"].as_str().unwrap().to_owned(),
            series: "Acme".to_owned(),
            organisation: "Acme".to_owned(),
            period: "2026-Q4".to_owned(),
            as_of: support::AS_OF.parse().unwrap(),
            tool: Tool {
                name: "pgdossier".to_owned(),
                version: "0".to_owned(),
                commit: None,
            },
        };
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let options = SealOptions {
            cancel: &cancel,
            threads: None,
        };
        let key = SigningKey::load(&waivers.workspace.path("key.pem"), || unreachable!()).unwrap();
        let out = waivers.workspace.path(out);
        bundle::seal(contents, &description, None, &key, "assessor", &out, &options)
            .unwrap()
            .folder
    };
    let same = seal_with("waivers.json", "\"expired\"", "\"expired\"", "same");
    assert_eq!(waivers.replay(&same).0, 0);
    let noted = "\"exceptions\": [\n";
    for (index, (file, from, to)) in [
        (
            "targets/db1/findings.json",
            noted,
            "\"waived\": [{\"line\": 1, \"by\": \"waivers/local.yaml:2\"}], \"exceptions\": [\n",
        ),
        ("waivers.json", "\"expired\"", "\"valid\""),
        ("waivers.json", "\"matched\": 2", "\"matched\": 1"),
        ("waivers/local.yaml", "2026-11-02", "2027-04-30"),
        ("waivers/local.yaml", "Bob Reed", "Eve Reed"),
    ]
    .into_iter()
    .enumerate()
    {
        let bundle = seal_with(file, from, to, &format!("tampered{index}"));
        let (code, said) = waivers.replay(&bundle);
        assert_eq!(code, 5, "{file}: {from} → {to}: {said}");
    }
}
