//! `pgdossier trust revoke`.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::replace;
use crate::cli::arguments::{clock, parse_time};
use crate::cli::output::Output;
use crate::cli::{Exit, Stop};
use crate::sign::{PublicKey, Revocation, TrustPolicy};

/// Why a key is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reason {
    /// Somebody else may have it: nothing that it signed counts, unless a token proves an earlier time.
    KeyCompromise,
    /// Another key took its place.
    Superseded,
    /// Its owner left or changed duties.
    AffiliationChanged,
    /// It is no longer used.
    CessationOfOperation,
}

impl Reason {
    fn revocation(self) -> Revocation {
        match self {
            Self::KeyCompromise => Revocation::KeyCompromise,
            Self::Superseded => Revocation::Superseded,
            Self::AffiliationChanged => Revocation::AffiliationChanged,
            Self::CessationOfOperation => Revocation::CessationOfOperation,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The policy that is changed.
    policy: PathBuf,
    /// The key's id, or as much of its beginning as names one key.
    #[arg(long, value_name = "KEYID", required_unless_present = "key")]
    keyid: Option<String>,
    /// The public key's file.
    #[arg(long, value_name = "FILE", conflicts_with = "keyid")]
    key: Option<PathBuf>,
    /// Why.
    #[arg(long, value_enum)]
    reason: Reason,
    /// Since when: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<DateTime<Utc>>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let path = &arguments.policy;
    let mut policy = TrustPolicy::load(path).map_err(Stop::usage)?;
    let wanted = match (&arguments.key, &arguments.keyid) {
        (Some(file), _) => PublicKey::load(file).map_err(Stop::usage)?.keyid().to_owned(),
        (None, keyid) => keyid.clone().unwrap_or_default().to_ascii_lowercase(),
    };
    let at = clock(arguments.at)?;
    let mut named = policy
        .keys
        .iter_mut()
        .filter(|key| !wanted.is_empty() && key.keyid.starts_with(&wanted));
    let key = match (named.next(), named.next()) {
        (Some(key), None) => key,
        (Some(_), Some(_)) => {
            return Err(Stop::usage(format!(
                "more than one key begins with `{wanted}`; give more of the id"
            )));
        }
        (None, _) => {
            return Err(Stop::usage(format!(
                "`{}` has no key `{}`; see `pgdossier trust show`",
                path.display(),
                wanted.escape_default()
            )));
        }
    };
    if let Some(earlier) = key.revoked_at {
        return Err(Stop::usage(format!(
            "this key was revoked at {earlier} already; to change that, edit the policy"
        )));
    }
    let reason = arguments.reason.revocation();
    (key.revoked_at, key.revoked_reason) = (Some(at), Some(reason));
    let (keyid, owner) = (key.keyid.clone(), key.owner.clone());
    replace(path, &policy)?;
    let json =
        json!({"policy": path, "keyid": keyid, "owner": owner, "revoked_at": at, "revoked_reason": reason});
    output.result(&json, || format!("revoked {keyid} of {owner} at {at}"));
    Ok(Exit::Good)
}
