//! `attest new`, `check` and `status` as their users see them.

use serde_json::Value;

use crate::support::text;
use crate::{CERTIFICATE, STORAGE, Statements};

#[test]
fn a_new_file_is_commented_checked_and_never_overwritten() {
    let statements = Statements::new(&[("list.csv", "Ann")]);
    let arguments = [
        "new",
        "storage-encrypted",
        "--as-of",
        "2026-11-23",
        "--set",
        "statement=All \"volumes\"\nlie on LUKS: yes # really",
        "--set",
        "answer=satisfied",
        "--set",
        "method=examine",
        "--set",
        "frequency=quarterly",
        "--set",
        "performed_by.name=Ann\u{202e}\u{1b}[31m",
        "--document",
        "list.csv=who <b>may</b>",
    ];
    let made = statements.attest(&arguments);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let path = statements.folder().join("storage-encrypted.yaml");
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains("expires_at: 2027-02-23"), "{written}");
    assert!(
        !written.contains('\u{202e}') && !written.contains('\u{1b}'),
        "{written}"
    );
    // What was not given stands there as a comment, to be filled in.
    for field in [
        "targets:",
        "tags:",
        "sites:",
        "  organisation:",
        "  contact:",
        "reviewer:",
        "reviewed_at:",
        "valid_from:",
        "supersedes:",
        "revoked_at:",
        "revoked_reason:",
        "    period:",
    ] {
        let commented = format!("\n# {field}");
        assert!(written.contains(&commented), "{field}\n{written}");
    }
    // Every field has a comment above it.
    let lines: Vec<&str> = written.lines().collect();
    for (index, line) in lines.iter().enumerate().skip(1) {
        let field = line.trim_start_matches(['-', ' ']);
        let opens_mapping = field.ends_with(':');
        if line.starts_with('#')
            || line.trim_start().starts_with('#')
            || opens_mapping
            || field.starts_with("kind")
        {
            continue;
        }
        assert!(
            lines[index - 1].trim_start().starts_with('#'),
            "no comment above `{line}`\n{written}"
        );
    }
    let checked = statements.attest(&["check"]);
    assert_eq!(
        (checked.status.code(), text(&checked.stdout).trim()),
        (Some(0), "1 statements are good")
    );
    let again = statements.attest(&arguments);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("not overwritten"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written);
}

