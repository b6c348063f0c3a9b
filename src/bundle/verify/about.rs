//! Reading a signed statement about a bundle: nothing of it is parsed before a key of the policy is known to have signed it.

use chrono::TimeDelta;

use super::signatures::Verified;
use crate::bundle::about::{self, AboutBundle, StatementAbout};
use crate::bundle::digest::Digest;
use crate::bundle::failure::Failure;
use crate::bundle::layout::is_role;
use crate::bundle::store::Store;
use crate::sign::{Envelope, TrustPolicy, TrustedKey, signing_key};

/// How far the clock of whoever made a statement may be ahead of ours.
pub(super) const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// What failures are called.
pub(super) struct Codes {
    pub(super) file_name: &'static str,
    pub(super) format: &'static str,
    pub(super) signature: &'static str,
    pub(super) signer: &'static str,
    pub(super) other_bundle: &'static str,
}

/// A statement about this very bundle, by a key of the policy that its file is named for.
pub(super) struct Trusted<'p, P> {
    pub(super) predicate: P,
    pub(super) key: &'p TrustedKey,
    pub(super) envelope: Envelope,
}

/// Reads the statement at `path`, in an envelope of at most `limit` bytes; nothing when it is by a key that the policy does not name.
pub(super) fn read<'p, P: AboutBundle>(
    path: &str,
    store: &Store,
    policy: &'p TrustPolicy,
    verified: &Verified,
    limit: u64,
    codes: &Codes,
) -> Result<Option<Trusted<'p, P>>, Failure> {
    let bytes = store.read(path, limit)?;
    let envelope = Envelope::from_sigstore_json(&bytes)
        .map_err(|error| Failure::at(codes.format, path, error.to_string()))?;
    let Some(key) = signing_key(&envelope, policy) else {
        return if policy.keys.iter().any(|key| key.keyid == envelope.keyid) {
            let message = "its signature does not verify with the policy's key";
            Err(Failure::at(codes.signature, path, message))
        } else {
            Ok(None)
        };
    };
    let statement = StatementAbout::<P>::parse(&envelope.payload)
        .map_err(|reason| Failure::at(codes.format, path, reason))?;
    let bundle_id = &verified.statement.predicate.bundle_id;
    if !statement.is_about(Digest::of(&verified.payload), bundle_id) {
        return Err(Failure::at(
            codes.other_bundle,
            path,
            "it is about another bundle",
        ));
    }
    let stated = statement.predicate.signer();
    if stated.keyid != key.keyid || envelope.keyid != key.keyid {
        let message = format!("key `{}` signed, but another key is named", key.keyid);
        return Err(Failure::at(codes.signer, path, message));
    }
    let short = key.keyid.get(..16).unwrap_or_default();
    if !is_role(&stated.role) || about::path::<P>(&stated.role, short) != path {
        let message = format!(
            "it is not named for the role `{}` and the key `{short}`",
            stated.role.escape_default()
        );
        return Err(Failure::at(codes.file_name, path, message));
    }
    Ok(Some(Trusted {
        predicate: statement.predicate,
        key,
        envelope,
    }))
}
