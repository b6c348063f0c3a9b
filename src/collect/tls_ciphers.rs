//! `tls-ciphers`: every cipher suite that the server really accepts, by protocol version.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tls_probe::suites::strength;
use super::tls_probe::{PROBE, Probed, answer, listening, probe, text};
use super::{Asked, Collector, Deriving, Endpoint, Probing, Question, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct TlsCiphers;

const COLUMNS: &[&str] = &[
    "version",
    "suite",
    "forward_secret",
    "aead",
    "key_bits",
    "dh_bits",
    "weaknesses",
    "host",
    "port",
];

impl Collector for TlsCiphers {
    fn name(&self) -> &'static str {
        "tls-ciphers"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        vec![listening()]
    }

    fn probe<'a>(&self, endpoint: Endpoint<'a>) -> Option<Probing<'a>> {
        Some(probe(endpoint))
    }

    fn probe_name(&self) -> Option<&'static str> {
        Some(PROBE)
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let rows = match Probed::read(raw)?.filter(|probed| probed.tls) {
            Some(probed) => population(&probed)?,
            None => Vec::new(),
        };
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// A list of suites that breaks off is none: what was not asked for any more might be the weak one.
fn population(probed: &Probed<'_>) -> Result<Vec<Row>, String> {
    let undecided = probed
        .of_kind("version")
        .chain(probed.of_kind("suite"))
        .find(|attempt| probed.accepted(attempt).is_none());
    if let Some(attempt) = undecided {
        return Err(format!(
            "not all cipher suites of {} could be asked for: {}",
            text(attempt, "offered_version").unwrap_or_default(),
            answer(attempt)
        ));
    }
    let accepted = probed
        .of_kind("suite")
        .filter(|attempt| probed.accepted(attempt) == Some(true));
    Ok(accepted
        .map(|attempt| describe(attempt, probed.endpoint))
        .collect())
}

fn describe(attempt: &Row, endpoint: &Row) -> Row {
    let suite = text(attempt, "suite").unwrap_or_default();
    let dh_bits = attempt.get("dh_bits").and_then(Value::as_u64);
    let strength = strength(suite, dh_bits);
    let mut row = Row::new();
    row.insert(
        "version".to_owned(),
        attempt.get("version").cloned().unwrap_or_default(),
    );
    row.insert("suite".to_owned(), json!(suite));
    row.insert("forward_secret".to_owned(), json!(strength.forward_secret));
    row.insert("aead".to_owned(), json!(strength.aead));
    row.insert("key_bits".to_owned(), json!(strength.key_bits));
    row.insert("dh_bits".to_owned(), json!(dh_bits));
    row.insert("weaknesses".to_owned(), json!(strength.weaknesses));
    for column in ["host", "port"] {
        row.insert(
            column.to_owned(),
            endpoint.get(column).cloned().unwrap_or_default(),
        );
    }
    row
}
