//! `pgdossier trust init`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::entry::EntryArguments;
use crate::cli::output::Output;
use crate::cli::{Exit, Stop};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    entry: EntryArguments,
    /// Where to write it; never overwrites.
    #[arg(long, value_name = "FILE", default_value = "trust-policy.json")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let Arguments { entry, out } = arguments;
    let (key, mut policy) = entry.load()?;
    entry.add_authorities(&mut policy)?;
    policy.write(out).map_err(Stop::usage)?;
    output.note(&format!("wrote {}\n{}", out.display(), entry.reminder(&key)));
    let json = json!({"policy": out, "keyid": key.keyid(), "fingerprint": key.fingerprint()});
    output.result(&json, || out.display().to_string());
    Ok(Exit::Good)
}
