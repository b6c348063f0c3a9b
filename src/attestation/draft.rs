//! Drafts: files in which somebody has begun to write what they will attest. None of them ever counts.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::{Scope, Subject};

/// What a draft has to say: what it will be, and what it will answer. The rest may be there already.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Draft {
    /// `attestation` or `certificate`.
    pub kind: String,
    /// The controls that it will answer.
    pub controls: Vec<String>,
    /// The targets that it will be about; all when absent.
    #[serde(default)]
    pub targets: Option<Vec<String>>,
    /// Only targets with one of these tags; all when absent.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// The sites named in it: for an attestation, only targets at one of these.
    #[serde(default)]
    pub sites: Option<Vec<String>>,
}

impl Draft {
    /// Whether it will answer a control for a target.
    pub fn answers(&self, control: &str, subject: Subject<'_>) -> bool {
        let sites = self.sites.as_ref().filter(|_| self.kind == "attestation");
        let scope = Scope {
            targets: self.targets.as_ref(),
            tags: self.tags.as_ref(),
            sites,
        };
        self.controls.iter().any(|named| named == control) && scope.admits(subject)
    }
}

/// Makes a schema ask less of a draft: only what it is and what it answers. What is there has to be right all the same.
pub(super) fn ask_less_of_drafts(schema: &mut Schema) {
    let Some(required) = schema.remove("required") else {
        return;
    };
    schema.insert(
        "if".to_owned(),
        json!({"properties": {"draft": {"const": true}}, "required": ["draft"]}),
    );
    schema.insert("then".to_owned(), json!({"required": ["kind", "controls"]}));
    schema.insert("else".to_owned(), json!({"required": required}));
}

/// For `skip_serializing_if`.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference
pub(super) fn is_none(draft: &bool) -> bool {
    !draft
}
