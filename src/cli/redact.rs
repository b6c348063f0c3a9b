//! `pgdossier redact`: a copy of a bundle for a third party, with what is withheld named and signed for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::arguments::{KeyArguments, clock, open_bundle, parse_time};
use super::execution::interruption;
use super::output::Output;
use super::{Exit, Stop};
use crate::bundle::{self, RedactError, Redactor, SealError, SealOptions, Tool};
use crate::redact::{Copies, Plan, PlanError, Rules, plan};
use crate::withholding::REDACTOR;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The whole bundle: its folder or its ZIP.
    bundle: PathBuf,
    /// What is withheld and why: a YAML file (see `pgdossier controls schema redaction`).
    #[arg(long, value_name = "FILE")]
    withhold: PathBuf,
    #[command(flatten)]
    key: KeyArguments,
    /// What you sign as: redactor, or as who signed the bundle.
    #[arg(long, default_value = REDACTOR)]
    role: String,
    /// The moment of redaction: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Withhold files without a salt too, although a right guess of their content can be told by their digest.
    #[arg(long)]
    accept_guessable: bool,
    /// Where the copy goes (made if missing): the same names as the bundle's, so another folder than the bundle's.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let rules = Rules::load(&arguments.withhold).map_err(Stop::usage)?;
    let cancel = interruption()?;
    let bundle = open_bundle(&arguments.bundle)?;
    let paths: Vec<String> = bundle.paths().map(str::to_owned).collect();
    let read = |path: &str| bundle.read(path).ok();
    let Plan {
        mut withholding,
        copies,
    } = plan(&paths, &read, &rules).map_err(|error| match error {
        PlanError::Rules(_) => Stop::usage(error),
        PlanError::Records(_) => Stop {
            exit: Exit::Invalid,
            message: error.to_string(),
        },
    })?;
    if !copies.is_empty() {
        return Err(Stop::usage(told(&copies)));
    }
    if arguments.accept_guessable {
        for file in withholding.files.values_mut() {
            file.guessable = true;
        }
    }
    let key = arguments.key.load()?;
    let tool = Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: None,
    };
    let redactor = Redactor {
        signer: key.as_ref(),
        role: &arguments.role,
        at: clock(arguments.as_of)?,
        tool: &tool,
    };
    let options = SealOptions {
        cancel: &cancel,
        threads: None,
    };
    let redacted = bundle::redact(&bundle, &withholding, redactor, &arguments.out, &options).map_err(
        |error| match error {
            RedactError::Write(SealError::Exists(_))
            | RedactError::Needed(_)
            | RedactError::Role(_)
            | RedactError::Guessable(_)
            | RedactError::NoParts { .. } => Stop::usage(error),
            _ => Stop::failed(error),
        },
    )?;
    let stated = &redacted.predicate;
    let json = json!({"folder": redacted.folder, "archive": redacted.archive,
                      "withheld": stated.withheld, "partly_shown": stated.partly_shown});
    output.result(&json, || {
        format!(
            "{}\n{}\n{} files withheld, {} shown in part",
            redacted.folder.display(),
            redacted.archive.display(),
            stated.withheld.len(),
            stated.partly_shown.len()
        )
    });
    output.note("who sealed the bundle was not checked: use `pgdossier verify`");
    Ok(Exit::Good)
}

/// Tells where withheld values stand, and never which.
fn told(copies: &[Copies]) -> String {
    let mut by_file: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
    for copy in copies {
        let (values, from) = by_file.entry(&copy.kept_in).or_default();
        *values += copy.values;
        from.insert(format!("`{}` of `{}`", copy.field, copy.withheld_from));
    }
    let mut text = "withheld values stand in files that are kept, so nothing was written:".to_owned();
    for (file, (values, from)) in by_file {
        let from: Vec<String> = from.into_iter().collect();
        text.push_str(&format!(
            "\n    `{file}`: {values} withheld as {}",
            from.join(", ")
        ));
    }
    text.push_str("\nwithhold them there too, or say `copies: accepted` in the rule that withholds them");
    text
}