#[test]
fn what_is_missing_is_told_at_once_and_nothing_is_written() {
    let statements = Statements::new(&[]);
    for (arguments, expected) in [
        (
            vec!["new", "physical-locked-racks", "--set", "answer=satisfied"],
            vec![
                "--set statement=",
                "--set performed_by.name=",
                "--set expires_at=",
                "--answer racks_locked=",
                "--answer keys_held_by=",
            ],
        ),
        (
            vec!["new", "physical-provider-certificate"],
            vec!["--set period.from=", "--set reviewed_by.name="],
        ),
        (
            vec!["new", "no-such-control"],
            vec!["no control `no-such-control`"],
        ),
        (vec!["new", "tls-on"], vec!["not all answered by attestations"]),
        (
            vec!["new", "storage-encrypted", "--set", "stetement=x"],
            vec!["no field `stetement`"],
        ),
        (
            vec!["new", "storage-encrypted", "--answer", "x=y"],
            vec!["nobody asks `x`"],
        ),
        (
            vec!["new", "storage-encrypted", "--id", "../out"],
            vec!["cannot be the name of a file"],
        ),
        (
            vec!["new", "storage-encrypted", "--document", "../key.pem=x"],
            vec!["`../key.pem` leads out of `attestations`"],
        ),
        (
            vec![
                "new",
                "storage-encrypted",
                "--set",
                "statement=s",
                "--set",
                "answer=perhaps",
                "--set",
                "method=test",
                "--set",
                "performed_by.name=A",
                "--set",
                "expires_at=soon",
            ],
            vec![
                "nothing was written",
                "`answer` is `perhaps`",
                "`expires_at` is `soon`",
                "write it like 2026-11-23",
            ],
        ),
    ] {
        let output = statements.attest(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        for expected in expected {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
    assert_eq!(std::fs::read_dir(statements.folder()).unwrap().count(), 0);
}

#[test]
fn check_tells_all_problems_of_all_files_with_place_and_fix() {
    let racks = "kind: attestation
controls: [physical-locked-racks, physical-locked-raks]
targets: []
statement: They are locked.
answer: satisfied
answers:
  racks: rack 14
  racks_locked: false
  lock: yes
method: examine
performed_by: { name: Ines  Marten }
performed_at: 2026-11-01
frequency: monthly
expires_at: 2027-04-30
supersedes: absent
revoked_reason: why not
documents:
  - { file: absent.pdf, description: photographs }
  - { file: soc2.pdf, description: other, sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }
";
    let statements = Statements::new(&[
        ("racks.yaml", racks),
        (
            "c.yaml",
            &CERTIFICATE.replace("[physical-provider-certificate]", "[storage-encrypted]"),
        ),
        ("soc2.pdf", "report"),
        ("gone.attestor-0123456789abcdef.sigstore.json", "{}"),
    ]);
    let (code, json) = statements.json(&["check"]);
    assert_eq!(code, 2);
    let said: Vec<String> = json["problems"].as_array().unwrap().iter().map(line).collect();
    for expected in [
        "attestations/c.yaml:2:12 `storage-encrypted` is not answered by certificates",
        "attestations/gone.attestor-0123456789abcdef.sigstore.json:0:0 there is no statement",
        "attestations/racks.yaml:2:35 the catalog has no control `physical-locked-raks` | did you mean `physical-locked-racks`?",
        "attestations/racks.yaml:3:10 `targets` is empty",
        "attestations/racks.yaml:7:10 the answer `racks` is not written as `[one, another]`",
        "attestations/racks.yaml:8:17 the answer `racks_locked` is `false`",
        "attestations/racks.yaml:7:3 `keys_held_by` is not answered",
        "attestations/racks.yaml:14:13 it counts until 2027-04-30, and by its frequency it is due on 2026-12-01",
        "attestations/racks.yaml:15:13 it replaces `absent`, which is not here",
        "attestations/racks.yaml:16:17 it says why it was withdrawn, and not when",
        "attestations/racks.yaml:18:13 the document `absent.pdf` is missing: there is no such file",
        "attestations/racks.yaml:19:51 `soc2.pdf` was changed",
    ] {
        assert!(
            said.iter().any(|line| line.starts_with(expected)),
            "{expected}\n{}",
            said.join("\n")
        );
    }
    // One file alone.
    let (code, json) = statements.json(&["check", "attestations/c.yaml"]);
    assert_eq!((code, json["problems"].as_array().unwrap().len()), (2, 1));
}

fn line(problem: &Value) -> String {
    format!(
        "{}:{}:{} {} | {}",
        problem["file"].as_str().unwrap(),
        problem["line"],
        problem["column"],
        problem["message"].as_str().unwrap(),
        problem["help"].as_str().unwrap_or_default()
    )
}

#[test]
fn form_is_checked_in_every_file_before_anything_else() {
    let circle = |other: &str| format!("{STORAGE}supersedes: {other}\n");
    for (files, expected) in [
        (
            vec![
                ("a.yaml", "kind: attestation\n".to_owned()),
                ("b.yaml", "kind: waiver\n".to_owned()),
            ],
            vec![
                "a.yaml:1:1: `answer` is missing",
                "b.yaml:1:7: the kind `waiver` is not known",
            ],
        ),
        (
            vec![("a.yaml", circle("b")), ("b.yaml", circle("a"))],
            vec!["a.yaml:9:13: statements replace one another in a circle"],
        ),
        (vec![("a.yaml", circle("a"))], vec!["in a circle"]),
        (
            vec![("a.yaml", STORAGE.to_owned()), ("a.yml", STORAGE.to_owned())],
            vec!["has the same id"],
        ),
        (
            vec![("a.yaml", STORAGE.to_owned()), ("A.yaml", STORAGE.to_owned())],
            vec!["has the same id"],
        ),
        (
            vec![("a.yaml", format!("{STORAGE}reviewer: {{ name: priya  nair }}\n"))],
            vec!["a.yaml:9:11: the reviewer is the performer"],
        ),
        (
            vec![("a.yaml", STORAGE.replace("2027-04-30", "2026-10-31"))],
            vec!["a.yaml:8:13: it expires on 2026-10-31 and begins on 2026-11-01"],
        ),
        (
            vec![("a.yaml", STORAGE.replace("2027-04-30", "2027-02-29"))],
            vec!["a.yaml:8:13", "is not a day"],
        ),
        (
            vec![("c.yaml", CERTIFICATE.replace("to: 2026-12-31", "to: 2025-12-31"))],
            vec!["c.yaml:7:9: `period` ends on 2025-12-31"],
        ),
    ] {
        let statements = Statements::new(&[]);
        for (name, content) in &files {
            statements.put(name, content);
        }
        let output = statements.attest(&["check"]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for expected in expected {
            assert!(said.contains(expected), "{expected}:\n{said}");
        }
        // An assessment does not begin with such files.
        let assessed = statements.assess(crate::NOWHERE, &[]);
        assert_eq!(assessed.code(), 2, "{}", assessed.stderr());
    }
}

#[test]
fn status_tells_what_is_open_for_each_target() {
    let only_db2 = STORAGE.replace("answer:", "targets: [db2]\nanswer:");
    let statements = Statements::new(&[
        ("s.yaml", &only_db2),
        ("c.yaml", CERTIFICATE),
        ("soc2.pdf", "report"),
    ]);
    statements.workspace.write(
        "inventory.yaml",
        "targets:\n  - { id: db1, connection: host=a, site: fra1 }\n  - { id: db2, connection: host=b, site: ham1 }\n",
    );
    let at = |as_of: &str, within: &str| {
        let (code, json) = statements.json(&[
            "status",
            "--inventory",
            "inventory.yaml",
            "--as-of",
            as_of,
            "--within",
            within,
        ]);
        assert_eq!(code, 3);
        json
    };
    let state = |json: &Value, target: &str, control: &str| -> String {
        let lines = json.as_array().unwrap().iter();
        let mut found = lines.filter(|line| line["target"] == target && line["control"] == control);
        found
            .next()
            .map_or_else(String::new, |line| line["state"].as_str().unwrap().to_owned())
    };
    let early = at("2026-11-23", "60");
    assert_eq!(state(&early, "db1", "storage-encrypted"), "missing");
    assert_eq!(state(&early, "db2", "storage-encrypted"), "valid");
    assert_eq!(
        state(&early, "db1", "provider-operates-host"),
        "",
        "only where a platform is managed"
    );
    assert_eq!(
        state(&at("2027-03-02", "60"), "db2", "storage-encrypted"),
        "expiring"
    );
    assert_eq!(
        state(&at("2027-03-02", "58"), "db2", "storage-encrypted"),
        "valid"
    );
    assert_eq!(
        state(&at("2027-05-01", "60"), "db2", "storage-encrypted"),
        "expired"
    );
    // The certificate does not cover the second site.
    let certificate = |target: &str| {
        let mut lines = early.as_array().unwrap().iter();
        let line = lines
            .find(|line| line["target"] == target && line["statement"] == "c")
            .unwrap();
        line["faults"].as_array().unwrap().len()
    };
    assert_eq!((certificate("db1"), certificate("db2")), (0, 1));
}

#[test]
fn status_is_good_when_everything_mandatory_is() {
    let statements = Statements::new(&[("s.yaml", STORAGE)]);
    // Everything else that people answer is left out.
    let (_, all) = statements.json(&["status", "--as-of", "2026-11-23"]);
    let mut profile = String::from("name: small\nexclude:\n");
    for line in all.as_array().unwrap() {
        let control = line["control"].as_str().unwrap();
        if control != "storage-encrypted" {
            profile.push_str(&format!("  {control}: answered elsewhere\n"));
        }
    }
    statements.workspace.write("profile.yaml", &profile);
    let run = |as_of: &str| {
        let output = statements.attest(&["status", "--profile", "profile.yaml", "--as-of", as_of]);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = run("2026-11-23");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run("2027-05-01");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("expired"), "{said}");
    // It asks for what an assessment with this profile would ask for.
    let signed = "parameters: { storage-encrypted: { signature_required: true } }\n";
    statements
        .workspace
        .write("profile.yaml", &format!("{profile}{signed}"));
    let (code, said) = run("2026-11-23");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("signature absent"), "{said}");
    statements.workspace.write("profile.yaml", &profile);
    statements.put(
        "s.yaml",
        &STORAGE.replace("answer: satisfied", "answer: not-satisfied"),
    );
    let (code, said) = run("2026-11-23");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("it says that the control is not satisfied"),
        "{said}"
    );
}
