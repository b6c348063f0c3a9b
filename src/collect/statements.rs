//! What attestations and certificates have in common as rows: documents, signatures, and their state on a day.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::documents::Document;
use super::{AttestedFolder, Deriving, Reading};
use crate::assessment::Period;
use crate::attestation::{Day, DocumentReference, Statement, Subject, Validity};
use crate::control::Catalog;
use crate::evidence::Row;
use crate::signature::{ATTESTOR, REVIEWER, SignatureFact, SignatureState};

/// The raw table: what the files say, with documents looked up, before time is considered.
pub(super) const STATEMENTS: &str = "statements";

/// The rows of a collector (`attestation` or `certificate`) for a control and a target, as an assessment would have them.
pub fn attested_rows(
    (collector, control): (&str, &str),
    subject: Subject<'_>,
    folder: &AttestedFolder,
    catalog: &Catalog,
    period: &Period,
    as_of: DateTime<Utc>,
) -> Vec<Row> {
    let reading = Reading {
        control,
        subject,
        attested: &folder.attested,
        documents: &folder.documents,
    };
    let arguments = Value::Object(serde_json::Map::new());
    let context = Deriving {
        arguments: &arguments,
        catalog,
        as_of,
        period,
        site: subject.site,
        inputs: &BTreeMap::new(),
    };
    let collector = super::collector(collector);
    let derived = collector.and_then(|collector| {
        let raw = BTreeMap::from([(STATEMENTS.to_owned(), collector.read(&reading)?.table)]);
        collector.derive(&raw, &context).ok()
    });
    derived.unwrap_or_default().rows
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
        let help = match reading.attested.draft_of(control, reading.subject) {
            Some(draft) => format!(
                "attestations/{draft}.yaml is a draft: fill it in, and remove its line `draft: true`"
            ),
            None => format!(
                "run `pgdossier attest new {control}`, or write attestations/{control}.yaml with `kind: {kind}` and \
                 `controls: [{control}]`"
            ),
        };
        (
            format!("{article} {kind} for `{control}` that names this target"),
            help,
        )
    })
}

/// What every raw row of a statement has.
pub(super) fn common(
    id: &str,
    statement: Statement<'_>,
    later: Option<(Day, &str)>,
    reading: &Reading<'_>,
) -> Row {
    row(json!({
        "id": id,
        "control": reading.control,
        "valid_from": statement.first_day(),
        "superseded_from": later.map(|(day, _)| day),
        "superseded_by": later.map(|(_, id)| id),
        "documents": documents(id, &statement.documents(), reading),
        "signatures": signatures(id, reading),
        "file": super::parse::file_of(reading.attested, id),
    }))
}

/// The documents that a statement rests on, each as it was found.
fn documents(id: &str, references: &[&DocumentReference], reading: &Reading<'_>) -> Vec<Value> {
    let signed: Vec<&BTreeMap<String, String>> = signatures_of(id, reading)
        .filter(|fact| fact.state != SignatureState::Invalid)
        .map(|fact| &fact.documents)
        .collect();
    references
        .iter()
        .map(|reference| {
            let mut document = json!({"name": reference.file, "description": reference.description});
            let facts = match reading.documents.get(&reference.file) {
                Some(Document::Present { attachment, .. }) => {
                    let stated = reference.sha256.as_deref().map(str::to_lowercase);
                    let signed = signed
                        .iter()
                        .filter_map(|signed| signed.get(&reference.file).cloned());
                    let changed = stated
                        .into_iter()
                        .chain(signed)
                        .any(|expected| expected != attachment.sha256);
                    json!({"path": attachment.path, "sha256": attachment.sha256, "size": attachment.size,
                           "state": if changed { "changed" } else { "present" }})
                }
                Some(Document::Missing(reason)) => json!({"state": "missing", "reason": reason}),
                None => json!({"state": "missing", "reason": "it was not looked for"}),
            };
            if let (Value::Object(document), Value::Object(facts)) = (&mut document, facts) {
                document.extend(facts);
                if let Some(period) = reference.period {
                    document.insert("period".to_owned(), json!(period));
                }
            }
            document
        })
        .collect()
}

fn signatures_of<'a>(id: &str, reading: &Reading<'a>) -> impl Iterator<Item = &'a SignatureFact> {
    reading.attested.signatures.get(id).into_iter().flatten()
}

fn signatures(id: &str, reading: &Reading<'_>) -> Vec<Value> {
    signatures_of(id, reading)
        .map(|fact| {
            let (state, reason) = fact.worth_for(reading.control);
            json!({"file": format!("attestations/{}", fact.file), "role": fact.role, "keyid": fact.keyid,
                   "signed_by": fact.owner, "state": state.word(), "reason": reason})
        })
        .collect()
}

/// The text of a column; nothing when it is absent.
pub(super) fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// The day in a column.
pub(super) fn day(row: &Row, column: &str) -> Option<Day> {
    row.get(column)?.as_str()?.parse().ok()
}

