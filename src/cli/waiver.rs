//! `pgdossier waiver`: write, check, list and sign waivers.

mod check;
mod fields;
mod new;
mod sign;
mod status;

use clap::Subcommand;

use super::output::Output;
use super::{Exit, Stop};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write the file of a waiver for a control.
    New(new::Arguments),
    /// Check files of waivers: all problems at once, each with its place and what to do.
    Check(check::Arguments),
    /// List which waivers count, expire, have expired or lack a signature.
    Status(status::Arguments),
    /// Sign a waiver with your own key, as the one who approved it or who asked for it.
    Sign(sign::Arguments),
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    match verb {
        Verb::New(arguments) => new::run(arguments, output),
        Verb::Check(arguments) => check::run(arguments, output),
        Verb::Status(arguments) => status::run(arguments, output),
        Verb::Sign(arguments) => sign::run(arguments, output),
    }
}
