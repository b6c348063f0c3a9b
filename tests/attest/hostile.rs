//! Files that mean harm: nothing hangs, nothing leaves the folder, nothing is run by whoever reads.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use pgdossier::collect::{self, Document, Keep};

use crate::support::{files, text};
use crate::{CERTIFICATE, NOWHERE, STORAGE, Statements, exceptions, status};

fn with_document(name: &str) -> String {
    format!(
        "{STORAGE}documents: [{{ file: {}, description: d }}]\n",
        serde_json::to_string(name).unwrap()
    )
}

#[test]
fn documents_outside_the_folder_and_odd_files_are_exceptions_and_not_read() {
    let long = "x".repeat(300);
    for (name, said) in [
        ("../key.pem", "leads out of the folder"),
        ("/etc/passwd", "leads out of the folder"),
        ("sub/../../key.pem", "leads out of the folder"),
        ("link.txt", "a link leads out of the folder"),
        ("folder-link/key.pem", "a link leads out of the folder"),
        ("pipe", "it is not a regular file"),
        ("sub", "it is not a regular file"),
        ("", "leads out of the folder"),
        (&long, "there is no such file"),
    ] {
        let statements = Statements::new(&[("s.yaml", &with_document(name)), ("sub/inner.txt", "x")]);
        let folder = statements.folder();
        symlink(statements.workspace.path("key.pem"), folder.join("link.txt")).unwrap();
        symlink(statements.workspace.folder.path(), folder.join("folder-link")).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(folder.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
        let assessed = statements.assess(NOWHERE, &[]);
        let finding = assessed.finding("storage-encrypted");
        assert_eq!(status(&finding), "not-satisfied", "{name}");
        assert!(exceptions(&finding)[0].contains(said), "{name}: {finding}");
        for (path, bytes) in files(&assessed.folder()) {
            assert!(!text(&bytes).contains("PRIVATE KEY"), "{}", path.display());
        }
    }
}

#[test]
fn a_document_that_is_too_large_is_an_exception_and_is_not_read() {
    let statements = Statements::new(&[("s.yaml", &with_document("dump.bin")), ("dump.bin", "")]);
    let dump = std::fs::File::create(statements.folder().join("dump.bin")).unwrap();
    dump.set_len((100 << 20) + 1).unwrap();
    let finding = statements.assess(NOWHERE, &[]).finding("storage-encrypted");
    assert_eq!(status(&finding), "not-satisfied");
    assert!(
        exceptions(&finding)[0].contains("it has 104857601 bytes, and no more than 104857600 are attached"),
        "{finding}"
    );
}

#[test]
fn statements_that_are_no_files_of_the_folder_are_refused() {
    let statements = Statements::new(&[("s.yaml", STORAGE)]);
    let folder = statements.folder();
    symlink(statements.workspace.path("key.pem"), folder.join("link.yaml")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(folder.join("pipe.yaml"))
            .status()
            .unwrap()
            .success()
    );
    std::fs::create_dir(folder.join("folder.yaml")).unwrap();
    std::fs::write(folder.join("big.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    let output = statements.attest(&["check"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}{}", text(&output.stderr));
    for expected in [
        "link.yaml:0:0: a link leads out of the folder",
        "pipe.yaml:0:0: it is not a regular file",
        "folder.yaml:0:0: it is not a regular file",
        "big.yaml:0:0: it has 1048577 bytes",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert!(!said.contains("PRIVATE"), "{said}");
}

#[test]
fn wrong_encodings_and_bombs_are_told_at_once() {
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(STORAGE.bytes().flat_map(|byte| [byte, 0]))
        .collect();
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            format!("*a{},", level - 1).repeat(10)
        ));
    }
    let deep = format!("{STORAGE}answers: {}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    for (content, expected) in [
        (utf16, "UTF-16"),
        (
            b"kind: attestation\nstatement: \xff\xfe\n".to_vec(),
            "s.yaml:2:0: this is not UTF-8 text",
        ),
        ((bomb + STORAGE).into_bytes(), "s.yaml:"),
        (deep.into_bytes(), "s.yaml:"),
        (
            format!("{STORAGE}statement: again\n").into_bytes(),
            "s.yaml:9:1: duplicate",
        ),
        (
            b"kind: attestation\nkind: certificate\n".to_vec(),
            "s.yaml:2:1: duplicate",
        ),
        (Vec::new(), "s.yaml:"),
        (b"\0\0\0".to_vec(), "s.yaml:"),
    ] {
        let statements = Statements::new(&[]);
        std::fs::write(statements.folder().join("s.yaml"), &content).unwrap();
        let began = Instant::now();
        let output = statements.attest(&["check"]);
        let said = text(&output.stdout);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{expected}: {said}{}",
            text(&output.stderr)
        );
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn markup_and_control_characters_in_every_field_reach_nobody() {
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\u{1b}]0;x\u{7}|`[a](javascript:alert(1))\n# Head";
    let quoted = serde_json::to_string(evil)
        .unwrap()
        .replace('\u{202e}', "\\u202e")
        .replace('\u{7f}', "");
    let one = |text: &str| -> String { text.replace("EVIL", &quoted) };
    let attestation = one("kind: attestation
controls: [physical-locked-racks]
statement: EVIL
answer: satisfied
answers: { racks: [EVIL], racks_locked: true, keys_held_by: EVIL, others_kept_away: true }
method: examine
performed_by: { name: EVIL, role: EVIL, organisation: EVIL, contact: EVIL }
reviewer: { name: Bob, role: EVIL, organisation: EVIL, contact: EVIL }
performed_at: 2026-11-01
expires_at: 2027-04-30
revoked_at: 2026-11-20
revoked_reason: EVIL
documents: [{ file: EVIL, description: EVIL, sha256: EVIL }]
");
    let certificate = one(CERTIFICATE)
        .replace("Example Cloud", "EVIL")
        .replace("Example Assurance", "EVIL")
        .replace("SOC 2 Type II", "EVIL")
        .replace("EA-1", "EVIL")
        .replace("[fra1]", "[EVIL]")
        .replace("Tomas Reyes", "EVIL")
        .replace("Example AG", "EVIL")
        + "criteria: [EVIL]\nsubservice: carve-out\nsubservice_organisations: [EVIL]\nexceptions_noted: [EVIL, { noted: EVIL, response: EVIL }]\n\
           complementary_controls: [{ requirement: EVIL, answered_by: [EVIL] }, { requirement: EVIL, answered_by: [storage-encrypted] }]\n";
    let statements = Statements::new(&[
        ("a.yaml", &attestation),
        ("c.yaml", &one(&certificate)),
        ("s.yaml", STORAGE),
        ("soc2.pdf", "r"),
    ]);
    let mut shown = Vec::new();
    for arguments in [&["check"][..], &["status", "--as-of", "2026-11-23"]] {
        let output = statements.attest(arguments);
        shown.push(text(&output.stdout) + &text(&output.stderr));
    }
    let assessed = statements.assess(NOWHERE, &[]);
    assert_eq!(
        status(&assessed.finding("physical-locked-racks")),
        "not-satisfied"
    );
    shown.push(assessed.stderr());
    for said in &shown {
        assert!(
            !said.contains('\u{1b}') && !said.contains('\u{202e}') && !said.contains('\u{7}'),
            "{said:?}"
        );
    }
    let mut looked = 0;
    for (path, bytes) in files(&assessed.folder().join("report")) {
        looked += 1;
        let markdown = path.extension().is_some_and(|extension| extension == "md");
        // In Markdown a backslash makes the next character plain.
        let content = text(&bytes).replace("\\<", "").replace("\\[", "");
        for harmful in ["<script>alert", "<img src=x", "\u{202e}", "\u{1b}"] {
            let line = content.lines().find(|line| line.contains(harmful));
            assert_eq!(line, None, "{}: {harmful:?}", path.display());
        }
        let acts = |line: &&str| line.starts_with("# Head") || line.contains("[a](javascript:");
        let line = content.lines().find(acts);
        assert!(!markdown || line.is_none(), "{}: {line:?}", path.display());
    }
    assert!(looked >= 2);
}

#[test]
fn what_was_hashed_is_what_is_stored_whatever_happens_to_the_file_meanwhile() {
    let statements = Statements::new(&[("s.yaml", &with_document("list.csv")), ("list.csv", "before")]);
    let folder = collect::read_attestations(&statements.folder(), Keep::Copies).unwrap();
    std::fs::write(statements.folder().join("list.csv"), "after!").unwrap();
    let Document::Present { attachment, source } = &folder.documents["list.csv"] else {
        panic!("{:?}", folder.documents)
    };
    let stored = std::fs::read(source).unwrap();
    assert_eq!(stored, b"before");
    assert_eq!(attachment.sha256, pgdossier::evidence::sha256_hex(&stored));
    // The copies go when they are no longer needed.
    let copy = source.clone();
    assert!(folder.has_copies());
    drop(folder);
    assert!(!copy.exists());
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed_or_stored_as_it_was_read() {
    let statements = Statements::new(&[("s.yaml", &with_document("log.txt")), ("log.txt", "")]);
    let path = statements.folder().join("log.txt");
    std::fs::write(&path, vec![b'a'; 8 << 20]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut byte = b'b';
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                use std::os::unix::fs::FileExt as _;
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                for place in 0..64 {
                    file.write_at(&[byte], place << 17).unwrap();
                }
                byte = byte.wrapping_add(1);
            }
        });
        for _ in 0..5 {
            let folder = collect::read_attestations(&statements.folder(), Keep::Copies).unwrap();
            match &folder.documents["log.txt"] {
                Document::Missing(reason) => assert_eq!(reason, "it changed while it was read"),
                Document::Present { attachment, source } => {
                    let stored = std::fs::read(source).unwrap();
                    assert_eq!(attachment.sha256, pgdossier::evidence::sha256_hex(&stored));
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_document_is_stored_once_however_often_it_is_referred_to() {
    let statements = Statements::new(&[
        ("s.yaml", &with_document("list.csv")),
        (
            "t.yaml",
            &with_document("copy.csv").replace("storage-encrypted", "backups-encrypted"),
        ),
        ("list.csv", "the same"),
        ("copy.csv", "the same"),
    ]);
    let assessed = statements.assess(NOWHERE, &[]);
    let attachments = files(&assessed.folder().join("attachments"));
    assert_eq!(
        attachments.len(),
        1,
        "{:?}",
        attachments.iter().map(|(path, _)| path).collect::<Vec<_>>()
    );
    assert_eq!(attachments[0].1, b"the same");
    assert_eq!(status(&assessed.finding("storage-encrypted")), "satisfied");
}

#[test]
fn ten_thousand_statements_are_read_and_judged() {
    let statements = Statements::new(&[]);
    let folder = statements.folder();
    for number in 0..10_000 {
        let supersedes = if number > 0 {
            format!("supersedes: s{}\n", number - 1)
        } else {
            String::new()
        };
        std::fs::write(
            folder.join(format!("s{number}.yaml")),
            format!("{STORAGE}{supersedes}"),
        )
        .unwrap();
    }
    let (code, json) = statements.json(&["status", "--as-of", "2026-11-23"]);
    assert_eq!(code, 3);
    let lines = json
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["control"] == "storage-encrypted");
    let valid: Vec<_> = lines.filter(|line| line["state"] == "valid").collect();
    assert_eq!(valid.len(), 1);
    assert_eq!(valid[0]["statement"], "s9999");
}
