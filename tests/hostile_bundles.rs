//! Bundles that are meant to harm whoever verifies them, or to be two things at once: by their files, not by their bytes
//! alone (those are in `tests/bundles/`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may panic

mod sample_bundle;
mod support;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::TimeDelta;
use pgdossier::bundle::{
    Contents, Limits, SealError, SealOptions, Sealed, Verdict, Verification, VerifyOptions, seal, verify,
};
use pgdossier::sign::{Signer as _, SigningKey, TrustPolicy};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

struct Victim {
    folder: TempDir,
    key: SigningKey,
    sealed: Sealed,
}

impl Victim {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
        let sealed = sample_bundle::sealed_after(None, "acme", &key, folder.path()).unwrap();
        Self { folder, key, sealed }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn verified(&self, path: &Path, limits: Limits) -> Verification {
        verified(path, &sample_bundle::policy(&self.key), limits)
    }

    fn codes(&self, path: &Path, limits: Limits) -> Vec<&'static str> {
        codes(&self.verified(path, limits))
    }

    /// The codes of all that is wrong with the folder.
    fn folder_codes(&self) -> Vec<&'static str> {
        self.codes(&self.sealed.folder, Limits::default())
    }

    fn policy_file(&self) -> PathBuf {
        let path = self.path("policy.json");
        if !path.exists() {
            sample_bundle::policy(&self.key).write(&path).unwrap();
        }
        path
    }
}

fn verified(path: &Path, policy: &TrustPolicy, limits: Limits) -> Verification {
    let options = VerifyOptions {
        now: sample_bundle::as_of() + TimeDelta::days(1),
        allow_withheld: false,
        limits,
        threads: None,
        cancel: &AtomicBool::new(false),
    };
    verify(path, policy, &options).unwrap()
}

fn codes(verification: &Verification) -> Vec<&'static str> {
    verification.failures().map(|failure| failure.code).collect()
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// A file of this size that takes no room.
fn hollow(path: &Path, size: u64) {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    file.set_len(size).unwrap();
}

#[test]
fn nobody_waits_for_a_pipe() {
    let victim = Victim::new();
    let place = victim.path("pipe");
    pipe(&place);
    for bundle in [place, PathBuf::from("/dev/null"), PathBuf::from("/dev/zero")] {
        let output = support::pgdossier()
            .arg("verify")
            .arg(&bundle)
            .arg("--trust")
            .arg(victim.policy_file())
            .output()
            .unwrap();
        let said = support::text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("neither a folder nor a file"), "{said}");
    }
    pipe(&victim.sealed.folder.join("attachments/pipe"));
    assert_eq!(victim.folder_codes(), ["folder.special-file"]);
}

#[test]
fn a_bundle_through_a_link_is_the_bundle_and_a_link_in_it_is_none() {
    let victim = Victim::new();
    for (name, to) in [
        ("link", &victim.sealed.folder),
        ("link.zip", &victim.sealed.archive),
    ] {
        let link = victim.path(name);
        std::os::unix::fs::symlink(to, &link).unwrap();
        assert_eq!(victim.codes(&link, Limits::default()), [""; 0]);
    }
    // A second name of a file is the file.
    let report = victim.sealed.folder.join("report/index.html");
    let second = victim.path("second");
    std::fs::hard_link(&report, second).unwrap();
    assert_eq!(victim.folder_codes(), [""; 0]);
    let folder = victim.sealed.folder.join("report");
    std::fs::rename(&folder, victim.path("moved")).unwrap();
    std::os::unix::fs::symlink(victim.path("moved"), &folder).unwrap();
    assert_eq!(victim.folder_codes(), ["folder.link"]);
}

#[test]
fn names_that_look_alike_or_like_nothing_are_refused() {
    for (name, expected) in [
        (&b"report/index.html "[..], "folder.path"),
        // A letter that looks like `i`, the same letter written as two, and bytes that are no text.
        ("report/\u{456}ndex.html".as_bytes(), "folder.path"),
        ("report/i\u{301}ndex.html".as_bytes(), "folder.path"),
        ("report/\u{1b}[2Jindex.html".as_bytes(), "folder.path"),
        (b"report/\xff.html", "folder.unreadable"),
        (b"report/INDEX.html", "folder.path"),
        (b"report/nul.html", "folder.path"),
        (b"report/.hidden", "folder.path"),
    ] {
        let victim = Victim::new();
        let path = victim.sealed.folder.join(OsStr::from_bytes(name));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "x").unwrap();
        let verification = victim.verified(&victim.sealed.folder, Limits::default());
        assert_eq!(codes(&verification), [expected], "{}", name.escape_ascii());
        assert!(!verification.to_string().contains('\u{1b}'));
    }
}

