//! Controls: the YAML files, what they mean, and the catalog they make.

mod applicability;
mod catalog;
mod expression;
mod framework;
mod guide;
mod lint;
mod raw;
mod saved_query;
mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use applicability::{Applicability, Applies};
pub use catalog::{Catalog, CatalogError};
pub use expression::{Expression, ExpressionError, to_cel};
pub use framework::{Framework, Item};
pub use guide::{Guide, Section};
pub use lint::{CollectorContract, ColumnsOf, lint};
pub use raw::{Example, RawControl};
pub use saved_query::{SavedQuery, Scope};
pub use template::ExceptionTemplate;

use crate::attestation::Question;
use crate::yaml::Place;

/// How much an exception matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A stranger can get in or take over.
    Critical,
    /// One more mistake away from that.
    High,
    /// Weakens a defence.
    Medium,
    /// Good practice.
    Low,
}

impl Severity {
    /// The word for it, as it is written everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// Who is expected to meet a control.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Every server.
    #[default]
    Baseline,
    /// Servers with high stakes: it costs something, or needs a module that not every server has.
    Strict,
}

/// What an empty population means for a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhenEmpty {
    /// Nothing to object to.
    Satisfied,
    /// Something had to be there.
    NotSatisfied,
    /// The control is not about such a target.
    NotApplicable,
}

/// What a control wants collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The collector's name.
    pub collector: String,
    /// Its arguments, as written.
    pub arguments: Value,
    /// The targets for which this request is the right one; the first that holds is used.
    pub when: Applies,
    /// Where it is written.
    pub place: Place,
}

/// One requirement with a stable id.
#[derive(Debug)]
pub struct Control {
    /// Equal to the stem of its file.
    pub id: String,
    /// One line.
    pub title: String,
    /// The section of the guide that it answers.
    pub section: String,
    /// How much an exception matters.
    pub severity: Severity,
    /// Who is expected to meet it.
    pub level: Level,
    /// Why it is required.
    pub rationale: String,
    /// What to do about an exception.
    pub remediation: String,
    /// Framework and version to the numbers there.
    pub references: BTreeMap<String, Vec<String>>,
    /// The targets that it is about.
    pub applies: Applies,
    /// Parameters with their defaults.
    pub parameters: Map<String, Value>,
    /// What whoever attests to it has to answer.
    pub questions: Vec<Question>,
    /// What to collect: the first whose `when` holds.
    pub evidence: Vec<Request>,
    /// The population in words.
    pub population: String,
    /// Which rows the expectation is about; all when absent.
    pub filter: Option<Expression>,
    /// True for a good row.
    pub expect: Expression,
    /// An exception in words.
    pub exception: ExceptionTemplate,
    /// What an empty population means.
    pub when_empty: WhenEmpty,
    /// Good and bad rows.
    pub examples: Vec<Example>,
    /// Its file, relative to the catalog's root, with `controls/` before it.
    pub file: String,
}

impl Control {
    /// The request that is right for this target; none when no `when` holds.
    pub fn request_for(&self, facts: &TargetFacts) -> Option<&Request> {
        self.evidence
            .iter()
            .find(|request| request.when.holds(facts) == Applicability::Applies)
    }

    /// Whether only people can answer it: every evidence of it is attested.
    pub fn by_people(&self) -> bool {
        let attested = ["attestation", "certificate"];
        self.evidence
            .iter()
            .all(|request| attested.contains(&request.collector.as_str()))
    }

    /// The file and line of the expectation, as findings cite it.
    pub fn decided_by(&self) -> String {
        format!("{}:{}", self.file, self.expect.place.line)
    }

    /// The columns that its expressions use; all of them when one uses the row as a whole.
    pub fn columns_used(&self, all: &[String]) -> Vec<String> {
        let mut columns = Vec::new();
        for expression in self.filter.iter().chain([&self.expect]) {
            match expression.columns() {
                Some(used) => columns.extend(used.iter().cloned()),
                None => columns.extend(all.iter().cloned()),
            }
        }
        columns.sort();
        columns.dedup();
        columns
    }
}

/// What decides whether a control, or one of its requests, is about a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetFacts {
    /// The server's major version; unknown when it could not be asked.
    pub major: Option<u32>,
    /// The platform; unknown when it could not be asked.
    pub platform: Option<String>,
}
