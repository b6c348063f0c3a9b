//! One thing that is wrong with a bundle, by a stable name.

use serde::Serialize;

/// A named reason why a bundle does not verify.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Failure {
    /// Stable identifier, `<subject>.<problem>`; listed in `docs/bundle-format.md`.
    pub code: &'static str,
    /// The file inside the bundle that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            path: None,
            message: message.into(),
        }
    }

    pub(crate) fn at(code: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            path: Some(path.to_owned()),
            message: message.into(),
        }
    }
}
