//! Step 15: what those who reviewed the bundle decided.

use super::VerifyOptions;
use super::about::{self, CLOCK_SKEW, Codes, Trusted};
use super::signatures::{Accepted, Verified, is_short_keyid};
use super::times;
use crate::bundle::failure::Failure;
use crate::bundle::layout::{REVIEWS, SIGSTORE_SUFFIX, is_role};
use crate::bundle::review::{Decision, ReviewPredicate};
use crate::bundle::store::Store;
use crate::bundle::verification::{Review, SignedBy};
use crate::sign::{ProvenTime, SigningTime, TrustPolicy, key_fault};

const CODES: Codes = Codes {
    file_name: "review.file-name",
    format: "review.format",
    signature: "review.signature",
    signer: "review.signer",
    other_bundle: "review.other-bundle",
};

/// What the step found.
#[derive(Default)]
pub(super) struct Reviews<'p> {
    pub(super) failures: Vec<Failure>,
    pub(super) notes: Vec<String>,
    /// Every review by a key of the policy, whatever it decided.
    pub(super) reviews: Vec<Review>,
    /// Those that count toward the policy's requirements.
    pub(super) approvals: Vec<Accepted<'p>>,
    /// Those that reject.
    pub(super) rejections: Vec<Accepted<'p>>,
}

pub(super) fn check<'p>(
    store: &Store,
    policy: &'p TrustPolicy,
    verified: &Verified,
    options: &VerifyOptions<'_>,
) -> Reviews<'p> {
    let mut found = Reviews::default();
    let entries = store.entries().iter();
    for path in entries
        .map(|entry| entry.path.as_str())
        .filter(|path| path.starts_with(REVIEWS))
    {
        let read = named(path)
            .and_then(|()| {
                about::read(
                    path,
                    store,
                    policy,
                    verified,
                    options.limits.envelope_bytes,
                    &CODES,
                )
            })
            .and_then(|trusted| match trusted {
                Some(trusted) => found.take(path, trusted, policy, verified, options),
                None => {
                    let note =
                        format!("{path}: by a key that the policy does not name; it counts for nothing");
                    found.notes.push(note);
                    Ok(())
                }
            });
        found.failures.extend(read.err());
    }
    found
}

fn named(path: &str) -> Result<(), Failure> {
    let name = path
        .strip_prefix(REVIEWS)
        .and_then(|name| name.strip_suffix(SIGSTORE_SUFFIX));
    let parts = name.and_then(|name| name.rsplit_once('-'));
    match parts {
        Some((role, short)) if is_role(role) && is_short_keyid(short) => Ok(()),
        _ => Err(Failure::at(
            CODES.file_name,
            path,
            "it is not named like a review",
        )),
    }
}

impl<'p> Reviews<'p> {
    fn take(
        &mut self,
        path: &str,
        trusted: Trusted<'p, ReviewPredicate>,
        policy: &'p TrustPolicy,
        verified: &Verified,
        options: &VerifyOptions<'_>,
    ) -> Result<(), Failure> {
        let Trusted {
            predicate,
            key,
            envelope,
        } = trusted;
        let role = &predicate.signer.role;
        let owner = key.owner.escape_debug();
        if !key.roles.contains(role) {
            let message = format!("the policy does not let {owner} sign as `{role}`");
            return Err(Failure::at("review.role", path, message));
        }
        let made = verified.statement.predicate.as_of;
        let (at, now) = (predicate.reviewed_at, options.now);
        if at > now + CLOCK_SKEW {
            let message = format!("it is of {at}, later than {now}");
            return Err(Failure::at("review.time", path, message));
        }
        if at + CLOCK_SKEW < made {
            let message = format!("it is of {at}, before the bundle, which is of {made}");
            return Err(Failure::at("review.time", path, message));
        }
        let time = match times::proven(&envelope, path, policy, now)? {
            Ok(time) => Some(time),
            Err(_) if times::is_required(policy) => {
                let message =
                    "the policy requires a trusted time of signing, but there is no token of an authority";
                return Err(Failure::at("time.not-proven", path, message));
            }
            Err(_) => None,
        };
        let known = time
            .as_ref()
            .map_or(SigningTime::Unproven(now), SigningTime::Proven);
        if let Some(fault) = key_fault(key, known) {
            return Err(Failure::at("review.key", path, fault.message));
        }
        let review = Review {
            owner: key.owner.clone(),
            signed_by: time.as_ref().map(signed_by),
            predicate,
        };
        let accepted = Accepted {
            key,
            role: review.predicate.signer.role.clone(),
            time,
        };
        let decision = review.predicate.decision;
        let comment = review.predicate.comment.escape_debug().to_string();
        self.reviews.push(review);
        match decision {
            Decision::Approve => {
                self.approvals.push(accepted);
                Ok(())
            }
            Decision::Reject => {
                self.rejections.push(accepted);
                let message = format!("{owner} rejects the bundle: {comment}");
                Err(Failure::at("review.rejected", path, message))
            }
        }
    }

    /// All who decided, either way.
    pub(super) fn decided(&self) -> impl Iterator<Item = &Accepted<'p>> {
        self.approvals.iter().chain(&self.rejections)
    }
}

/// What a proven time says to the reader.
pub(super) fn signed_by(time: &ProvenTime) -> SignedBy {
    SignedBy {
        time: time.latest,
        authority: time.authority.clone(),
    }
}
