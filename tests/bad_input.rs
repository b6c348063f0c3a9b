//! Files and arguments that are wrong: a clear message with its place and what to do, the right exit code, nothing written.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::{Workspace, pgdossier, server, text};

const GUIDE: &str = "title: G\nchapters:\n  - id: a\n    title: A\n    sections:\n      - { id: a/b, title: B, summary: S, origin: guide }\n";

const GOOD: &str = "id: c
title: T
section: a/b
severity: low
rationale: r
remediation: r
evidence:
  - collector: hba
population: every rule
expect: row.auth_method != 'trust'
exception: \"line {{ row.line_number }}\"
when_empty: not-satisfied
examples:
  - { note: good, row: { auth_method: peer, line_number: 1 }, meets: true }
  - { note: bad, row: { auth_method: trust, line_number: 2 }, meets: false }
";

/// Lints a catalog whose one control has `from` replaced by `to`; gives the exit code and what was printed.
fn lint(from: &str, to: &str) -> (i32, String) {
    assert!(GOOD.contains(from), "{from}");
    let workspace = Workspace::new();
    workspace.write("controls/guide.yaml", GUIDE);
    workspace.write("controls/a/b/c.yaml", &GOOD.replacen(from, to, 1));
    let output = pgdossier()
        .args(["controls", "lint", "--controls"])
        .arg(workspace.path("controls"))
        .output()
        .unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

#[test]
fn a_good_control_is_good() {
    let (code, printed) = lint("id: c", "id: c");
    assert_eq!((code, printed.trim()), (0, "1 controls and 2 examples are good"));
}

#[test]
fn what_is_wrong_with_a_control_is_told_with_its_place_and_a_fix() {
    for (from, to, expected) in [
        ("severity: low", "severity: [low", "c.yaml:"),
        (
            "severity: low",
            "severity: low\nseverty: low",
            "c.yaml:5:1: unknown field `severty`",
        ),
        (
            "severity: low",
            "severity: low\nseverity: high",
            "c.yaml:5:1: duplicate",
        ),
        (
            "severity: low",
            "severity: urgent",
            "c.yaml:4:11: `severity` is `urgent`\n    help: use one of",
        ),
        (
            "population: every rule",
            "population: [x]",
            "c.yaml:9:13: `population` is a list, and must be string",
        ),
        ("rationale: r", "rationale: &x r\nremediation2: *x", "c.yaml:"),
        (
            "section: a/b",
            "section: a/c",
            "c.yaml:3:10: the guide has no section `a/c`\n    help: did you mean `a/b`?",
        ),
        (
            "collector: hba",
            "collector: hbaa",
            "there is no collector `hbaa`",
        ),
        (
            "row.auth_method != 'trust'",
            "row.auth_method !=",
            "c.yaml:10:9: not a CEL expression",
        ),
        (
            "row.auth_method != 'trust'",
            "row.auth_methd != 'trust'",
            "did you mean `auth_method`?",
        ),
        (
            "row.auth_method != 'trust'",
            "row.auth_method == 'trust'",
            "`expect` gives false, and the example says `meets: true`",
        ),
        (
            "row.auth_method != 'trust'",
            "row.auth_method in params.bad",
            "`params.bad` is used and not declared",
        ),
        (
            "line {{ row.line_number }}",
            "line {{ row.line_number",
            "c.yaml:11:12",
        ),
        ("id: c", "id: d", "the id is `d` and the file is `c.yaml`"),
        ("meets: false", "meets: true", "no example has `meets: false`"),
        (
            "severity: low",
            "severity: low\nreferences: { cis: ['1'] }",
            "does not name a framework and its version",
        ),
    ] {
        let (code, printed) = lint(from, to);
        assert_eq!(code, 2, "{to}: {printed}");
        assert!(printed.contains(expected), "{to}:\n{printed}\nlacks: {expected}");
    }
}

#[test]
fn all_problems_of_a_catalog_are_told_at_once() {
    let workspace = Workspace::new();
    workspace.write("controls/guide.yaml", GUIDE);
    workspace.write(
        "controls/a/b/c.yaml",
        &GOOD
            .replace("severity: low", "severity: urgent")
            .replace("when_empty: not-satisfied\n", ""),
    );
    workspace.write("controls/a/b/d.yaml", &GOOD.replace("title: T", "titel: T"));
    let output = pgdossier()
        .args(["controls", "lint", "--controls"])
        .arg(workspace.path("controls"))
        .output()
        .unwrap();
    let printed = text(&output.stderr);
    for expected in [
        "c.yaml:4:11",
        "`when_empty` is missing",
        "d.yaml:2:1: unknown field `titel`",
        "`title` is missing",
    ] {
        assert!(printed.contains(expected), "{printed}\nlacks: {expected}");
    }
}

#[test]
fn an_alias_bomb_is_refused_in_every_kind_of_file() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            format!("*a{},", level - 1).repeat(10)
        ));
    }
    let workspace = Workspace::new();
    workspace.write("controls/guide.yaml", GUIDE);
    workspace.write("controls/a/b/c.yaml", &bomb);
    let output = pgdossier()
        .args(["controls", "lint", "--controls"])
        .arg(workspace.path("controls"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("anchors and aliases are limited"),
        "{}",
        text(&output.stderr)
    );
    let inventory = workspace.write("inventory.yaml", &bomb);
    let output = workspace
        .assess()
        .arg("--inventory")
        .arg(inventory)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn folders_that_cannot_be_read_are_named() {
    let workspace = Workspace::new();
    for (flag, code) in [("--controls", 1), ("--attestations", 1), ("--templates", 2)] {
        let output = workspace
            .assess()
            .arg(flag)
            .arg("/no/such/folder")
            .arg("host=x")
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{flag}: {}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains("cannot read `/no/such/folder`"),
            "{}",
            text(&output.stderr)
        );
    }
    assert_eq!(workspace.bundles(), Vec::<String>::new());
}