#[test]
fn nothing_in_a_bundle_writes_a_line_of_the_verdict() {
    let victim = Victim::new();
    let line = "\\n\\n 9. tree head: ok\\nvalid; time proven";
    let envelope = std::fs::read_dir(victim.sealed.folder.join("signatures")).unwrap();
    let envelope = envelope.map(|entry| entry.unwrap().path());
    let envelope = envelope
        .into_iter()
        .find(|path| path.extension().unwrap() == "json")
        .unwrap();
    let good = std::fs::read_to_string(&envelope).unwrap();
    std::fs::write(
        &envelope,
        good.replacen("\"mediaType\"", &format!("\"{line}\": 1, \"mediaType\""), 1),
    )
    .unwrap();
    let raw = line.replace("\\n", "\n").replace('/', "");
    let named = victim.path("named");
    std::fs::create_dir(&named).unwrap();
    std::fs::write(named.join(&raw), "x").unwrap();
    for (bundle, code) in [
        (&victim.sealed.folder, "signature.format"),
        (&named, "folder.path"),
    ] {
        let output = support::pgdossier()
            .arg("verify")
            .arg(bundle)
            .arg("--trust")
            .arg(victim.policy_file())
            .output()
            .unwrap();
        let said = support::text(&output.stdout);
        assert_eq!(output.status.code(), Some(5));
        assert!(
            said.contains(code) && said.ends_with("\ninvalid; time not proven\n"),
            "{said}"
        );
        assert!(!said.lines().any(|line| line.starts_with("valid")), "{said}");
    }
}

#[test]
fn what_would_be_too_much_is_not_read() {
    let victim = Victim::new();
    let folder = &victim.sealed.folder;
    let default = Limits::default();
    let limited = |limits: Limits| victim.codes(folder, limits);
    assert_eq!(limited(Limits { files: 5, ..default }), ["limit.files"]);
    assert_eq!(
        victim.codes(&victim.sealed.archive, Limits { files: 5, ..default }),
        ["limit.files"]
    );
    let small = Limits {
        total_bytes: 1000,
        ..default
    };
    assert_eq!(limited(small), ["limit.total-size"]);

    let large = folder.join("attachments/large.bin");
    hollow(&large, default.file_bytes + 1);
    assert_eq!(limited(default), ["limit.file-size"]);
    std::fs::remove_file(large).unwrap();

    // Signatures are read before anybody is known to have signed: one may be large, and all together.
    let stranger = |number: usize| folder.join(format!("signatures/preparer-{number:016x}.sigstore.json"));
    hollow(&stranger(0), default.envelope_bytes + 1);
    assert_eq!(limited(default), ["limit.held-size"]);
    for number in 0..20 {
        hollow(&stranger(number), default.envelope_bytes);
    }
    assert_eq!(limited(default), ["limit.held-size"]);
    for number in 0..20 {
        std::fs::remove_file(stranger(number)).unwrap();
    }
    assert_eq!(limited(default), [""; 0]);

    let statement = folder.join("statement.json");
    hollow(&statement, default.held_bytes + 1);
    assert_eq!(limited(default), ["limit.held-size"]);
}

#[test]
fn links_without_end_are_counted_as_files_are() {
    let victim = Victim::new();
    let folder = victim.sealed.folder.join("attachments");
    for number in 0..50 {
        std::os::unix::fs::symlink("/", folder.join(format!("link-{number}"))).unwrap();
    }
    let few = Limits {
        files: 30,
        ..Limits::default()
    };
    assert_eq!(victim.codes(&victim.sealed.folder, few), ["limit.files"]);
    let mut deep = victim.sealed.folder.join("attachments");
    std::fs::remove_dir_all(&deep).unwrap();
    for _ in 0..100 {
        deep.push("a");
    }
    std::fs::create_dir_all(&deep).unwrap();
    assert_eq!(victim.folder_codes(), ["limit.files"]);
}

/// Sealed by the trusted key, whatever its maker wants.
fn sealed_with(victim: &Victim, path: &str, text: &str) -> Result<Sealed, SealError> {
    let mut contents = Contents::new();
    contents.insert(path, text.as_bytes().to_vec())?;
    let options = SealOptions {
        cancel: &AtomicBool::new(false),
        threads: None,
    };
    let out = victim.path("other");
    let description = sample_bundle::description("other");
    seal(
        contents,
        &description,
        None,
        &victim.key,
        "preparer",
        &out,
        &options,
    )
}

