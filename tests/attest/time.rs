//! Only the assessment's clock decides whether a statement counts, to the day.

use pgdossier::assessment::Period;
use pgdossier::attestation::Subject;
use pgdossier::collect::{self, Keep};
use pgdossier::control::Catalog;
use pgdossier::evidence::Row;

use crate::{STORAGE, Statements};

const CONTROL: &str = "storage-encrypted";

/// The rows of the control on a day, each with whether it is left aside (none), counts, or is an exception.
fn rows(statements: &Statements, as_of: &str, period: &str) -> Vec<(Row, Option<bool>)> {
    let catalog = Catalog::embedded().unwrap();
    let folder = collect::read_attestations(&statements.folder(), Keep::Digests).unwrap();
    let tags = ["production".to_owned()];
    let subject = Subject {
        target: Some("db1"),
        tags: &tags,
        site: Some("fra1"),
    };
    let period = Period::parse(period).unwrap();
    let as_of = as_of.parse().unwrap();
    let rows = collect::attested_rows(
        ("attestation", CONTROL),
        subject,
        &folder,
        &catalog,
        &period,
        as_of,
    );
    let control = catalog.control(CONTROL).unwrap();
    let mut expect = control.expect.evaluator(&control.parameters).unwrap();
    let mut filter = control
        .filter
        .as_ref()
        .unwrap()
        .evaluator(&control.parameters)
        .unwrap();
    rows.into_iter()
        .map(|row| {
            let counted = filter.holds(&row).unwrap().then(|| expect.holds(&row).unwrap());
            (row, counted)
        })
        .collect()
}

fn states(statements: &Statements, as_of: &str) -> Vec<(String, String, Option<bool>)> {
    let rows = rows(statements, as_of, "2026-Q4").into_iter();
    rows.map(|(row, counted)| {
        let text = |column: &str| row[column].as_str().unwrap().to_owned();
        (text("id"), text("state"), counted)
    })
    .collect()
}

#[test]
fn each_boundary_is_a_day_in_utc() {
    let from = STORAGE.replace("expires_at", "valid_from: 2026-11-10T23:30:00-05:00\nexpires_at");
    let revoked = format!("{STORAGE}revoked_at: 2026-11-15\nrevoked_reason: a disk was found unencrypted\n");
    let leap = STORAGE
        .replace("2026-11-01", "2028-02-29")
        .replace("2027-04-30", "2028-02-29");
    for (text, as_of, state, counted) in [
        (STORAGE, "2026-10-31T23:59:59Z", "not-yet-valid", false),
        (STORAGE, "2026-11-01T00:00:00Z", "valid", true),
        (STORAGE, "2027-04-30T23:59:59Z", "valid", true),
        (STORAGE, "2027-05-01T00:00:00Z", "expired", false),
        // The clock's own zone does not matter either: this is the first of May in UTC.
        (STORAGE, "2027-04-30T23:00:00-03:00", "expired", false),
        (&from, "2026-11-10T23:59:59Z", "not-yet-valid", false),
        (&from, "2026-11-11T00:00:00Z", "valid", true),
        (&revoked, "2026-11-14T23:59:59Z", "valid", true),
        (&revoked, "2026-11-15T00:00:00Z", "revoked", false),
        (&revoked, "2027-06-01T00:00:00Z", "revoked", false),
        (&leap, "2028-02-28T12:00:00Z", "not-yet-valid", false),
        (&leap, "2028-02-29T12:00:00Z", "valid", true),
        (&leap, "2028-03-01T00:00:00Z", "expired", false),
    ] {
        let statements = Statements::new(&[("a.yaml", text)]);
        let expected = vec![("a".to_owned(), state.to_owned(), Some(counted))];
        assert_eq!(states(&statements, as_of), expected, "{as_of}\n{text}");
    }
}

