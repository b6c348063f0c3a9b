//! `pgdossier review`: somebody else's decision on a finished bundle, signed with their own key.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::arguments::{KeyArguments, clock, open_bundle, parse_time};
use super::output::Output;
use super::{Exit, Stop, twin};
use crate::bundle::{
    self, Decision, IntactBundle, Limits, ReviewError, Reviewer, Tool, VerifyOptions, put_unlisted,
};
use crate::sign::TrustPolicy;
use crate::signature::REVIEWER;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// The bundle is accepted.
    Approve,
    /// It is not; say why.
    Reject,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle: its folder or its ZIP. If the other one lies beside it, the review is added to both.
    bundle: PathBuf,
    /// What you decided.
    #[arg(long, value_enum)]
    decision: Choice,
    /// Why, or under what condition; everybody who receives the bundle can read it.
    #[arg(long, default_value = "", hide_default_value = true)]
    comment: String,
    #[command(flatten)]
    key: KeyArguments,
    /// What you sign as.
    #[arg(long, default_value = REVIEWER)]
    role: String,
    /// Your trust policy: the bundle's own signature is verified before you sign.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The moment of the decision: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let at = clock(arguments.as_of)?;
    let whole = open_bundle(&arguments.bundle)?;
    match &arguments.trust {
        Some(policy) => check_signature(&arguments.bundle, policy, at)?,
        None => output.note("who sealed the bundle was not checked: no --trust was given"),
    }
    let key = arguments.key.load()?;
    let tool = Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: None,
    };
    let reviewer = Reviewer {
        signer: key.as_ref(),
        role: &arguments.role,
        decision: match arguments.decision {
            Choice::Approve => Decision::Approve,
            Choice::Reject => Decision::Reject,
        },
        comment: &arguments.comment,
        at,
        tool: &tool,
    };
    let file = bundle::review(&whole, reviewer).map_err(|error| match error {
        ReviewError::Sign(_) => Stop::failed(error),
        _ => Stop::usage(error),
    })?;
    let other = same_bundle(&arguments.bundle, &whole);
    let bundles: Vec<&Path> = std::iter::once(arguments.bundle.as_path())
        .chain(other.as_deref())
        .collect();
    for bundle in &bundles {
        put_unlisted(bundle, std::slice::from_ref(&file)).map_err(Stop::failed)?;
    }
    let stated = &whole.statement().predicate;
    let statement = whole.statement_sha256();
    let decided = match arguments.decision {
        Choice::Approve => "approved",
        Choice::Reject => "rejected",
    };
    let json = json!({"review": file.0, "bundle_id": stated.bundle_id, "statement_sha256": statement.to_string(),
                      "decision": reviewer.decision, "keyid": key.public_key().keyid(), "bundles": bundles});
    output.result(&json, || {
        format!(
            "{decided} {} of {} ({}), statement {statement}",
            stated.bundle_id.escape_debug(),
            stated.organisation.escape_debug(),
            stated.period.escape_debug()
        )
    });
    Ok(Exit::Good)
}

/// Whoever reviews has to look at what was sealed. Reviews that are still missing are no reason against one more.
fn check_signature(bundle: &Path, policy: &Path, now: DateTime<Utc>) -> Result<(), Stop> {
    let policy = TrustPolicy::load(policy).map_err(Stop::usage)?;
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now,
        allow_withheld: false,
        limits: Limits::default(),
        threads: None,
        cancel: &cancel,
    };
    let verification = bundle::verify(bundle, &policy, &options).map_err(Stop::failed)?;
    let mut wrong = verification
        .failures()
        .filter(|failure| !["require.threshold", "review.rejected"].contains(&failure.code));
    match wrong.next() {
        None => Ok(()),
        Some(failure) => Err(Stop {
            exit: Exit::Invalid,
            message: format!(
                "the bundle does not verify, and nothing was signed: {} [{}]",
                failure.message, failure.code
            ),
        }),
    }
}

/// The bundle's other form beside it, if it is the same bundle.
fn same_bundle(path: &Path, bundle: &IntactBundle) -> Option<PathBuf> {
    let (other, opened) = twin::of(path)?;
    (opened.statement_sha256() == bundle.statement_sha256()).then_some(other)
}
