//! `attestation`: the statements of people that name a control and a target.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::statement_faults::attestation_faults;
use super::statements::{
    STATEMENTS, add_signatures, add_state, common, day, document_faults, missing, row, text, validity,
};
use super::{Collector, Deriving, Read, Reading, names, no_arguments};
use crate::attestation::{Attestation, Day, Fault, Question, State, Statement, days_outside};
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
    "reviewed_at",
    "frequency",
    "due_at",
    "valid_from",
    "expires_at",
    "supersedes",
    "superseded_by",
    "superseded_from",
    "revoked_at",
    "revoked_reason",
    "state",
    "days_left",
    "lasts_days",
    "covers_period",
    "days_uncovered",
    "answers",
    "answers_missing",
    "answers_implausible",
    "documents",
    "documents_missing",
    "signature",
    "signed_by",
    "review_signature",
    "review_signed_by",
    "signatures",
    "faults",
    "file",
];

impl Collector for Attestations {
    fn name(&self) -> &'static str {
        "attestation"
    }

    fn version(&self) -> u32 {
        3
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn evidence_name(&self, _arguments: &Value, control: &str) -> String {
        control.to_owned()
    }

    fn read(&self, reading: &Reading<'_>) -> Option<Read> {
        let answering = reading.attested.answering(reading.control, reading.subject);
        let superseded = reading.attested.superseded(reading.control, reading.subject);
        let rows: Vec<Row> = answering
            .filter_map(|(id, statement)| match statement {
                Statement::Attestation(attestation) => {
                    Some(raw(id, attestation, superseded.get(id).copied(), reading))
                }
                Statement::Certificate(_) => None,
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
        let rows = statements.rows.iter().map(|raw| derived(raw, context)).collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

pub(super) fn raw(
    id: &str,
    attestation: &Attestation,
    later: Option<(Day, &str)>,
    reading: &Reading<'_>,
) -> Row {
    let mut raw = common(id, Statement::Attestation(attestation), later, reading);
    raw.extend(row(json!({
        "statement": attestation.statement,
        "answer": attestation.answer,
        "answers": attestation.answers,
        "method": attestation.method,
        "performed_by": attestation.performed_by.name,
        "performed_by_role": attestation.performed_by.role,
        "performed_by_organisation": attestation.performed_by.organisation,
        "performed_at": attestation.performed_at,
        "reviewer": attestation.reviewer.as_ref().map(|person| &person.name),
        "reviewed_at": attestation.reviewed_at,
        "frequency": attestation.frequency,
        "due_at": attestation.due_at(),
        "expires_at": attestation.expires_at,
        "supersedes": attestation.supersedes,
        "revoked_at": attestation.revoked_at,
        "revoked_reason": attestation.revoked_reason,
    })));
    raw
}

fn derived(raw: &Row, context: &Deriving<'_>) -> Row {
    let today = Day::of(context.as_of);
    let mut row = raw.clone();
    let control = row.remove("control");
    let control = control.as_ref().and_then(Value::as_str).unwrap_or_default();
    add_state(&mut row, today);
    let uncovered = days_uncovered(raw, context);
    row.insert("lasts_days".to_owned(), json!(lasts_days(raw)));
    row.insert("covers_period".to_owned(), json!(uncovered == Some(0)));
    row.insert("days_uncovered".to_owned(), json!(uncovered));
    let questions = context
        .catalog
        .control(control)
        .map_or(&[][..], |control| &control.questions);
    let mut faults: Vec<String> = attestation_faults(raw)
        .into_iter()
        .map(|fault| fault.message)
        .collect();
    faults.extend(time_faults(raw, today));
    faults.extend(add_answers(&mut row, questions, today));
    faults.extend(document_faults(raw));
    faults.extend(add_signatures(&mut row));
    row.insert("faults".to_owned(), json!(faults));
    row
}

/// Days of the assessment's period, up to its clock, on which the statement does not count.
fn days_uncovered(raw: &Row, context: &Deriving<'_>) -> Option<i64> {
    let validity = validity(raw)?;
    let from = Day::from(context.period.from);
    let to = Day::from(context.period.to).min(Day::of(context.as_of)).max(from);
    Some(days_outside((from, to), (validity.from, validity.last_day())))
}

/// For how many days it means to count, from the one on which somebody looked.
fn lasts_days(raw: &Row) -> Option<i64> {
    Some(day(raw, "expires_at")?.days_since(day(raw, "performed_at")?))
}

/// What time makes of a statement, in words.
fn time_faults(raw: &Row, today: Day) -> Vec<String> {
    let mut faults = Vec::new();
    for (column, done) in [("performed_at", "performed"), ("reviewed_at", "reviewed")] {
        if let Some(day) = day(raw, column).filter(|day| *day > today) {
            faults.push(format!("it was {done} on {day}, which had not come yet"));
        }
    }
    let state = validity(raw).map(|validity| (validity, validity.state(today)));
    // One that has ended is overdue anyhow.
    if let Some(due) = day(raw, "due_at").filter(|due| *due < today)
        && !matches!(state, Some((_, State::Expired)))
    {
        faults.push(format!("by its frequency it had to be repeated by {due}"));
    }
    match state {
        Some((validity, State::Expired)) => {
            faults.push(format!("it counted until {}", validity.until));
        }
        Some((validity, State::NotYetValid)) => {
            faults.push(format!("it counts from {}", validity.from));
        }
        Some((_, State::Revoked)) => {
            let (when, why) = (text(raw, "revoked_at"), text(raw, "revoked_reason"));
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            faults.push(format!("it was withdrawn on {when}{why}"));
        }
        Some((_, State::Valid | State::Superseded)) | None => {}
    }
    faults
}

/// Puts each question beside its answer, and tells what is wrong with them. Only who states that the control is met has
/// to show why.
fn add_answers(row: &mut Row, questions: &[Question], today: Day) -> Vec<String> {
    let given = row.remove("answers").unwrap_or_default();
    let satisfied = text(row, "answer") == "satisfied";
    let (mut answers, mut missing, mut implausible, mut faults) = (vec![], vec![], vec![], vec![]);
    for question in questions {
        let answer = given.get(&question.id);
        match question.fault(answer, Some(today)).filter(|_| satisfied) {
            None => {}
            Some(Fault::Missing) => {
                missing.push(question.id.clone());
                faults.push(format!("`{}` is not answered", question.id));
            }
            Some(Fault::Implausible(reason)) => {
                implausible.push(question.id.clone());
                faults.push(format!("`{}` {reason}", question.id));
            }
        }
        answers.push(json!({"id": question.id, "ask": question.ask, "answer": answer}));
    }
    row.insert("answers".to_owned(), json!(answers));
    row.insert("answers_missing".to_owned(), json!(missing));
    row.insert("answers_implausible".to_owned(), json!(implausible));
    faults
}
