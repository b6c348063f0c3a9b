//! The conclusion for one control on one target.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::control::Severity;

/// What a finding concludes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Exceptions were seen.
    NotSatisfied,
    /// No conclusion: the reason says what was missing.
    NotEvaluated,
    /// Every row that the expectation is about was seen and meets it.
    Satisfied,
    /// The control is not about this target.
    NotApplicable,
}

impl Status {
    /// The word for it, as it is written everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotSatisfied => "not-satisfied",
            Self::NotEvaluated => "not-evaluated",
            Self::Satisfied => "satisfied",
            Self::NotApplicable => "not-applicable",
        }
    }
}

/// One row that does not meet the expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The row's line in the evidence's file, from 1.
    pub line: usize,
    /// The row in words. Hostile text: escape it wherever it is shown.
    pub text: String,
}

/// The conclusion for one control on one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The control's id.
    pub control: String,
    /// The control's title.
    pub title: String,
    /// The section of the guide that it answers.
    pub section: String,
    /// How much an exception matters.
    pub severity: Severity,
    /// The conclusion.
    pub status: Status,
    /// Why, in one sentence.
    pub reason: String,
    /// The file and line that decided: `controls/access/tcp/….yaml:12`.
    pub decided_by: String,
    /// The name of the evidence; absent when none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// SHA-256 of the evidence's rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_sha256: Option<String>,
    /// Rows in the evidence.
    pub population: usize,
    /// Rows that the expectation is about.
    pub examined: usize,
    /// Rows that do not meet it, in the evidence's order.
    pub exceptions: Vec<Exception>,
    /// What would make an incomplete answer complete: one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The parameters that were in force.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub parameters: serde_json::Map<String, Value>,
}

/// How many findings there are of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tally {
    /// Number of `satisfied`.
    pub satisfied: usize,
    /// Number of `not-satisfied`.
    pub not_satisfied: usize,
    /// Number of `not-evaluated`.
    pub not_evaluated: usize,
    /// Number of `not-applicable`.
    pub not_applicable: usize,
}

impl Tally {
    /// Counts these findings.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut tally = Self::default();
        for finding in findings {
            match finding.status {
                Status::Satisfied => tally.satisfied += 1,
                Status::NotSatisfied => tally.not_satisfied += 1,
                Status::NotEvaluated => tally.not_evaluated += 1,
                Status::NotApplicable => tally.not_applicable += 1,
            }
        }
        tally
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            satisfied: self.satisfied + other.satisfied,
            not_satisfied: self.not_satisfied + other.not_satisfied,
            not_evaluated: self.not_evaluated + other.not_evaluated,
            not_applicable: self.not_applicable + other.not_applicable,
        }
    }
}
