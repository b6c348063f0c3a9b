//! What fuzzers feed: one function for each form that a stranger can hand us, with the promise that must hold.
//!
//! `fuzz/` calls these; the tests below run the committed corpus through them on every run.

#![allow(clippy::panic, reason = "a broken promise must stop the fuzzer")]

use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use crate::bundle::{Limits, Verdict, VerifyOptions, fuzzing as bundle, verify};
use crate::control::{Catalog, Guide, RawControl};
use crate::evidence::Table;
use crate::sign::{Envelope, Roots, SshSignature, TrustPolicy, check_token, check_token_itself, seal_token};
use crate::yaml;

/// Hands one input to what reads a form; panics when the form's promise is broken.
pub type Feed = fn(&[u8]);

/// Every form by its name, which is also that of its corpus.
pub const FORMS: &[(&str, Feed)] = &[
    ("archive", archive),
    ("control", control),
    ("envelope", envelope),
    ("evidence", evidence),
    ("manifest", manifest),
    ("ssh-signature", ssh_signature),
    ("statement", statement),
    ("timestamp", timestamp),
    ("trust-policy", trust_policy),
];

const GENUINE: &[u8] = include_bytes!("../fuzz/corpus/archive/genuine.zip");
/// What authorities under these roots stamped in the corpus; made with `openssl ts`.
const STAMPED: &[u8] = include_bytes!("../fuzz/genuine/stamped.bin");
const ROOTS: &str = include_str!("../fuzz/genuine/roots.pem");
const POLICY: &[u8] = include_bytes!("../fuzz/corpus/trust-policy/genuine.json");

/// Only the genuine archive verifies, whatever else is handed in.
pub fn archive(bytes: &[u8]) {
    let Ok(policy) = TrustPolicy::from_json(POLICY) else {
        panic!("the policy that goes with the genuine archive cannot be read");
    };
    let written = tempfile::NamedTempFile::new().and_then(|mut file| {
        file.write_all(bytes)?;
        Ok(file)
    });
    let Ok(file) = written else { return };
    let verdict = verdict(file.path(), &policy);
    assert_eq!(verdict == Some(Verdict::Valid), bytes == GENUINE);
}

fn verdict(path: &Path, policy: &TrustPolicy) -> Option<Verdict> {
    let cancel = AtomicBool::new(false);
    let now = policy.keys.first()?.valid_from + chrono::TimeDelta::days(1);
    let options = VerifyOptions {
        now,
        allow_withheld: false,
        limits: Limits::default(),
        threads: std::num::NonZeroUsize::new(1),
        cancel: &cancel,
    };
    Some(verify(path, policy, &options).ok()?.verdict)
}

/// A control that is taken is judged by an expression that compiles; one that is not says where.
pub fn control(bytes: &[u8]) {
    static GUIDE: OnceLock<Option<Guide>> = OnceLock::new();
    let guide = GUIDE.get_or_init(|| Catalog::embedded().ok().map(|catalog| catalog.guide));
    let (Some(guide), Ok(raw)) = (guide, yaml::parse::<RawControl>("control.yaml", bytes)) else {
        return;
    };
    if let Err(problems) = raw.parse("control.yaml", guide) {
        assert!(!problems.is_empty());
    }
}

/// An envelope has one form.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::from_sigstore_json(bytes) {
        assert_eq!(envelope.to_sigstore_json(), bytes);
    }
}

/// Rows that are read and written again are the same rows.
pub fn evidence(bytes: &[u8]) {
    let strict = bundle::record("evidence.ndjson", bytes);
    let Ok(table) = Table::from_ndjson(Vec::new(), bytes) else {
        return;
    };
    let again = Table::from_ndjson(Vec::new(), &table.to_ndjson());
    assert_eq!(again.map(|again| again.rows).as_ref(), Ok(&table.rows));
    // What passes as a record has no second meaning for a reader that takes the last of two keys.
    if strict {
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert!(table.rows.len() <= lines);
    }
}

/// A manifest has one form.
pub fn manifest(bytes: &[u8]) {
    if let Some(again) = bundle::manifest(bytes) {
        assert_eq!(again, bytes);
    }
}

/// An SSH signature has one form.
pub fn ssh_signature(bytes: &[u8]) {
    if let Ok(signature) = SshSignature::from_armor(bytes) {
        assert_eq!(signature.to_armor().as_bytes(), bytes);
    }
}

/// A statement that is understood means the same when it is written again.
pub fn statement(bytes: &[u8]) {
    if let Some(again) = bundle::statement(bytes) {
        assert_eq!(bundle::statement(&again), Some(again));
    }
}

