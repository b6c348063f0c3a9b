//! Ways to a `satisfied` that is not deserved: careless ones and dishonest ones. Each is told by `check`, or by the
//! assessment, or by both.

use crate::{CERTIFICATE, STORAGE, Statements, exceptions, status, text};

const STORAGE_CONTROL: &str = "storage-encrypted";
const CERTIFICATE_CONTROL: &str = "physical-provider-certificate";

/// A statement with changes, and lines at its end.
fn changed(statement: &str, changes: &[(&str, &str)], more: &str) -> String {
    let mut text = statement.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text + more
}

/// What `check` says of the files, and what an assessment makes of them.
fn told(files: &[(&str, &str)], control: &str) -> (String, String, Vec<String>) {
    let statements = Statements::new(files);
    let checked = statements.attest(&["check"]);
    let finding = statements.assess(crate::NOWHERE, &[]).finding(control);
    (text(&checked.stdout), status(&finding), exceptions(&finding))
}

#[test]
fn an_attestation_that_cannot_be_is_an_exception() {
    for (changes, more, checked, said) in [
        // Nobody can see what they look at later.
        (
            vec![],
            "valid_from: 2026-01-01\n",
            "s.yaml:9:13: it counts from 2026-01-01, before it was performed on 2026-11-01",
            "it counts from 2026-01-01",
        ),
        (
            vec![],
            "reviewer: { name: Bob }\nreviewed_at: 2026-10-31\n",
            "s.yaml:10:14: it was reviewed on 2026-10-31, before",
            "it was reviewed on 2026-10-31, before",
        ),
        (
            vec![],
            "reviewer: { name: Bob }\nreviewed_at: 2026-11-24\n",
            "1 statements are good",
            "it was reviewed on 2026-11-24, which had not come yet",
        ),
        (
            vec![],
            "reviewed_at: 2026-11-02\n",
            "s.yaml:9:14: it was reviewed, and does not say by whom",
            "does not say by whom",
        ),
        (
            vec![],
            "documents: [{ file: log.csv, description: badge log, period: { from: 2026-10-01, to: 2026-12-31 } }]\n",
            "s.yaml:9:62: `log.csv` is about days to 2026-12-31, and was looked at on 2026-11-01",
            "is about days to 2026-12-31",
        ),
        // Its own frequency says when it is over, and so does common sense.
        (
            vec![("2026-11-01", "2026-09-01")],
            "frequency: monthly\n",
            "s.yaml:8:13: it counts until 2027-04-30, and by its frequency it is due on 2026-10-01",
            "it had to be repeated by 2026-10-01",
        ),
        (
            vec![("2027-04-30", "2027-11-03")],
            "",
            "1 statements are good",
            "valid for 367 days",
        ),
        // Nothing is said, or by nobody, or it rests on nothing.
        (
            vec![("All volumes lie on LUKS.", "\" \"")],
            "",
            "s.yaml:3:12: `statement` is empty",
            "`statement` is empty",
        ),
        (
            vec![("Priya Nair", "\"\"")],
            "",
            "s.yaml:6:23: `performed_by.name` is empty",
            "`performed_by.name` is empty",
        ),
        (
            vec![],
            "reviewer: { name: \"\" }\n",
            "s.yaml:9:19: `reviewer.name` is empty",
            "`reviewer.name` is empty",
        ),
        (
            vec![],
            "documents: [{ file: empty.pdf, description: d }]\n",
            "`empty.pdf` is missing: it is empty",
            "`empty.pdf` is missing: it is empty",
        ),
    ] {
        let statement = changed(STORAGE, &changes, more);
        let files = [("s.yaml", &*statement), ("log.csv", "a"), ("empty.pdf", "")];
        let (check, status, exceptions) = told(&files, STORAGE_CONTROL);
        assert!(check.contains(checked), "{checked}: {check}");
        assert_eq!(
            (status.as_str(), exceptions.len()),
            ("not-satisfied", 1),
            "{statement}"
        );
        assert!(exceptions[0].contains(said), "{said}: {exceptions:?}");
    }
    // The last day on which each of them is in order.
    for (changes, more) in [
        (vec![], "valid_from: 2026-11-01\n"),
        (vec![], "reviewer: { name: Bob }\nreviewed_at: 2026-11-01\n"),
        (vec![], "reviewer: { name: Bob }\nreviewed_at: 2026-11-23\n"),
        (
            vec![("2026-11-01", "2026-10-23"), ("2027-04-30", "2026-11-23")],
            "frequency: monthly\n",
        ),
        (vec![("2027-04-30", "2027-11-02")], ""),
    ] {
        let statement = changed(STORAGE, &changes, more);
        let (_, status, exceptions) = told(&[("s.yaml", &statement)], STORAGE_CONTROL);
        assert_eq!(status, "satisfied", "{exceptions:?}\n{statement}");
    }
}

#[test]
fn a_profile_says_for_how_long_a_statement_may_count() {
    let long = STORAGE.replace("2027-04-30", "2027-11-03");
    let statements = Statements::new(&[("s.yaml", &long)]);
    let profile = statements.workspace.write(
        "profile.yaml",
        "name: ours\nparameters: { storage-encrypted: { days_at_most: 367 } }\n",
    );
    let assessed = statements.assess(crate::NOWHERE, &["--profile", profile.to_str().unwrap()]);
    assert_eq!(status(&assessed.finding(STORAGE_CONTROL)), "satisfied");
}

