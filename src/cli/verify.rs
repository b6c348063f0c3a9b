//! `pgdossier verify`: whether a bundle is what a trusted signer sealed.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use clap::Args;

use super::arguments::{clock, parse_time};
use super::output::Output;
use super::{Exit, Stop};
use crate::bundle::{self, Limits, Verdict, VerifyOptions};
use crate::sign::TrustPolicy;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle: its folder or its ZIP.
    bundle: PathBuf,
    /// Your trust policy (see `pgdossier trust init`). Never use one that came with the bundle.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The time at which keys must be valid: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Accept that listed files are absent, and say which.
    #[arg(long)]
    allow_withheld: bool,
    /// The largest number of files that is read.
    #[arg(long, value_name = "N", default_value_t = Limits::default().files)]
    max_files: u64,
    /// The largest file that is read, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().file_bytes)]
    max_file_bytes: u64,
    /// The most that is read of all files together, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().total_bytes)]
    max_total_bytes: u64,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let policy = TrustPolicy::load(&arguments.trust).map_err(Stop::usage)?;
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now: clock(arguments.as_of)?,
        allow_withheld: arguments.allow_withheld,
        limits: Limits {
            files: arguments.max_files,
            file_bytes: arguments.max_file_bytes,
            total_bytes: arguments.max_total_bytes,
            ..Limits::default()
        },
        threads: None,
        cancel: &cancel,
    };
    let verification = bundle::verify(&arguments.bundle, &policy, &options).map_err(Stop::failed)?;
    output.result(&verification, || verification.to_string());
    Ok(if verification.verdict == Verdict::Invalid {
        Exit::Invalid
    } else {
        Exit::Good
    })
}