/// What is kept of an authority's answer is taken again, and kept as it is; and whatever leads to a root says when.
pub fn timestamp(bytes: &[u8]) {
    let Ok(roots) = Roots::from_pem(&[ROOTS.to_owned()]) else {
        panic!("the roots that go with the corpus cannot be read");
    };
    let (stored, time) = match seal_token(bytes, STAMPED, None, Some(&roots)) {
        Ok(sealed) => sealed,
        Err(_) => {
            assert!(check_token(bytes, STAMPED, &roots).is_err());
            return;
        }
    };
    assert!(check_token_itself(&stored, STAMPED).is_ok());
    assert_eq!(check_token(&stored, STAMPED, &roots), Ok(time));
    let again = seal_token(&stored, STAMPED, None, Some(&roots));
    assert_eq!(again.map(|(bytes, _)| bytes), Ok(stored));
}

/// A policy that is taken means the same when it is written again.
pub fn trust_policy(bytes: &[u8]) {
    if let Ok(policy) = TrustPolicy::from_json(bytes) {
        let json = serde_json::to_vec(&policy).unwrap_or_default();
        let again = TrustPolicy::from_json(&json);
        assert_eq!(
            again.ok().and_then(|again| serde_json::to_vec(&again).ok()),
            Some(json)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::AtomicBool;

    use crate::bundle::{Contents, Description, SealOptions, Tool, seal};
    use crate::sign::{Signer as _, SigningKey};

    fn corpus() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
    }

    #[test]
    fn the_committed_corpus_keeps_every_promise() {
        for (name, form) in FORMS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("fuzz/corpus")
                .join(name);
            let mut inputs = 0;
            for entry in folder.read_dir().unwrap() {
                form(&std::fs::read(entry.unwrap().path()).unwrap());
                inputs += 1;
            }
            assert!(inputs > 1, "{name} has no corpus");
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join("fuzz/fuzz_targets")
                    .join(format!("{name}.rs"))
                    .exists(),
                "{name} is not fuzzed"
            );
        }
    }

    #[test]
    fn the_corpus_holds_answers_of_authorities_of_both_kinds() {
        let roots = Roots::from_pem(&[ROOTS.to_owned()]).unwrap();
        for name in ["answer-rsa.tsr", "answer-ec.tsr"] {
            let answer = std::fs::read(corpus().join("timestamp").join(name)).unwrap();
            assert!(seal_token(&answer, STAMPED, None, Some(&roots)).is_ok(), "{name}");
        }
    }

    /// `FUZZ_CORPUS=write cargo test --lib fuzzing` writes it again after the format changed.
    #[test]
    fn the_corpus_holds_a_bundle_that_verifies() {
        if std::env::var_os("FUZZ_CORPUS").is_some() {
            return write_genuine();
        }
        let policy = TrustPolicy::from_json(POLICY).unwrap();
        let genuine = corpus().join("archive/genuine.zip");
        assert_eq!(verdict(&genuine, &policy), Some(Verdict::Valid));
    }

    fn write_genuine() {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        let as_of = "2026-10-01T00:00:00Z".parse().unwrap();
        let until = as_of + chrono::TimeDelta::days(365);
        let policy = TrustPolicy::single(key.public_key(), "Ada", "preparer", as_of, until);
        let mut contents = Contents::new();
        for (path, text) in [
            ("assessment.json", "{}\n"),
            ("targets/db1/evidence/roles.ndjson", "{\"name\":\"ann\"}\n"),
        ] {
            contents.insert(path, text.into()).unwrap();
        }
        let description = Description {
            id: "acme".to_owned(),
            series: "acme".to_owned(),
            organisation: "Acme".to_owned(),
            period: "2026-Q4".to_owned(),
            as_of,
            tool: Tool {
                name: "pgdossier".to_owned(),
                version: "0.1.0".to_owned(),
                commit: None,
            },
        };
        let options = SealOptions {
            cancel: &AtomicBool::new(false),
            threads: None,
        };
        let sealed = seal(
            contents,
            &description,
            None,
            &key,
            "preparer",
            dir.path(),
            &options,
        )
        .unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = corpus().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let read = |path: &str| std::fs::read(sealed.folder.join(path)).unwrap();
        write("archive/genuine.zip", &std::fs::read(&sealed.archive).unwrap());
        write(
            "trust-policy/genuine.json",
            &serde_json::to_vec_pretty(&policy).unwrap(),
        );
        write("manifest/genuine.sha256", &read("MANIFEST.sha256"));
        write("statement/genuine.json", &read("statement.json"));
        for entry in sealed.folder.join("signatures").read_dir().unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("sshsig") => write("ssh-signature/genuine.sshsig", &bytes),
                _ => write("envelope/genuine.json", &bytes),
            }
        }
    }
}
