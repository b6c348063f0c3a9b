//! Step 7: when each signature was made, and whether its key was good then.

use chrono::{DateTime, Utc};

use super::about::CLOCK_SKEW;
use super::signatures::{Accepted, Stated};
use crate::bundle::failure::Failure;
use crate::bundle::layout::STATEMENT;
use crate::sign::{
    Envelope, ProvenTime, Roots, SigningTime, TrustPolicy, check_token, check_token_itself, key_fault,
};

/// What the step found.
#[derive(Default)]
pub(super) struct Judged<'a> {
    pub(super) accepted: Vec<Accepted<'a>>,
    pub(super) failures: Vec<Failure>,
    pub(super) notes: Vec<String>,
}

pub(super) fn judge<'a>(statements: &[Stated<'a>], policy: &TrustPolicy, now: DateTime<Utc>) -> Judged<'a> {
    let mut judged = Judged::default();
    for (found, key, _, statement) in statements {
        let time = match proven(&found.envelope, &found.path(), policy, now) {
            Ok(Ok(time)) => {
                judged.notes.push(format!(
                    "{}: signed by {}, says {}",
                    found.path(),
                    time.latest,
                    time.authority.escape_debug()
                ));
                Some(time)
            }
            Ok(Err(why)) => {
                judged.notes.push(format!(
                    "time not proven: the moment of signing rests on the signer's word ({why})"
                ));
                None
            }
            Err(failure) => {
                judged.failures.push(failure);
                None
            }
        };
        let known = time
            .as_ref()
            .map_or(SigningTime::Unproven(now), SigningTime::Proven);
        match key_fault(key, known) {
            Some(fault) => judged.failures.push(Failure::new(fault.code, fault.message)),
            None => judged.accepted.push(Accepted {
                key,
                role: found.role.clone(),
                time: time.clone(),
            }),
        }
        if statement.predicate.as_of > now + CLOCK_SKEW {
            let message = format!(
                "the statement is of {}, later than {now}",
                statement.predicate.as_of
            );
            judged
                .failures
                .push(Failure::at("time.future", STATEMENT, message));
        }
        if time.is_none() && found.envelope.token.is_none() && is_required(policy) {
            let message =
                "the policy requires a trusted time of signing, but there is no token of an authority";
            judged.failures.push(Failure::new("time.not-proven", message));
        }
    }
    judged
}

pub(super) fn is_required(policy: &TrustPolicy) -> bool {
    policy.timestamp.as_ref().is_some_and(|rule| rule.required)
}

/// What a signature's token proves, or why it proves nothing. A token that ought to prove something and does not is a
/// failure even where none is required: otherwise changing it would go unnoticed.
pub(super) fn proven(
    envelope: &Envelope,
    path: &str,
    policy: &TrustPolicy,
    now: DateTime<Utc>,
) -> Result<Result<ProvenTime, &'static str>, Failure> {
    let Some(token) = &envelope.token else {
        return Ok(Err("there is no token of a time-stamping authority"));
    };
    let fail = |code: &'static str, message: String| Failure::at(code, path, message);
    let Some(rule) = &policy.timestamp else {
        check_token_itself(token, &envelope.signature)
            .map_err(|error| fail(error.failure.code(), error.message))?;
        return Ok(Err(
            "there is a token, but the policy names no root of a time-stamping authority",
        ));
    };
    let roots = Roots::from_pem(&rule.roots).map_err(|reason| fail("timestamp.untrusted", reason))?;
    let time = check_token(token, &envelope.signature, &roots)
        .map_err(|error| fail(error.failure.code(), error.message))?;
    if time.at > now + CLOCK_SKEW {
        let message = format!("its token is of {}, later than {now}", time.at);
        return Err(fail("time.future", message));
    }
    Ok(Ok(time))
}
