//! A bundle as people meet it: sealed, verified, checked by hand, continued, tampered with.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, TimeDelta, Utc};
use pgdossier::bundle::{
    BundleReader, Contents, Description, Limits, SealError, SealOptions, Sealed, Tool, Verdict, Verification,
    VerifyOptions, seal, verify,
};
use pgdossier::sign::{Signer as _, SigningKey, TimestampRule, TrustPolicy};

fn as_of() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().expect("a valid time")
}

fn description(id: &str) -> Description {
    Description {
        id: id.to_owned(),
        series: "acme".to_owned(),
        organisation: "Acme".to_owned(),
        period: "2026-Q4".to_owned(),
        as_of: as_of(),
        tool: Tool {
            name: "pgdossier".to_owned(),
            version: "0.1.0".to_owned(),
            commit: None,
        },
    }
}

fn sealed_after(
    previous: Option<&Path>,
    id: &str,
    key: &SigningKey,
    out: &Path,
) -> Result<Sealed, SealError> {
    let mut contents = Contents::new();
    contents.insert("assessment.json", b"{\"organisation\": \"Acme\"}\n".to_vec())?;
    contents.insert(
        "targets/db1/evidence/hba.ndjson",
        b"{\"line\": 1}\n{\"line\": 2}\n".to_vec(),
    )?;
    contents.insert("attachments/certificate.pdf", vec![7; 300_000])?;
    let options = SealOptions {
        cancel: &AtomicBool::new(false),
        threads: None,
    };
    seal(
        contents,
        &description(id),
        previous,
        key,
        "preparer",
        out,
        &options,
    )
}

fn policy(key: &SigningKey) -> TrustPolicy {
    TrustPolicy::single(
        key.public_key(),
        "Ada",
        "preparer",
        as_of(),
        as_of() + TimeDelta::days(365),
    )
}

fn verified(path: &Path, policy: &TrustPolicy) -> Verification {
    let cancel = AtomicBool::new(false);
    let now = as_of() + TimeDelta::days(1);
    let options = VerifyOptions {
        now,
        allow_withheld: false,
        limits: Limits::default(),
        threads: None,
        cancel: &cancel,
    };
    verify(path, policy, &options).expect("the bundle opens")
}

fn codes(path: &Path, policy: &TrustPolicy) -> Vec<&'static str> {
    let verification = verified(path, policy);
    assert_eq!(verification.verdict, Verdict::Invalid, "{verification}");
    verification.failures().map(|failure| failure.code).collect()
}

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
fn a_changed_byte_in_any_signed_or_signing_file_or_in_the_archive_is_noticed() {
    let (out, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let sealed = sealed_after(None, "acme", &key, out.path()).unwrap();
    let policy = policy(&key);
    let stem = format!("signatures/preparer-{}", key.public_key().short_keyid());
    let names = [
        "statement.json".to_owned(),
        "MANIFEST.sha256".to_owned(),
        "VERIFY.md".to_owned(),
        format!("{stem}.sigstore.json"),
        format!("{stem}.sshsig"),
    ];
    let in_folder = names
        .iter()
        .map(|name| (sealed.folder.join(name), &sealed.folder));
    for (file, bundle) in in_folder.chain([(sealed.archive.clone(), &sealed.archive)]) {
        let original = std::fs::read(&file).unwrap();
        let spread = (0..original.len()).step_by((original.len() / 150).max(1));
        for at in spread.chain(original.len().saturating_sub(40)..original.len()) {
            let mut changed = original.clone();
            changed[at] ^= 1;
            std::fs::write(&file, changed).unwrap();
            assert_eq!(
                verified(bundle, &policy).verdict,
                Verdict::Invalid,
                "{} byte {at}",
                file.display()
            );
        }
        std::fs::write(&file, original).unwrap();
        assert_eq!(verified(bundle, &policy).verdict, Verdict::Valid);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let (out, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let folder = sealed_after(None, "acme", &key, out.path()).unwrap().folder;
    let good = policy(&key);
    let with = |change: fn(&mut TrustPolicy)| {
        let mut policy = good.clone();
        change(&mut policy);
        codes(&folder, &policy)
    };
    assert_eq!(
        codes(&folder, &policy(&SigningKey::generate().unwrap())),
        ["signature.untrusted"]
    );
    assert_eq!(
        with(|policy| policy.keys[0].roles = vec!["reviewer".to_owned()]),
        ["key.role"]
    );
    assert_eq!(
        with(|policy| policy.keys[0].valid_until = as_of()),
        ["key.expired", "require.threshold"]
    );
    assert_eq!(
        with(|policy| policy.keys[0].revoked_at = Some(as_of() + TimeDelta::days(30))),
        ["key.revoked", "require.threshold"]
    );
    assert_eq!(
        with(|policy| policy.require[0].statement = "approval".to_owned()),
        ["require.unsupported"]
    );
    assert_eq!(
        with(|policy| policy.timestamp = Some(TimestampRule {
            roots: Vec::new(),
            required: true
        })),
        ["time.not-proven"]
    );

    std::fs::write(folder.join("extra"), "x").unwrap();
    assert_eq!(codes(&folder, &good), ["file.unlisted"]);
    std::fs::remove_file(folder.join("extra")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("extra")).unwrap();
    assert_eq!(codes(&folder, &good), ["folder.link"]);
    std::fs::remove_file(folder.join("extra")).unwrap();
    std::fs::remove_file(folder.join("assessment.json")).unwrap();
    assert_eq!(codes(&folder, &good), ["file.absent"]);
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
