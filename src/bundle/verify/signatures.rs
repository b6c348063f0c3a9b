//! Steps 3 to 7: who signed what, whether they may, and whether their key was good.

use super::{VerifyOptions, times};
use crate::bundle::failure::Failure;
use crate::bundle::integrity::parse_statement;
use crate::bundle::layout::{SIGNATURES, SIGSTORE_SUFFIX, SSHSIG_SUFFIX, STATEMENT, is_role};
use crate::bundle::statement::Statement;
use crate::bundle::store::Store;
use crate::sign::{Envelope, EnvelopeError, ProvenTime, PublicKey, SshSignature, TrustPolicy, TrustedKey};

/// What a step found.
pub(super) struct SignatureStep {
    pub(super) step: u8,
    pub(super) failures: Vec<Failure>,
    pub(super) notes: Vec<String>,
}

/// A signature that counts toward the policy's requirements.
pub(super) struct Accepted<'a> {
    pub(super) key: &'a TrustedKey,
    pub(super) role: String,
    /// What its token proves.
    pub(super) time: Option<ProvenTime>,
}

/// A statement under a trusted signature.
pub(super) struct Verified {
    pub(super) payload: Vec<u8>,
    pub(super) statement: Statement,
}

#[derive(Default)]
pub(super) struct Signed<'a> {
    pub(super) steps: Vec<SignatureStep>,
    pub(super) accepted: Vec<Accepted<'a>>,
    pub(super) verified: Option<Verified>,
}

pub(super) struct Found {
    stem: String,
    pub(super) role: String,
    pub(super) envelope: Envelope,
}

impl Found {
    /// The envelope's file.
    pub(super) fn path(&self) -> String {
        format!("{}{SIGSTORE_SUFFIX}", self.stem)
    }
}

/// A signature by a key of the policy, and the statement that it is over.
pub(super) type Stated<'a> = (Found, &'a TrustedKey, PublicKey, Statement);

pub(super) fn check<'a>(store: &Store, policy: &'a TrustPolicy, options: &VerifyOptions<'_>) -> Signed<'a> {
    let mut signed = Signed::default();
    let mut done = |step, failures: Vec<Failure>, notes| {
        let passed = failures.is_empty();
        signed.steps.push(SignatureStep {
            step,
            failures,
            notes,
        });
        passed
    };
    let (found, failures) = read_all(store, options);
    if !done(3, failures, Vec::new()) {
        return signed;
    }
    let (trusted, failures, notes) = verify_all(found, policy);
    if !done(4, failures, notes) {
        return signed;
    }
    let mut statements: Vec<Stated<'_>> = Vec::new();
    let mut failures = Vec::new();
    for (found, key, public) in trusted {
        match understand(store, &found, key) {
            Ok(statement) => statements.push((found, key, public, statement)),
            Err(failure) => failures.push(failure),
        }
    }
    if !done(5, failures, Vec::new()) {
        return signed;
    }
    let failures: Vec<Failure> = statements
        .iter()
        .flat_map(|(found, _, public, _)| agree(store, found, public, options))
        .chain(lonely_ssh_signatures(store))
        .collect();
    if !done(6, failures, Vec::new()) {
        return signed;
    }
    let judged = times::judge(&statements, policy, options.now);
    done(7, judged.failures, judged.notes);
    signed.accepted = judged.accepted;
    signed.verified = statements
        .into_iter()
        .next()
        .map(|(found, _, _, statement)| Verified {
            payload: found.envelope.payload,
            statement,
        });
    signed
}

/// Step 3.
fn read_all(store: &Store, options: &VerifyOptions<'_>) -> (Vec<Found>, Vec<Failure>) {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    let entries = || {
        let all = store.entries().iter();
        all.filter(|entry| entry.path.starts_with(SIGNATURES))
    };
    // Before anybody is known to have signed, nothing may fill memory.
    let together: u64 = entries().map(|entry| entry.size).sum();
    if together > options.limits.held_bytes {
        let limit = options.limits.held_bytes;
        let message = format!("all signatures together have {together} bytes; the limit is {limit}");
        return (all, vec![Failure::at("limit.held-size", SIGNATURES, message)]);
    }
    for entry in entries() {
        let path = entry.path.as_str();
        let stem = path
            .strip_suffix(SIGSTORE_SUFFIX)
            .or_else(|| path.strip_suffix(SSHSIG_SUFFIX));
        let parts = stem.and_then(|stem| Some((stem, stem.strip_prefix(SIGNATURES)?.rsplit_once('-')?)));
        let Some((stem, (role, short))) =
            parts.filter(|(_, (role, short))| is_role(role) && is_short_keyid(short))
        else {
            failures.push(Failure::at(
                "signature.file-name",
                path,
                "it is not named like a signature",
            ));
            continue;
        };
        if !path.ends_with(SIGSTORE_SUFFIX) {
            continue;
        }
        match store.read(path, options.limits.envelope_bytes) {
            Err(failure) => failures.push(failure),
            Ok(bytes) => match Envelope::from_sigstore_json(&bytes) {
                Err(error) => failures.push(Failure::at(envelope_code(&error), path, error.to_string())),
                Ok(envelope) if !envelope.keyid.starts_with(short) => {
                    failures.push(Failure::at(
                        "signature.file-name",
                        path,
                        "it is named after another key than its hint",
                    ));
                }
                Ok(envelope) => all.push(Found {
                    stem: stem.to_owned(),
                    role: role.to_owned(),
                    envelope,
                }),
            },
        }
    }
    if all.is_empty() && failures.is_empty() {
        failures.push(Failure::new("signature.absent", "the bundle has no signature"));
    }
    (all, failures)
}