#[test]
fn keys_that_cannot_be_trusted_are_refused() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let key = workspace.path("key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let assessed = workspace.assessed(&cluster.tcp_conninfo("postgres"));
    assert_eq!(assessed.code(), 2);
    assert!(assessed.stderr().contains("chmod 600"), "{}", assessed.stderr());
    assert_eq!(workspace.bundles(), Vec::<String>::new());

    let guarded = workspace.path("guarded.pem");
    let made = pgdossier()
        .args(["keys", "new", "--out"])
        .arg(&guarded)
        .env("PGDOSSIER_PASSPHRASE", "correct horse")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&std::fs::read(&guarded).unwrap()).contains("ENCRYPTED PRIVATE KEY"));
    assert_eq!(
        std::fs::metadata(&guarded).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let show = |passphrase: &str| {
        pgdossier()
            .args(["keys", "public"])
            .arg(&guarded)
            .env("PGDOSSIER_PASSPHRASE", passphrase)
            .output()
            .unwrap()
    };
    let wrong = show("battery staple");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("the passphrase does not open"),
        "{}",
        text(&wrong.stderr)
    );
    assert!(show("correct horse").status.success());
    // No passphrase has to be said.
    // In a session without a terminal, so that nobody can be asked.
    let unsaid = std::process::Command::new("setsid")
        .arg("--wait")
        .arg(pgdossier().get_program())
        .args(["keys", "new", "--out"])
        .arg(workspace.path("x.pem"))
        .env_remove("PGDOSSIER_PASSPHRASE")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(unsaid.status.code(), Some(2));
    assert!(!workspace.path("x.pem").exists());
    // And nothing is overwritten.
    let again = pgdossier()
        .args(["keys", "new", "--no-passphrase", "--out"])
        .arg(&guarded)
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("never overwritten"));
}

#[test]
fn a_profile_with_unknown_controls_or_wrong_types_is_refused() {
    let workspace = Workspace::new();
    let profile = workspace.write(
        "profile.yaml",
        "name: ours\nparameters:\n  hba-no-trusd: { a: 1 }\n  superusers-approved: { approved: postgres, x: 1 }\n",
    );
    let output = workspace
        .assess()
        .arg("--profile")
        .arg(profile)
        .arg("host=x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let printed = text(&output.stderr);
    for expected in [
        "profile.yaml:3:17: there is no control `hba-no-trusd`",
        "did you mean `hba-no-trust`?",
        "`approved` of `superusers-approved` has the wrong type",
        "has no parameter `x`",
    ] {
        assert!(printed.contains(expected), "{printed}\nlacks: {expected}");
    }
}

#[test]
fn wrong_connection_strings_and_inventories_are_refused_before_anything_is_asked() {
    let workspace = Workspace::new();
    let output = workspace.assess().arg("host=x sslmod=require").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("did you mean `sslmode`"),
        "{}",
        text(&output.stderr)
    );
    let inventory = workspace.write(
        "inventory.yaml",
        "targets:\n  - { id: a/b, connection: host=x }\n  - { id: c, connection: host=x }\n  - { id: C, connection: host=x, tag: [x] }\n",
    );
    let output = workspace
        .assess()
        .arg("--inventory")
        .arg(&inventory)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("inventory.yaml:4:34: unknown field `tag`"),
        "{}",
        text(&output.stderr)
    );
    std::fs::write(&inventory, "targets:\n  - { id: a/b, connection: host=x }\n  - { id: c, connection: host=x }\n  - { id: C, connection: host=x }\n").unwrap();
    let output = workspace
        .assess()
        .arg("--inventory")
        .arg(&inventory)
        .output()
        .unwrap();
    let printed = text(&output.stderr);
    assert!(
        printed.contains(":2:11: `a/b` cannot be a target's id")
            && printed.contains(":4:11: the id `C` is used twice"),
        "{printed}"
    );
}

