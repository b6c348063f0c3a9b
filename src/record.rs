//! An assessment as the files of a bundle, and back.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::assessment::{Assessment, Summary, TargetRecord, TargetSummary};
use crate::evidence::{Evidence, Provenance, Table, Written};
use crate::finding::Finding;
use crate::profile::Profile;
use crate::salt::{Seed, content};
use crate::waiver::WaiverRecord;

/// Version of the record files' format.
pub const FORMAT: &str = "pgdossier-assessment/v1";

/// The summary's path.
pub const SUMMARY: &str = "assessment.json";
/// The profile's path.
pub const PROFILE: &str = "profile.json";
/// The path of what became of the waivers.
pub const WAIVERS: &str = "waivers.json";

/// Why records could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A file is not there.
    #[error("the bundle has no `{0}`")]
    Missing(String),
    /// A file is not what it should be.
    #[error("`{path}` cannot be understood: {reason}")]
    Wrong {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// JSON as records hold it: indented, with a final newline.
pub fn to_json(value: &impl Serialize) -> Vec<u8> {
    // Our records are maps, lists, texts and numbers: writing them to memory cannot fail.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The findings' path for a target.
pub fn findings_path(target: &str) -> String {
    format!("targets/{target}/findings.json")
}

/// The path of a target's profile, where it has its own.
pub fn profile_path(target: &str) -> String {
    format!("targets/{target}/profile.json")
}

/// The population's path.
pub fn evidence_path(target: &str, evidence: &str) -> String {
    format!("targets/{target}/evidence/{evidence}.ndjson")
}

/// The provenance's path.
pub fn provenance_path(target: &str, evidence: &str) -> String {
    format!("targets/{target}/evidence/{evidence}.json")
}

/// A raw table's path.
pub fn raw_path(target: &str, evidence: &str, table: &str) -> String {
    format!("targets/{target}/evidence/{evidence}.{table}.ndjson")
}

/// The files of an assessment (whose written bytes it takes): summary, profile, findings and evidence, each with its
/// salt.
pub fn files(assessment: &mut Assessment, seed: &Seed) -> BTreeMap<String, Vec<u8>> {
    let mut documents = BTreeMap::new();
    let mut tables = BTreeMap::new();
    documents.insert(SUMMARY.to_owned(), to_json(&assessment.summary));
    documents.insert(PROFILE.to_owned(), to_json(&assessment.profile));
    if let Some(waivers) = &assessment.waivers {
        documents.insert(WAIVERS.to_owned(), to_json(waivers));
    }
    for target in &mut assessment.targets {
        let id = &target.summary.id;
        documents.insert(findings_path(id), to_json(&target.findings));
        if let Some(profile) = &target.profile {
            documents.insert(profile_path(id), to_json(profile));
        }
        for (name, evidence) in &mut target.evidence {
            let mut written = std::mem::take(&mut evidence.written);
            documents.insert(provenance_path(id, name), to_json(&evidence.provenance));
            let population = written.population.take();
            tables.insert(
                evidence_path(id, name),
                population.unwrap_or_else(|| evidence.table.to_ndjson()),
            );
            for (table, rows) in &evidence.raw {
                let bytes = written.raw.remove(table).unwrap_or_else(|| rows.to_ndjson());
                tables.insert(raw_path(id, name, table), bytes);
            }
        }
    }
    // Tables have their salts already, since digests of them are cited.
    let documents = documents.into_iter().map(|(path, bytes)| {
        let salted = seed.append(&path, bytes);
        (path, salted)
    });
    documents.chain(tables).collect()
}

/// Reads an assessment back; `read` gives a file's bytes and `paths` are all that there are.
///
/// # Errors
/// [`RecordError`].
pub fn read(paths: &[String], read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Assessment, RecordError> {
    let summary: Summary = parse(SUMMARY, read)?;
    if summary.format != FORMAT {
        let reason = format!(
            "its format is `{}`, and this program reads `{FORMAT}`",
            summary.format
        );
        return Err(RecordError::Wrong {
            path: SUMMARY.to_owned(),
            reason,
        });
    }
    let profile: Profile = parse(PROFILE, read)?;
    let waivers: Option<WaiverRecord> = optional(WAIVERS, paths, read)?;
    let targets = summary
        .targets
        .iter()
        .map(|target| read_target(target, paths, read))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Assessment {
        summary,
        targets,
        profile,
        waivers,
    })
}

fn read_target(
    summary: &TargetSummary,
    paths: &[String],
    read: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<TargetRecord, RecordError> {
    let id = &summary.id;
    let findings: Vec<Finding> = parse(&findings_path(id), read)?;
    let profile = optional(&profile_path(id), paths, read)?;
    let folder = format!("targets/{id}/evidence/");
    let mut evidence = BTreeMap::new();
    for name in paths
        .iter()
        .filter_map(|path| path.strip_prefix(&folder)?.strip_suffix(".json"))
    {
        let provenance: Provenance = parse(&provenance_path(id, name), read)?;
        let (table, population) = rows(&evidence_path(id, name), provenance.columns.clone(), read)?;
        let mut raw = BTreeMap::new();
        for table in &provenance.derived_from {
            let path = raw_path(id, name, &table.name);
            raw.insert(table.name.clone(), rows(&path, table.columns.clone(), read)?.0);
        }
        evidence.insert(
            name.to_owned(),
            Evidence {
                provenance,
                raw,
                table,
                written: Written {
                    population: Some(population),
                    raw: BTreeMap::new(),
                },
            },
        );
    }
    Ok(TargetRecord {
        summary: summary.clone(),
        evidence,
        findings,
        profile,
    })
}

fn optional<T: DeserializeOwned>(
    path: &str,
    paths: &[String],
    read: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Option<T>, RecordError> {
    if paths.iter().any(|known| known == path) {
        parse(path, read).map(Some)
    } else {
        Ok(None)
    }
}

/// Reads one document.
///
/// # Errors
/// [`RecordError`].
pub fn parse<T: DeserializeOwned>(
    path: &str,
    read: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<T, RecordError> {
    let bytes = read(path).ok_or_else(|| RecordError::Missing(path.to_owned()))?;
    serde_json::from_slice(&content(path, &bytes)).map_err(|error| RecordError::Wrong {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Reads one table, and gives the bytes of its file too.
///
/// # Errors
/// [`RecordError`].
pub fn rows(
    path: &str,
    columns: Vec<String>,
    read: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<(Table, Vec<u8>), RecordError> {
    let bytes = read(path).ok_or_else(|| RecordError::Missing(path.to_owned()))?;
    let table = Table::from_ndjson(columns, &content(path, &bytes)).map_err(|reason| RecordError::Wrong {
        path: path.to_owned(),
        reason,
    })?;
    Ok((table, bytes))
}
