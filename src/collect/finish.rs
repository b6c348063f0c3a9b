//! From answers to evidence: the population derived, and where it comes from written down.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::answers::Answers;
use super::gather::Collecting;
use super::plan::PlannedEvidence;
use super::sql::POPULATION;
use super::{Collector, Deriving, host};
use crate::evidence::{
    Evidence, Input, Provenance, RawTable, Requirement, Table, Visibility, Written, sha256_hex,
};
use crate::record;
use crate::target::Target;

/// Derives the population and writes down where it comes from.
pub(super) fn finish(
    name: &str,
    planned: &PlannedEvidence<'_>,
    mut answer: Answers,
    target: &Target,
    shared: &Collecting<'_>,
    inputs: &BTreeMap<String, Evidence>,
    (started_at, finished_at): (DateTime<Utc>, DateTime<Utc>),
) -> Evidence {
    let context = Deriving {
        arguments: planned.arguments,
        catalog: shared.catalog,
        as_of: shared.as_of,
        period: shared.period,
        site: target.site.as_deref(),
        inputs,
    };
    answer.requirements.extend(planned.collector.lacking(&answer.raw));
    let beside = planned.collector.lacking_in_inputs(&answer.raw, inputs);
    answer.requirements.extend(beside);
    let compared = compared(planned.collector, inputs, &mut answer.requirements);
    let visibility = Visibility::new(answer.requirements);
    let columns = planned
        .collector
        .columns(planned.arguments, shared.catalog)
        .unwrap_or_default();
    let mut table = Table {
        columns: columns.clone(),
        rows: Vec::new(),
    };
    if answer.failure.is_none() {
        match planned.collector.derive(&answer.raw, &context) {
            Ok(derived) => table.rows = derived.rows,
            Err(_) if !visibility.complete => {} // nothing could be asked: the visibility says why
            Err(error) => answer.failure = Some(error),
        }
    }
    answer.raw.remove(POPULATION);
    let salted = |path: String, table: &Table| shared.seed.append(&path, table.to_ndjson());
    let written = Written {
        population: Some(salted(record::evidence_path(&target.id, name), &table)),
        raw: answer
            .raw
            .iter()
            .map(|(raw, table)| {
                (
                    raw.clone(),
                    salted(record::raw_path(&target.id, name, raw), table),
                )
            })
            .collect(),
    };
    let derived_from = answer
        .raw
        .iter()
        .zip(written.raw.values())
        .map(|((name, table), bytes)| RawTable {
            name: name.clone(),
            columns: table.columns.clone(),
            rows: table.rows.len(),
            sha256: sha256_hex(bytes),
        })
        .collect();
    let commands = answer
        .raw
        .get(host::COMMANDS)
        .into_iter()
        .flat_map(|table| &table.rows);
    let commands = commands
        .filter_map(|row| row.get("command")?.as_str().map(str::to_owned))
        .collect();
    let provenance = Provenance {
        name: name.to_owned(),
        collector: planned.collector.name().to_owned(),
        collector_version: planned.collector.version(),
        arguments: planned.arguments.clone(),
        queries: answer.queries,
        derived_from,
        host: answer.host,
        commands,
        inputs: compared,
        visibility,
        failure: answer.failure,
        notes: answer.notes,
        started_at,
        finished_at,
        server_time: answer.server_time,
        columns,
        rows: table.rows.len(),
        sha256: sha256_hex(written.population.as_deref().unwrap_or_default()),
    };
    Evidence {
        provenance,
        raw: answer.raw,
        table,
        written,
    }
}

/// Cites the evidence that a collector compares with. What that lacks, the comparison lacks too.
fn compared(
    collector: &dyn Collector,
    evidence: &BTreeMap<String, Evidence>,
    requirements: &mut Vec<Requirement>,
) -> Vec<Input> {
    let mut cited = Vec::new();
    let columns = || super::names(collector.compared_columns());
    for name in collector.inputs() {
        let Some(input) = evidence.get(*name) else {
            continue;
        };
        cited.push(Input {
            name: (*name).to_owned(),
            sha256: input.provenance.sha256.clone(),
        });
        if let Some(failure) = &input.provenance.failure {
            requirements.push(Requirement {
                need: format!("the evidence `{name}` ({failure})"),
                remedy: format!("see why `{name}` could not be collected"),
                held: false,
                columns: columns(),
            });
        }
        for missing in input
            .provenance
            .visibility
            .requirements
            .iter()
            .filter(|one| !one.held)
        {
            if !requirements.iter().any(|known| known.need == missing.need) {
                requirements.push(Requirement {
                    columns: columns(),
                    ..missing.clone()
                });
            }
        }
    }
    cited
}