/// Adds what depends on the assessment's clock: the state on that day, and the days left.
pub(super) fn add_state(row: &mut Row, today: Day) {
    let validity = validity(row);
    // Days that cannot be read never count in favour.
    let state = validity.map_or("expired", |validity| validity.state(today).word());
    let left = validity.map_or(0, |validity| validity.until.days_since(today));
    row.insert("state".to_owned(), json!(state));
    row.insert("days_left".to_owned(), json!(left));
    let missing = documents_in(row).filter(|document| !is_present(document)).count();
    row.insert("documents_missing".to_owned(), json!(missing));
}

/// The days that decide over a raw row.
pub(super) fn validity(row: &Row) -> Option<Validity> {
    Some(Validity {
        from: day(row, "valid_from")?,
        until: day(row, "expires_at")?,
        superseded_from: day(row, "superseded_from"),
        revoked_at: day(row, "revoked_at"),
    })
}

fn documents_in(row: &Row) -> impl Iterator<Item = &Value> {
    row.get("documents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

pub(super) fn is_present(document: &Value) -> bool {
    document.get("state") == Some(&json!("present"))
}

/// What is wrong with a document, in words.
pub(super) fn document_fault(document: &Value) -> Option<String> {
    let text = |key: &str| document.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("state") {
        "present" => None,
        "changed" => Some(format!("`{}` was changed since", text("name"))),
        _ => Some(format!("`{}` is missing: {}", text("name"), text("reason"))),
    }
}

/// What is wrong with the documents of a row.
pub(super) fn document_faults(row: &Row) -> Vec<String> {
    documents_in(row).filter_map(document_fault).collect()
}

/// Adds what the signatures amount to, and tells what is wrong with them.
pub(super) fn add_signatures(row: &mut Row) -> Vec<String> {
    let all: Vec<Value> = match row.remove("signatures") {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    let field = |signature: &Value, key: &str| signature.get(key).and_then(Value::as_str).map(str::to_owned);
    let in_role = |role: &str| -> Vec<&Value> {
        all.iter()
            .filter(|one| field(one, "role").as_deref() == Some(role))
            .collect()
    };
    let mut faults: Vec<String> = all
        .iter()
        .filter(|one| field(one, "state").as_deref() == Some("invalid"))
        .map(|one| {
            let (file, reason) = (field(one, "file"), field(one, "reason"));
            format!(
                "the signature `{}` is invalid: {}",
                file.unwrap_or_default(),
                reason.unwrap_or_default()
            )
        })
        .collect();
    let holders = |signatures: &[&Value]| -> Vec<String> {
        let counted = signatures
            .iter()
            .filter(|one| field(one, "state").as_deref() != Some("invalid"));
        counted
            .filter_map(|one| field(one, "signed_by").or_else(|| field(one, "keyid")))
            .collect()
    };
    let (attestors, reviewers) = (in_role(ATTESTOR), in_role(REVIEWER));
    let own = holders(&attestors);
    let shared: Vec<String> = holders(&reviewers)
        .into_iter()
        .filter(|holder| own.contains(holder))
        .collect();
    let summed = |signatures: &[&Value]| -> (String, Option<String>) {
        let of = |wanted: Option<&str>| {
            signatures
                .iter()
                .find(|one| wanted.is_none_or(|wanted| field(one, "state").as_deref() == Some(wanted)))
        };
        match of(Some("valid")).or_else(|| of(None)) {
            None => ("absent".to_owned(), None),
            Some(one) => (field(one, "state").unwrap_or_default(), field(one, "signed_by")),
        }
    };
    let (signature, signed_by) = summed(&attestors);
    let (mut review_signature, review_signed_by) = summed(&reviewers);
    if let Some(holder) = shared.first() {
        faults.push(format!("`{holder}` signed as the attestor and as the reviewer"));
        "same-owner".clone_into(&mut review_signature);
    }
    for (column, value) in [
        ("signature", json!(signature)),
        ("signed_by", json!(signed_by)),
        ("review_signature", json!(review_signature)),
        ("review_signed_by", json!(review_signed_by)),
        ("signatures", json!(all)),
    ] {
        row.insert(column.to_owned(), value);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_with_two_keys_is_one_person() {
        let sign = |role: &str, owner: &str, keyid: &str, state: &str| json!({"role": role, "signed_by": owner, "keyid": keyid, "state": state, "file": "f", "reason": null});
        let mut one = row(json!({"signatures": [
            sign(ATTESTOR, "Ann", "a", "valid"), sign(REVIEWER, "Ann", "b", "valid")]}));
        assert_eq!(add_signatures(&mut one).len(), 1);
        assert_eq!(one["review_signature"], json!("same-owner"));
        let mut two = row(json!({"signatures": [
            sign(ATTESTOR, "Ann", "a", "valid"), sign(REVIEWER, "Bob", "b", "valid")]}));
        assert!(add_signatures(&mut two).is_empty());
        assert_eq!(
            (&two["signed_by"], &two["review_signed_by"]),
            (&json!("Ann"), &json!("Bob"))
        );
        let mut none = Row::new();
        assert!(add_signatures(&mut none).is_empty());
        assert_eq!(none["signature"], json!("absent"));
    }
}
