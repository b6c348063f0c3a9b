//! Lies in a copy, by whoever passes it on and by the redactor: each has its own failure.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use chrono::TimeDelta;
use pgdossier::bundle::{RedactError, Verdict};
use pgdossier::sign::{Requirement, Signer as _, SigningKey};
use pgdossier::withholding::Withholding;
use serde_json::{Value, json};

use super::made::{FINDINGS, HBA, Made, ROLES, as_of, verified};

/// What a redactor makes of what a copy shows.
type Lie = Box<dyn Fn(String) -> String>;

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = change(std::fs::read_to_string(path).unwrap());
    std::fs::write(path, text).unwrap();
}

fn part(copy: &Path, path: &str) -> std::path::PathBuf {
    copy.join("redacted").join(format!("{path}.rows.ndjson"))
}

#[test]
fn a_copy_verifies_as_folder_and_archive_and_says_what_is_withheld() {
    let made = Made::new("acme-1");
    let copy = made.usual_copy();
    for path in [copy.clone(), copy.with_extension("zip")] {
        let verification = made.verified(&path);
        assert_eq!(
            verification.verdict,
            Verdict::ValidWithWithheldFiles,
            "{verification}"
        );
        assert_eq!(verification.withheld, ["report/index.html", HBA, FINDINGS]);
        let text = verification.to_string();
        for expected in [
            "redacted at 2026-10-01 00:00:00 UTC by Rita as redactor",
            "withheld: report/index.html: made from it",
            &format!("shown in part: {HBA}, without 1 row(s), `method`, `user`: names"),
        ] {
            assert!(text.contains(expected), "{text}");
        }
    }
    // Whoever signed the bundle may redact it in the same role.
    let own = made.copy(&made.assessor, "assessor", &Made::withholding());
    assert_eq!(made.codes(&own), Vec::<&str>::new());
}

/// The commands of `VERIFY.md` that are blocks of this kind.
fn commands(copy: &Path, kind: &str) -> Vec<String> {
    let page = std::fs::read_to_string(copy.join("VERIFY.md")).unwrap();
    let blocks = page.split("```").filter_map(|part| part.strip_prefix(kind));
    blocks.map(str::to_owned).collect()
}

#[test]
fn the_hand_commands_check_a_copy_as_written() {
    let made = Made::new("acme-hand");
    let copy = made.usual_copy();
    for (key, name) in [(&made.assessor, "signer.pem"), (&made.redactor, "redactor.pem")] {
        std::fs::write(copy.join("..").join(name), key.public_key().to_pem()).unwrap();
    }
    let run = |block: &str| {
        let mut shell = Command::new("sh");
        let output = shell.args(["-euc", block]).current_dir(&copy).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        // What openssl says of a good signature.
        let printed = printed.replace("Signature Verified Successfully\n", "");
        (output.status.success(), printed)
    };
    let first = commands(&copy, "sh\n").remove(0);
    let (whole, _) = run(&first);
    assert!(!whole, "files are missing");
    let (good, printed) = run(&first.replacen("sha256sum", "sha256sum --ignore-missing", 1));
    assert!(good);
    for path in ["report/index.html", HBA, FINDINGS] {
        assert!(printed.contains(&format!("{path}\n")), "{printed}");
    }
    for block in &commands(&copy, "sh\n")[1..] {
        assert!(run(block).0, "{block}");
    }
    let last = commands(&copy, "bash\n").pop().unwrap();
    assert_eq!(run(&last), (true, String::new()));

    let moved = copy.join("controls/a.yaml");
    std::fs::rename(&moved, copy.join("../a.yaml")).unwrap();
    assert_eq!(run(&last), (true, "controls/a.yaml\n".to_owned()));
    std::fs::rename(copy.join("../a.yaml"), &moved).unwrap();
    edit(&part(&copy, HBA), |text| text.replacen("trust", "peerx", 1));
    assert!(!run(&last).0);
    made.lie(&copy, &made.reviewer, |_| {});
    assert!(!run(&last).0);
}

