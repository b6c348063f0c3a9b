//! `pgdossier trust show`.

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use serde_json::json;

use crate::cli::arguments::{clock, parse_time};
use crate::cli::output::Output;
use crate::cli::{Exit, Stop};
use crate::sign::{Requirement, SigningTime, TrustPolicy, TrustedKey, key_fault};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The policy.
    policy: PathBuf,
    /// The time at which keys must be good: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let policy = TrustPolicy::load(&arguments.policy).map_err(Stop::usage)?;
    let now = clock(arguments.as_of)?;
    let keys: Vec<_> = policy
        .keys
        .iter()
        .map(|key| {
            json!({"keyid": key.keyid, "fingerprint": fingerprint(key), "owner": key.owner, "roles": key.roles,
                   "controls": key.controls, "sections": key.sections, "valid_from": key.valid_from,
                   "valid_until": key.valid_until, "revoked_at": key.revoked_at, "revoked_reason": key.revoked_reason,
                   "fault": fault(key, now)})
        })
        .collect();
    let json = json!({"as_of": now, "keys": keys, "require": policy.require, "timestamp": policy.timestamp,
                      "series": policy.series});
    output.result(&json, || words(&policy, now));
    Ok(Exit::Good)
}

fn words(policy: &TrustPolicy, now: DateTime<Utc>) -> String {
    let mut lines = Vec::new();
    for key in &policy.keys {
        lines.push(format!(
            "{} signs as {}",
            key.owner.escape_debug(),
            key.roles.join(", ")
        ));
        lines.push(format!("    key {}", key.keyid));
        lines.push(format!("    fingerprint {}", fingerprint(key)));
        for (what, patterns) in [("controls", &key.controls), ("sections", &key.sections)] {
            if let Some(patterns) = patterns {
                lines.push(format!("    for {what} {}", patterns.join(", ")));
            }
        }
        lines.push(format!(
            "    from {} until {}",
            written(key.valid_from),
            written(key.valid_until)
        ));
        if let Some(fault) = fault(key, now) {
            lines.push(format!("    not good: {fault}"));
        }
    }
    lines.push("required:".to_owned());
    lines.extend(policy.require.iter().map(requirement));
    match &policy.timestamp {
        Some(rule) => {
            let word = if rule.required { "required" } else { "welcome" };
            let roots = rule.roots.len();
            lines.push(format!("time stamps: {word}, by authorities under {roots} roots"));
        }
        None => lines.push("time stamps: nobody is trusted to give one".to_owned()),
    }
    match &policy.series {
        Some(pin) => {
            let name = pin.id.escape_debug();
            lines.push(format!(
                "series: {} bundles of `{name}` accepted so far",
                pin.size
            ));
        }
        None => lines.push("series: none remembered, so that a skipped bundle goes unnoticed".to_owned()),
    }
    lines.join("\n")
}

fn requirement(one: &Requirement) -> String {
    let noun = match one.statement.as_str() {
        "assessment" => "the assessment signed".to_owned(),
        "review" => "the bundle approved".to_owned(),
        other => format!("each {} signed", other.escape_debug()),
    };
    let owners = if one.threshold == 1 {
        "owner"
    } else {
        "different owners"
    };
    let but = if one.distinct_owner_from.is_empty() {
        String::new()
    } else {
        format!(
            ", none of whom signed as {}",
            one.distinct_owner_from.join(" or ")
        )
    };
    format!("    {noun} by {} {owners} as {}{but}", one.threshold, one.role)
}

fn fault(key: &TrustedKey, now: DateTime<Utc>) -> Option<String> {
    key_fault(key, SigningTime::Unproven(now)).map(|fault| fault.message)
}

fn fingerprint(key: &TrustedKey) -> String {
    key.public_key().map(|key| key.fingerprint()).unwrap_or_default()
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
