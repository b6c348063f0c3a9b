//! `sql`: the rows of one SELECT, once or in every database.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Asked, Collector, Deriving, Question};
use crate::control::{Catalog, SavedQuery};
use crate::evidence::{Momentary, Table};

/// The collector.
pub(super) struct Sql;

/// The raw table is the population itself.
pub(super) const POPULATION: &str = "population";

impl Collector for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, catalog: &Catalog) -> Result<Vec<String>, String> {
        query(arguments, catalog).map(|query| query.population_columns())
    }

    fn evidence_name(&self, arguments: &Value, control: &str) -> String {
        arguments
            .get("query")
            .and_then(Value::as_str)
            .unwrap_or(control)
            .to_owned()
    }

    fn questions(&self, arguments: &Value, catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        let Ok(query) = query(arguments, catalog) else {
            return Vec::new();
        };
        vec![Question {
            table: POPULATION.to_owned(),
            scope: query.scope,
            sql: query.sql.trim().to_owned(),
            columns: query.columns,
            needs: query.needs.into_iter().map(|need| (need, Vec::new())).collect(),
        }]
    }

    fn momentary(&self, _table: &str, arguments: &Value, catalog: &Catalog) -> Vec<Momentary> {
        let momentary = query(arguments, catalog).map(|query| query.momentary);
        let momentary = momentary.unwrap_or_default().into_iter();
        momentary
            .map(|(column, reason)| Momentary {
                columns: vec![column],
                rows: None,
                reason,
            })
            .collect()
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        raw.get(POPULATION)
            .cloned()
            .ok_or_else(|| "the query gave no answer".to_owned())
    }
}

/// The query that the arguments name or spell out.
fn query(arguments: &Value, catalog: &Catalog) -> Result<SavedQuery, String> {
    let map = arguments.as_object().ok_or("`with` must be a mapping")?;
    let query = match map.get("query") {
        Some(Value::String(name)) if map.len() == 1 => {
            catalog.queries.get(name).cloned().ok_or_else(|| {
                let known: Vec<&str> = catalog.queries.keys().map(String::as_str).collect();
                format!(
                    "there is no query `{name}` in controls/queries; there are {}",
                    known.join(", ")
                )
            })?
        }
        Some(Value::String(_)) => {
            return Err("`query` stands alone: the shared query says the rest".to_owned());
        }
        Some(_) => return Err("`query` must be the name of a shared query".to_owned()),
        None => serde_json::from_value::<SavedQuery>(arguments.clone()).map_err(|error| {
            format!("{error}; write `query: NAME`, or `rows`, `scope`, `columns` and `sql`")
        })?,
    };
    let mut momentary = query.momentary.keys();
    if let Some(unknown) = momentary.find(|name| !query.columns.contains(name)) {
        return Err(format!(
            "`momentary` names `{unknown}`, which is not among `columns`"
        ));
    }
    let start = query.sql.trim_start().to_ascii_lowercase();
    if !start.starts_with("select") && !start.starts_with("with") {
        return Err("the query must be one SELECT (it may begin with WITH)".to_owned());
    }
    Ok(query)
}
