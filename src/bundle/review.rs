//! Reviews: what somebody who looked at a finished bundle decided, signed with their own key.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::about::{self, AboutBundle};
use super::layout::{REVIEWS, is_role};
use super::reader::IntactBundle;
use super::statement::{StatedSigner, Tool};
use crate::sign::{SignError, Signer};

/// Type and version of the predicate.
pub const REVIEW_TYPE: &str = "urn:pgdossier:review:v1";
/// How a trust policy calls this kind of statement.
pub(super) const REVIEW_KIND: &str = "review";

/// What a reviewer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The bundle is accepted.
    Approve,
    /// It is not.
    Reject,
}

/// What a reviewer says of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReviewPredicate {
    /// The bundle's id.
    pub bundle_id: String,
    /// What was decided.
    pub decision: Decision,
    /// What the reviewer has to say; empty for nothing.
    pub comment: String,
    /// When it was decided.
    #[serde(deserialize_with = "crate::strict::time")]
    pub reviewed_at: DateTime<Utc>,
    /// The program that wrote it down.
    pub tool: Tool,
    /// Who signs, in what role.
    pub signer: StatedSigner,
}

impl AboutBundle for ReviewPredicate {
    const TYPE: &'static str = REVIEW_TYPE;
    const NOUN: &'static str = "review";
    const FOLDER: &'static str = REVIEWS;

    fn bundle_id(&self) -> &str {
        &self.bundle_id
    }

    fn signer(&self) -> &StatedSigner {
        &self.signer
    }
}

/// A decision to be signed.
#[derive(Clone, Copy)]
pub struct Reviewer<'a> {
    /// Signs the review.
    pub signer: &'a dyn Signer,
    /// In what role.
    pub role: &'a str,
    /// What was decided.
    pub decision: Decision,
    /// Why, or under what condition; may be empty.
    pub comment: &'a str,
    /// The moment.
    pub at: DateTime<Utc>,
    /// The program.
    pub tool: &'a Tool,
}

/// Why there is no review.
#[derive(Debug, Error)]
pub enum ReviewError {
    #[error("role `{}` is not made of at most 32 lowercase letters, digits and inner hyphens", .0.escape_default())]
    Role(String),
    #[error("a rejection needs a comment: whoever made the bundle has to know what to mend")]
    Comment,
    #[error("this key signed the bundle itself; a review is made by somebody else, with a key of their own")]
    OwnBundle,
    #[error("the bundle is of {made}, later than the review at {reviewed}; is the clock right?")]
    Early {
        made: DateTime<Utc>,
        reviewed: DateTime<Utc>,
    },
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A signed review of a bundle: its path in the bundle and its bytes, to be put there.
///
/// # Errors
/// [`ReviewError`].
pub fn review(bundle: &IntactBundle, reviewer: Reviewer<'_>) -> Result<(String, Vec<u8>), ReviewError> {
    let stated = &bundle.statement().predicate;
    let keyid = reviewer.signer.public_key().keyid();
    if !is_role(reviewer.role) {
        return Err(ReviewError::Role(reviewer.role.to_owned()));
    }
    if reviewer.decision == Decision::Reject && reviewer.comment.trim().is_empty() {
        return Err(ReviewError::Comment);
    }
    if stated.signer.keyid == keyid {
        return Err(ReviewError::OwnBundle);
    }
    if reviewer.at < stated.as_of {
        return Err(ReviewError::Early {
            made: stated.as_of,
            reviewed: reviewer.at,
        });
    }
    let predicate = ReviewPredicate {
        bundle_id: stated.bundle_id.clone(),
        decision: reviewer.decision,
        comment: reviewer.comment.to_owned(),
        reviewed_at: reviewer.at,
        tool: reviewer.tool.clone(),
        signer: StatedSigner {
            keyid: keyid.to_owned(),
            role: reviewer.role.to_owned(),
        },
    };
    Ok(about::sign(
        bundle.statement_sha256(),
        predicate,
        reviewer.signer,
    )?)
}
