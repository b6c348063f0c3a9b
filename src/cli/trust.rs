//! `pgdossier trust`: the auditor's own file that says whose signatures count, for what.

mod add;
mod entry;
mod init;
mod replace;
mod revoke;
mod show;

use clap::Subcommand;

pub(super) use self::replace::replace;
use super::output::Output;
use super::{Exit, Stop};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write a policy that accepts what is signed with one key, in one role.
    Init(init::Arguments),
    /// Add a key, a role of a key, or a requirement to a policy.
    Add(add::Arguments),
    /// Write down that a key is revoked, since when and why.
    Revoke(revoke::Arguments),
    /// Show a policy in words: whose keys count for what, which of them are good now, and what it requires.
    Show(show::Arguments),
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    match verb {
        Verb::Init(arguments) => init::run(arguments, output),
        Verb::Add(arguments) => add::run(arguments, output),
        Verb::Revoke(arguments) => revoke::run(arguments, output),
        Verb::Show(arguments) => show::run(arguments, output),
    }
}
