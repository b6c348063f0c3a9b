//! `pgdossier attest`: write, check, list and sign what people attest.

mod check;
mod fields;
mod new;
mod sheet;
mod sign;
mod status;

use std::path::Path;

use clap::Subcommand;

use super::output::Output;
use super::workspace::schema_line;
use super::{Exit, Stop};
use crate::control::Control;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write the file of an attestation, or of a provider's certificate, for a control.
    New(new::Arguments),
    /// Check files of attestations: all problems at once, each with its place and what to do.
    Check(check::Arguments),
    /// List what is valid, expiring, expired, missing, superseded or revoked.
    Status(status::Arguments),
    /// Sign an attestation and its documents with your own key.
    Sign(sign::Arguments),
    /// Tell whose signatures attestations bear, and whether these may sign them.
    Verify(sign::VerifyArguments),
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    match verb {
        Verb::New(arguments) => new::run(arguments, output),
        Verb::Check(arguments) => check::run(arguments, output),
        Verb::Status(arguments) => status::run(arguments, output),
        Verb::Sign(arguments) => sign::run(arguments, output),
        Verb::Verify(arguments) => sign::verify(arguments, output),
    }
}

/// The draft of what answers a control that people answer, for a folder of attestations.
pub(super) fn draft(control: &Control, folder: &Path) -> Result<String, Stop> {
    let kind = sheet::kind_for(&[control])?;
    let schema = schema_line(folder, kind);
    Ok(sheet::Sheet::draft(control, schema)?.write())
}
