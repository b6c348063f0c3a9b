//! Evidence as reports show it: where it comes from, and what was asked.

use serde::Serialize;

use super::{count, slug};
use crate::assessment::TargetRecord;
use crate::escape::markdown_block;
use crate::evidence::{Provenance, Query};
use crate::record;

#[derive(Serialize)]
pub(super) struct EvidenceView {
    anchor: String,
    target: String,
    name: String,
    collector: String,
    /// What the collector was asked for, where it takes arguments.
    arguments: Option<String>,
    /// How many rows: never a bare number where there may be more.
    rows: String,
    sha256: String,
    file: String,
    collected: String,
    server_time: Option<String>,
    complete: bool,
    missing: Vec<String>,
    failure: Option<String>,
    notes: Vec<String>,
    derived_from: Vec<String>,
    host: Option<String>,
    /// What was run on the host, one command a line.
    commands: Option<String>,
    /// The same as a block of Markdown.
    commands_block: String,
    queries: Vec<QueryView>,
}

/// One question, with the databases that it was put to.
#[derive(Serialize)]
struct QueryView {
    table: String,
    databases: Vec<String>,
    snapshots: Vec<String>,
    rows: String,
    sql: String,
    sql_sha256: String,
    /// As a block of Markdown.
    block: String,
}

pub(super) fn anchor(target: &str, evidence: &str) -> String {
    format!("evidence--{}--{}", slug(target), slug(evidence))
}

pub(super) fn views(target: &TargetRecord) -> Vec<EvidenceView> {
    target
        .evidence
        .values()
        .map(|evidence| view(&target.summary.id, &evidence.provenance))
        .collect()
}

fn view(target: &str, provenance: &Provenance) -> EvidenceView {
    let commands = provenance.commands.join("\n");
    EvidenceView {
        anchor: anchor(target, &provenance.name),
        target: target.to_owned(),
        name: provenance.name.clone(),
        collector: format!(
            "{} (version {})",
            provenance.collector, provenance.collector_version
        ),
        arguments: provenance
            .arguments
            .as_object()
            .filter(|arguments| !arguments.is_empty())
            .map(|_| provenance.arguments.to_string()),
        rows: rows(provenance),
        sha256: provenance.sha256.clone(),
        file: record::evidence_path(target, &provenance.name),
        collected: format!(
            "{} to {}",
            provenance.started_at.format("%Y-%m-%d %H:%M:%S%.3f"),
            provenance.finished_at.format("%H:%M:%S%.3f UTC")
        ),
        server_time: provenance.server_time.clone(),
        complete: provenance.visibility.complete && provenance.failure.is_none(),
        missing: provenance
            .visibility
            .requirements
            .iter()
            .filter(|requirement| !requirement.held)
            .map(|requirement| requirement.need.clone())
            .collect(),
        failure: provenance.failure.clone(),
        notes: provenance.notes.clone(),
        derived_from: provenance
            .derived_from
            .iter()
            .map(|raw| format!("{} ({} rows, sha256 {})", raw.name, raw.rows, raw.sha256))
            .chain(
                provenance
                    .inputs
                    .iter()
                    .map(|input| format!("the evidence {} (sha256 {})", input.name, input.sha256)),
            )
            .collect(),
        host: provenance.host.clone(),
        commands: (!provenance.commands.is_empty()).then(|| commands.clone()),
        commands_block: markdown_block("sh", &commands),
        queries: queries(&provenance.queries),
    }
}

/// The same question to several databases is shown once.
fn queries(queries: &[Query]) -> Vec<QueryView> {
    let mut groups: Vec<Vec<&Query>> = Vec::new();
    for query in queries {
        let same = |first: &&Query| first.table == query.table && first.sql_sha256 == query.sql_sha256;
        match groups.iter_mut().find(|group| group.first().is_some_and(same)) {
            Some(group) => group.push(query),
            None => groups.push(vec![query]),
        }
    }
    groups.iter().filter_map(|group| query_view(group)).collect()
}

fn query_view(group: &[&Query]) -> Option<QueryView> {
    let first = group.first()?;
    Some(QueryView {
        table: first.table.clone(),
        databases: group.iter().map(|query| query.database.clone()).collect(),
        snapshots: group.iter().map(|query| query.snapshot.clone()).collect(),
        rows: count(group.iter().map(|query| query.rows).sum(), "row"),
        sql: first.sql.clone(),
        sql_sha256: first.sql_sha256.clone(),
        block: markdown_block("sql", &first.sql),
    })
}

fn rows(provenance: &Provenance) -> String {
    match (&provenance.failure, provenance.visibility.complete) {
        (Some(_), _) => "none seen".to_owned(),
        (None, false) => format!("{} seen, of an unknown number", count(provenance.rows, "row")),
        (None, true) => count(provenance.rows, "row"),
    }
}
