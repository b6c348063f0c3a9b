//! `pgdossier report`: render a bundle's report again, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::arguments::{open_bundle, read_records};
use super::execution::report_files;
use super::output::Output;
use super::{Exit, Stop};
use crate::report::{self, Templates};
use crate::salt::salted_like;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle: its folder or its ZIP.
    bundle: PathBuf,
    /// Write the report into this folder (made if missing); otherwise it is only compared.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Use the templates in this folder instead of those in the program.
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let bundle = open_bundle(&arguments.bundle)?;
    let (catalog, assessment) = read_records(&bundle)?;
    let templates = match &arguments.templates {
        None => Templates::embedded(),
        Some(folder) => Templates::from_folder(folder).map_err(Stop::usage)?,
    };
    let same_templates = templates.digest() == assessment.summary.definitions.templates_sha256;
    let rendered = report::render(&assessment, &catalog, &templates).map_err(Stop::failed)?;
    let files: BTreeMap<String, Vec<u8>> = report_files(rendered)
        .into_iter()
        .map(|(path, bytes)| {
            let sealed = bundle.read(&path).unwrap_or_default();
            let salted = salted_like(&path, bytes, &sealed);
            (path, salted)
        })
        .collect();
    if let Some(folder) = &arguments.out {
        for (path, bytes) in &files {
            let path = folder.join(path.strip_prefix("report/").unwrap_or(path));
            write(&path, bytes)
                .map_err(|error| Stop::failed(format!("cannot write `{}`: {error}", path.display())))?;
        }
    }
    let made = files.iter();
    let changed = made.filter(|(path, bytes)| bundle.read(path).ok().as_ref() != Some(bytes));
    let changed = changed.map(|(path, _)| path.as_str());
    // A page more than rendering makes is somebody's own.
    let more = bundle
        .paths()
        .filter(|path| path.starts_with("report/") && !files.contains_key(*path));
    let differing: BTreeSet<&str> = changed.chain(more).collect();
    let json =
        json!({"identical": differing.is_empty(), "same_templates": same_templates, "differing": differing});
    output.result(&json, || {
        if differing.is_empty() {
            format!(
                "{} files rendered again, each identical with the sealed one",
                files.len()
            )
        } else {
            let why = if same_templates {
                ""
            } else {
                " (the templates are not those that it was rendered with)"
            };
            let list: Vec<&str> = differing.iter().copied().collect();
            format!("these differ from the sealed ones{why}: {}", list.join(", "))
        }
    });
    output.note("who sealed the bundle was not checked: use `pgdossier verify`");
    Ok(if differing.is_empty() {
        Exit::Good
    } else if same_templates {
        Exit::Invalid
    } else {
        // Whether the sealed report says what the records say was not seen.
        Exit::NotEvaluated
    })
}

/// Writes through a temporary file, so that a report is whole or absent.
fn write(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}
