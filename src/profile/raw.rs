//! A profile as its YAML file writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use crate::attestation::Day;
use crate::control::{Level, Severity};

/// A profile as its YAML file writes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct RawProfile {
    /// Its name, as reports show it.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub title: Option<String>,
    /// The shipped profile that it begins with; `baseline` when neither this nor `select` is given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub base: Option<Spanned<String>>,
    /// Which controls it begins with, instead of a base.
    #[serde(default)]
    #[schemars(with = "Option<Selection>")]
    pub select: Option<Spanned<Selection>>,
    /// Controls that apply besides.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub include: Vec<Spanned<String>>,
    /// Controls that do not apply, each with the reason: reports show it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawExclusion>")]
    pub exclude: BTreeMap<String, Spanned<RawExclusion>>,
    /// Control to parameters and their values.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Map<String, Value>>")]
    pub parameters: BTreeMap<String, Spanned<Map<String, Value>>>,
    /// Control to a severity other than its own.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Severity>")]
    pub severity: BTreeMap<String, Spanned<Severity>>,
    /// What differs for targets with a tag.
    #[serde(default)]
    pub tags: BTreeMap<String, RawTagged>,
}

/// What differs for targets with a tag.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Tagged")]
pub struct RawTagged {
    /// Controls that apply besides.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub include: Vec<Spanned<String>>,
    /// Controls that do not apply, each with the reason.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RawExclusion>")]
    pub exclude: BTreeMap<String, Spanned<RawExclusion>>,
    /// Control to parameters and their values.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Map<String, Value>>")]
    pub parameters: BTreeMap<String, Spanned<Map<String, Value>>>,
    /// Control to a severity.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Severity>")]
    pub severity: BTreeMap<String, Spanned<Severity>>,
}

/// Why a control does not apply.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Exclusion")]
pub enum RawExclusion {
    /// The reason.
    Reason(String),
    /// The reason, with who decided and when.
    Decided(RawDecision),
}

/// Why a control does not apply, and whose decision that was.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Decision")]
pub struct RawDecision {
    /// The reason.
    pub reason: String,
    /// Who decided.
    #[serde(default)]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default)]
    pub decided_at: Option<Day>,
}

/// A choice of controls; what is named must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Controls of this level: `strict` takes those of `baseline` in.
    #[serde(default)]
    pub level: Option<Level>,
    /// Controls that answer something of this framework, a file in `controls/frameworks`.
    #[serde(default)]
    pub framework: Option<String>,
}

impl RawProfile {
    /// What it changes on every target, as if it were the changes of a tag.
    pub(super) fn changes(&self) -> RawTagged {
        RawTagged {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            parameters: self.parameters.clone(),
            severity: self.severity.clone(),
        }
    }
}
