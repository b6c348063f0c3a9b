//! One read-only snapshot of one database, and questions put to it all at once.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join3;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row as PgRow};

use super::Limits;
use super::mask::mask;
use crate::evidence::{Row, SNAPSHOT, Table};

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AskError {
    /// The server refused or failed.
    #[error("the server answered: {0}")]
    Server(String),
    /// Nothing came back in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer has a column or type that was not expected.
    #[error("{0}")]
    Shape(String),
}

/// Opens the snapshot: consistent, read-only, with time limits, and with nothing that depends on the role's settings.
///
/// # Errors
/// As [`AskError`].
pub(super) async fn begin(client: &Client, limits: &Limits) -> Result<(), AskError> {
    let setup = format!(
        "{};
         SET LOCAL statement_timeout = {};
         SET LOCAL lock_timeout = {};
         SET LOCAL idle_in_transaction_session_timeout = {}",
        SNAPSHOT.join(";\n"),
        limits.statement.as_millis(),
        limits.lock.as_millis(),
        (limits.statement * 4).as_millis(),
    );
    timed(limits, client.batch_execute(&setup)).await
}

/// Puts all questions at once, without waiting between them; one that fails leaves the others as they are.
pub(super) async fn ask(
    client: &Client,
    limits: &Limits,
    questions: &[String],
) -> Vec<Result<Table, AskError>> {
    // The three futures of a question are polled together first, so they go out in this order and none waits for an
    // answer; the savepoint keeps one question's error from spoiling the snapshot for the others.
    let mut answers: FuturesOrdered<_> = questions
        .iter()
        .map(|sql| async move {
            let (_, rows, _) = join3(
                client.batch_execute("SAVEPOINT question"),
                client.query_typed(sql, &[]),
                client.batch_execute("ROLLBACK TO SAVEPOINT question; RELEASE SAVEPOINT question"),
            )
            .await;
            rows
        })
        .collect();
    let mut results = Vec::new();
    let limit = limits.statement + Duration::from_secs(5);
    while results.len() < questions.len() {
        let result = match tokio::time::timeout(limit, answers.next()).await {
            Ok(Some(Ok(rows))) => table(&rows),
            Ok(Some(Err(error))) => Err(explain(&error)),
            Ok(None) => Err(AskError::Broken("the server stopped answering".to_owned())),
            Err(_) => Err(AskError::Timeout(limit)),
        };
        let lost = matches!(result, Err(AskError::Timeout(_) | AskError::Broken(_)));
        results.push(result);
        if lost {
            let again = results.last().cloned();
            results.extend(std::iter::repeat_n(again, questions.len() - results.len()).flatten());
        }
    }
    results
}

async fn timed<T>(
    limits: &Limits,
    future: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, AskError> {
    let limit = limits.statement + Duration::from_secs(5);
    match tokio::time::timeout(limit, future).await {
        Ok(result) => result.map_err(|error| explain(&error)),
        Err(_) => Err(AskError::Timeout(limit)),
    }
}

fn explain(error: &tokio_postgres::Error) -> AskError {
    match error.as_db_error() {
        // 57P01–57P03: the server is going down
        Some(db) if db.code().code().starts_with("57P") => AskError::Broken(db.message().to_owned()),
        Some(db) => AskError::Server(mask(&format!("{} (SQLSTATE {})", db.message(), db.code().code()))),
        None => AskError::Broken(mask(&error.to_string())),
    }
}

/// The rows as a table, every value as JSON.
fn table(rows: &[PgRow]) -> Result<Table, AskError> {
    let columns: Vec<String> = rows
        .first()
        .map(|row| {
            row.columns()
                .iter()
                .map(|column| column.name().to_owned())
                .collect()
        })
        .unwrap_or_default();
    let rows = rows
        .iter()
        .map(|row| {
            row.columns()
                .iter()
                .enumerate()
                .map(|(index, column)| Ok((column.name().to_owned(), value(row, index, column.type_())?)))
                .collect::<Result<Row, AskError>>()
        })
        .collect::<Result<Vec<Row>, AskError>>()?;
    Ok(Table { columns, rows })
}

fn value(row: &PgRow, index: usize, kind: &Type) -> Result<Value, AskError> {
    let result = match *kind {
        Type::BOOL => row.try_get::<_, Option<bool>>(index).map(Value::from),
        Type::INT2 => row.try_get::<_, Option<i16>>(index).map(Value::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(index).map(Value::from),
        Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
        Type::OID => row.try_get::<_, Option<u32>>(index).map(Value::from),
        Type::FLOAT4 => row.try_get::<_, Option<f32>>(index).map(Value::from),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(index).map(Value::from),
        Type::CHAR => row.try_get::<_, Option<i8>>(index).map(|byte| {
            byte.map(|byte| char::from(byte.unsigned_abs()).to_string())
                .into()
        }),
        Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::UNKNOWN => row
            .try_get::<_, Option<&str>>(index)
            .map(|text| text.map(mask).into()),
        Type::TEXT_ARRAY | Type::NAME_ARRAY | Type::VARCHAR_ARRAY => {
            row.try_get::<_, Option<Vec<Option<&str>>>>(index).map(|list| {
                list.map(|items| {
                    items
                        .into_iter()
                        .map(|text| Value::from(text.map(mask)))
                        .collect::<Vec<_>>()
                })
                .into()
            })
        }
        Type::TIMESTAMPTZ => row
            .try_get::<_, Option<chrono::DateTime<chrono::Utc>>>(index)
            .map(|time| {
                time.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
                    .into()
            }),
        Type::DATE => row
            .try_get::<_, Option<chrono::NaiveDate>>(index)
            .map(|date| date.map(|date| date.to_string()).into()),
        Type::JSON | Type::JSONB => row
            .try_get::<_, Option<Value>>(index)
            .map(Option::unwrap_or_default),
        ref other => {
            let column = row.columns().get(index).map_or("", |column| column.name());
            return Err(AskError::Shape(format!(
                "the column `{column}` has the type {other}; cast it to text in the query"
            )));
        }
    };
    result.map_err(|error| AskError::Shape(error.to_string()))
}
