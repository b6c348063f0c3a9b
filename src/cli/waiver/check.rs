//! `pgdossier waiver check`: all problems of waivers at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::arguments::{CatalogArguments, place};
use crate::cli::output::Output;
use crate::cli::workspace::WorkspaceArguments;
use crate::cli::{Exit, Stop};
use crate::collect;
use crate::control::{Catalog, Control};
use crate::folder::{self, FolderError};
use crate::signature::SignedKind;
use crate::waiver::{Waiver, Waivers};
use crate::yaml::{Place, Problem, distance};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// A folder of waivers, or files in such folders; the workspace's, or `waivers`, when absent.
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let (mut problems, mut waivers) = (BTreeSet::new(), 0);
    let paths = if arguments.paths.is_empty() {
        vec![arguments.workspace.waivers(None)?]
    } else {
        arguments.paths.clone()
    };
    for path in &paths {
        let (folder, only) = place(path)?;
        let (count, found) = problems_of(&folder, &catalog)?;
        waivers += if only.is_some() { 1 } else { count };
        let meant = |problem: &Problem| only.is_none_or(|only| Path::new(&problem.file) == only);
        problems.extend(found.into_iter().filter(meant));
    }
    output.result(&json!({"problems": problems, "waivers": waivers}), || {
        if problems.is_empty() {
            return format!("{waivers} waivers are good");
        }
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        lines.join("\n")
    });
    Ok(if problems.is_empty() {
        Exit::Good
    } else {
        Exit::Usage
    })
}

fn problems_of(folder: &Path, catalog: &Catalog) -> Result<(usize, Vec<Problem>), Stop> {
    let here = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match Waivers::from_folder(here) {
        Err(FolderError::Problems(problems)) => Ok((0, problems.0)),
        Err(error) => Err(Stop::failed(error)),
        Ok(waivers) => {
            let found = waivers.list.iter().flat_map(|waiver| check(waiver, catalog));
            let problems = folder::as_named(found.collect(), folder, SignedKind::Waiver);
            Ok((waivers.list.len(), problems.0))
        }
    }
}

/// What is wrong with a waiver beyond its form: names that nothing has.
fn check(waiver: &Waiver, catalog: &Catalog) -> Vec<Problem> {
    let Some(control) = catalog.control(&waiver.control) else {
        let ids = catalog.controls.iter().map(|control| &control.id);
        let help = ids
            .min_by_key(|known| distance(known, &waiver.control))
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let message = format!("there is no control `{}`", waiver.control);
        return vec![waiver.control_place.problem(&waiver.file, message, help)];
    };
    let Some(rows) = &waiver.rows else {
        return Vec::new();
    };
    let wrong = |place: Place, message: String, known: &BTreeSet<String>| {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let help = match known.as_slice() {
            [] => "it has none".to_owned(),
            known => format!("it has {}", known.join(", ")),
        };
        place.problem(&waiver.file, message, help)
    };
    let nothing = rows.columns().is_some_and(BTreeSet::is_empty).then(|| {
        let message = "`rows` names no column of the row, so it accepts every exception or none";
        let help =
            "name the rows that are meant, or remove the line: then all are accepted, those to come too";
        rows.place.problem(&waiver.file, message, help)
    });
    let columns = columns(control, catalog);
    let parameters: BTreeSet<String> = control.parameters.keys().cloned().collect();
    let used = rows.columns().into_iter().flatten();
    let unknown = used.filter(|column| !columns.contains(*column)).map(|column| {
        let message = format!("the evidence of `{}` has no column `{column}`", control.id);
        wrong(rows.place, message, &columns)
    });
    let named = rows.parameters();
    let unset = named
        .iter()
        .filter(|name| !parameters.contains(*name))
        .map(|name| {
            let message = format!("`{}` has no parameter `{name}`", control.id);
            wrong(rows.place, message, &parameters)
        });
    nothing.into_iter().chain(unknown).chain(unset).collect()
}

/// The columns of everything that may be the control's evidence.
fn columns(control: &Control, catalog: &Catalog) -> BTreeSet<String> {
    let columns = control.evidence.iter().filter_map(|request| {
        let collector = collect::collector(&request.collector)?;
        let arguments: &Value = &request.arguments;
        collector.columns(arguments, catalog).ok()
    });
    columns.flatten().collect()
}
