//! `pgdossier waiver new`, `check`, `status` and `sign` as people use them.

use serde_json::json;

use crate::support::{names, text};
use crate::{LOCAL, Waivers};

const SET: &[&str] = &[
    "--set",
    "reason=The old client knows \"no\" other: way",
    "--set",
    "requested_by.name=Bob Reed",
    "--set",
    "approved_by.name=Ann Stone",
    "--set",
    "risk.before=high",
    "--set",
    "risk.after=low",
    "--set",
    "expires_at=2027-04-30",
    "--set",
    "rows=row.type == \"local\"",
    "--set",
    "targets=db1, db2",
];

fn new(waivers: &Waivers, control: &str, more: &[&str]) -> (i32, String) {
    let arguments = [&["waiver", "new", control, "--as-of", "2026-11-23"][..], more].concat();
    let output = waivers.run(&arguments);
    (output.status.code().unwrap(), text(&output.stderr))
}

#[test]
fn a_new_waiver_is_commented_good_and_never_overwrites() {
    let waivers = Waivers::new(&[]);
    let (code, said) = new(&waivers, "hba-no-trust", SET);
    assert_eq!(code, 0, "{said}");
    let written = std::fs::read_to_string(waivers.folder().join("hba-no-trust.yaml")).unwrap();
    for line in [
        "control: hba-no-trust",
        "targets: [\"db1\", \"db2\"]",
        "approved_at: 2026-11-23",
        "# Who approved it: somebody else.",
        "# compensating_control:",
    ] {
        assert!(
            written.lines().any(|own| own.trim_start() == line),
            "{line}: {written}"
        );
    }
    let (code, json) = waivers.json(&["check"]);
    assert_eq!((code, &json["waivers"]), (0, &json!(1)));
    let (code, json) = waivers.json(&["status", "--as-of", "2026-11-23"]);
    assert_eq!(
        (code, &json[0]["state"], &json[0]["days_left"]),
        (0, &json!("valid"), &json!(158))
    );
    let (code, said) = new(&waivers, "hba-no-trust", SET);
    assert_eq!(code, 2);
    assert!(said.contains("exists already"), "{said}");
    let worksheet = [
        "constraints",
        "objective",
        "risk",
        "measures",
        "validation",
        "maintenance",
    ];
    let worksheet: Vec<String> = worksheet
        .iter()
        .flat_map(|name| ["--set".to_owned(), format!("compensating_control.{name}=x")])
        .collect();
    let more: Vec<&str> = worksheet
        .iter()
        .map(String::as_str)
        .chain(["--id", "second"])
        .collect();
    let (code, said) = new(&waivers, "hba-no-trust", &[SET, &more].concat());
    assert_eq!(code, 0, "{said}");
    assert_eq!(waivers.json(&["check"]).0, 0);
}

