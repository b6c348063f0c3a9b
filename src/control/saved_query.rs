//! Queries that several controls share: `controls/queries/<name>.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::Need;

/// Where a query runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Once: its answer is the same in every database.
    Cluster,
    /// In every database that allows connections; the database becomes the column `database`.
    Databases,
}

/// A query, the columns that it gives and the privileges that a complete answer needs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedQuery {
    /// What its rows are, in a sentence.
    pub rows: String,
    /// Where it runs.
    pub scope: Scope,
    /// The columns that it gives, in order (without `database`).
    pub columns: Vec<String>,
    /// The privileges that a complete answer needs.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Columns whose values differ each time they are asked for though nothing was changed, such as ages and positions
    /// in a log, each with the reason: asking again leaves them out of the comparison.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub momentary: BTreeMap<String, String>,
    /// One SELECT, with an ORDER BY that is total.
    pub sql: String,
}

impl SavedQuery {
    /// The columns of the population: with `database` first where it runs in every database.
    pub fn population_columns(&self) -> Vec<String> {
        let database = (self.scope == Scope::Databases).then(|| "database".to_owned());
        database.into_iter().chain(self.columns.iter().cloned()).collect()
    }
}
