//! Each thing that is asked of a certificate is a row with its own exception.

use crate::support::{pgdossier, server, text};
use crate::{CERTIFICATE, Statements, exceptions, status};

const CONTROL: &str = "physical-provider-certificate";

fn judged(changes: &[(&str, &str)], more: &str) -> (String, Vec<String>) {
    let mut text = format!("{CERTIFICATE}{more}");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let statements = Statements::new(&[
        ("c.yaml", &text),
        ("soc2.pdf", "report"),
        ("letter.pdf", "letter"),
    ]);
    statements.exceptions(CONTROL)
}

const LETTER: &str = "bridge_letter: { document: { file: letter.pdf, description: letter }, from: 2026-10-01, to: 2026-12-31 }\n";
const ENDED: (&str, &str) = ("to: 2026-12-31", "to: 2026-09-30");

#[test]
fn a_certificate_in_order_is_satisfied() {
    assert_eq!(judged(&[], ""), ("satisfied".to_owned(), Vec::new()));
    let answered = "exceptions_noted: [{ noted: one late review, response: not a service of ours }]\n";
    assert_eq!(judged(&[], answered).0, "satisfied");
}

#[test]
fn each_aspect_raises_its_own_exception() {
    for (changes, more, said) in [
        (
            vec![("expires_at: 2027-03-31", "expires_at: 2026-11-22")],
            "",
            "validity: it counted until 2026-11-22",
        ),
        (
            vec![("from: 2026-01-01", "from: 2026-10-11")],
            "",
            "period: 10 days of the assessed period come before it",
        ),
        (
            vec![ENDED],
            "",
            "gap: it ended 54 days before, and for 54 of the 54 days",
        ),
        (
            vec![("sites: [fra1]", "sites: [ham1]")],
            "",
            "site: the target's site `fra1` is not in its scope",
        ),
        (
            vec![("organisation: Example AG", "organisation: example cloud")],
            "",
            "review: Tomas Reyes belongs to example cloud",
        ),
        (
            vec![("reviewed_at: 2026-11-02", "reviewed_at: 2026-11-24")],
            "",
            "review: it was read on 2026-11-24, which had not come yet",
        ),
        (
            vec![("file: soc2.pdf", "file: absent.pdf")],
            "",
            "document: `absent.pdf` is missing: there is no such file",
        ),
        (
            vec![("description: the report", "description: r, sha256: aa")],
            "",
            "document: `soc2.pdf` was changed since",
        ),
        (
            vec![(
                "documents: [{ file: soc2.pdf, description: the report }]",
                "documents: []",
            )],
            "",
            "document: the certificate itself is not attached",
        ),
        (
            vec![],
            "exceptions_noted: [one late review]\n",
            "noted-exception: the issuer noted \"one late review\", and nobody",
        ),
        (
            vec![],
            "complementary_controls: [{ requirement: CC6.1, answered_by: [] }]\n",
            "complementary: \"CC6.1\" is left to us, and no control",
        ),
    ] {
        let (status, said_all) = judged(&changes, more);
        assert_eq!(
            (status.as_str(), said_all.len()),
            ("not-satisfied", 1),
            "{said}: {said_all:?}"
        );
        let start = format!("Example Cloud, SOC 2 Type II (c), {said}");
        assert!(said_all[0].starts_with(&start), "{said_all:?}");
    }
}

#[test]
fn a_letter_bridges_the_gap_if_it_is_there_and_long_enough_and_the_gap_is_short() {
    let year: &[(&str, &str)] = &[
        ("from: 2026-01-01", "from: 2025-01-01"),
        ("to: 2026-12-31", "to: 2025-11-23"),
    ];
    for (changes, letter, status) in [
        (&[ENDED][..], LETTER.to_owned(), "satisfied"),
        (
            &[ENDED],
            LETTER.replace("to: 2026-12-31", "to: 2026-11-23"),
            "satisfied",
        ),
        (
            &[ENDED],
            LETTER.replace("to: 2026-12-31", "to: 2026-11-22"),
            "not-satisfied",
        ),
        (
            &[ENDED],
            LETTER.replace("from: 2026-10-01", "from: 2026-10-02"),
            "not-satisfied",
        ),
        (
            &[ENDED],
            LETTER.replace("letter.pdf", "absent.pdf"),
            "not-satisfied",
        ),
        // A year is too long for a letter.
        (
            year,
            LETTER.replace("from: 2026-10-01", "from: 2025-11-24"),
            "not-satisfied",
        ),
    ] {
        let mut text = CERTIFICATE.to_owned();
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        let files = [
            ("c.yaml", &*(text + &letter)),
            ("soc2.pdf", "report"),
            ("letter.pdf", "letter"),
        ];
        let (found, said) = Statements::new(&files).exceptions(CONTROL);
        assert_eq!(found, status, "{letter}: {said:?}");
        assert!(
            said.is_empty() || said.iter().any(|one| one.contains(", gap: ")),
            "{said:?}"
        );
    }
}

