//! Questions as they were put to a server, and what of their answers lasts.

use serde::{Deserialize, Serialize};

/// How the snapshot is opened in which everything is asked: one moment, read-only, and nothing that depends on what the
/// role or the database was set to. Time limits come on top.
pub const SNAPSHOT: &[&str] = &[
    "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "SET LOCAL search_path = pg_catalog, pg_temp",
    "SET LOCAL row_security = off",
    "SET LOCAL \"TimeZone\" = 'UTC'",
    "SET LOCAL \"DateStyle\" = 'ISO, YMD'",
    "SET LOCAL jit = off",
];

/// One question as it was put to a server, and what came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The raw table that it filled, or the population itself. Where several filled one, its rows are theirs in order.
    pub table: String,
    /// The database in which it ran.
    pub database: String,
    /// Its exact text.
    pub sql: String,
    /// SHA-256 of that text, hexadecimal.
    pub sql_sha256: String,
    /// The snapshot in which it was read (`pg_current_snapshot()`).
    pub snapshot: String,
    /// Number of rows that came back.
    pub rows: usize,
    /// The columns that came back, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Values that differ each time it is asked, though nothing was changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub momentary: Vec<Momentary>,
}

/// Values of an answer that are about the moment or about the session that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Momentary {
    /// The columns.
    pub columns: Vec<String>,
    /// The rows in which they are; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<WhichRows>,
    /// Why they differ.
    pub reason: String,
}

/// Rows by the value of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichRows {
    /// The column.
    pub column: String,
    /// It has one of these values.
    pub values: Vec<String>,
}

impl Momentary {
    /// Such values in the rows whose column has one of these values.
    pub fn in_rows(columns: &[&str], (column, values): (&str, &[&str]), reason: &str) -> Self {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        Self {
            columns: owned(columns),
            rows: Some(WhichRows {
                column: column.to_owned(),
                values: owned(values),
            }),
            reason: reason.to_owned(),
        }
    }
}
