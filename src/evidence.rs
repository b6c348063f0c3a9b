//! Tables of rows with the provenance that makes them worth something.

mod query;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use query::{Momentary, Query, SNAPSHOT, WhichRows};

/// One row of a table: column name to value, sorted by name so that the same row always gives the same bytes.
pub type Row = Map<String, Value>;

/// Rows of one shape. The whole of them is a population: everything that a control could be about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Column names in the order in which they are meant to be read.
    pub columns: Vec<String>,
    /// The rows, in the source's order (made total by the collector, so that it is reproducible).
    pub rows: Vec<Row>,
}

impl Table {
    /// A table without rows.
    pub fn empty(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// The rows as newline-delimited JSON, one row a line: the bytes that are sealed and whose digest is cited.
    pub fn to_ndjson(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in &self.rows {
            // Writing to memory cannot fail, and a map with string keys always serialises.
            let _ = serde_json::to_writer(&mut bytes, row);
            bytes.push(b'\n');
        }
        bytes
    }

    /// Reads back what [`Table::to_ndjson`] wrote.
    ///
    /// # Errors
    /// The first line that is not a JSON object, with its number.
    pub fn from_ndjson(columns: Vec<String>, bytes: &[u8]) -> Result<Self, String> {
        let mut rows = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let row = serde_json::from_slice::<Row>(line)
                .map_err(|error| format!("line {}: {error}", index + 1))?;
            rows.push(row);
        }
        Ok(Self { columns, rows })
    }
}

/// A privilege that a complete answer needs.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// SELECT on a relation, schema-qualified.
    Select(String),
    /// EXECUTE on a function, schema-qualified and with its argument types.
    Execute(String),
    /// Membership, with its rights inherited, in a predefined role.
    Member(String),
}

impl Need {
    /// The privilege in SQL's own words.
    pub fn describe(&self) -> String {
        match self {
            Self::Select(relation) => format!("SELECT on {relation}"),
            Self::Execute(function) => format!("EXECUTE on function {function}"),
            Self::Member(role) => format!("membership in {role}"),
        }
    }

    /// The statement that gives it to `role` (already quoted).
    pub fn grant(&self, role: &str) -> String {
        match self {
            Self::Select(relation) => format!("GRANT SELECT ON {relation} TO {role};"),
            Self::Execute(function) => format!("GRANT EXECUTE ON FUNCTION {function} TO {role};"),
            Self::Member(predefined) => format!("GRANT {predefined} TO {role};"),
        }
    }
}

/// Something that a complete answer needs, and whether it was there in the same transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// What is needed, in words: "SELECT on pg_catalog.pg_authid".
    pub need: String,
    /// What to do to have it: one line, SQL where it is a grant.
    pub remedy: String,
    /// Whether it was held.
    pub held: bool,
    /// The columns that cannot be believed without it; all rows when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// What a complete answer needs, and so whether this one is complete.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visibility {
    /// True when every requirement was held.
    pub complete: bool,
    /// Everything needed, held or not.
    pub requirements: Vec<Requirement>,
}

impl Visibility {
    /// The visibility that these requirements amount to.
    pub fn new(requirements: Vec<Requirement>) -> Self {
        Self {
            complete: requirements.iter().all(|requirement| requirement.held),
            requirements,
        }
    }

    /// What is missing for an answer that uses only these columns.
    pub fn missing_for<'a>(&'a self, columns: &'a [String]) -> impl Iterator<Item = &'a Requirement> {
        self.requirements.iter().filter(move |requirement| {
            !requirement.held
                && (requirement.columns.is_empty()
                    || requirement.columns.iter().any(|column| columns.contains(column)))
        })
    }
}

/// A table and where it comes from. Immutable once collected; its digest is the digest of its rows' bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Where it comes from and what it is worth.
    pub provenance: Provenance,
    /// Tables exactly as the source gave them, when the population is derived from them.
    pub raw: BTreeMap<String, Table>,
    /// The population.
    pub table: Table,
    /// The tables' bytes, where they were needed already.
    pub written: Written,
}

impl Evidence {
    /// SHA-256 of the population's bytes, hexadecimal.
    pub fn digest(&self) -> String {
        match &self.written.population {
            Some(bytes) => sha256_hex(bytes),
            None => sha256_hex(&self.table.to_ndjson()),
        }
    }
}

/// The bytes of tables with their salts, as they are cited and sealed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// The population's.
    pub population: Option<Vec<u8>>,
    /// Those of raw tables, by name.
    pub raw: BTreeMap<String, Vec<u8>>,
}

/// What an auditor asks of information that the audited entity produced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Unique in its target; the stem of its file in the bundle.
    pub name: String,
    /// The collector that gathered it.
    pub collector: String,
    /// The collector's own version: raised whenever its rows change their meaning.
    pub collector_version: u32,
    /// What the collector was asked for.
    pub arguments: Value,
    /// What was put to a server, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    /// Names of the raw tables from which the population was derived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived_from: Vec<RawTable>,
    /// The host that was looked at, how it was reached and as whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What was run on that host, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Other evidence that it was compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// What a complete answer needs.
    pub visibility: Visibility,
    /// Why there is no answer at all: unreachable, timed out, errored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What a reader must know, such as databases that were skipped and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// When gathering began, by the clock of the machine that ran pgdossier.
    pub started_at: DateTime<Utc>,
    /// When gathering ended, by the same clock.
    pub finished_at: DateTime<Utc>,
    /// When the snapshot was taken, by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<String>,
    /// Column names of the population.
    pub columns: Vec<String>,
    /// Number of rows of the population.
    pub rows: usize,
    /// SHA-256 of the population's bytes, hexadecimal.
    pub sha256: String,
}

/// Other evidence that a population was compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// SHA-256 of its rows, hexadecimal.
    pub sha256: String,
}

/// A raw table as it is cited: its name, its columns and the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTable {
    /// Its name; its file is `<evidence>.<name>.ndjson`.
    pub name: String,
    /// Its column names.
    pub columns: Vec<String>,
    /// Number of rows.
    pub rows: usize,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// Who a server says it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerIdentity {
    /// `pg_control_system().system_identifier`, where the role may read it.
    pub system_identifier: Option<String>,
    /// `version()`.
    pub version: String,
    /// `server_version_num`, such as 170010.
    pub version_num: u32,
    /// The database that was connected to first.
    pub database: String,
    /// The role that was used.
    pub role: String,
    /// Whether the server is in recovery.
    pub standby: bool,
    /// `self-managed`, or the managed platform that the server shows to be.
    pub platform: String,
    /// The address that was connected to.
    pub address: String,
    /// TLS protocol and cipher of the connection, `none`, or `unix-socket`.
    pub transport: String,
}

impl ServerIdentity {
    /// A server of which nothing is known but its major version: for asking what such a server would be asked.
    pub fn of_version(major: u32) -> Self {
        Self {
            system_identifier: None,
            version: format!("PostgreSQL {major}"),
            version_num: major * 10_000,
            database: String::new(),
            role: String::new(),
            standby: false,
            platform: "self-managed".to_owned(),
            address: String::new(),
            transport: String::new(),
        }
    }

    /// The major version: 17 for 170010.
    pub fn major(&self) -> u32 {
        self.version_num / 10_000
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}
