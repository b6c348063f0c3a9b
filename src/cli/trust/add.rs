//! `pgdossier trust add`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::entry::EntryArguments;
use super::replace;
use crate::cli::output::Output;
use crate::cli::{Exit, Stop};
use crate::sign::{Requirement, TrustPolicy};

/// The kinds of statements that a policy can require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The bundle itself.
    Assessment,
    /// An approval of the bundle.
    Review,
    /// Each attestation and certificate in it.
    Attestation,
    /// Each waiver in it.
    Waiver,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Assessment => "assessment",
            Self::Review => "review",
            Self::Attestation => "attestation",
            Self::Waiver => "waiver",
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The policy that is changed.
    policy: PathBuf,
    #[command(flatten)]
    entry: EntryArguments,
    /// Require that such statements are signed in this role.
    #[arg(long, value_enum, value_name = "KIND")]
    require: Option<Kind>,
    /// By how many different owners.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "require", value_parser = clap::value_parser!(u32).range(1..=1000))]
    threshold: u32,
    /// A role whose owners do not count: whoever performed does not review.
    #[arg(long = "distinct-owner-from", value_name = "ROLE", requires = "require")]
    distinct_owner_from: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let Arguments {
        policy: path, entry, ..
    } = arguments;
    let mut policy = TrustPolicy::load(path).map_err(Stop::usage)?;
    let (key, other) = entry.load()?;
    if policy.keys.iter().any(|one| one.keyid == key.keyid()) && entry.describes_key() {
        return Err(Stop::usage(format!(
            "`{}` has this key already; a role can be added to it, its dates, controls and sections are changed by hand",
            path.display()
        )));
    }
    policy.add(other).map_err(Stop::usage)?;
    if let Some(kind) = arguments.require {
        policy.demand(Requirement {
            statement: kind.word().to_owned(),
            role: entry.role.clone(),
            threshold: usize::try_from(arguments.threshold).unwrap_or(usize::MAX),
            distinct_owner_from: arguments.distinct_owner_from.clone(),
        });
    }
    entry.add_authorities(&mut policy)?;
    replace(path, &policy)?;
    output.note(&format!("changed {}\n{}", path.display(), entry.reminder(&key)));
    let json = json!({"policy": path, "keyid": key.keyid(), "fingerprint": key.fingerprint()});
    output.result(&json, || path.display().to_string());
    Ok(Exit::Good)
}
