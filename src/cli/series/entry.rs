//! One bundle of a series: verified, then read as far as the series needs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::problem::{Kind, Problem};
use crate::assessment::{Period, Summary};
use crate::attestation::Attested;
use crate::bundle::{
    BundleReader, Digest, IntactBundle, Limits, Predicate, ReadError, Verdict, Verification, VerifyOptions,
    verify,
};
use crate::cli::Stop;
use crate::collect;
use crate::record::{PROFILE, SUMMARY};
use crate::salt::content;
use crate::sign::TrustPolicy;

/// A verified bundle.
pub(super) struct Entry {
    /// Where it lies: its folder, its archive or both.
    pub(super) paths: Vec<PathBuf>,
    pub(super) statement_sha256: Digest,
    pub(super) predicate: Predicate,
    /// Whose signatures counted: owner and role.
    pub(super) signers: Vec<String>,
    pub(super) verdict: Checked,
    /// A line for each bundle of the series up to this one.
    pub(super) history: Vec<u8>,
    pub(super) period: Option<Period>,
    /// Absent when it is withheld or of another version.
    pub(super) summary: Option<Summary>,
    /// Files of the catalog with their digests.
    pub(super) controls: BTreeMap<String, Digest>,
    pub(super) profile: Option<Digest>,
    /// Absent when some of it is withheld or cannot be understood.
    pub(super) attested: Option<Attested>,
}

/// How far a bundle was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Checked {
    /// Verified against the policy.
    Valid,
    /// The same, with files withheld.
    ValidWithWithheldFiles,
    /// Verified but for its key, whose time is over.
    KeyExpired,
    /// Whole; nobody was asked who sealed it.
    Whole,
}

impl Checked {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::ValidWithWithheldFiles => "valid with withheld files",
            Self::KeyExpired => "key expired",
            Self::Whole => "whole, signer not checked",
        }
    }
}

pub(super) enum Opened {
    Entry(Box<Entry>),
    Invalid(Problem),
}

impl Entry {
    pub(super) fn id(&self) -> &str {
        &self.predicate.bundle_id
    }

    /// 0 for the first of the series.
    pub(super) fn index(&self) -> u64 {
        self.predicate.chain.index
    }
}

/// Verifies a bundle by itself; its place in the series is looked at afterwards, with all the others.
pub(super) fn open(
    path: &Path,
    policy: Option<&TrustPolicy>,
    options: &VerifyOptions<'_>,
) -> Result<Opened, Stop> {
    let (verdict, verification) = match policy {
        None => (Checked::Whole, None),
        Some(policy) => {
            let alone = TrustPolicy {
                series: None,
                ..policy.clone()
            };
            let verification = verify(path, &alone, options).map_err(Stop::failed)?;
            match checked(&verification) {
                Some(verdict) => (verdict, Some(verification)),
                None => return Ok(Opened::Invalid(invalid(path, &verification))),
            }
        }
    };
    let bundle = BundleReader::open(path, &Limits::default()).and_then(|bundle| match verification {
        Some(_) => bundle.check_listing(),
        None => bundle.check_integrity(),
    });
    let read = bundle.and_then(|bundle| bundle.history().map(|history| (bundle, history)));
    let (bundle, history) = match read {
        Ok(read) => read,
        Err(error @ ReadError::Open { .. }) => return Err(Stop::failed(error)),
        Err(error) => return Ok(Opened::Invalid(damaged(path, &error.to_string()))),
    };
    let verified = verification.as_ref().and_then(|one| one.statement_sha256.clone());
    if verified.is_some_and(|digest| digest != bundle.statement_sha256().to_string()) {
        return Ok(Opened::Invalid(damaged(path, "it changed while it was verified")));
    }
    let signers = verification.iter().flat_map(|one| &one.signers);
    let signers = signers
        .map(|signer| format!("{} ({})", signer.owner, signer.role))
        .collect();
    Ok(Opened::Entry(Box::new(read_entry(
        path, &bundle, verdict, signers, history,
    ))))
}

fn checked(verification: &Verification) -> Option<Checked> {
    match verification.verdict {
        Verdict::Valid => Some(Checked::Valid),
        Verdict::ValidWithWithheldFiles => Some(Checked::ValidWithWithheldFiles),
        Verdict::Invalid => {
            // An expired key's signature does not count, and so is missed once more where signatures are counted.
            let mut codes = verification.failures().map(|failure| failure.code);
            let only_expired = codes.all(|code| ["key.expired", "require.threshold"].contains(&code));
            let expired = verification
                .failures()
                .any(|failure| failure.code == "key.expired");
            let complete = verification.withheld.is_empty();
            (only_expired && expired && complete).then_some(Checked::KeyExpired)
        }
    }
}

fn invalid(path: &Path, verification: &Verification) -> Problem {
    let failures: Vec<String> = verification
        .failures()
        .map(|failure| format!("{} [{}]", failure.message, failure.code))
        .collect();
    let shown = failures.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    let more = failures.len().saturating_sub(3);
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    damaged(path, &format!("{shown}{more}"))
}

fn damaged(path: &Path, reason: &str) -> Problem {
    let message = format!("it does not verify and was left out: {reason}");
    Problem::new(Kind::Failure, "series.invalid", message, [path.display()])
}

fn read_entry(
    path: &Path,
    bundle: &IntactBundle,
    verdict: Checked,
    signers: Vec<String>,
    history: Vec<u8>,
) -> Entry {
    let predicate = bundle.statement().predicate.clone();
    let summary = bundle.read(SUMMARY).ok();
    let profile = bundle.read(PROFILE).ok();
    let listed = bundle.paths().filter(|path| path.starts_with("controls/"));
    Entry {
        paths: vec![path.to_owned()],
        statement_sha256: bundle.statement_sha256(),
        period: Period::parse(&predicate.period).ok(),
        predicate,
        signers,
        verdict,
        history,
        summary: summary.and_then(|bytes| serde_json::from_slice(&content(SUMMARY, &bytes)).ok()),
        controls: listed
            .filter_map(|path| Some((path.to_owned(), bundle.digest(path)?)))
            .collect(),
        // The file itself has another salt, and so another digest, in each bundle.
        profile: profile.map(|bytes| Digest::of(&content(PROFILE, &bytes))),
        attested: attested(bundle),
    }
}

fn attested(bundle: &IntactBundle) -> Option<Attested> {
    let paths = bundle.paths().filter(|path| {
        path.starts_with("attestations/") && (path.ends_with(".yaml") || path.ends_with(".yml"))
    });
    let files: Result<BTreeMap<String, Vec<u8>>, ReadError> = paths
        .map(|path| Ok((path.to_owned(), bundle.read(path)?)))
        .collect();
    collect::parse_attestations(files.ok()?).ok()
}
