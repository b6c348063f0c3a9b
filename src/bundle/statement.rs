//! The in-toto Statement v1 that is signed: one subject, the manifest, and our predicate.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::chain::Chain;
use super::digest::Digest;
use super::layout::MANIFEST;
use crate::strict::{self, from_json};

pub(crate) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type and version of our predicate. A URN in an unregistered namespace: a name, not a claim to anybody's domain.
pub const PREDICATE_TYPE: &str = "urn:pgdossier:assessment:v1";
/// How a trust policy calls this kind of statement.
pub(crate) const STATEMENT_KIND: &str = "assessment";

/// What a bundle is about, as its maker states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Names the bundle, its folder and its archive: `[A-Za-z0-9._-]`, at most 64.
    pub id: String,
    /// Names the chain of bundles that this one continues, for instance the team's name.
    pub series: String,
    /// Whose estate was assessed.
    pub organisation: String,
    /// What period the assessment is for, for instance `2026-Q4`.
    pub period: String,
    /// The assessment's clock.
    pub as_of: DateTime<Utc>,
    /// The program that assessed.
    pub tool: Tool,
}

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A whole statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    predicate_type: String,
    /// What the signer says about the manifest.
    pub predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    sha256: Digest,
}

/// What the signer says about the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Predicate {
    /// [`Description::id`].
    pub bundle_id: String,
    /// [`Description::organisation`].
    pub organisation: String,
    /// [`Description::period`].
    pub period: String,
    /// [`Description::as_of`].
    #[serde(deserialize_with = "strict::time")]
    pub as_of: DateTime<Utc>,
    /// [`Description::tool`].
    pub tool: Tool,
    /// The tree over the manifest's lines.
    pub manifest: ManifestTree,
    /// Who signs, in what role.
    pub signer: StatedSigner,
    /// Where the bundle stands in its series.
    pub chain: Chain,
}

/// The RFC 9162 tree over the manifest's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestTree {
    /// Number of lines, so of listed files. Signed, since a proof verifies under many sizes.
    pub size: u64,
    /// The tree's root.
    pub root: Digest,
}

/// The key that signs and the role it signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedSigner {
    /// The key's id.
    pub keyid: String,
    /// For instance `preparer`.
    pub role: String,
}

/// Why verified bytes are not a statement that this version understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StatementProblem {
    Format(String),
    StatementType(String),
    PredicateType(String),
    Subject,
}

/// Enough of a statement to tell what kind it is before reading it strictly.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

impl Statement {
    pub(crate) fn new(manifest: Digest, predicate: Predicate) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: MANIFEST.to_owned(),
                digest: SubjectDigest { sha256: manifest },
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// The bytes to be signed: JSON with two-space indents and a final line feed.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and times in structs cannot fail to serialise.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, StatementProblem> {
        let format = |error: serde_json::Error| StatementProblem::Format(error.to_string());
        super::json::check_document(bytes).map_err(StatementProblem::Format)?;
        let kind: Kind = serde_json::from_slice(bytes).map_err(format)?;
        if kind.statement_type != STATEMENT_TYPE {
            return Err(StatementProblem::StatementType(kind.statement_type));
        }
        if kind.predicate_type != PREDICATE_TYPE {
            return Err(StatementProblem::PredicateType(kind.predicate_type));
        }
        let statement: Self = from_json(bytes).map_err(StatementProblem::Format)?;
        match statement.subject.as_slice() {
            [subject] if subject.name == MANIFEST => Ok(statement),
            _ => Err(StatementProblem::Subject),
        }
    }

    /// The SHA-256 of the manifest that this statement is about.
    pub fn manifest_sha256(&self) -> Option<Digest> {
        self.subject.first().map(|subject| subject.digest.sha256)
    }
}
