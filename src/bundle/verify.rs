//! Verification in numbered steps: trust comes from the policy alone, and what is missing never helps.

mod about;
mod redaction;
mod reviews;
mod signatures;
mod signed_files;
mod times;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use thiserror::Error;

use self::signatures::{Accepted, SignatureStep};
use super::digest::Digest;
use super::failure::Failure;
use super::limits::Limits;
use super::review::REVIEW_KIND;
use super::statement::STATEMENT_KIND;
use super::store::Store;
use super::verification::{Check, Outcome, Time, Verdict, Verification, VerifiedSigner};
use super::{chain, integrity};
use crate::parallel;
use crate::sign::{SigningTime, TrustPolicy};
use crate::signature::SignedKind;

/// How to verify.
#[derive(Debug, Clone, Copy)]
pub struct VerifyOptions<'a> {
    /// The time at which keys must be valid.
    pub now: DateTime<Utc>,
    /// Whether listed files may be absent.
    pub allow_withheld: bool,
    /// Caps on what a hostile bundle can make us read.
    pub limits: Limits,
    /// Number of threads; all cores when absent.
    pub threads: Option<NonZeroUsize>,
    /// Set by another thread to stop.
    pub cancel: &'a AtomicBool,
}

/// Why verification could not even be tried.
#[derive(Debug, Error)]
pub enum VerifyError {
    #[error("cannot open bundle `{}`: {source}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("verification was interrupted; the bundle was not judged")]
    Cancelled,
}

const STEPS: [(u8, &str); 14] = [
    (2, "opened strictly"),
    (3, "signatures read"),
    (4, "signatures verified"),
    (5, "statement understood and signer allowed"),
    (6, "statement and SSH signature agree with the envelope"),
    (7, "key valid at the time"),
    (8, "manifest is the signed one"),
    (9, "tree head"),
    (10, "files"),
    (11, "records"),
    (12, "series"),
    (13, "requirements of the policy"),
    (14, "redaction"),
    (15, "reviews"),
];

/// Verifies the folder or archive at `path` against what the auditor trusts.
///
/// # Errors
/// [`VerifyError`] when nothing could be judged; a bundle that is wrong is a [`Verification`] that says so.
pub fn verify(
    path: &Path,
    policy: &TrustPolicy,
    options: &VerifyOptions<'_>,
) -> Result<Verification, VerifyError> {
    let opened = Store::open(path, &options.limits).map_err(|source| VerifyError::Open {
        path: path.to_owned(),
        source,
    })?;
    let mut run = Run::new(options.now);
    match opened {
        Err(failures) => run.record(2, failures, Vec::new()),
        Ok(store) => {
            run.record(2, Vec::new(), Vec::new());
            run.check(&store, policy, options);
        }
    }
    if options.cancel.load(Ordering::Relaxed) {
        Err(VerifyError::Cancelled)
    } else {
        Ok(run.conclude())
    }
}

/// A verification under way: each step not recorded stays "not checked".
struct Run {
    result: Verification,
}

impl Run {
    fn new(now: DateTime<Utc>) -> Self {
        let checks = STEPS.map(|(step, name)| Check {
            step,
            name,
            outcome: Outcome::NotChecked,
            failures: Vec::new(),
            notes: Vec::new(),
        });
        Self {
            result: Verification {
                version: 1,
                verdict: Verdict::Invalid,
                bundle_id: None,
                statement_sha256: None,
                as_of: now,
                time: Time::NotProven,
                signers: Vec::new(),
                reviews: Vec::new(),
                withheld: Vec::new(),
                redaction: None,
                checks: checks.to_vec(),
            },
        }
    }

    fn record(&mut self, step: u8, failures: Vec<Failure>, notes: Vec<String>) {
        if let Some(check) = self.result.checks.iter_mut().find(|check| check.step == step) {
            check.outcome = if failures.is_empty() {
                Outcome::Passed
            } else {
                Outcome::Failed
            };
            check.failures = failures;
            check.notes = notes;
        }
    }

