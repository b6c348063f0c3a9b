//! `pgdossier page`: the page with which an auditor verifies a bundle in a browser.

use clap::Args;

use super::output::Output;
use super::{Exit, Stop};

/// Built from `page/` by `make page`; in the program, so that whoever has it can hand the page on.
const PAGE: &str = include_str!("../../page/dist/verify.html");

#[derive(Debug, Args)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    output.raw(PAGE.as_bytes());
    Ok(Exit::Good)
}
