//! A key as it enters a policy, and who may give the time.

use std::path::PathBuf;

use chrono::{DateTime, Days, Utc};
use clap::Args;

use crate::cli::Stop;
use crate::cli::arguments::{clock, parse_time};
use crate::sign::{PublicKey, TimestampRule, TrustPolicy};

#[derive(Debug, Args)]
pub(super) struct EntryArguments {
    /// The public key (`pgdossier keys public`); compare its fingerprint with its owner's by another channel.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Who holds it.
    #[arg(long)]
    pub(super) owner: String,
    /// What they sign as.
    #[arg(long, default_value = "assessor")]
    pub(super) role: String,
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
    /// Certificates, in PEM, of the roots of time-stamping authorities that you trust.
    #[arg(long = "timestamp-root", value_name = "FILE")]
    timestamp_roots: Vec<PathBuf>,
    /// Accept only what such an authority has stamped.
    #[arg(long)]
    timestamp_required: bool,
}

impl EntryArguments {
    /// The key, and a policy that accepts what it signs and nothing else.
    pub(super) fn load(&self) -> Result<(PublicKey, TrustPolicy), Stop> {
        let key = PublicKey::load(&self.key).map_err(Stop::usage)?;
        let from = clock(self.valid_from)?;
        let two_years = || from.checked_add_days(Days::new(730)).unwrap_or(from);
        let until = self.valid_until.unwrap_or_else(two_years);
        let mut policy = TrustPolicy::single(&key, &self.owner, &self.role, from, until);
        let given = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
        for key in &mut policy.keys {
            (key.controls, key.sections) = (given(&self.controls), given(&self.sections));
        }
        Ok((key, policy))
    }

    /// Whether something is said of the key itself that a policy which has it already says too.
    pub(super) fn describes_key(&self) -> bool {
        self.valid_from.is_some()
            || self.valid_until.is_some()
            || !self.controls.is_empty()
            || !self.sections.is_empty()
    }

    /// Adds the authorities that may give the time.
    pub(super) fn add_authorities(&self, policy: &mut TrustPolicy) -> Result<(), Stop> {
        if self.timestamp_roots.is_empty() && !self.timestamp_required {
            return Ok(());
        }
        let rule = policy.timestamp.get_or_insert_with(TimestampRule::default);
        for path in &self.timestamp_roots {
            rule.add(path).map_err(Stop::usage)?;
        }
        rule.required |= self.timestamp_required;
        if rule.roots.is_empty() {
            return Err(Stop::usage(
                "--timestamp-required without a root: nothing could be accepted; give --timestamp-root",
            ));
        }
        Ok(())
    }

    /// What the reader has to do before the policy means anything.
    pub(super) fn reminder(&self, key: &PublicKey) -> String {
        format!(
            "compare the fingerprint with {} by telephone or in person: {}",
            self.owner,
            key.fingerprint()
        )
    }
}
