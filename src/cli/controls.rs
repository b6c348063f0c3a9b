//! `pgdossier controls`: list, show and check controls.

use clap::Subcommand;
use serde_json::{Value, json};

use super::arguments::CatalogArguments;
use super::output::Output;
use super::schemas::SchemaKind;
use super::{Exit, Stop, framework_coverage};
use crate::collect;
use crate::control::{self, Catalog, Control};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List all controls by section.
    List {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Show one control in full.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Check all controls: form, expressions, columns, examples, sections.
    Lint {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Show which section of the guide is answered by which controls, by machine or by attestation.
    Coverage {
        /// Show, instead, which item of this framework is answered by which controls (cis-postgresql-17, stig, …).
        #[arg(long, value_name = "NAME")]
        framework: Option<String>,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Print the JSON Schema of a kind of file, for editors.
    Schema {
        /// The kind of file.
        #[arg(value_enum)]
        kind: SchemaKind,
    },
    /// Print the reference of all controls in Markdown.
    Reference {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    match verb {
        Verb::List { catalog } => list(&catalog.load()?, output),
        Verb::Show { id, catalog } => show(&catalog.load()?, id, output),
        Verb::Lint { catalog } => lint(&catalog.load()?, output),
        Verb::Coverage { framework, catalog } => match framework {
            Some(name) => framework_coverage::run(&catalog.load()?, name, output),
            None => coverage(&catalog.load()?, output),
        },
        Verb::Schema { kind } => {
            output.raw(&kind.to_json());
            Ok(Exit::Good)
        }
        Verb::Reference { catalog } => {
            let templates = crate::report::Templates::embedded();
            let text =
                crate::report::control_reference(&catalog.load()?, &templates).map_err(Stop::failed)?;
            output.raw(text.as_bytes());
            Ok(Exit::Good)
        }
    }
}

fn list(catalog: &Catalog, output: &Output) -> Result<Exit, Stop> {
    let rows: Vec<Value> = catalog
        .controls
        .iter()
        .map(|control| {
            json!({"id": control.id, "title": control.title, "section": control.section,
                   "severity": control.severity, "collector": collector(control)})
        })
        .collect();
    output.result(&rows, || {
        let mut text = String::new();
        for section in catalog.guide.sections() {
            text.push_str(&format!("{} ({})\n", section.title, section.id));
            for control in catalog
                .controls
                .iter()
                .filter(|control| control.section == section.id)
            {
                text.push_str(&format!(
                    "  {:<9} {:<44} {}\n",
                    control.severity.word(),
                    control.id,
                    control.title
                ));
            }
        }
        text
    });
    Ok(Exit::Good)
}

fn collector(control: &Control) -> &str {
    control
        .evidence
        .first()
        .map_or("", |request| request.collector.as_str())
}

fn show(catalog: &Catalog, id: &str, output: &Output) -> Result<Exit, Stop> {
    let control = catalog.control(id).ok_or_else(|| {
        let near = catalog
            .controls
            .iter()
            .map(|control| &control.id)
            .min_by_key(|known| crate::yaml::distance(known, id));
        Stop::usage(format!(
            "there is no control `{id}`; did you mean `{}`? `pgdossier controls list` lists all",
            near.map_or("", String::as_str)
        ))
    })?;
    let json = json!({
        "id": control.id, "title": control.title, "section": control.section, "severity": control.severity,
        "rationale": control.rationale, "remediation": control.remediation, "references": control.references,
        "parameters": control.parameters, "collector": collector(control), "population": control.population,
        "where": control.filter.as_ref().map(|filter| &filter.source), "expect": control.expect.source,
        "when_empty": control.when_empty, "file": control.file,
    });
    output.result(&json, || {
        let file = catalog
            .files
            .get(&control.file)
            .map(Vec::as_slice)
            .unwrap_or_default();
        format!("# {}\n{}", control.file, String::from_utf8_lossy(file))
    });
    Ok(Exit::Good)
}

fn lint(catalog: &Catalog, output: &Output) -> Result<Exit, Stop> {
    let problems = control::lint(catalog, &collect::contracts());
    output.result(&problems, || {
        let mut text: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
        if problems.is_empty() {
            let examples: usize = catalog
                .controls
                .iter()
                .map(|control| control.examples.len())
                .sum();
            text = format!(
                "{} controls and {examples} examples are good",
                catalog.controls.len()
            );
        }
        text
    });
    Ok(if problems.is_empty() {
        Exit::Good
    } else {
        Exit::Usage
    })
}

fn coverage(catalog: &Catalog, output: &Output) -> Result<Exit, Stop> {
    let rows: Vec<Value> = catalog
        .guide
        .sections()
        .map(|section| {
            let controls: Vec<&Control> = catalog
                .controls
                .iter()
                .filter(|control| control.section == section.id)
                .collect();
            let ids = |by_people: bool| -> Vec<&String> {
                controls
                    .iter()
                    .filter(|control| control.by_people() == by_people)
                    .map(|control| &control.id)
                    .collect()
            };
            json!({"section": section.id, "title": section.title, "origin": section.origin,
                   "automated": ids(false), "attested": ids(true)})
        })
        .collect();
    let uncovered = rows
        .iter()
        .filter(|row| count(row, "automated") + count(row, "attested") == 0)
        .count();
    output.result(&rows, || {
        let mut text = format!("{:<40} {:>9} {:>9}\n", "section", "automated", "attested");
        for row in &rows {
            let (automated, attested) = (count(row, "automated"), count(row, "attested"));
            let mark = if automated + attested == 0 {
                "  NOT COVERED"
            } else {
                ""
            };
            let section = row.get("section").and_then(Value::as_str).unwrap_or_default();
            text.push_str(&format!("{section:<40} {automated:>9} {attested:>9}{mark}\n"));
        }
        text.push_str(&format!("{} sections, {uncovered} not covered\n", rows.len()));
        text
    });
    Ok(if uncovered == 0 {
        Exit::Good
    } else {
        Exit::NotEvaluated
    })
}

fn count(row: &Value, key: &str) -> usize {
    row.get(key).and_then(Value::as_array).map_or(0, Vec::len)
}
