//! `pgdossier demo`: two throwaway servers, one weak and one hardened, assessed as one.

use std::path::PathBuf;

use clap::Args;

use super::output::Output;
use super::{Exit, Stop};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to leave the bundle, the trust policy and the key made for the demo.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    crate::cli::demo_run(&arguments.out, output)
}
