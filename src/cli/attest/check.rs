//! `pgdossier attest check`: all problems of statements at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::arguments::{CatalogArguments, place};
use crate::cli::output::Output;
use crate::cli::{Exit, Stop};
use crate::collect::{self, Keep};
use crate::control::Catalog;
use crate::folder::FolderError;
use crate::yaml::Problem;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// A folder of attestations, or files in such folders.
    #[arg(value_name = "DIR|FILE", default_value = "attestations")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let (mut problems, mut statements) = (BTreeSet::new(), 0);
    for path in &arguments.paths {
        let (folder, only) = place(path)?;
        let (count, found) = problems_of(&folder, &catalog)?;
        statements += if only.is_some() { 1 } else { count };
        problems.extend(
            found
                .into_iter()
                .filter(|problem| only.is_none_or(|only| Path::new(&problem.file) == only)),
        );
    }
    output.result(&json!({"problems": problems, "statements": statements}), || {
        if problems.is_empty() {
            return format!("{statements} statements are good");
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
    match collect::read_attestations(here, Keep::Digests) {
        Err(FolderError::Problems(problems)) => Ok((0, shown(problems.0, here, folder))),
        Err(error) => Err(Stop::failed(error)),
        Ok(read) => {
            let count = read.attested.statements().count();
            let found = collect::check_statements(&read, catalog).0;
            Ok((count, shown(found, Path::new("attestations"), folder)))
        }
    }
}

/// Problems with their files as the user named them.
fn shown(problems: Vec<Problem>, from: &Path, to: &Path) -> Vec<Problem> {
    problems
        .into_iter()
        .map(|problem| {
            let file = match Path::new(&problem.file).strip_prefix(from) {
                Ok(rest) => to.join(rest).display().to_string(),
                Err(_) => problem.file.clone(),
            };
            Problem { file, ..problem }
        })
        .collect()
}
