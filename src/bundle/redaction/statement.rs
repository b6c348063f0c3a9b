//! The in-toto Statement v1 that is signed about a redacted copy: its subject is the bundle's own statement.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::bundle::digest::Digest;
use crate::bundle::json::check_document;
use crate::bundle::layout::STATEMENT;
use crate::bundle::statement::{STATEMENT_TYPE, StatedSigner, Tool};

/// Type and version of the predicate.
pub const REDACTION_TYPE: &str = "urn:pgdossier:redaction:v1";

/// A whole redaction statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::bundle) struct RedactionStatement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    predicate_type: String,
    pub(in crate::bundle) predicate: RedactionPredicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: SubjectDigest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectDigest {
    sha256: Digest,
}

/// What a redactor says of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedactionPredicate {
    /// The bundle's id.
    pub bundle_id: String,
    /// When the copy was made.
    pub redacted_at: DateTime<Utc>,
    /// The program that made it.
    pub tool: Tool,
    /// Who signs, in what role.
    pub signer: StatedSigner,
    /// Files that are absent, sorted.
    pub withheld: Vec<WithheldPath>,
    /// Files of which a part stands under `redacted/`, sorted.
    pub partly_shown: Vec<PartlyShown>,
}

/// A file that is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WithheldPath {
    /// Its path in the bundle.
    pub path: String,
    /// Whether it has no salt, so that a right guess of its content can be told from its digest.
    pub guessable: bool,
    /// Why it is absent.
    pub reasons: Vec<String>,
}

/// A file of which a part is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartlyShown {
    /// Its path in the bundle.
    pub path: String,
    /// The digest of the part, whose path begins with `redacted/`.
    pub sha256: Digest,
    /// How many rows are withheld as a whole.
    pub withheld_rows: u64,
    /// Fields that are withheld in some row, sorted.
    pub withheld_fields: Vec<String>,
    /// Why.
    pub reasons: Vec<String>,
}

/// Why verified bytes are no redaction statement that this version understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bundle) enum RedactionProblem {
    Format(String),
    Type,
    Subject,
}

impl RedactionPredicate {
    /// The paths of all listed files that are not in the copy as they were.
    pub fn absent(&self) -> impl Iterator<Item = &str> {
        let withheld = self.withheld.iter().map(|file| file.path.as_str());
        withheld.chain(self.partly_shown.iter().map(|file| file.path.as_str()))
    }
}

impl RedactionStatement {
    pub(in crate::bundle) fn new(statement: Digest, predicate: RedactionPredicate) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: STATEMENT.to_owned(),
                digest: SubjectDigest { sha256: statement },
            }],
            predicate_type: REDACTION_TYPE.to_owned(),
            predicate,
        }
    }

    pub(in crate::bundle) fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and times in structs cannot fail to serialise.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    pub(in crate::bundle) fn parse(bytes: &[u8]) -> Result<Self, RedactionProblem> {
        check_document(bytes).map_err(RedactionProblem::Format)?;
        let statement: Self =
            serde_json::from_slice(bytes).map_err(|error| RedactionProblem::Format(error.to_string()))?;
        if statement.statement_type != STATEMENT_TYPE || statement.predicate_type != REDACTION_TYPE {
            return Err(RedactionProblem::Type);
        }
        match statement.subject.as_slice() {
            [subject] if subject.name == STATEMENT => Ok(statement),
            _ => Err(RedactionProblem::Subject),
        }
    }

    /// The SHA-256 of the bundle's statement.
    pub(in crate::bundle) fn about(&self) -> Option<Digest> {
        self.subject.first().map(|subject| subject.digest.sha256)
    }
}