pub(super) fn is_short_keyid(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn envelope_code(error: &EnvelopeError) -> &'static str {
    match error {
        EnvelopeError::Format(_) => "signature.format",
        EnvelopeError::MediaType(_) => "signature.media-type",
        EnvelopeError::PayloadType(_) => "signature.payload-type",
        EnvelopeError::SignatureCount(_) => "signature.count",
        EnvelopeError::TokenCount(_) => "timestamp.count",
        EnvelopeError::Hint => "signature.hint",
        EnvelopeError::NotCanonical => "signature.not-canonical",
    }
}

type Trusted<'a> = Vec<(Found, &'a TrustedKey, PublicKey)>;

/// Step 4. Key ids decide nothing but what a bad signature is called.
fn verify_all(all: Vec<Found>, policy: &TrustPolicy) -> (Trusted<'_>, Vec<Failure>, Vec<String>) {
    let (mut trusted, mut failures, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for found in all {
        let message = found.envelope.signed_bytes();
        let key = policy.keys.iter().find_map(|key| {
            let public = key.public_key().ok()?;
            public
                .verify(&message, &found.envelope.signature)
                .then_some((key, public))
        });
        let path = found.path();
        match key {
            Some((key, public)) => trusted.push((found, key, public)),
            None if policy.keys.iter().any(|key| key.keyid == found.envelope.keyid) => {
                failures.push(Failure::at(
                    "signature.bad",
                    &path,
                    "its signature does not verify with the policy's key",
                ));
            }
            None => notes.push(format!(
                "{path}: signed by a key that the policy does not name; it counts for nothing"
            )),
        }
    }
    if trusted.is_empty() && failures.is_empty() {
        failures.push(Failure::new(
            "signature.untrusted",
            "no key of the policy signed this bundle",
        ));
    }
    (trusted, failures, notes)
}

/// Step 5.
fn understand(store: &Store, found: &Found, key: &TrustedKey) -> Result<Statement, Failure> {
    let statement = parse_statement(&found.envelope.payload)?;
    let path = found.path();
    let stated = &statement.predicate;
    if stated.signer.keyid != key.keyid || found.envelope.keyid != key.keyid {
        let message = format!(
            "key `{}` signed, but another key is named as the signer",
            key.keyid
        );
        return Err(Failure::at("statement.signer", &path, message));
    }
    if stated.signer.role != found.role {
        let message = format!(
            "it is named for role `{}`, the statement says `{}`",
            found.role,
            stated.signer.role.escape_default()
        );
        return Err(Failure::at("signature.file-name", &path, message));
    }
    if !key.roles.contains(&stated.signer.role) {
        let message = format!(
            "the policy does not allow key `{}` to sign in role `{}`",
            key.keyid, found.role
        );
        return Err(Failure::at("key.role", &path, message));
    }
    match &store.top {
        Some(top) if *top != stated.bundle_id => {
            let message = format!(
                "the archive's folder is `{top}`, the statement is of `{}`",
                stated.bundle_id.escape_default()
            );
            Err(Failure::at("statement.bundle-id", STATEMENT, message))
        }
        _ => Ok(statement),
    }
}

/// Step 6.
fn agree(store: &Store, found: &Found, public: &PublicKey, options: &VerifyOptions<'_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    match store.read(STATEMENT, options.limits.held_bytes) {
        Err(failure) => failures.push(failure),
        Ok(bytes) if bytes != found.envelope.payload => {
            failures.push(Failure::at(
                "statement.differs",
                STATEMENT,
                "it is not the statement that was signed",
            ));
        }
        Ok(_) => {}
    }
    let path = format!("{}{SSHSIG_SUFFIX}", found.stem);
    if store.find(&path).is_none() {
        failures.push(Failure::at(
            "ssh-signature.absent",
            &path,
            "the SSH signature is missing",
        ));
        return failures;
    }
    match store.read(&path, options.limits.envelope_bytes) {
        Err(failure) => failures.push(failure),
        Ok(bytes) => {
            let checked = SshSignature::from_armor(&bytes)
                .and_then(|signature| signature.verify(public, &found.envelope.payload));
            failures.extend(
                checked
                    .err()
                    .map(|error| Failure::at("ssh-signature.bad", &path, error.to_string())),
            );
        }
    }
    failures
}

fn lonely_ssh_signatures(store: &Store) -> impl Iterator<Item = Failure> {
    store.entries().iter().filter_map(|entry| {
        let stem = entry
            .path
            .strip_prefix(SIGNATURES)
            .and(entry.path.strip_suffix(SSHSIG_SUFFIX))?;
        let alone = store.find(&format!("{stem}{SIGSTORE_SUFFIX}")).is_none();
        alone.then(|| Failure::at("ssh-signature.alone", &entry.path, "no envelope belongs to it"))
    })
}
