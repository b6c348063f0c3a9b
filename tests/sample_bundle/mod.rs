//! A small bundle with a file of each kind, sealed for a test, and the policy that trusts it.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod random;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, TimeDelta, Utc};
use pgdossier::bundle::{
    Contents, Description, Limits, SealError, SealOptions, Sealed, Tool, Verdict, Verification,
    VerifyOptions, seal, verify,
};
use pgdossier::sign::{Signer, SigningKey, TrustPolicy};

pub(crate) fn as_of() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().expect("a valid time")
}

pub(crate) fn description(id: &str) -> Description {
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

/// A file of each kind; `mark` tells the files of one bundle from another's.
pub(crate) fn texts(mark: &str) -> [(&'static str, String); 7] {
    [
        ("assessment.json", format!("{{\"organisation\": \"{mark}\"}}\n")),
        (
            "targets/db1/findings.json",
            format!("[{{\"control\": \"{mark}\"}}]\n"),
        ),
        (
            "targets/db1/evidence/hba.ndjson",
            format!("{{\"line\": \"{mark}\"}}\n{{\"line\": 2}}\n"),
        ),
        ("controls/hba-no-trust.yaml", format!("id: {mark}\n")),
        ("attestations/server-room.yaml", format!("by: {mark}\n")),
        ("attachments/certificate.pdf", format!("%PDF-{mark}")),
        ("report/index.html", format!("<!doctype html>{mark}")),
    ]
}

pub(crate) fn contents(mark: &str) -> Result<Contents, SealError> {
    let mut contents = Contents::new();
    for (path, text) in texts(mark) {
        contents.insert(path, text.into_bytes())?;
    }
    Ok(contents)
}

pub(crate) fn sealed_after(
    previous: Option<&Path>,
    id: &str,
    signer: &dyn Signer,
    out: &Path,
) -> Result<Sealed, SealError> {
    let cancel = AtomicBool::new(false);
    let options = SealOptions {
        cancel: &cancel,
        threads: None,
    };
    seal(
        contents(id)?,
        &description(id),
        previous,
        signer,
        "preparer",
        out,
        &options,
    )
}

pub(crate) fn policy(key: &SigningKey) -> TrustPolicy {
    let until = as_of() + TimeDelta::days(365);
    TrustPolicy::single(key.public_key(), "Ada", "preparer", as_of(), until)
}

pub(crate) fn verified(path: &Path, policy: &TrustPolicy) -> Verification {
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now: as_of() + TimeDelta::days(1),
        allow_withheld: false,
        limits: Limits::default(),
        threads: std::num::NonZeroUsize::new(1),
        cancel: &cancel,
    };
    verify(path, policy, &options).expect("the bundle opens")
}

pub(crate) fn is_valid(path: &Path, policy: &TrustPolicy) -> bool {
    verified(path, policy).verdict == Verdict::Valid
}

/// All files in a folder, sorted, or the file itself.
pub(crate) fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = path.read_dir().expect("a folder that can be listed");
    let mut inside: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry that can be read").path())
        .collect();
    inside.sort();
    inside.iter().flat_map(|path| files_below(path)).collect()
}
