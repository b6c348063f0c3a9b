//! A bundle as people meet it: sealed, verified, checked by hand, continued, interrupted.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

mod sample_bundle;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use pgdossier::bundle::{BundleReader, Contents, Limits, SealError, SealOptions, Verdict, seal};
use pgdossier::sign::{PublicKey, SignError, Signer, SigningKey};
use sample_bundle::{contents, description, policy, sealed_after, verified};

#[test]
fn folder_and_archive_verify_and_the_next_quarter_continues_them() {
    let (out, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let first = sealed_after(None, "acme-2026-Q3", &key, out.path()).unwrap();
    for path in [&first.folder, &first.archive] {
        let verification = verified(path, &policy(&key));
        assert_eq!(verification.verdict, Verdict::Valid, "{verification}");
    }
    let second = sealed_after(Some(&first.archive), "acme-2026-Q4", &key, out.path()).unwrap();
    assert_eq!(verified(&second.archive, &policy(&key)).verdict, Verdict::Valid);
    let bundle = BundleReader::open(&second.folder, &Limits::default())
        .unwrap()
        .check_integrity()
        .unwrap();
    assert_eq!(bundle.statement().predicate.chain.index, 1);
    assert_eq!(
        bundle.statement().predicate.chain.previous_statement_sha256,
        Some(first.statement_sha256)
    );
    let mut left: Vec<_> = out
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "acme-2026-Q3",
            "acme-2026-Q3.zip",
            "acme-2026-Q4",
            "acme-2026-Q4.zip"
        ]
    );
}

#[test]
fn the_hand_commands_work_as_written() {
    let (out, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let sealed = sealed_after(None, "acme", &key, out.path()).unwrap();
    std::fs::write(out.path().join("signer.pem"), key.public_key().to_pem()).unwrap();
    let text = std::fs::read_to_string(sealed.folder.join("VERIFY.md")).unwrap();
    let blocks: Vec<&str> = text
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 4);
    let run = |block: &str| {
        Command::new("sh")
            .args(["-euc", block])
            .current_dir(&sealed.folder)
            .output()
            .unwrap()
    };
    let printed = |block: &str| {
        let output = run(block);
        assert!(
            output.status.success(),
            "{block}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(printed(blocks[0]), "");
    for block in &blocks[1..] {
        printed(block);
    }
    assert!(
        Command::new("unzip")
            .arg("-tq")
            .arg(&sealed.archive)
            .status()
            .unwrap()
            .success()
    );

    std::fs::write(sealed.folder.join("extra"), "x").unwrap();
    assert_eq!(printed(blocks[0]), "extra\n");
    std::fs::write(sealed.folder.join("statement.json"), "{}").unwrap();
    for block in &blocks[1..] {
        assert!(!run(block).status.success(), "{block}");
    }
}

#[test]
fn refusals_leave_the_output_folder_as_it_was() {
    let (out, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let first = sealed_after(None, "acme", &key, out.path()).unwrap();
    let before = std::fs::read(&first.archive).unwrap();
    assert!(matches!(
        sealed_after(None, "acme", &key, out.path()),
        Err(SealError::Exists(_))
    ));
    assert_eq!(std::fs::read(&first.archive).unwrap(), before);

    let fresh = out.path().join("fresh");
    let seal_fresh = |contents, cancelled| {
        let options = SealOptions {
            cancel: &AtomicBool::new(cancelled),
            threads: None,
        };
        seal(
            contents,
            &description("bad"),
            None,
            &key,
            "preparer",
            &fresh,
            &options,
        )
        .unwrap_err()
    };
    let mut twice = Contents::new();
    twice
        .insert("assessment.json", b"{\"a\": 1, \"a\": 2}".to_vec())
        .unwrap();
    assert!(seal_fresh(twice, false).to_string().contains("duplicate key `a`"));
    assert!(!fresh.exists());
    assert!(matches!(seal_fresh(Contents::new(), true), SealError::Cancelled));
    assert!(!fresh.exists());
}

/// Somebody who presses Ctrl-C while the key is asked to sign, when all files are written.
struct Interrupted<'a> {
    key: SigningKey,
    cancel: &'a AtomicBool,
}

impl Signer for Interrupted<'_> {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.cancel.store(true, Ordering::Relaxed);
        self.key.sign(message)
    }
}

#[test]
fn cancelled_midway_nothing_is_left() {
    let out = tempfile::tempdir().unwrap();
    let cancel = AtomicBool::new(false);
    let signer = Interrupted {
        key: SigningKey::generate().unwrap(),
        cancel: &cancel,
    };
    let options = SealOptions {
        cancel: &cancel,
        threads: None,
    };
    let sealed = seal(
        contents("acme").unwrap(),
        &description("acme"),
        None,
        &signer,
        "preparer",
        out.path(),
        &options,
    );
    assert!(matches!(sealed, Err(SealError::Cancelled)), "{sealed:?}");
    assert_eq!(out.path().read_dir().unwrap().count(), 0);
}

/// The file size limit of the shell stands for a full disk: writing fails in the middle of a file.
#[test]
fn a_full_disk_leaves_the_output_folder_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::generate().unwrap();
    pgdossier::sign::write_private_key(&dir.path().join("key.pem"), &key.to_pkcs8_pem()).unwrap();
    std::fs::create_dir(dir.path().join("out")).unwrap();
    std::fs::write(dir.path().join("out/kept"), "earlier").unwrap();
    let assess = |kilobytes: &str| {
        let command = format!(
            "trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" assess 'host={} connect_timeout=1' --period 2026-Q4 \
             --organisation Acme --key key.pem --out out",
            dir.path().display()
        );
        Command::new("bash")
            .args(["-c", &command, env!("CARGO_BIN_EXE_pgdossier")])
            .current_dir(dir.path())
            .output()
            .unwrap()
    };
    let full = assess("16");
    let said = String::from_utf8_lossy(&full.stderr).into_owned();
    assert_eq!(full.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was kept"), "{said}");
    let left: Vec<_> = dir.path().join("out").read_dir().unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    let enough = assess("unlimited");
    assert_eq!(
        enough.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&enough.stderr)
    );
    assert_eq!(dir.path().join("out").read_dir().unwrap().count(), 3);
}
