//! `pgdossier waiver new`: the commented file of a waiver, from flags and from what is asked on the terminal.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::fields::WAIVER;
use crate::attestation::Day;
use crate::cli::arguments::{CatalogArguments, clock, parse_time};
use crate::cli::attested::{Existing, put_file};
use crate::cli::form::{self, Given, Pair, pair};
use crate::cli::output::Output;
use crate::cli::workspace::{WorkspaceArguments, schema_line};
use crate::cli::{Exit, Stop};
use crate::folder::is_stem;
use crate::signature::SignedKind;
use crate::waiver::Waivers;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The control whose exceptions are accepted.
    #[arg(value_name = "CONTROL")]
    control: String,
    /// The folder of waivers; the workspace's, or `waivers`, when absent.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    /// The name of the file, without .yaml; the control when absent. Never overwrites.
    #[arg(long)]
    id: Option<String>,
    /// A field, such as approved_by.name=Ann; what is mandatory and absent is asked on the terminal.
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = pair)]
    fields: Vec<Pair>,
    /// What counts as today: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    if catalog.control(&arguments.control).is_none() {
        return Err(Stop::usage(format!(
            "there is no control `{}`; `pgdossier controls list` names them all",
            arguments.control
        )));
    }
    let id = arguments.id.as_ref().unwrap_or(&arguments.control);
    if !is_stem(id) {
        return Err(Stop::usage(format!(
            "`{id}` cannot be the name of a file; use letters, digits, hyphens, dots and underscores"
        )));
    }
    let given = fields(arguments)?;
    let folder = &arguments.workspace.waivers(arguments.folder.as_deref())?;
    let schema = schema_line(folder, "waiver").unwrap_or_default();
    let text = format!(
        "{schema}# Exceptions that are accepted for a time. `pgdossier waiver check` tells what is wrong with this file, \
         `pgdossier waiver sign` signs it.\n# The control whose exceptions are accepted.\ncontrol: {}\n{}",
        arguments.control,
        form::write(WAIVER, &given)
    );
    let file = format!("{}{id}.yaml", SignedKind::Waiver.folder());
    Waivers::from_files(BTreeMap::from([(file, text.clone().into_bytes())])).map_err(|problems| {
        Stop::usage(format!("nothing was written, for it would be wrong:\n{problems}"))
    })?;
    std::fs::create_dir_all(folder)
        .map_err(|error| Stop::failed(format!("cannot make `{}`: {error}", folder.display())))?;
    let path = folder.join(format!("{id}.yaml"));
    put_file(&path, text.as_bytes(), Existing::Kept)?;
    output.note(&format!(
        "wrote {0}\nread it, then have whoever approves it sign it: pgdossier waiver sign {0}",
        path.display()
    ));
    output.result(&json!({"file": path}), || path.display().to_string());
    Ok(Exit::Good)
}

/// What was given by flags or on the terminal; everything that is mandatory is there.
fn fields(arguments: &Arguments) -> Result<Given, Stop> {
    let mut given: Given = arguments.fields.iter().cloned().collect();
    if let Some(message) = form::unknown(WAIVER, &given) {
        return Err(Stop::usage(message));
    }
    given
        .entry("approved_at".to_owned())
        .or_insert(Day::of(clock(arguments.as_of)?).to_string());
    if std::io::stdin().is_terminal() {
        let (mut input, mut out) = (std::io::stdin().lock(), anstream::stderr().lock());
        form::ask(WAIVER, &mut given, &mut input, &mut out).map_err(Stop::failed)?;
    }
    let missing = form::missing(WAIVER, &given);
    if missing.is_empty() {
        return Ok(given);
    }
    Err(Stop::usage(format!(
        "this is missing, and nobody is there to ask:\n{}",
        missing.join("\n")
    )))
}
