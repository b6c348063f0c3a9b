//! What is signed about a redacted copy.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::bundle::about::AboutBundle;
use crate::bundle::digest::Digest;
use crate::bundle::layout::REDACTION;
use crate::bundle::statement::{StatedSigner, Tool};

/// Type and version of the predicate.
pub const REDACTION_TYPE: &str = "urn:pgdossier:redaction:v1";

/// What a redactor says of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedactionPredicate {
    /// The bundle's id.
    pub bundle_id: String,
    /// When the copy was made.
    #[serde(deserialize_with = "crate::strict::time")]
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

impl RedactionPredicate {
    /// The paths of all listed files that are not in the copy as they were.
    pub fn absent(&self) -> impl Iterator<Item = &str> {
        let withheld = self.withheld.iter().map(|file| file.path.as_str());
        withheld.chain(self.partly_shown.iter().map(|file| file.path.as_str()))
    }
}

impl AboutBundle for RedactionPredicate {
    const TYPE: &'static str = REDACTION_TYPE;
    const NOUN: &'static str = "redaction";
    const FOLDER: &'static str = REDACTION;

    fn bundle_id(&self) -> &str {
        &self.bundle_id
    }

    fn signer(&self) -> &StatedSigner {
        &self.signer
    }
}
