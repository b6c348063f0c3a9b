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

/// An exception that somebody answers for: it stays an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waived {
    /// The exception's line in the evidence's file; absent when the finding as a whole is waived, since nothing was
    /// there to examine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The waiver: its file and line.
    pub by: String,
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
    /// Which of them are waived. The status is as if none were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<Waived>,
    /// What would make an incomplete answer complete: one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The parameters that were in force.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub parameters: serde_json::Map<String, Value>,
}

impl Finding {
    /// The waiver of the exception at this line of the evidence.
    pub fn waiver_of(&self, line: usize) -> Option<&str> {
        let own = self.waived.iter().find(|waived| waived.line == Some(line));
        own.map(|waived| waived.by.as_str())
    }

    /// How many exceptions nobody answers for.
    pub fn remaining(&self) -> usize {
        let waived = self.waived.iter().filter(|waived| waived.line.is_some()).count();
        self.exceptions.len().saturating_sub(waived)
    }

    /// Whether there are exceptions, and each of them is waived.
    pub fn waived_in_full(&self) -> bool {
        self.status == Status::NotSatisfied && !self.waived.is_empty() && self.remaining() == 0
    }

    /// Whether it is waived in full and nothing is unseen: where an answer is incomplete there may be more exceptions,
    /// and nobody can have accepted those.
    pub fn accepted(&self) -> bool {
        self.waived_in_full() && self.missing.is_empty()
    }
}

/// How many of the findings that apply are good: as they are, and with what is waived counted in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Findings that are satisfied.
    pub satisfied: usize,
    /// How many of these rest on what people or third parties state.
    pub attested: usize,
    /// Findings with exceptions, each of which is waived, and nothing unseen.
    pub waived: usize,
    /// Findings that apply, seen or not.
    pub applicable: usize,
}

impl Score {
    /// Counts these findings, each with whether it rests on what people state.
    pub fn of<'a>(findings: impl IntoIterator<Item = (&'a Finding, bool)>) -> Self {
        let mut score = Self::default();
        for (finding, attested) in findings {
            let satisfied = finding.status == Status::Satisfied;
            score.attested += usize::from(satisfied && attested);
            score.applicable += usize::from(finding.status != Status::NotApplicable);
            score.satisfied += usize::from(satisfied);
            score.waived += usize::from(finding.accepted());
        }
        score
    }

    /// Per cent of what applies that is satisfied, rounded down; nothing when nothing applies.
    pub fn raw(self) -> Option<usize> {
        (self.satisfied * 100).checked_div(self.applicable)
    }

    /// The same, with what is waived in full counted as good.
    pub fn with_waivers(self) -> Option<usize> {
        ((self.satisfied + self.waived) * 100).checked_div(self.applicable)
    }
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