#[test]
fn a_certificate_that_cannot_be_is_an_exception() {
    let ended = ("to: 2026-12-31", "to: 2026-09-30");
    let letter = |file: &str| {
        format!(
            "bridge_letter: {{ document: {{ file: {file}, description: letter }}, from: 2026-10-01, to: 2026-12-31 }}\n"
        )
    };
    let documents = "documents: [{ file: soc2.pdf, description: the report }]";
    for (changes, more, said) in [
        (
            vec![("Example Assurance", "\"\"")],
            String::new(),
            "issue: `issuer` is empty",
        ),
        (
            vec![("number: EA-1", "number: \" \"")],
            String::new(),
            "issue: `number` is empty",
        ),
        (
            vec![("Example Assurance", "example cloud")],
            String::new(),
            "issue: the provider issued it itself",
        ),
        (
            vec![("2026-11-02", "2025-12-31")],
            String::new(),
            "review: it was read on 2025-12-31, before the days that it covers began",
        ),
        (
            vec![ended, (documents, "documents: []")],
            letter("letter.pdf"),
            "document: the certificate itself is not attached: there is only the bridge letter",
        ),
        // One file is not both, whatever it is called.
        (
            vec![ended],
            letter("soc2.pdf"),
            "document: the certificate itself is not attached: there is only the bridge letter",
        ),
        (
            vec![ended],
            letter("copy.pdf"),
            "document: the certificate itself is not attached: there is only the bridge letter",
        ),
    ] {
        let certificate = changed(CERTIFICATE, &changes, &more);
        let files = [
            ("c.yaml", &*certificate),
            ("soc2.pdf", "report"),
            ("copy.pdf", "report"),
            ("letter.pdf", "letter"),
        ];
        let (_, status, exceptions) = told(&files, CERTIFICATE_CONTROL);
        assert_eq!(
            (status.as_str(), exceptions.len()),
            ("not-satisfied", 1),
            "{exceptions:?}\n{certificate}"
        );
        assert!(exceptions[0].contains(said), "{said}: {exceptions:?}");
    }
}

#[test]
fn what_somebody_found_wanting_is_not_replaced_by_something_older_or_of_another_kind() {
    let wanting = STORAGE.replace("answer: satisfied", "answer: not-satisfied");
    let older = STORAGE.replace("2026-11-01", "2026-10-31") + "supersedes: a\n";
    let certificate = CERTIFICATE.replace("[physical-provider", "[storage-encrypted, physical-provider")
        + "supersedes: a\n";
    for later in [&older, &certificate] {
        let files = [("a.yaml", &*wanting), ("b.yaml", later), ("soc2.pdf", "report")];
        let (check, status, exceptions) = told(&files, STORAGE_CONTROL);
        assert!(
            check.contains("it replaces `a`, which is of a later day, or of another kind"),
            "{check}"
        );
        assert_eq!(status, "not-satisfied");
        assert!(
            exceptions[0].starts_with("a: answered not-satisfied, valid"),
            "{exceptions:?}"
        );
    }
    // What is looked at again on the same day takes its place.
    let again = format!("{STORAGE}supersedes: a\n");
    let files = [("a.yaml", &*wanting), ("b.yaml", &again)];
    assert_eq!(told(&files, STORAGE_CONTROL).1, "satisfied");
}

#[test]
fn a_draft_is_a_draft_however_its_line_is_written() {
    for line in ["draft: true", "\"draft\": true", "\"dr\\u0061ft\": true"] {
        let statements = Statements::new(&[("s.yaml", &format!("{STORAGE}{line}\n"))]);
        let finding = statements.assess(crate::NOWHERE, &[]).finding(STORAGE_CONTROL);
        assert_eq!(status(&finding), "not-evaluated", "{line}");
    }
}

#[test]
fn what_was_signed_is_not_hidden_as_a_draft() {
    let wanting = STORAGE.replace("answer: satisfied", "answer: not-satisfied");
    let statements = Statements::new(&[("s.yaml", &wanting), ("t.yaml", STORAGE)]);
    let signed = statements.attest(&["sign", "attestations/s.yaml", "--key", "key.pem"]);
    assert!(signed.status.success(), "{}", text(&signed.stderr));
    statements.put("s.yaml", &format!("{wanting}draft: true\n"));
    let output = statements.attest(&["check"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("it signs a statement that is a draft now"),
        "{said}"
    );
}

#[test]
fn days_are_written_in_one_way() {
    for day in ["2027-4-30", "\" 2027-04-3\"", "+262142-12-31", "20270430"] {
        let statements = Statements::new(&[("s.yaml", &STORAGE.replace("2027-04-30", day))]);
        let output = statements.attest(&["check"]);
        assert_eq!(output.status.code(), Some(2), "{day}");
        assert!(
            text(&output.stdout).contains("s.yaml:8:13: `expires_at` is"),
            "{day}"
        );
    }
}
