//! Answers of databases, and the evidence that each of them belongs to.

use std::collections::BTreeMap;

use super::Question;
use super::session::AskError;
use crate::control::Scope;
use crate::escape::sql_identifier;
use crate::evidence::{Momentary, Query, Requirement, Table, sha256_hex};

/// Answers of one evidence's questions, before anything is derived.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) raw: BTreeMap<String, Table>,
    pub(super) queries: Vec<Query>,
    pub(super) requirements: Vec<Requirement>,
    pub(super) failure: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) server_time: Option<String>,
    pub(super) host: Option<String>,
}

/// One question on its way to one database.
pub(super) struct Pending<'a> {
    pub(super) evidence: &'a str,
    pub(super) question: &'a Question,
    /// The columns that cannot be believed while a database did not answer.
    pub(super) fills: Vec<String>,
    /// What of its answer does not last.
    pub(super) momentary: Vec<Momentary>,
}

/// What one database answered.
pub(super) enum DatabaseAnswers {
    /// It was not asked, and that is right: it allows no connections.
    Skipped(String),
    /// It should have been asked and could not be: what is missing, and what to do.
    Refused { need: String, remedy: String },
    /// Each pending question's answer, with the snapshot and the server's time.
    Answered {
        snapshot: String,
        server_time: Option<String>,
        held: Vec<Vec<bool>>,
        tables: Vec<Option<Result<Table, AskError>>>,
    },
}

/// Adds one database's answers to the evidence that they belong to.
pub(super) fn merge(
    database: &str,
    role: &str,
    result: DatabaseAnswers,
    here: &[Pending<'_>],
    everywhere: &[Pending<'_>],
    is_first: bool,
    answers: &mut BTreeMap<&str, Answers>,
) {
    let pending = if is_first { here } else { everywhere };
    match result {
        DatabaseAnswers::Skipped(note) => {
            for pending in everywhere {
                if let Some(answer) = answers.get_mut(pending.evidence) {
                    answer.notes.push(format!("skipped: {note}"));
                }
            }
        }
        DatabaseAnswers::Refused { need, remedy } => {
            for pending in pending {
                if let Some(answer) = answers.get_mut(pending.evidence) {
                    let requirement = Requirement {
                        need: need.clone(),
                        remedy: remedy.clone(),
                        held: false,
                        columns: pending.fills.clone(),
                    };
                    if !answer.requirements.contains(&requirement) {
                        answer.requirements.push(requirement);
                    }
                }
            }
        }
        DatabaseAnswers::Answered {
            snapshot,
            server_time,
            held,
            tables,
        } => {
            for ((pending, held), table) in pending.iter().zip(held).zip(tables) {
                let Some(answer) = answers.get_mut(pending.evidence) else {
                    continue;
                };
                answer.server_time = answer.server_time.take().or_else(|| server_time.clone());
                for ((need, columns), held) in pending.question.needs.iter().zip(held) {
                    let requirement = Requirement {
                        need: need.describe(),
                        remedy: need.grant(&sql_identifier(role)),
                        held,
                        columns: columns.clone(),
                    };
                    if !answer.requirements.contains(&requirement) {
                        answer.requirements.push(requirement);
                    }
                }
                if let Some(table) = table {
                    take(answer, pending, database, &snapshot, table);
                }
            }
        }
    }
}

/// Takes one question's answer in one database.
fn take(
    answer: &mut Answers,
    pending: &Pending<'_>,
    database: &str,
    snapshot: &str,
    result: Result<Table, AskError>,
) {
    let question = pending.question;
    let table = result
        .map_err(|error| error.to_string())
        .and_then(|table| check_columns(question, table));
    let mut table = match table {
        Ok(table) => table,
        Err(error) => {
            let failure = format!(
                "the query for `{}` failed in database `{database}`: {error}",
                question.table
            );
            answer.failure.get_or_insert(failure);
            return;
        }
    };
    answer.queries.push(Query {
        table: question.table.clone(),
        database: database.to_owned(),
        sql: question.sql.clone(),
        sql_sha256: sha256_hex(question.sql.as_bytes()),
        snapshot: snapshot.to_owned(),
        rows: table.rows.len(),
        columns: question.columns.clone(),
        momentary: pending.momentary.clone(),
    });
    if question.scope == Scope::Databases {
        table.columns.insert(0, "database".to_owned());
        for row in &mut table.rows {
            row.insert("database".to_owned(), database.into());
        }
    }
    match answer.raw.get_mut(&question.table) {
        Some(sofar) => sofar.rows.append(&mut table.rows),
        None => {
            answer.raw.insert(question.table.clone(), table);
        }
    }
}

fn check_columns(question: &Question, mut table: Table) -> Result<Table, String> {
    if !table.rows.is_empty() && table.columns != question.columns {
        return Err(format!(
            "it gave the columns {}, and {} were declared",
            table.columns.join(", "),
            question.columns.join(", ")
        ));
    }
    table.columns.clone_from(&question.columns);
    Ok(table)
}
