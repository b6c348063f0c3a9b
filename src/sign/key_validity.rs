//! Whether a key of a trust policy was good when it signed, as far as that is known.

use chrono::{DateTime, Utc};

use super::{ProvenTime, Revocation, TrustedKey};

/// When a signature was made, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningTime<'a> {
    /// Not after what an authority's token proves.
    Proven(&'a ProvenTime),
    /// Nothing proves it: the key has to be good now.
    Unproven(DateTime<Utc>),
}

/// Why a key is not good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFault {
    /// Its stable name.
    pub code: &'static str,
    /// In a sentence.
    pub message: String,
}

/// Why a key was not good at a time; nothing when it was.
pub fn key_fault(key: &TrustedKey, time: SigningTime<'_>) -> Option<KeyFault> {
    let who = format!("the key `{}` of {}", short(&key.keyid), key.owner.escape_debug());
    let (first, last, known) = match time {
        SigningTime::Proven(time) => (
            time.at,
            time.latest,
            format!("it signed by {}", written(time.latest)),
        ),
        SigningTime::Unproven(now) => (now, now, format!("now is {}", written(now))),
    };
    let fault = |code, message| Some(KeyFault { code, message });
    if first < key.valid_from {
        let message = format!("{who} is valid only from {}; {known}", written(key.valid_from));
        return fault("key.not-yet-valid", message);
    }
    if last >= key.valid_until {
        let message = format!("{who} was valid until {}; {known}", written(key.valid_until));
        return fault("key.expired", message);
    }
    let revoked = key.revoked_at?;
    // Whoever has stolen a key can write any date: only a token from before tells the owner's signatures apart.
    let compromised = matches!(key.revoked_reason, None | Some(Revocation::KeyCompromise));
    let unproven = matches!(time, SigningTime::Unproven(_));
    if revoked <= last || compromised && unproven {
        let message = format!(
            "{who} was revoked at {}, and no token proves an earlier signature",
            written(revoked)
        );
        return fault("key.revoked", message);
    }
    None
}

fn short(keyid: &str) -> &str {
    keyid.get(..16).unwrap_or(keyid)
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