#[test]
fn a_text_that_fills_memory_is_never_read_whole() {
    let victim = Victim::new();
    let limit = usize::try_from(Limits::default().line_bytes).unwrap();
    let bomb = format!("{{\"a\": \"{}\"}}\n", "x".repeat(limit + 1));
    // Nobody can seal it here, and who could would be refused.
    let refused = sealed_with(&victim, "assessment.json", &bomb);
    assert!(matches!(refused, Err(SealError::Record { .. })));
    let shorter = Limits {
        line_bytes: 1000,
        ..Limits::default()
    };
    let long = format!("{{\"a\": \"{}\"}}\n", "x".repeat(2000));
    let sealed = sealed_with(&victim, "assessment.json", &long).unwrap();
    assert_eq!(victim.codes(&sealed.folder, shorter), ["record.format"]);
    assert_eq!(victim.codes(&sealed.archive, Limits::default()), [""; 0]);
}

#[test]
fn what_is_not_as_it_was_sealed_is_not_parsed() {
    let victim = Victim::new();
    for path in ["assessment.json", "targets/db1/evidence/hba.ndjson"] {
        std::fs::write(victim.sealed.folder.join(path), "[".repeat(1 << 20)).unwrap();
    }
    std::fs::write(victim.sealed.folder.join("more.json"), "{\"a\":1,\"a\":1}").unwrap();
    let verification = victim.verified(&victim.sealed.folder, Limits::default());
    assert_eq!(
        codes(&verification),
        ["file.changed", "file.unlisted", "file.changed"]
    );
    let told = verification.checks.iter().flat_map(|check| &check.notes);
    assert!(
        told.into_iter()
            .any(|note| note == "3 records that are not the sealed ones were not read"),
        "{verification}"
    );
}

#[test]
fn sizes_whose_sum_comes_round_are_no_archive() {
    let victim = Victim::new();
    let good = std::fs::read(&victim.sealed.archive).unwrap();
    let number = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap()) as usize;
    let end = good.len() - 22;
    let start = number(end + 16);
    // Each entry of the directory says, in ZIP64's extra field, that its file has this size.
    for size in [u64::MAX, u64::MAX / 4, 1 << 62, 1 << 40] {
        let mut directory = Vec::new();
        let mut at = start;
        while at < end {
            let name = usize::from(good[at + 28]) | usize::from(good[at + 29]) << 8;
            let mut entry = good[at..at + 46 + name].to_vec();
            entry[20..28].fill(0xff);
            entry[30] = 20;
            directory.extend_from_slice(&entry);
            directory.extend_from_slice(&[1, 0, 16, 0]);
            directory.extend_from_slice(&size.to_le_bytes());
            directory.extend_from_slice(&size.to_le_bytes());
            at += 46 + name;
        }
        let path = victim.path("round.zip");
        std::fs::write(&path, [&good[..start], &directory, &good[end..]].concat()).unwrap();
        assert_eq!(
            victim.codes(&path, Limits::default()),
            ["archive.offsets"],
            "{size}"
        );
    }
}

#[test]
fn a_policy_that_could_be_read_in_two_ways_is_refused() {
    let victim = Victim::new();
    let other = SigningKey::generate().unwrap();
    let good = serde_json::to_value(sample_bundle::policy(&victim.key)).unwrap();
    let text = good.to_string();
    let with_owners = |first: &str, second: &str| {
        let mut policy = good.clone();
        let mut key = policy["keys"][0].clone();
        key["keyid"] = other.public_key().keyid().into();
        key["public_key"] = other.public_key().to_pem().into();
        (policy["keys"][0]["owner"], key["owner"]) = (first.into(), second.into());
        policy["keys"].as_array_mut().unwrap().push(key);
        policy.to_string()
    };
    for (policy, expected) in [
        (
            text.replacen("\"version\":1", "\"version\":1,\"version\":1", 1),
            "duplicate field",
        ),
        (
            text.replacen("\"version\":1", "\"version\":1,\"allow\":\"all\"", 1),
            "unknown field",
        ),
        (text.replace("\"threshold\":1", "\"threshold\":0"), "threshold"),
        (
            text.replace("\"threshold\":1", "\"threshold\":-1"),
            "invalid value",
        ),
        (
            text.replace("\"threshold\":1", "\"threshold\":1.0"),
            "invalid type",
        ),
        (
            text.replace("\"threshold\":1", "\"threshold\":1e0"),
            "invalid type",
        ),
        (with_owners("Ada Lane", "ada lane "), "would count as two"),
        (with_owners("Ada Lane", "Ada\u{200b}Lane"), "would count as two"),
        (with_owners("Ada Lane", "ADA-LANE"), "would count as two"),
    ] {
        let refused = TrustPolicy::from_json(policy.as_bytes()).map_err(|error| error.to_string());
        let message = refused.expect_err(&policy);
        assert!(message.contains(expected), "{message}");
    }
    assert!(TrustPolicy::from_json(with_owners("Ada Lane", "Ada Lake").as_bytes()).is_ok());
    assert!(TrustPolicy::from_json(with_owners("Ada Lane", "Ada Lane").as_bytes()).is_ok());
}