fn leaving(controls: &str) -> String {
    format!(
        "{CERTIFICATE}complementary_controls: [{{ requirement: CC6.1 customers see to it, answered_by: [{controls}] }}]\n"
    )
}

#[test]
fn what_is_left_to_us_holds_when_our_controls_do() {
    let storage = crate::STORAGE;
    for (answer, status, said) in [
        ("satisfied", "satisfied", None),
        (
            "not-satisfied",
            "not-satisfied",
            Some("not satisfied: storage-encrypted"),
        ),
        (
            "not-applicable",
            "not-satisfied",
            Some("none of them is about this target"),
        ),
    ] {
        let storage = storage.replace("answer: satisfied", &format!("answer: {answer}"));
        let statements = Statements::new(&[
            ("c.yaml", &leaving("storage-encrypted")),
            ("s.yaml", &storage),
            ("soc2.pdf", "report"),
        ]);
        let (found, exceptions) = statements.exceptions(CONTROL);
        assert_eq!(found, status, "{answer}: {exceptions:?}");
        assert_eq!(exceptions.len(), usize::from(said.is_some()));
        if let Some(said) = said {
            assert!(
                exceptions[0].contains("CC6.1") && exceptions[0].ends_with(said),
                "{exceptions:?}"
            );
        }
    }
}

#[test]
fn what_our_controls_could_not_see_is_no_pass_and_no_exception() {
    for named in ["tls-on", "no-such-control", "storage-encrypted, tls-on"] {
        let statements = Statements::new(&[
            ("c.yaml", &leaving(named)),
            ("s.yaml", crate::STORAGE),
            ("soc2.pdf", "report"),
        ]);
        let finding = statements.assess(crate::NOWHERE, &[]).finding(CONTROL);
        assert_eq!(status(&finding), "not-evaluated", "{named}");
        let name = named.split(", ").last().unwrap();
        assert!(finding["reason"].as_str().unwrap().contains(name), "{finding}");
    }
}

#[test]
fn what_is_left_to_us_is_judged_on_the_server_and_again_by_a_replay() {
    let cluster = server(&[("ssl", "off")]);
    let statements = Statements::new(&[("c.yaml", &leaving("tls-on")), ("soc2.pdf", "report")]);
    let assessed = statements.assess(&cluster.conninfo("postgres"), &[]);
    let finding = assessed.finding(CONTROL);
    assert_eq!(status(&assessed.finding("tls-on")), "not-satisfied");
    assert_eq!(status(&finding), "not-satisfied");
    assert!(
        exceptions(&finding)[0].ends_with("not satisfied: tls-on"),
        "{finding}"
    );
    let replayed = pgdossier().arg("replay").arg(assessed.folder()).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
}

#[test]
fn reports_say_what_is_wrong_with_a_statement_and_do_not_call_it_valid() {
    let elsewhere = leaving("storage-encrypted").replace("sites: [fra1]", "sites: [ham1]");
    let wanting = crate::STORAGE.replace("answer: satisfied", "answer: not-satisfied");
    let good = crate::STORAGE.replace("storage-encrypted", "backups-encrypted")
        + "documents: [{ file: log.csv, description: log, period: { from: 2026-07-01, to: 2026-09-30 } }]\n";
    let statements = Statements::new(&[
        ("c.yaml", &elsewhere),
        ("s.yaml", &wanting),
        ("g.yaml", &good),
        ("soc2.pdf", "report"),
        ("log.csv", "log"),
    ]);
    let assessed = statements.assess(crate::NOWHERE, &[]);
    let folder = assessed.folder();
    let score = &assessed.json["score"];
    assert_eq!((&score["satisfied"], &score["attested"]), (&1.into(), &1.into()));
    let read = |name: &str| std::fs::read_to_string(folder.join("report").join(name)).unwrap();
    let (markdown, html) = (read("report.md"), read("index.html"));
    for said in [
        "### c: exceptions",
        "- **What is wrong with it:** site: the target's site \\`fra1\\` is not in its scope",
        "see to it: not satisfied: storage-encrypted",
        "### s: exceptions",
        "- **What is wrong with it:** it says that the control is not satisfied",
        "### g: valid",
        "log.csv, log, 2026-07-01 to 2026-09-30",
    ] {
        assert!(markdown.contains(said), "{said}\n{markdown}");
    }
    assert_eq!(html.matches("What is wrong with it:").count(), 2);
    assert_eq!(
        html.matches("<span class=\"state exceptions\">exceptions</span>")
            .count(),
        2
    );
}
