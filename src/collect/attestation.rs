//! `attestation`: the statements of people that name a control and a target.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::documents::Document;
use super::{Collector, Deriving, Read, Reading, names, no_arguments};
use crate::attestation::{DocumentReference, is_about};
use crate::control::Catalog;
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct Attestations;

const COLUMNS: &[&str] = &[
    "id",
    "statement",
    "answer",
    "method",
    "performed_by",
    "performed_by_role",
    "performed_by_organisation",
    "performed_at",
    "reviewer",
    "valid_from",
    "expires_at",
    "state",
    "days_left",
    "documents",
    "documents_missing",
    "file",
];

/// The raw table: what the files say, with documents looked up, before time is considered.
pub(super) const STATEMENTS: &str = "statements";

impl Collector for Attestations {
    fn name(&self) -> &'static str {
        "attestation"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn evidence_name(&self, _arguments: &Value, control: &str) -> String {
        control.to_owned()
    }

    fn read(&self, reading: &Reading<'_>) -> Option<Read> {
        let all = &reading.attested.attestations;
        let rows: Vec<Row> = all
            .iter()
            .filter(|(_, statement)| {
                is_about(statement.targets.as_ref(), reading.target)
                    && statement
                        .controls
                        .iter()
                        .any(|control| control == reading.control)
            })
            .map(|(id, statement)| {
                let replaced = all.values().any(|other| {
                    other.supersedes.as_deref() == Some(id)
                        && is_about(other.targets.as_ref(), reading.target)
                        && other.controls.iter().any(|control| control == reading.control)
                });
                row(json!({
                    "id": id,
                    "statement": statement.statement,
                    "answer": statement.answer,
                    "method": statement.method,
                    "performed_by": statement.performed_by.name,
                    "performed_by_role": statement.performed_by.role,
                    "performed_by_organisation": statement.performed_by.organisation,
                    "performed_at": statement.performed_at,
                    "reviewer": statement.reviewer.as_ref().map(|person| &person.name),
                    "valid_from": statement.valid_from.unwrap_or(statement.performed_at),
                    "expires_at": statement.expires_at,
                    "superseded": replaced,
                    "revoked_at": statement.revoked_at,
                    "documents": documents(&statement.documents, reading.documents),
                    "file": format!("attestations/{id}.yaml"),
                }))
            })
            .collect();
        Some(Read {
            missing: missing(&rows, reading, "attestation"),
            table: Table {
                columns: Vec::new(),
                rows,
            },
        })
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, context: &Deriving<'_>) -> Result<Table, String> {
        let statements = raw.get(STATEMENTS).ok_or("the attestations were not read")?;
        let rows = statements
            .rows
            .iter()
            .map(|raw| with_state(raw, context.as_of))
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

pub(super) fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

/// What should have been there, when nothing names the control.
pub(super) fn missing(rows: &[Row], reading: &Reading<'_>, kind: &str) -> Option<(String, String)> {
    let control = reading.control;
    rows.is_empty().then(|| {
        let article = if kind == "attestation" { "an" } else { "a" };
        (
            format!("{article} {kind} for `{control}` that names this target"),
            format!("write attestations/{control}.yaml with `kind: {kind}` and `controls: [{control}]`"),
        )
    })
}

/// The documents that a statement rests on, each as it was found.
pub(super) fn documents(references: &[DocumentReference], found: &BTreeMap<String, Document>) -> Vec<Value> {
    references
        .iter()
        .map(|reference| {
            let mut document = json!({"name": reference.file, "description": reference.description});
            let facts = match found.get(&reference.file) {
                Some(Document::Present { attachment, .. }) => {
                    let expected = reference.sha256.as_deref().map(str::to_lowercase);
                    let changed = expected.is_some_and(|expected| expected != attachment.sha256);
                    json!({"path": attachment.path, "sha256": attachment.sha256, "size": attachment.size,
                           "state": if changed { "changed" } else { "present" }})
                }
                Some(Document::Missing(reason)) => json!({"state": "missing", "reason": reason}),
                None => json!({"state": "missing", "reason": "it was not looked for"}),
            };
            if let (Value::Object(document), Value::Object(facts)) = (&mut document, facts) {
                document.extend(facts);
            }
            document
        })
        .collect()
}

/// Adds what depends on the assessment's clock: the state on that day, and the days left.
pub(super) fn with_state(raw: &Row, as_of: DateTime<Utc>) -> Row {
    let mut row = raw.clone();
    let day = |column: &str| raw.get(column)?.as_str()?.parse::<NaiveDate>().ok();
    let today = as_of.date_naive();
    let superseded = row.remove("superseded") == Some(Value::Bool(true));
    row.remove("revoked_at");
    // What replaces a statement answers in its place; one that was withdrawn without a successor answers nothing.
    let state = if superseded {
        "superseded"
    } else if day("revoked_at").is_some_and(|revoked| revoked <= today) {
        "revoked"
    } else {
        match (day("valid_from"), day("expires_at")) {
            (Some(from), _) if today < from => "not-yet-valid",
            (_, Some(to)) if today > to => "expired",
            (Some(_), Some(_)) => "valid",
            _ => "expired", // dates that cannot be read never count in favour
        }
    };
    let left = day("expires_at").map_or(0, |to| (to - today).num_days());
    let missing = raw
        .get("documents")
        .and_then(Value::as_array)
        .map_or(0, |documents| {
            documents
                .iter()
                .filter(|document| document.get("state") != Some(&json!("present")))
                .count()
        });
    row.insert("state".to_owned(), json!(state));
    row.insert("days_left".to_owned(), json!(left));
    row.insert("documents_missing".to_owned(), json!(missing));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_turns_on_the_boundary_days() {
        let raw = row(json!({"valid_from": "2026-02-01", "expires_at": "2026-02-28", "documents": []}));
        for (as_of, state, left) in [
            ("2026-01-31T23:59:59Z", "not-yet-valid", 28),
            ("2026-02-01T00:00:00Z", "valid", 27),
            ("2026-02-28T23:59:59Z", "valid", 0),
            ("2026-03-01T00:00:00Z", "expired", -1),
        ] {
            let row = with_state(&raw, as_of.parse().unwrap());
            assert_eq!(
                (&row["state"], &row["days_left"]),
                (&json!(state), &json!(left)),
                "{as_of}"
            );
        }
    }

    #[test]
    fn a_withdrawn_or_replaced_statement_does_not_count() {
        let state = |raw: &Row, as_of: &str| with_state(raw, as_of.parse().unwrap())["state"].clone();
        let mut raw = row(json!({"valid_from": "2026-01-01", "expires_at": "2026-12-31"}));
        raw.insert("revoked_at".into(), json!("2026-05-01"));
        assert_eq!(state(&raw, "2026-04-30T00:00:00Z"), json!("valid"));
        assert_eq!(state(&raw, "2026-05-01T00:00:00Z"), json!("revoked"));
        raw.insert("superseded".into(), json!(true));
        assert_eq!(state(&raw, "2026-05-01T00:00:00Z"), json!("superseded"));
    }
}