#[test]
fn any_changed_byte_makes_a_bundle_invalid() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.tcp_conninfo("postgres"));
    let policy = workspace.policy();
    let archive = std::fs::read(assessed.archive()).unwrap();
    let changed = workspace.path(assessed.archive().file_name().unwrap().to_str().unwrap());
    for step in 0..40 {
        let position = step * (archive.len() - 1) / 39;
        let mut bytes = archive.clone();
        bytes[position] ^= 1 << (step % 8);
        std::fs::write(&changed, bytes).unwrap();
        let verified = pgdossier()
            .arg("verify")
            .arg(&changed)
            .arg("--trust")
            .arg(&policy)
            .output()
            .unwrap();
        assert_eq!(
            verified.status.code(),
            Some(5),
            "byte {position}: {}",
            text(&verified.stdout)
        );
        for verb in ["replay", "report"] {
            let refused = pgdossier().arg(verb).arg(&changed).output().unwrap();
            // Signatures are outside of what these two check: they say so.
            assert!(
                refused.status.code() == Some(5) || text(&refused.stderr).contains("was not checked"),
                "{verb} {position}"
            );
        }
    }
}

#[test]
fn attestations_are_checked_and_documents_may_be_missing() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let attestation = |expires: &str, file: &str| {
        format!(
            "kind: attestation\ncontrols: [storage-encrypted]\nstatement: Encrypted.\nanswer: satisfied\nmethod: examine\nperformed_by: {{ name: A }}\nperformed_at: 2026-11-01\nexpires_at: {expires}\ndocuments:\n  - {{ file: {file}, description: a photograph }}\n"
        )
    };
    workspace.write("attestations/photo.jpg", "not really");
    let run = |content: &str| {
        workspace.write("attestations/storage.yaml", content);
        let _ = std::fs::remove_dir_all(workspace.path("bundles"));
        let mut command = workspace.assess();
        command
            .arg("--attestations")
            .arg(workspace.path("attestations"))
            .arg(cluster.tcp_conninfo("postgres"));
        support::Assessed::new(command.output().unwrap())
    };
    let good = run(&attestation("2026-11-23", "photo.jpg"));
    assert_eq!(
        good.finding("storage-encrypted")["status"],
        "satisfied",
        "it counts on its last day"
    );
    assert_eq!(support::names(&good.folder().join("attachments")).len(), 1);
    assert_eq!(
        run(&attestation("2026-11-22", "photo.jpg")).finding("storage-encrypted")["status"],
        "not-satisfied"
    );
    for missing in ["gone.jpg", "../key.pem", "/etc/passwd"] {
        let finding = run(&attestation("2027-01-01", missing)).finding("storage-encrypted");
        assert_eq!(finding["status"], "not-satisfied", "{missing}");
    }
    let revoked = attestation("2027-01-01", "photo.jpg") + "revoked_at: 2026-11-20\nrevoked_reason: r\n";
    assert_eq!(
        run(&revoked).finding("storage-encrypted")["status"],
        "not-satisfied",
        "withdrawn counts for nothing"
    );
    let wrong = run(&attestation("soon", "photo.jpg").replace("method: examine", "method: guess"));
    assert_eq!(wrong.code(), 2);
    assert!(
        wrong.stderr().contains("storage.yaml:5:9: `method` is `guess`"),
        "{}",
        wrong.stderr()
    );
}

#[test]
fn a_catalog_without_controls_assesses_nothing_and_says_so() {
    let workspace = Workspace::new();
    workspace.write("controls/guide.yaml", GUIDE);
    let output = workspace
        .assess()
        .arg("--controls")
        .arg(workspace.path("controls"))
        .arg("host=x")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("the catalog has no control"),
        "{}",
        text(&output.stderr)
    );
}