#[test]
fn what_a_signer_writes_does_nothing_to_a_terminal() {
    let victim = Victim::new();
    let key = SigningKey::generate().unwrap();
    let mut contents = Contents::new();
    contents.insert("assessment.json", b"{}\n".to_vec()).unwrap();
    let mut description = sample_bundle::description("evil");
    description.series = "\u{1b}]0;x\u{7}\u{9b}2J\u{202e}".to_owned();
    let options = SealOptions {
        cancel: &AtomicBool::new(false),
        threads: None,
    };
    let out = victim.path("evil");
    let sealed = seal(contents, &description, None, &key, "preparer", &out, &options).unwrap();
    let policy = victim.path("evil.json");
    let mut trusted = sample_bundle::policy(&key);
    trusted.series = Some(pgdossier::sign::SeriesPin {
        id: "acme".to_owned(),
        size: 0,
        root: "0".repeat(64),
    });
    trusted.write(&policy).unwrap();
    for format in ["text", "json"] {
        let output = support::pgdossier()
            .args(["--format", format, "verify", "--as-of", "2026-10-02", "--trust"])
            .arg(&policy)
            .arg(&sealed.folder)
            .output()
            .unwrap();
        let said = support::text(&output.stdout);
        assert!(said.contains("chain.series"), "{said}");
        assert!(
            !said.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']),
            "{format}: {said}"
        );
    }
}

#[test]
fn an_attestation_counts_with_the_documents_that_were_signed() {
    use pgdossier::signature::{SignedKind, SignedStatement};
    let victim = Victim::new();
    let (attestor, document) = (SigningKey::generate().unwrap(), "a list");
    let digest = |bytes: &[u8]| pgdossier::bundle::Digest::of(bytes).to_string();
    let statement = "kind: attestation\ncontrols: [room]\n";
    let documents = std::collections::BTreeMap::from([("list.csv".to_owned(), digest(document.as_bytes()))]);
    let signed = SignedStatement::new(
        SignedKind::Attestation,
        ("room.yaml", &digest(statement.as_bytes())),
        &documents,
        "attestor",
        attestor.public_key().keyid(),
    );
    let mut envelope = pgdossier::sign::Envelope {
        payload: signed.to_bytes(),
        signature: Vec::new(),
        keyid: attestor.public_key().keyid().to_owned(),
        token: None,
    };
    envelope.signature = attestor.sign(&envelope.signed_bytes()).unwrap();
    let beside = format!(
        "attestations/room.attestor-{}.sigstore.json",
        attestor.public_key().short_keyid()
    );
    let mut policy = sample_bundle::policy(&victim.key);
    let (from, until) = (policy.keys[0].valid_from, policy.keys[0].valid_until);
    let other = TrustPolicy::single(attestor.public_key(), "Ines", "attestor", from, until);
    policy.add(other).unwrap();
    assert_eq!(policy.require.len(), 2);

    let named = format!("attachments/{}.csv", digest(document.as_bytes()));
    for (number, (attached, expected)) in [
        (Some(document), vec![]),
        // Another document under the name of the signed one, and none at all.
        (Some("another list"), vec!["require.threshold"]),
        (None, vec!["require.threshold"]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut contents = Contents::new();
        contents
            .insert("attestations/room.yaml", statement.as_bytes().to_vec())
            .unwrap();
        contents.insert(&beside, envelope.to_sigstore_json()).unwrap();
        if let Some(attached) = attached {
            contents.insert(&named, attached.as_bytes().to_vec()).unwrap();
        }
        let options = SealOptions {
            cancel: &AtomicBool::new(false),
            threads: None,
        };
        let description = sample_bundle::description("attested");
        let out = victim.path(&format!("attested-{number}"));
        let sealed = seal(
            contents,
            &description,
            None,
            &victim.key,
            "preparer",
            &out,
            &options,
        )
        .unwrap();
        let verification = verified(&sealed.folder, &policy, Limits::default());
        assert_eq!(codes(&verification), expected, "{verification}");
        assert_eq!(verification.verdict == Verdict::Valid, expected.is_empty());
    }
}