#[test]
fn what_was_changed_after_signing_is_noticed() {
    let made = Made::new("acme-2");
    let with = |change: &dyn Fn(&Path)| {
        let copy = made.usual_copy();
        change(&copy);
        made.codes(&copy)
    };
    let shown = |copy: &Path| part(copy, HBA);
    assert_eq!(
        with(&|copy| edit(&shown(copy), |text| text.replace("trust", "reject"))),
        ["redaction.changed"]
    );
    assert_eq!(
        with(&|copy| std::fs::remove_file(part(copy, FINDINGS)).unwrap()),
        ["redaction.part-absent"]
    );
    assert_eq!(
        with(&|copy| std::fs::write(copy.join("redacted/more"), "").unwrap()),
        ["redaction.unnamed"]
    );
    assert_eq!(
        with(&|copy| std::fs::remove_dir_all(copy.join("redaction")).unwrap()),
        ["file.absent", "file.absent", "file.absent", "redaction.absent"]
    );
    assert_eq!(
        with(&|copy| {
            std::fs::remove_dir_all(copy.join("redaction")).unwrap();
            std::fs::remove_dir_all(copy.join("redacted")).unwrap();
        }),
        ["file.absent", "file.absent", "file.absent"]
    );
    assert_eq!(
        with(&|copy| std::fs::remove_file(copy.join("controls/a.yaml")).unwrap()),
        ["file.absent"]
    );
    assert_eq!(
        with(&|copy| std::fs::write(copy.join("redaction/more"), "").unwrap()),
        ["file.absent", "file.absent", "file.absent", "redaction.count"]
    );
    // A file that is said to be withheld and lies there: one of the two is wrong.
    assert_eq!(
        with(&|copy| {
            std::fs::create_dir_all(copy.join("report")).unwrap();
            std::fs::copy(
                made.bundle.join("report/index.html"),
                copy.join("report/index.html"),
            )
            .unwrap();
        }),
        ["redaction.present"]
    );
    // The whole bundle with something of a copy in it.
    std::fs::create_dir(made.bundle.join("redacted")).unwrap();
    std::fs::write(made.bundle.join("redacted/more"), "").unwrap();
    assert_eq!(made.codes(&made.bundle), ["redaction.absent"]);
}

#[test]
fn no_change_to_any_byte_that_a_redaction_adds_goes_unnoticed() {
    let made = Made::new("acme-3");
    let copy = made.usual_copy();
    let folder = copy.join("redaction");
    let envelope = folder.read_dir().unwrap().next().unwrap().unwrap().path();
    for path in [part(&copy, HBA), part(&copy, FINDINGS), envelope] {
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(29) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).unwrap();
            assert!(!made.codes(&copy).is_empty(), "{} byte {at}", path.display());
        }
        std::fs::write(&path, good).unwrap();
    }
    assert!(made.codes(&copy).is_empty());
}

#[test]
fn a_redactor_cannot_show_what_was_not_sealed() {
    let made = Made::new("acme-4");
    let swapped = |text: String| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(0, 1);
        lines.join("\n") + "\n"
    };
    let other_rows = {
        let mut withholding = Withholding::default();
        let user = pgdossier::withholding::Hidden::Fields(["user".to_owned()].into());
        withholding.cut(ROLES, 0, user, "x");
        let copy = made.copy(&made.redactor, "redactor", &withholding);
        std::fs::read_to_string(part(&copy, ROLES)).unwrap()
    };
    // Shortens the first hash of a withheld value by exchanging one of its digits.
    let other_hash = |text: String| {
        let at = text.find("\"withheld\":\"").unwrap() + "\"withheld\":\"".len();
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        format!("{}{digit}{}", &text[..at], &text[at + 1..])
    };
    let lies: Vec<(&str, Lie)> = vec![
        ("a value", Box::new(|text| text.replacen("trust", "reject", 1))),
        ("a name", Box::new(|text| text.replacen("method", "mathod", 1))),
        ("a hash", Box::new(other_hash)),
        (
            "a row less",
            Box::new(|text| text.lines().skip(1).map(|line| format!("{line}\n")).collect()),
        ),
        (
            "a row more",
            Box::new(|text| format!("{text}{}\n", text.lines().next().unwrap())),
        ),
        ("rows swapped", Box::new(swapped)),
        ("another evidence", Box::new(move |_| other_rows.clone())),
        ("nothing", Box::new(|_| String::new())),
    ];
    for (lie, change) in lies {
        let copy = made.usual_copy();
        made.show(&copy, HBA, change);
        assert_eq!(made.codes(&copy), ["redaction.commitment"], "{lie}");
    }
    let copy = made.usual_copy();
    made.show(&copy, HBA, |text| text.replacen("\"fields\"", "\"feilds\"", 1));
    assert_eq!(made.codes(&copy), ["redaction.rows"]);
    let copy = made.usual_copy();
    made.show(&copy, FINDINGS, |text| text.replace("\\\"a\\\"", "\\\"b\\\""));
    assert_eq!(made.codes(&copy), ["redaction.commitment"], "a finding");
}

#[test]
fn whoever_seals_and_redacts_cannot_do_without_commitments() {
    let made = Made::new("acme-9");
    let copy = made.usual_copy();
    let good = std::fs::read_to_string(copy.join("commitments.txt")).unwrap();
    made.commit_to(&copy, Some(&good));
    assert_eq!(made.codes(&copy), Vec::<&str>::new());
    for (commitments, code) in [
        (None, "commitment.absent"),
        (Some("nothing\n"), "commitment.format"),
        (Some(good.trim_end()), "commitment.format"),
    ] {
        let copy = made.usual_copy();
        made.commit_to(&copy, commitments);
        let codes = made.codes(&copy);
        assert_eq!(codes, [code]);
    }
}

