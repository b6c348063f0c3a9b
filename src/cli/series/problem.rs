//! What is wrong with a series, by a stable name.

use serde::Serialize;

/// How bad it is; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Something that should be here could not be looked at.
    Unseen,
    /// The assessments were not made as they should have been.
    Exception,
    /// A bundle, or the history that all of them tell, does not verify.
    Failure,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) kind: Kind,
    /// In a sentence. Hostile text: escaped wherever it is shown.
    pub(super) message: String,
    /// The bundles that it is about: ids, or paths where nobody vouches for an id.
    pub(super) bundles: Vec<String>,
}

impl Problem {
    pub(super) fn new(
        kind: Kind,
        code: &'static str,
        message: impl Into<String>,
        bundles: impl IntoIterator<Item = impl ToString>,
    ) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
            bundles: bundles.into_iter().map(|one| one.to_string()).collect(),
        }
    }
}
