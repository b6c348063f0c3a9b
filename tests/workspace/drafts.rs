//! Drafts: none counts before it is filled in.

use serde_json::Value;

use crate::support::text;
use crate::{AUTUMN, Laid, NOWHERE, code};

/// A statement about a control that asks no questions, complete.
const STORAGE: &str = "controls: [storage-encrypted]
statement: All volumes lie on LUKS.
answer: satisfied
method: examine
performed_by: { name: Priya Nair }
performed_at: 2026-11-01
expires_at: 2027-04-30
";

#[test]
fn a_draft_counts_only_once_it_is_complete_and_no_draft_any_more() {
    let laid = Laid::new(NOWHERE, &[]);
    let file = "attestations/storage-encrypted.yaml";
    let (exit, line) = laid.status("storage-encrypted");
    assert_eq!((exit, &line["state"]), (3, &Value::from("draft")), "{line}");
    // The draft as it is cannot be signed, and is not replaced once somebody has written in it.
    let refused = laid.run(&["attest", "sign", file, "--key", "keys/assessor.pem"]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("is a draft"),
        "{}",
        text(&refused.stderr)
    );

    let status_of = |clock: &str| laid.assess_at(clock).finding("storage-encrypted")["status"].clone();
    for (content, expected) in [
        // Complete, and still called a draft.
        (format!("kind: attestation\ndraft: true\n{STORAGE}"), "draft"),
        (
            format!("{{ \"kind\": attestation, \"draft\": true, {} }}", flow(STORAGE)),
            "draft",
        ),
        (format!("kind: attestation\n{STORAGE}"), "valid"),
        (format!("kind: attestation\ndraft: false\n{STORAGE}"), "valid"),
    ] {
        std::fs::write(laid.path(file), &content).unwrap();
        let (_, line) = laid.status("storage-encrypted");
        assert_eq!(line["state"], expected, "{content}");
        let checked = laid.run(&["attest", "check"]);
        assert_eq!(code(&checked), 0, "{content}: {}", text(&checked.stdout));
    }
    assert_eq!(status_of(AUTUMN), "satisfied");
    // Half filled in: a draft may lack things, but what is there has to be right.
    for (content, expected) in [
        (
            "kind: attestation\ncontrols: [storage-encrypted]\n",
            "1:1: `answer` is missing",
        ),
        (
            "kind: attestation\ndraft: true\ncontrols: [storage-encrypted]\nanswer: perhaps\n",
            "4:9: `answer` is `perhaps`",
        ),
        (
            "kind: attestation\ndraft: true\ncontrols: [storage-encrypted]\nanswr: satisfied\n",
            "4:1: unknown field `answr`\n    help: did you mean `answer`?",
        ),
        (
            "kind: attestation\ndraft: yes\ncontrols: [storage-encrypted]\n",
            "2:8: `draft` is",
        ),
        (
            "kind: waiver\ndraft: true\ncontrols: []\n",
            "1:7: the kind `waiver` is not known",
        ),
    ] {
        std::fs::write(laid.path(file), content).unwrap();
        let checked = laid.run(&["attest", "check"]);
        let said = text(&checked.stdout);
        assert!(
            said.contains(&format!("storage-encrypted.yaml:{expected}")),
            "{content}: {said}"
        );
        assert_eq!(laid.assess_at("1795510800").code(), 2, "{content}");
    }
}

fn flow(yaml: &str) -> String {
    yaml.trim().replace('\n', ", ")
}

#[test]
fn attest_new_takes_the_place_of_a_draft_only_while_nobody_has_written_in_it() {
    let laid = Laid::new(NOWHERE, &[]);
    let given = [
        "attest",
        "new",
        "storage-encrypted",
        "--set",
        "statement=All volumes lie on LUKS.",
        "--set",
        "answer=satisfied",
        "--set",
        "method=examine",
        "--set",
        "performed_by.name=Priya Nair",
        "--set",
        "expires_at=2027-04-30",
    ];
    let file = "attestations/storage-encrypted.yaml";
    let draft = laid.read(file);
    laid.replace(file, "# method: examine", "method: test");
    let refused = laid.run(&given);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("not overwritten"),
        "{}",
        text(&refused.stderr)
    );
    std::fs::write(laid.path(file), draft).unwrap();
    let written = laid.run(&given);
    assert_eq!(code(&written), 0, "{}", text(&written.stderr));
    let first = laid.read(file);
    assert!(
        first.starts_with("# yaml-language-server: $schema=../.schemas/attestation.schema.json\n"),
        "{first}"
    );
    assert_eq!(laid.status("storage-encrypted").1["state"], "valid");
    // A draft of its own, for a control that has a statement already, hides nothing.
    let another = laid.run(&[
        "attest",
        "new",
        "storage-encrypted",
        "--draft",
        "--id",
        "next-year",
    ]);
    assert_eq!(code(&another), 0, "{}", text(&another.stderr));
    assert_eq!(laid.status("storage-encrypted").1["state"], "valid");
}
