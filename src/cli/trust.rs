//! `pgdossier trust`: the auditor's own file that says whose signatures count.

use std::path::PathBuf;

use chrono::{DateTime, Days, Utc};
use clap::Subcommand;
use serde_json::json;

use super::arguments::parse_time;
use super::output::Output;
use super::{Exit, Stop};
use crate::sign::{PublicKey, TrustPolicy};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write a policy that accepts what is signed with one key, in one role, or add a key to one.
    Init {
        /// The public key (`pgdossier keys public`); compare its fingerprint with its owner's by another channel.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Who holds it.
        #[arg(long)]
        owner: String,
        /// What they sign as.
        #[arg(long, default_value = "assessor")]
        role: String,
        /// From when it counts; now when absent.
        #[arg(long, value_parser = parse_time)]
        valid_from: Option<DateTime<Utc>>,
        /// Until when it counts; two years when absent.
        #[arg(long, value_parser = parse_time)]
        valid_until: Option<DateTime<Utc>>,
        /// The controls that it may sign attestations and waivers for: an id, or its beginning and `*`. All when neither this nor
        /// --section is given.
        #[arg(long = "control", value_name = "PATTERN")]
        controls: Vec<String>,
        /// The sections whose controls it may sign attestations and waivers for, in the same way.
        #[arg(long = "section", value_name = "PATTERN")]
        sections: Vec<String>,
        /// A policy to which the key is added.
        #[arg(long, value_name = "FILE")]
        base: Option<PathBuf>,
        /// Where to write it; never overwrites.
        #[arg(long, value_name = "FILE", default_value = "trust-policy.json")]
        out: PathBuf,
    },
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    let Verb::Init {
        key,
        owner,
        role,
        valid_from,
        valid_until,
        controls,
        sections,
        base,
        out,
    } = verb;
    let key = PublicKey::load(key).map_err(Stop::usage)?;
    let from = valid_from.unwrap_or_else(Utc::now);
    let until = valid_until.unwrap_or_else(|| from.checked_add_days(Days::new(730)).unwrap_or(from));
    let mut policy = TrustPolicy::single(&key, owner, role, from, until);
    let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    for key in &mut policy.keys {
        (key.controls, key.sections) = (given(controls), given(sections));
    }
    if let Some(base) = base {
        let mut whole = TrustPolicy::load(base).map_err(Stop::usage)?;
        whole.add(policy);
        policy = whole;
    }
    policy.write(out).map_err(Stop::usage)?;
    output.note(&format!(
        "wrote {}\ncompare the fingerprint with {owner} by telephone or in person: {}",
        out.display(),
        key.fingerprint()
    ));
    let json = json!({"policy": out, "keyid": key.keyid(), "fingerprint": key.fingerprint()});
    output.result(&json, || out.display().to_string());
    Ok(Exit::Good)
}
