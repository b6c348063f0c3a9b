//! What is asked again of a target: each distinct question of its evidence once, with the digest that it should give.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::canonical::{self, Answer, MOMENT};
use crate::assessment::TargetRecord;
use crate::evidence::{Evidence, Momentary, Query, Row, WhichRows};
use crate::parallel;

/// What masking leaves in place of a secret.
const MASK: &str = "[masked]";

/// One question, asked again.
pub(super) struct Check<'a> {
    /// The evidence and raw tables that rest on the answer.
    pub(super) names: BTreeSet<String>,
    pub(super) database: &'a str,
    pub(super) sql: &'a str,
    pub(super) rows: usize,
    /// The digest of the sealed rows.
    pub(super) sha256: String,
    /// Columns that are not compared, with the reason.
    pub(super) left_out: BTreeMap<String, String>,
    /// Cells that are not compared: those of some rows only.
    pub(super) momentary: Vec<(&'a [String], &'a WhichRows, &'a str)>,
    /// Whether nothing of it can be compared.
    pub(super) nothing_left: bool,
}

/// Something of the target's evidence that no question gives.
pub(super) struct Elsewhere<'a> {
    pub(super) name: &'a str,
    pub(super) reason: String,
}

/// All questions of a target: by database, that which was connected to first coming first, and in the order of evidence.
pub(super) fn all<'a>(target: &'a TargetRecord) -> Vec<Check<'a>> {
    let asked: Vec<(String, &Query, &[Row])> = target
        .evidence
        .iter()
        .flat_map(|(name, evidence)| {
            let answers = answers(evidence).into_iter();
            answers.map(move |(query, rows)| (label(name, evidence, query), query, rows))
        })
        .collect();
    let made = parallel::map(
        parallel::threads(None),
        &asked,
        |(_, _, rows)| rows.len() as u64,
        |(name, query, rows), _| check(name, query, rows),
    );
    let mut checks: Vec<Check<'a>> = Vec::new();
    let mut known: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    for mut check in made {
        let key = (check.database, check.sql, check.sha256.clone());
        match known.get(&key).and_then(|index| checks.get_mut(*index)) {
            Some(same) => same.names.append(&mut check.names),
            None => {
                known.insert(key, checks.len());
                checks.push(check);
            }
        }
    }
    let first = target
        .summary
        .server
        .as_ref()
        .map(|server| server.database.as_str());
    checks.sort_by_key(|check| (Some(check.database) != first, check.database));
    checks
}

/// What of a target's evidence did not come by questions, and why.
pub(super) fn elsewhere(target: &TargetRecord) -> Vec<Elsewhere<'_>> {
    let without = target
        .evidence
        .iter()
        .filter_map(|(name, evidence)| Some((name, reason(evidence)?)));
    without.map(|(name, reason)| Elsewhere { name, reason }).collect()
}

fn reason(evidence: &Evidence) -> Option<String> {
    let provenance = &evidence.provenance;
    if !provenance.commands.is_empty() {
        return Some("it was also read on the server's host".to_owned());
    }
    if provenance.queries.is_empty() && provenance.failure.is_none() {
        return Some("it does not come from questions to the server".to_owned());
    }
    if let Some(failure) = &provenance.failure {
        return Some(format!("it was not collected: {failure}"));
    }
    let lacking: Vec<&str> = provenance
        .visibility
        .requirements
        .iter()
        .filter(|one| !one.held)
        .map(|one| one.need.as_str())
        .collect();
    if !lacking.is_empty() {
        return Some(format!("not all of it was asked: {} missing", lacking.join("; ")));
    }
    None
}

/// `hba: rules`, or just the evidence's name when the answer is the population itself.
fn label(name: &str, evidence: &Evidence, query: &Query) -> String {
    if evidence.raw.contains_key(&query.table) {
        format!("{name}: {}", query.table)
    } else {
        name.to_owned()
    }
}

/// Each question with the rows that it gave: a table's rows are those of its questions, in order.
fn answers(evidence: &Evidence) -> Vec<(&Query, &[Row])> {
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let queries = evidence.provenance.queries.iter();
    queries
        .filter_map(|query| {
            let table = evidence.raw.get(&query.table).unwrap_or(&evidence.table);
            let start = taken.entry(&query.table).or_default();
            let rows = table.rows.get(*start..*start + query.rows);
            *start += query.rows;
            Some((query, rows?))
        })
        .collect()
}

fn check<'a>(name: &str, query: &'a Query, rows: &[Row]) -> Check<'a> {
    let mut left_out: BTreeMap<String, String> = BTreeMap::new();
    let mut momentary = Vec::new();
    for one in &query.momentary {
        match &one.rows {
            Some(rows) => momentary.push((one.columns.as_slice(), rows, one.reason.as_str())),
            None => {
                let columns = one.columns.iter().cloned();
                left_out.extend(columns.map(|column| (column, one.reason.clone())));
            }
        }
    }
    for column in &query.columns {
        if !left_out.contains_key(column)
            && let Some(reason) = rows.iter().find_map(|row| incomparable(row.get(column)?))
        {
            left_out.insert(column.clone(), reason);
        }
    }
    let mut compared: Vec<&String> = query.columns.iter().collect();
    compared.retain(|column| !left_out.contains_key(*column));
    compared.sort_by_key(|column| canonical::key_order(column));
    compared.dedup();
    let nothing_left = compared.is_empty();
    let mut answer = Answer::default();
    for row in rows {
        let columns = compared.iter();
        answer.add(columns.map(|column| (column.as_str(), cell(row, column, &query.momentary))));
    }
    let sha256 = answer.digest();
    Check {
        names: BTreeSet::from([name.to_owned()]),
        database: &query.database,
        sql: &query.sql,
        rows: rows.len(),
        sha256,
        nothing_left,
        left_out,
        momentary,
    }
}

/// Why a cell, and so its column, can't be compared.
fn incomparable(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) => return None,
        Value::Number(number) if number.is_i64() => return None,
        _ => {}
    }
    match canonical::cell(value) {
        Err(reason) => Some(reason.to_owned()),
        // Masked by this program although the server would not know it for a secret.
        Ok(Some(text)) if text.contains(MASK) && text != MASK => Some("it holds secrets, masked".to_owned()),
        Ok(_) => None,
    }
}

fn cell<'a>(row: &'a Row, column: &str, momentary: &[Momentary]) -> Option<Cow<'a, str>> {
    let of_moment = momentary.iter().any(|one| {
        let here = one.rows.as_ref().is_some_and(|rows| {
            let value = row.get(&rows.column).and_then(Value::as_str);
            value.is_some_and(|value| rows.values.iter().any(|wanted| wanted == value))
        });
        here && one.columns.iter().any(|name| name == column)
    });
    if of_moment {
        return Some(MOMENT.into());
    }
    row.get(column)
        .and_then(|value| canonical::cell(value).ok().flatten())
}
