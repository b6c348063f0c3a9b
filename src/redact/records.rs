//! The records of a bundle, as far as they tell what is made from what.

use std::collections::BTreeMap;

use crate::evidence::{Provenance, Row, Table};
use crate::finding::Finding;
use crate::record::{self, RecordError};
use crate::salt::content;

/// Gives a file's bytes.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// Why the records do not tell what is made from what.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordsError(#[from] RecordError);

/// Names one evidence of one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EvidenceKey {
    pub(super) target: String,
    pub(super) name: String,
}

/// Everything that refers to something else.
pub(super) struct Records<'a> {
    pub(super) paths: &'a [String],
    pub(super) read: Read<'a>,
    pub(super) evidence: BTreeMap<EvidenceKey, Provenance>,
    /// By target.
    pub(super) findings: BTreeMap<String, Vec<Finding>>,
    /// Of provenances and findings, by path: the names of each row's fields.
    names: BTreeMap<String, Vec<Vec<String>>>,
}

impl EvidenceKey {
    pub(super) fn population(&self) -> String {
        record::evidence_path(&self.target, &self.name)
    }

    pub(super) fn provenance(&self) -> String {
        record::provenance_path(&self.target, &self.name)
    }

    pub(super) fn raw(&self, table: &str) -> String {
        record::raw_path(&self.target, &self.name, table)
    }
}

impl<'a> Records<'a> {
    pub(super) fn open(paths: &'a [String], read: Read<'a>) -> Result<Self, RecordsError> {
        let (mut evidence, mut findings, mut names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let named = |row: Row| row.into_iter().map(|(name, _)| name).collect();
        for path in paths {
            let Some((target, rest)) = path
                .strip_prefix("targets/")
                .and_then(|rest| rest.split_once('/'))
            else {
                continue;
            };
            if let Some(name) = rest
                .strip_prefix("evidence/")
                .and_then(|rest| rest.strip_suffix(".json"))
            {
                let key = EvidenceKey {
                    target: target.to_owned(),
                    name: name.to_owned(),
                };
                evidence.insert(key, record::parse(path, read)?);
                names.insert(path.clone(), vec![named(record::parse(path, read)?)]);
            } else if *path == record::findings_path(target) {
                findings.insert(target.to_owned(), record::parse(path, read)?);
                let rows: Vec<Row> = record::parse(path, read)?;
                names.insert(path.clone(), rows.into_iter().map(named).collect());
            }
        }
        Ok(Self {
            paths,
            read,
            evidence,
            findings,
            names,
        })
    }

    /// The rows of a population.
    pub(super) fn table(&self, key: &EvidenceKey) -> Result<Table, RecordsError> {
        let columns = self
            .evidence
            .get(key)
            .map(|provenance| provenance.columns.clone());
        let (table, _) = record::rows(&key.population(), columns.unwrap_or_default(), self.read)?;
        Ok(table)
    }

    /// The rows of a file that is a table: a population or a raw one.
    pub(super) fn any_table(&self, path: &str) -> Option<Table> {
        let bytes = path.ends_with(".ndjson").then(|| (self.read)(path))??;
        Table::from_ndjson(Vec::new(), &content(path, &bytes)).ok()
    }

    /// The names of the fields of a row of a provenance or of findings.
    pub(super) fn names(&self, path: &str, row: usize) -> &[String] {
        let rows = self.names.get(path);
        rows.and_then(|rows| rows.get(row)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.paths
            .binary_search_by(|known| known.as_str().cmp(path))
            .is_ok()
    }
}
