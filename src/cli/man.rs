//! `pgdossier man`: manual pages, from the same definitions as the help.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::output::Output;
use super::{Cli, Exit, Stop};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write one page for each verb into this folder.
    #[arg(long, value_name = "DIR", default_value = "man")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    std::fs::create_dir_all(&arguments.out)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &arguments.out))
        .map_err(|error| {
            Stop::failed(format!(
                "cannot write manual pages to `{}`: {error}",
                arguments.out.display()
            ))
        })?;
    output.note(&format!(
        "wrote the manual pages to {}; read one with `man -l`",
        arguments.out.display()
    ));
    Ok(Exit::Good)
}
