//! The sealed folder and archive that an auditor receives.

mod about;
mod archive;
mod chain;
mod commitment;
mod commitment_list;
mod consistency;
mod contents;
mod digest;
mod failure;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod hand_check;
mod integrity;
mod json;
mod json_parts;
mod layout;
mod limits;
mod manifest;
mod merkle;
mod path;
mod previous;
mod reader;
mod redaction;
mod review;
mod rewrite;
mod seal;
mod staging;
mod statement;
mod store;
mod verification;
mod verify;

pub use chain::Chain;
pub use consistency::{consistency_proof, is_consistent};
pub use contents::Contents;
pub use digest::Digest;
pub use failure::Failure;
pub use limits::Limits;
pub use merkle::{TreeHead, tree_head_of_lines};
pub use path::{PathProblem, check_path};
pub use previous::{PreviousError, newest_of_series};
pub use reader::{BundleReader, IntactBundle, ReadError};
pub use redaction::{
    PartlyShown, REDACTION_TYPE, RedactError, Redacted, RedactionPredicate, Redactor, WithheldPath, redact,
};
pub use review::{Decision, REVIEW_TYPE, ReviewError, ReviewPredicate, Reviewer, review};
pub use rewrite::{RewriteError, put_unlisted};
pub use seal::{SealError, SealOptions, Sealed, seal};
pub use statement::{Description, ManifestTree, PREDICATE_TYPE, Predicate, StatedSigner, Statement, Tool};
pub use verification::{
    Check, Outcome, Redaction, Review, SignedBy, Time, Verdict, Verification, VerifiedSigner,
};
pub use verify::{VerifyError, VerifyOptions, verify};