    fn check(&mut self, store: &Store, policy: &TrustPolicy, options: &VerifyOptions<'_>) {
        let signed = signatures::check(store, policy, options);
        for SignatureStep {
            step,
            failures,
            notes,
        } in signed.steps
        {
            self.record(step, failures, notes);
        }
        // Without a verified statement there is nothing to hold the files against.
        let Some(verified) = signed.verified else { return };
        self.result.bundle_id = Some(verified.statement.predicate.bundle_id.clone());
        self.result.statement_sha256 = Some(Digest::of(&verified.payload).to_string());
        let mut reviews = reviews::check(store, policy, &verified, options);
        self.tell_signers(&signed.accepted, &reviews);
        self.result.reviews = std::mem::take(&mut reviews.reviews);
        self.record(
            15,
            std::mem::take(&mut reviews.failures),
            std::mem::take(&mut reviews.notes),
        );

        let (manifest, text) = match integrity::check_manifest(store, &verified.statement, &options.limits) {
            Ok(manifest) => manifest,
            Err(failures) => return self.record(8, failures, Vec::new()),
        };
        // What a signature with a proven time covers was there at that time too.
        let earliest = signed.accepted.iter().filter_map(|one| one.time.as_ref());
        let time = earliest
            .min_by_key(|time| time.latest)
            .map_or(SigningTime::Unproven(options.now), SigningTime::Proven);
        let sealed = signed_files::Sealed {
            store,
            manifest: &manifest,
            limit: options.limits.envelope_bytes,
        };
        let files = [SignedKind::Attestation, SignedKind::Waiver]
            .map(|kind| signed_files::read(kind, sealed, policy, time));
        self.check_requirements(policy, &signed.accepted, &reviews, &files);
        self.record(8, Vec::new(), Vec::new());
        self.record(9, integrity::check_tree(&verified.statement, &text), Vec::new());
        let threads = parallel::threads(options.threads);
        let mut files = integrity::check_files(store, &manifest, threads, options.cancel);
        let mut notes = vec![format!("{} files hashed", files.hashed)];
        let redacted = redaction::Against {
            store,
            policy,
            verified: &verified,
            accepted: &signed.accepted,
            manifest: &manifest,
            options,
        }
        .check();
        files
            .failures
            .extend(redaction::lost_signatures(policy, &files.absent, store));
        let absent = std::mem::take(&mut files.absent);
        let excused;
        (excused, files.absent) = absent
            .into_iter()
            .partition::<Vec<String>, _>(|path| redacted.excused.contains(path));
        self.result.withheld = excused;
        self.result.redaction = redacted.redaction;
        self.record(14, redacted.failures, Vec::new());
        if options.allow_withheld {
            notes.extend(files.absent.iter().map(|path| format!("withheld: {path}")));
            self.result.withheld.extend(files.absent);
            self.result.withheld.sort();
        } else {
            let absent =
                |path: &String| Failure::at("file.absent", path, "it is listed in the manifest but missing");
            files.failures.extend(files.absent.iter().map(absent));
            files.failures.sort_by(|a, b| a.path.cmp(&b.path));
        }
        let (failures, left_out) = integrity::check_records(store, &files.failures, threads, &options.limits);
        self.record(10, files.failures, notes);
        let note =
            (left_out > 0).then(|| format!("{left_out} records that are not the sealed ones were not read"));
        self.record(11, failures, note.into_iter().collect());

        let stated = &verified.statement.predicate;
        let mut failures = match integrity::read_leaves(store, &manifest, &options.limits) {
            Ok(bytes) => chain::check_against_leaves(&stated.chain, &stated.bundle_id, &bytes),
            Err(failure) => vec![failure],
        };
        let mut notes = Vec::new();
        match &policy.series {
            Some(pin) => failures.extend(chain::check_against_pin(&stated.chain, pin)),
            None => notes.push(
                "the policy names no series, so a skipped or forked bundle would not be noticed".to_owned(),
            ),
        }
        self.record(12, failures, notes);
    }