#[test]
fn a_redaction_counts_only_when_the_policy_lets_its_signer_redact_this_bundle() {
    let (made, stranger) = (Made::new("acme-5"), SigningKey::generate().unwrap());
    let lie = |signer: &SigningKey, change: &dyn Fn(&mut Value)| -> Vec<&'static str> {
        let copy = made.usual_copy();
        made.lie(&copy, signer, change);
        let mut codes = made.codes(&copy);
        codes.retain(|code| *code != "file.absent");
        codes
    };
    let rita = &made.redactor;
    let set = |pointer: &'static str, value: Value| {
        move |statement: &mut Value| *statement.pointer_mut(pointer).unwrap() = value.clone()
    };
    assert_eq!(lie(rita, &|_| ()), Vec::<&str>::new());
    assert_eq!(lie(&stranger, &|_| ()), ["redaction.untrusted"]);
    assert_eq!(lie(&made.reviewer, &|_| ()), ["redaction.role"]);
    assert_eq!(
        lie(rita, &set("/predicate/signer/role", json!("assessor"))),
        ["redaction.role"]
    );
    assert_eq!(lie(&made.assessor, &|_| ()), ["redaction.role"], "no redactor");
    assert_eq!(
        lie(rita, &set("/predicate/signer/keyid", json!("00"))),
        ["redaction.signer"]
    );
    let other = json!("0".repeat(64));
    assert_eq!(
        lie(rita, &set("/subject/0/digest/sha256", other)),
        ["redaction.other-bundle"]
    );
    assert_eq!(
        lie(rita, &set("/predicate/bundleId", json!("b"))),
        ["redaction.other-bundle"]
    );
    assert_eq!(
        lie(rita, &set("/predicateType", json!("urn:b"))),
        ["redaction.format"]
    );
    assert_eq!(
        lie(rita, &set("/subject/0/name", json!("b"))),
        ["redaction.format"]
    );
    assert_eq!(
        lie(rita, &set("/predicate/redactedAt", json!("2027-01-01T00:00:00Z"))),
        ["redaction.time"]
    );
    let add = |path: &'static str| {
        move |statement: &mut Value| {
            let file = json!({"path": path, "guessable": false, "reasons": []});
            statement["predicate"]["withheld"]
                .as_array_mut()
                .unwrap()
                .push(file);
        }
    };
    assert_eq!(lie(rita, &add("no/such/file")), ["redaction.not-listed"]);
    assert_eq!(lie(rita, &add("chain/leaves.txt")), ["redaction.not-listed"]);
    assert_eq!(
        lie(rita, &add("report/index.html")),
        ["redaction.format"],
        "twice"
    );
    assert_eq!(lie(rita, &add("controls/a.yaml")), ["redaction.present"]);

    let copy = made.usual_copy();
    let mut policy = made.policy();
    for key in policy.keys.iter_mut().filter(|key| key.owner == "Rita") {
        key.valid_until = as_of() + TimeDelta::hours(1);
    }
    let codes: Vec<&str> = verified(&copy, &policy)
        .failures()
        .map(|failure| failure.code)
        .collect();
    assert!(codes.contains(&"redaction.key"), "{codes:?}");
    let folder = copy.join("redaction");
    let path = folder.read_dir().unwrap().next().unwrap().unwrap().path();
    edit(&path, |text| {
        let at = text.find("\"sig\": \"").unwrap() + 20;
        let letter = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{letter}{}", &text[..at], &text[at + 1..])
    });
    assert!(made.codes(&copy).contains(&"redaction.signature"));
}

#[test]
fn withholding_never_helps_to_meet_a_policy() {
    let made = Made::new("acme-6");
    let mut withholding = Withholding::default();
    withholding.file("attestations/room.yaml", "x").guessable = true;
    let copy = made.copy(&made.redactor, "redactor", &withholding);
    assert_eq!(made.codes(&copy), Vec::<&str>::new());
    let mut policy = made.policy();
    policy.require.push(Requirement {
        statement: "attestation".to_owned(),
        role: "reviewer".to_owned(),
        threshold: 1,
        distinct_owner_from: Vec::new(),
    });
    let codes: Vec<&str> = verified(&copy, &policy)
        .failures()
        .map(|failure| failure.code)
        .collect();
    assert_eq!(codes, ["require.withheld"]);
}

