//! One execution and all its data.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, ServerIdentity};
use crate::finding::{Finding, Tally};

/// The period that an assessment is for: `2026-Q4`, `2026-11`, `2026` or `2026-10-01/2026-12-31`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// As it was given.
    pub label: String,
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
}

/// The program that made the assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `pgdossier`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its binary, hexadecimal; absent when the binary can't be read.
    pub binary_sha256: Option<String>,
}

/// Who ran it and where from, as the operating system tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Name of the operating system's user.
    pub user: String,
    /// Name of the machine.
    pub host: String,
}

/// What was applied: digests of the definitions, and the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definitions {
    /// SHA-256 over the catalog's files (names and bytes, in order).
    pub catalog_sha256: String,
    /// Number of controls.
    pub controls: usize,
    /// The profile's name.
    pub profile: String,
    /// SHA-256 of the report's templates.
    pub templates_sha256: String,
}

/// A target as the assessment's summary lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSummary {
    /// The target's id: the name of its folder in the bundle.
    pub id: String,
    /// Where it was asked, without secrets: host, port, database, role.
    pub connection: String,
    /// Tags from the inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The site (data centre, region) from the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Who the server says it is; absent when it could not be reached.
    pub server: Option<ServerIdentity>,
    /// Why it could not be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Warnings about the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How many findings of each status.
    pub tally: Tally,
}

/// The head of an assessment: `assessment.json` in the bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The format of this file and of those beside it.
    pub format: String,
    /// The bundle's id.
    pub id: String,
    /// Whose servers they are.
    pub organisation: String,
    /// What period it is for.
    pub period: Period,
    /// The assessment's clock: every judgement about time uses it.
    pub as_of: DateTime<Utc>,
    /// The program.
    pub tool: Tool,
    /// Who ran it.
    pub operator: Operator,
    /// What was applied.
    pub definitions: Definitions,
    /// The targets, by id.
    pub targets: Vec<TargetSummary>,
    /// All targets together.
    pub tally: Tally,
}

/// Everything known about one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRecord {
    /// Its line in the summary.
    pub summary: TargetSummary,
    /// Its evidence, by name.
    pub evidence: BTreeMap<String, Evidence>,
    /// One finding for each control, in the catalog's order.
    pub findings: Vec<Finding>,
}

/// A document that an attestation refers to, as it goes into the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its path in the bundle: `attachments/<sha256>.<extension>`.
    pub path: String,
    /// The name that its file had.
    pub name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

/// One execution and all its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The head.
    pub summary: Summary,
    /// The targets, in the summary's order.
    pub targets: Vec<TargetRecord>,
}