    /// Step 13: enough distinct owners, with duties separated.
    fn check_requirements(
        &mut self,
        policy: &TrustPolicy,
        accepted: &[Accepted<'_>],
        reviews: &reviews::Reviews<'_>,
        files: &[signed_files::Signatures<'_>],
    ) {
        let owners_in = |role: &str| owners(accepted.iter(), role);
        // Whoever signed a file is excluded by duty even where their signature counts for nothing any more.
        let excluded = |roles: &[String]| -> BTreeSet<&str> {
            let mut owners: BTreeSet<&str> = files.iter().flat_map(|one| one.owners_in(roles)).collect();
            for role in roles {
                owners.extend(owners_in(role));
                owners.extend(self::owners(reviews.decided(), role));
            }
            owners
        };
        let sealers: BTreeSet<&str> = accepted.iter().map(|one| one.key.owner.as_str()).collect();
        let mut failures: Vec<Failure> = files
            .iter()
            .flat_map(|one| one.approved_by_themselves(&sealers))
            .collect();
        for wanted in &policy.require {
            let (role, kind) = (wanted.role.escape_default(), wanted.statement.escape_default());
            if let Some(one) = files.iter().find(|one| one.kind.word() == wanted.statement) {
                let roles = wanted.distinct_owner_from.iter();
                let assessors: BTreeSet<&str> = roles.flat_map(|role| owners_in(role)).collect();
                failures.extend(one.unmet(wanted, &assessors));
                continue;
            }
            let mut owners = match wanted.statement.as_str() {
                STATEMENT_KIND => owners_in(&wanted.role),
                REVIEW_KIND => owners(reviews.approvals.iter(), &wanted.role)
                    .into_iter()
                    .filter(|owner| !sealers.contains(owner))
                    .collect(),
                _ => {
                    let message = format!("the policy requires a `{kind}`, which this version cannot verify");
                    failures.push(Failure::new("require.unsupported", message));
                    continue;
                }
            };
            for owner in excluded(&wanted.distinct_owner_from) {
                owners.remove(owner);
            }
            if owners.len() < wanted.threshold {
                let message = format!(
                    "the policy requires a `{kind}` signed by {} owner(s) in role `{role}`; {} did",
                    wanted.threshold,
                    owners.len()
                );
                failures.push(Failure::new("require.threshold", message));
            }
        }
        let own = reviews.approvals.iter().map(|one| one.key.owner.as_str());
        let own: BTreeSet<&str> = own.filter(|owner| sealers.contains(owner)).collect();
        let note = |owner: &str| {
            let owner = owner.escape_debug();
            format!("{owner} signed the bundle too, so that this approval of it counts for nothing")
        };
        self.record(13, failures, own.into_iter().map(note).collect());
    }

    /// Whose signatures counted, and whether the time of all of them is proven.
    fn tell_signers(&mut self, accepted: &[Accepted<'_>], reviews: &reviews::Reviews<'_>) {
        let signer = |one: &Accepted<'_>| VerifiedSigner {
            keyid: one.key.keyid.clone(),
            owner: one.key.owner.clone(),
            role: one.role.clone(),
            signed_by: one.time.as_ref().map(reviews::signed_by),
        };
        self.result.signers = accepted.iter().map(signer).collect();
        let mut counted = accepted.iter().chain(&reviews.approvals);
        if !accepted.is_empty() && counted.all(|one| one.time.is_some()) {
            self.result.time = Time::Proven;
        }
    }

    fn conclude(mut self) -> Verification {
        let all_hold = self
            .result
            .checks
            .iter()
            .all(|check| check.outcome == Outcome::Passed);
        self.result.verdict = match (all_hold, self.result.withheld.is_empty()) {
            (true, true) => Verdict::Valid,
            (true, false) => Verdict::ValidWithWithheldFiles,
            (false, _) => Verdict::Invalid,
        };
        self.result
    }
}

/// The owners of those who signed in a role.
fn owners<'a>(signed: impl Iterator<Item = &'a Accepted<'a>>, role: &str) -> BTreeSet<&'a str> {
    signed
        .filter(|one| one.role == role)
        .map(|one| one.key.owner.as_str())
        .collect()
}
