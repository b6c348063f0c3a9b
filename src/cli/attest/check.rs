//! `pgdossier attest check`: all problems of statements at once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::attestation::Attested;
use crate::cli::arguments::{CatalogArguments, place};
use crate::cli::output::Output;
use crate::cli::workspace::WorkspaceArguments;
use crate::cli::{Exit, Stop};
use crate::collect::{self, Keep};
use crate::control::Catalog;
use crate::folder::FolderError;
use crate::yaml::Problem;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// A folder of attestations, or files in such folders; the workspace's, or `attestations`, when absent.
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let (mut problems, mut statements, mut drafts) = (BTreeSet::new(), 0, 0);
    let paths = if arguments.paths.is_empty() {
        vec![arguments.workspace.attestations(None)?]
    } else {
        arguments.paths.clone()
    };
    for path in &paths {
        let (folder, only) = place(path)?;
        let (attested, found) = problems_of(&folder, &catalog)?;
        let stem = only
            .and_then(Path::file_stem)
            .map(|stem| stem.to_string_lossy().into_owned());
        let meant = |id: &str| stem.as_deref().is_none_or(|stem| stem == id);
        statements += attested.statements().filter(|(id, _)| meant(id)).count();
        drafts += attested.drafts.keys().filter(|id| meant(id)).count();
        problems.extend(
            found
                .into_iter()
                .filter(|problem| only.is_none_or(|only| Path::new(&problem.file) == only)),
        );
    }
    let json = json!({"problems": problems, "statements": statements, "drafts": drafts});
    output.result(&json, || {
        if problems.is_empty() {
            return match drafts {
                0 => format!("{statements} statements are good"),
                _ => format!("{statements} statements are good, {drafts} drafts have to be filled in"),
            };
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

fn problems_of(folder: &Path, catalog: &Catalog) -> Result<(Attested, Vec<Problem>), Stop> {
    let here = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match collect::read_attestations(here, Keep::Digests) {
        Err(FolderError::Problems(problems)) => Ok((Attested::default(), shown(problems.0, here, folder))),
        Err(error) => Err(Stop::failed(error)),
        Ok(read) => {
            let found = collect::check_statements(&read, catalog).0;
            Ok((read.attested, shown(found, Path::new("attestations"), folder)))
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