#[test]
fn what_is_missing_or_wrong_is_refused_before_anything_is_written() {
    let waivers = Waivers::new(&[]);
    let (code, said) = new(&waivers, "hba-no-trust", &[]);
    assert_eq!(code, 2);
    for field in [
        "reason",
        "requested_by.name",
        "approved_by.name",
        "risk.before",
        "expires_at",
    ] {
        assert!(said.contains(&format!("--set {field}=…")), "{field}: {said}");
    }
    assert!(!said.contains("--set ticket"), "{said}");
    for (more, expected) in [
        (
            &["--set", "approved_by.name=bob  reed"][..],
            "who approved it is who asked for it",
        ),
        (
            &["--set", "expires_at=2026-11-22"],
            "it expires on 2026-11-22 and begins on 2026-11-23",
        ),
        (
            &["--set", "risk.after=critical"],
            "the risk is greater after than before",
        ),
        (&["--set", "rows=row.type =="], "`rows`:"),
        (&["--set", "colour=red"], "there is no field `colour`"),
        (
            &["--set", "compensating_control.risk=x"],
            "`constraints` is missing in `compensating_control`",
        ),
        (&["--id", "../out"], "cannot be the name of a file"),
    ] {
        let (code, said) = new(&waivers, "hba-no-trust", &[SET, more].concat());
        assert_eq!(code, 2, "{more:?}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert_eq!(new(&waivers, "no-such-control", SET).0, 2);
    assert_eq!(names(&waivers.folder()), Vec::<String>::new());
}

#[test]
fn check_tells_all_problems_at_once_with_their_places() {
    let waivers = Waivers::new(&[
        ("a.yaml", &LOCAL.replace("Ann Stone", "BOB  reed")),
        (
            "b.yaml",
            &LOCAL
                .replace("high, after: low", "low, after: high")
                .replace("2027-04-30", "2026-10-31"),
        ),
        (
            "c.yaml",
            &LOCAL.replace(
                "reason: The old client knows no other way.",
                "reason: ' '\ntargets: []",
            ),
        ),
        ("g.yaml", &LOCAL.replace("Ann Stone", "\"Reed, Bob\\u200b\"")),
        ("d.yaml", &LOCAL.replace("ticket", "tickets")),
        ("e.yaml", &LOCAL.replace("expires_at: 2027-04-30\n", "")),
    ]);
    let output = waivers.run(&["waiver", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stdout);
    for expected in [
        "waivers/a.yaml:5:14: who approved it is who asked for it",
        "waivers/g.yaml:5:14: who approved it is who asked for it",
        "waivers/b.yaml:7:7: the risk is greater after than before",
        "waivers/b.yaml:9:13: it expires on 2026-10-31 and begins on 2026-11-01",
        "waivers/c.yaml:3:9: the reason is empty",
        "waivers/c.yaml:4:10: it names no target",
        "waivers/d.yaml:6:1: unknown field `tickets`",
        "waivers/e.yaml:1:1: `expires_at` is missing",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Names that nothing has.
    let waivers = Waivers::new(&[
        ("a.yaml", &LOCAL.replace("hba-no-trust", "hba-no-trusts")),
        ("b.yaml", &LOCAL.replace("row.type", "row.kind")),
        ("c.yaml", &LOCAL.replace("row.type", "params.kind")),
        ("d.yaml", LOCAL),
        ("e.yaml", &LOCAL.replace("row.type == \"local\"", "true")),
    ]);
    let output = waivers.run(&["waiver", "check"]);
    let said = text(&output.stdout);
    for expected in [
        "waivers/a.yaml:1:10: there is no control `hba-no-trusts`\n    help: did you mean `hba-no-trust`?",
        "waivers/b.yaml:2:7: the evidence of `hba-no-trust` has no column `kind`",
        "waivers/c.yaml:2:7: `hba-no-trust` has no parameter `kind`",
        "waivers/e.yaml:2:7: `rows` names no column of the row",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("d.yaml"), "{said}");
    let one = waivers.run(&["waiver", "check", "waivers/d.yaml"]);
    assert_eq!(one.status.code(), Some(0), "{}", text(&one.stdout));
}

#[test]
fn status_turns_on_each_boundary_and_tells_what_ends_soon() {
    let leap = LOCAL
        .replace("2026-11-01", "2024-02-01")
        .replace("2027-04-30", "2024-02-29");
    let waivers = Waivers::new(&[("leap.yaml", &leap)]);
    for (as_of, within, state, left, code) in [
        ("2024-01-31T23:59:59Z", "1", "not-yet-valid", 29, 3),
        ("2024-02-01T00:00:00Z", "1", "valid", 28, 0),
        ("2024-02-27", "1", "valid", 2, 0),
        ("2024-02-28", "1", "expiring", 1, 0),
        ("2024-02-29", "1", "expiring", 0, 0),
        ("2024-03-01T00:30:00+01:00", "1", "expiring", 0, 0),
        ("2024-03-01T00:00:00Z", "1", "expired", -1, 3),
    ] {
        let (found, json) = waivers.json(&["status", "--as-of", as_of, "--within", within]);
        assert_eq!(
            (found, &json[0]["state"], &json[0]["days_left"]),
            (code, &json!(state), &json!(left)),
            "{as_of}"
        );
    }
    let shown = waivers.run(&["waiver", "status", "--as-of", "2024-03-01"]);
    let said = text(&shown.stdout);
    assert!(
        said.contains("leap.yaml until 2024-02-29, approved by Ann Stone"),
        "{said}"
    );
    assert!(
        said.contains("it counted until 2024-02-29") && said.contains("1 of 1 do not count"),
        "{said}"
    );
}

#[test]
fn the_schema_of_a_waiver_takes_what_the_program_takes() {
    let waivers = Waivers::new(&[]);
    let shown = waivers.run(&["controls", "schema", "waiver"]);
    let schema: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good: serde_json::Value = serde_yaml::from_str(LOCAL).unwrap();
    assert!(
        validator.is_valid(&good),
        "{:?}",
        validator
            .iter_errors(&good)
            .map(|e| e.to_string())
            .collect::<Vec<_>>()
    );
    let mut bad = good.clone();
    bad.as_object_mut().unwrap().remove("expires_at");
    assert!(!validator.is_valid(&bad));
}

#[test]
fn a_workspace_says_where_waivers_lie_and_what_they_are_held_to() {
    let waivers = Waivers::new(&[]);
    let status = || waivers.json(&["status", "--as-of", "2026-11-23"]);
    std::fs::create_dir(waivers.folder().with_file_name("accepted")).unwrap();
    waivers.workspace.write("accepted/old.yaml", LOCAL);
    assert_eq!(status().1, json!([]));
    waivers
        .workspace
        .write("pgdossier.yaml", "organisation: Acme\nwaivers: accepted\n");
    let (code, lines) = status();
    assert_eq!((code, &lines[0]["state"]), (0, &json!("valid")));
    let key = waivers.run(&["keys", "new", "--no-passphrase", "--out", "ann.pem"]);
    waivers.workspace.write("ann.pub", &text(&key.stdout));
    let made = waivers.run(&[
        "trust",
        "init",
        "--key",
        "ann.pub",
        "--owner",
        "Ann Stone",
        "--role",
        "approver",
        "--out",
        "approvers.json",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    waivers.workspace.write(
        "pgdossier.yaml",
        "organisation: Acme\nwaivers: accepted\nwaiver_policy: approvers.json\n",
    );
    let (code, lines) = status();
    assert_eq!((code, &lines[0]["state"]), (3, &json!("unsigned")));
    let checked = waivers.run(&["waiver", "check"]);
    assert_eq!(text(&checked.stdout).trim(), "1 waivers are good");
}