#[test]
fn who_signed_a_waiver_is_shown_with_it() {
    let made = Made::new("acme-10");
    let of_requester = "waivers/old.requester-0123456789abcdef.sigstore.json";
    let withheld = |paths: &[&str]| {
        let mut withholding = Withholding::default();
        for path in paths {
            withholding.file(path, "x").guessable = true;
        }
        made.codes(&made.copy(&made.redactor, "redactor", &withholding))
    };
    // The policy demands nothing of waivers, and still nobody may hide that the approver asked for it.
    assert_eq!(withheld(&[of_requester]), ["require.withheld"]);
    assert_eq!(withheld(&[of_requester, "waivers/old.yaml"]), Vec::<&str>::new());
}

#[test]
fn what_cannot_be_withheld_soundly_is_refused() {
    let made = Made::new("acme-7");
    let refused = |path: &str| -> RedactError {
        let mut withholding = Withholding::default();
        withholding.file(path, "x");
        refusal(&made, &made.bundle, &withholding)
    };
    for needed in [
        "chain/leaves.txt",
        "commitments.txt",
        "VERIFY.md",
        "statement.json",
    ] {
        assert!(matches!(refused(needed), RedactError::Needed(_)), "{needed}");
    }
    for unsalted in ["controls/a.yaml", "attestations/room.yaml"] {
        assert!(
            matches!(refused(unsalted), RedactError::Guessable(_)),
            "{unsalted}"
        );
    }
    let nothing = refusal(&made, &made.bundle, &Withholding::default());
    assert!(matches!(nothing, RedactError::Nothing));
    let mut withholding = Withholding::default();
    withholding.cut("controls/a.yaml", 0, pgdossier::withholding::Hidden::Row, "x");
    let parts = refusal(&made, &made.bundle, &withholding);
    assert!(matches!(parts, RedactError::NoParts { .. }), "{parts}");
    // A copy cannot be redacted again: who made it could not vouch for what it does not have.
    let copy = made.usual_copy();
    let error = pgdossier::bundle::BundleReader::open(&copy, &pgdossier::bundle::Limits::default())
        .unwrap()
        .check_integrity();
    let message = error.err().unwrap().to_string();
    assert!(
        message.contains("this is a redacted copy") && message.contains("redaction.copy"),
        "{message}"
    );
    let left: BTreeSet<String> = crate::support::names(&made.dir.path().join("refused"))
        .into_iter()
        .collect();
    assert_eq!(left, BTreeSet::new());
}

fn refusal(made: &Made, bundle: &Path, withholding: &Withholding) -> RedactError {
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let bundle = pgdossier::bundle::BundleReader::open(bundle, &pgdossier::bundle::Limits::default())
        .unwrap()
        .check_integrity()
        .unwrap();
    let tool = super::made::tool();
    let redactor = pgdossier::bundle::Redactor {
        signer: &made.redactor,
        role: "redactor",
        at: as_of(),
        tool: &tool,
    };
    let options = pgdossier::bundle::SealOptions {
        cancel: &cancel,
        threads: None,
    };
    pgdossier::bundle::redact(
        &bundle,
        withholding,
        redactor,
        &made.dir.path().join("refused"),
        &options,
    )
    .unwrap_err()
}

#[test]
fn commitments_to_other_rows_than_the_sealed_ones_are_found() {
    let made = Made::new("acme-8");
    let broken = || {
        let limits = pgdossier::bundle::Limits::default();
        let reader = pgdossier::bundle::BundleReader::open(&made.bundle, &limits).unwrap();
        reader.check_integrity().unwrap().broken_commitments()
    };
    assert_eq!(broken(), Vec::<String>::new());
    // Whoever seals can commit to anything, and sign for it.
    let digest = |path: &str| {
        let bytes = std::fs::read(made.bundle.join(path)).unwrap();
        pgdossier::evidence::sha256_hex(&bytes)
    };
    let (commitments, manifest) = (digest("commitments.txt"), digest("MANIFEST.sha256"));
    edit(&made.bundle.join("commitments.txt"), |text| {
        let lines = text
            .lines()
            .map(|line| match line.strip_suffix(&format!("  {HBA}")) {
                Some(_) => format!("{}  {HBA}\n", "0".repeat(64)),
                None => format!("{line}\n"),
            });
        lines.collect()
    });
    let path = made.bundle.join("MANIFEST.sha256");
    edit(&path, |text| {
        text.replace(&commitments, &digest("commitments.txt"))
    });
    edit(&made.bundle.join("statement.json"), |text| {
        let mut statement: Value =
            serde_json::from_str(&text.replace(&manifest, &digest("MANIFEST.sha256"))).unwrap();
        let head = pgdossier::bundle::tree_head_of_lines(&std::fs::read(&path).unwrap());
        statement["predicate"]["manifest"]["root"] = head.root.to_string().into();
        statement.to_string()
    });
    assert_eq!(broken(), [HBA]);
}
