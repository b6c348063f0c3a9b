//! Signatures that lie beside a file: made with the own key of whoever vouches for it, judged by a trust policy.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Envelope, Revocation, SignError, Signer, TrustPolicy, TrustedKey, sign_checked};
use crate::signature::{SignatureFact, SignatureState, SignedKind, SignedStatement};

/// Signs a file (its name and digest) with its documents' digests: the bytes of the signature's file.
///
/// # Errors
/// What the signer reports.
pub fn sign_statement(
    signer: &dyn Signer,
    kind: SignedKind,
    file: (&str, &str),
    documents: &BTreeMap<String, String>,
    role: &str,
) -> Result<Vec<u8>, SignError> {
    let keyid = signer.public_key().keyid().to_owned();
    let payload = SignedStatement::new(kind, file, documents, role, &keyid).to_bytes();
    let mut envelope = Envelope {
        payload,
        signature: Vec::new(),
        keyid,
    };
    envelope.signature = sign_checked(signer, &envelope.signed_bytes())?;
    Ok(envelope.to_sigstore_json())
}

/// What a signature is held against.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// What kind of file it has to be a signature of.
    pub kind: SignedKind,
    /// Whose keys count for what; nobody's are known when absent.
    pub policy: Option<&'a TrustPolicy>,
    /// The time at which keys must be good.
    pub now: DateTime<Utc>,
    /// The controls that the file is about, each with its section.
    pub controls: &'a [(String, String)],
}

/// What a signature's file is worth for the statement's file (its name and digest).
pub fn judge_signature(
    signature_file: &str,
    bytes: &[u8],
    statement: (&str, &str),
    judging: Judging<'_>,
) -> SignatureFact {
    let mut fact = SignatureFact {
        file: signature_file.to_owned(),
        role: String::new(),
        keyid: String::new(),
        owner: None,
        state: SignatureState::Invalid,
        reason: None,
        not_for: Vec::new(),
        documents: BTreeMap::new(),
    };
    let read = Envelope::from_sigstore_json(bytes)
        .map_err(|error| error.to_string())
        .and_then(|envelope| Ok((SignedStatement::parse(judging.kind, &envelope.payload)?, envelope)));
    let (signed, envelope) = match read {
        Ok(read) => read,
        Err(reason) => {
            fact.reason = Some(reason);
            return fact;
        }
    };
    signed.role().clone_into(&mut fact.role);
    fact.keyid.clone_from(&envelope.keyid);
    fact.documents = signed.documents();
    let (state, reason) = if signed.statement() != statement {
        let what = judging.kind.noun();
        let reason = format!("the {what} was changed since it was signed, or is another one");
        (SignatureState::Invalid, Some(reason))
    } else if signed.keyid() != envelope.keyid {
        let reason = "it names another key than the one that signed";
        (SignatureState::Invalid, Some(reason.to_owned()))
    } else {
        let (state, reason) = by_key(&envelope, signed.role(), judging, &mut fact);
        (state, reason)
    };
    fact.state = state;
    fact.reason = reason;
    fact
}

fn by_key(
    envelope: &Envelope,
    role: &str,
    judging: Judging<'_>,
    fact: &mut SignatureFact,
) -> (SignatureState, Option<String>) {
    let Some(policy) = judging.policy else {
        return (
            SignatureState::NotChecked,
            Some("no trust policy was given".to_owned()),
        );
    };
    let Some(key) = signing_key(envelope, policy) else {
        return if policy.keys.iter().any(|key| key.keyid == envelope.keyid) {
            let reason = "it does not verify with the key that it names";
            (SignatureState::Invalid, Some(reason.to_owned()))
        } else {
            let reason = format!("the trust policy does not name the key `{}`", envelope.keyid);
            (SignatureState::Untrusted, Some(reason))
        };
    };
    fact.owner = Some(key.owner.clone());
    if !key.roles.iter().any(|allowed| allowed == role) {
        let reason = format!("the trust policy does not let {} sign as `{role}`", key.owner);
        return (SignatureState::NotAuthorised, Some(reason));
    }
    if let Some(reason) = key_fault(key, judging.now) {
        return (SignatureState::NotAuthorised, Some(reason));
    }
    let refused = judging
        .controls
        .iter()
        .filter(|(control, section)| !key.may_attest(control, section));
    fact.not_for = refused.map(|(control, _)| control.clone()).collect();
    (SignatureState::Valid, None)
}

/// The key of a policy that made a signature, whatever key that names.
pub fn signing_key<'a>(envelope: &Envelope, policy: &'a TrustPolicy) -> Option<&'a TrustedKey> {
    let message = envelope.signed_bytes();
    policy.keys.iter().find(|key| {
        key.public_key()
            .is_ok_and(|public| public.verify(&message, &envelope.signature))
    })
}

/// Why a key is not good at a time. Nothing proves when it signed, so it has to be good now.
pub fn key_fault(key: &TrustedKey, now: DateTime<Utc>) -> Option<String> {
    let owner = &key.owner;
    if now < key.valid_from {
        return Some(format!(
            "the key of {owner} is valid only from {}",
            key.valid_from
        ));
    }
    if now >= key.valid_until {
        return Some(format!("the key of {owner} was valid until {}", key.valid_until));
    }
    let revoked = key.revoked_at?;
    let compromised = matches!(key.revoked_reason, None | Some(Revocation::KeyCompromise));
    (compromised || revoked <= now).then(|| format!("the key of {owner} was revoked at {revoked}"))
}