#[test]
fn the_last_of_a_chain_counts_from_its_own_first_day() {
    let second = STORAGE.replace("2026-11-01", "2026-11-10") + "supersedes: a\n";
    let third = STORAGE.replace("2026-11-01", "2026-11-20") + "supersedes: b\n";
    let statements = Statements::new(&[("a.yaml", STORAGE), ("b.yaml", &second), ("c.yaml", &third)]);
    for (as_of, expected) in [
        (
            "2026-11-09T12:00:00Z",
            [
                ("valid", Some(true)),
                ("not-yet-valid", Some(false)),
                ("not-yet-valid", Some(false)),
            ],
        ),
        (
            "2026-11-10T12:00:00Z",
            [
                ("superseded", None),
                ("valid", Some(true)),
                ("not-yet-valid", Some(false)),
            ],
        ),
        (
            "2026-11-20T12:00:00Z",
            [("superseded", None), ("superseded", None), ("valid", Some(true))],
        ),
        (
            "2027-06-01T12:00:00Z",
            [
                ("superseded", None),
                ("superseded", None),
                ("expired", Some(false)),
            ],
        ),
    ] {
        let found: Vec<_> = states(&statements, as_of);
        let found: Vec<_> = found
            .iter()
            .map(|(_, state, counted)| (state.as_str(), *counted))
            .collect();
        assert_eq!(found, expected, "{as_of}");
    }
    // Withdrawing the last one does not bring the earlier ones back.
    statements.put("c.yaml", &format!("{third}revoked_at: 2026-11-22\n"));
    let found = states(&statements, "2026-11-23T09:00:00Z");
    assert_eq!(found[0].2, None);
    assert_eq!(found[2].1, "revoked");
}

#[test]
fn one_about_other_targets_takes_nobodys_place() {
    let elsewhere = format!("{STORAGE}supersedes: a\nsites: [ham1]\n");
    let statements = Statements::new(&[("a.yaml", STORAGE), ("b.yaml", &elsewhere)]);
    assert_eq!(
        states(&statements, "2026-11-23T09:00:00Z"),
        [("a".to_owned(), "valid".to_owned(), Some(true))]
    );
}

#[test]
fn scopes_are_targets_tags_and_sites_together() {
    for (scope, about) in [
        ("", true),
        ("targets: [db1]", true),
        ("targets: [db2]", false),
        ("tags: [production, test]", true),
        ("tags: [test]", false),
        ("sites: [fra1]", true),
        ("sites: [ham1]", false),
        ("targets: [db1]\nsites: [ham1]", false),
    ] {
        let statements = Statements::new(&[("a.yaml", &format!("{STORAGE}{scope}\n"))]);
        assert_eq!(
            states(&statements, "2026-11-23T09:00:00Z").len(),
            usize::from(about),
            "{scope}"
        );
    }
}

#[test]
fn days_that_a_statement_does_not_cover_are_counted_up_to_the_clock() {
    let revoked = format!("{STORAGE}revoked_at: 2026-11-15\n");
    for (text, period, as_of, uncovered) in [
        // October comes before it.
        (STORAGE, "2026-Q4", "2026-11-23T09:00:00Z", 31),
        (STORAGE, "2026-11", "2026-11-23T09:00:00Z", 0),
        // A period that straddles two quarters, and one that had ended.
        (STORAGE, "2026-11-15/2027-01-14", "2027-02-01T00:00:00Z", 0),
        (STORAGE, "2027-04-15/2027-05-14", "2027-06-01T00:00:00Z", 14),
        (&revoked, "2026-11", "2026-11-30T00:00:00Z", 16),
    ] {
        let statements = Statements::new(&[("a.yaml", text)]);
        let rows = rows(&statements, as_of, period);
        assert_eq!(rows[0].0["days_uncovered"], uncovered, "{period} {as_of}");
        assert_eq!(rows[0].0["covers_period"], uncovered == 0);
    }
}

#[test]
fn an_answer_of_not_applicable_has_to_count_too() {
    let text = STORAGE.replace("answer: satisfied", "answer: not-applicable");
    let statements = Statements::new(&[("a.yaml", &text)]);
    assert_eq!(states(&statements, "2026-11-23T09:00:00Z")[0].2, None);
    assert_eq!(states(&statements, "2027-11-23T09:00:00Z")[0].2, Some(false));
}

#[test]
fn the_machines_clock_and_zone_decide_nothing() {
    let statements = Statements::new(&[("a.yaml", STORAGE)]);
    let states = |zone: &str| {
        let mut command = crate::pgdossier();
        command
            .env("TZ", zone)
            .current_dir(statements.workspace.folder.path());
        let output = command
            .args([
                "--format",
                "json",
                "attest",
                "status",
                "--as-of",
                "2027-04-30T23:59:59Z",
            ])
            .output()
            .unwrap();
        output.stdout
    };
    let lines: serde_json::Value = serde_json::from_slice(&states("UTC")).unwrap();
    let line = lines
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["statement"] == "a")
        .unwrap();
    assert_eq!(
        (&line["state"], &line["days_left"]),
        (&"expiring".into(), &0.into())
    );
    assert_eq!(states("UTC"), states("Pacific/Kiritimati"));
}
