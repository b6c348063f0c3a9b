//! A copy of a bundle for a third party, in which files, rows and fields are withheld and the signature still verifies.

mod copy;
mod rows;
mod statement;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use thiserror::Error;

pub(super) use self::rows::root_of_shown;
pub use self::statement::{PartlyShown, REDACTION_TYPE, RedactionPredicate, WithheldPath};
use super::digest::Digest;
use super::layout::{COMMITMENTS, REDACTED, REDACTED_SUFFIX, is_needed, is_role};
use super::manifest::Manifest;
use super::path::{PathProblem, check_path, is_bundle_id};
use super::reader::{IntactBundle, ReadError};
use super::seal::{SealError, SealOptions};
use super::statement::{StatedSigner, Tool};
use super::{about, commitment, commitment_list};
use crate::salt::strip;
use crate::sign::{SignError, Signer};
use crate::withholding::Withholding;

/// Who redacts, when and with what.
#[derive(Clone, Copy)]
pub struct Redactor<'a> {
    /// Signs the redaction.
    pub signer: &'a dyn Signer,
    /// In what role: [`crate::withholding::REDACTOR`], or that of whoever signed the bundle.
    pub role: &'a str,
    /// The moment.
    pub at: DateTime<Utc>,
    /// The program.
    pub tool: &'a Tool,
}

/// A redacted copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// Its folder.
    pub folder: PathBuf,
    /// The same as one ZIP.
    pub archive: PathBuf,
    /// What it withholds.
    pub predicate: RedactionPredicate,
}

/// Why no copy was made.
#[derive(Debug, Error)]
pub enum RedactError {
    #[error("nothing is withheld; give the bundle itself")]
    Nothing,
    #[error("`{}` cannot be withheld: every verification needs it", .0.escape_default())]
    Needed(String),
    #[error("role `{}` is not made of at most 32 lowercase letters, digits and inner hyphens", .0.escape_default())]
    Role(String),
    #[error(
        "these carry no salt, so whoever guesses their content can see by their digest that the guess is right: {}; \
         say `guessable: accepted` in the rule, or `--accept-guessable`",
        .0.join(", ")
    )]
    Guessable(Vec<String>),
    #[error(
        "`{path}` cannot be shown in part: {reason}; withhold the whole file, or seal again with this version"
    )]
    NoParts { path: String, reason: String },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    Write(#[from] SealError),
}

impl From<PathProblem> for RedactError {
    fn from(problem: PathProblem) -> Self {
        Self::Write(SealError::Path(problem))
    }
}

/// Writes a copy of `bundle` without what is withheld, as `<id>/` and `<id>.zip` in `out_dir`.
///
/// # Errors
/// [`RedactError`]; nothing is left behind.
pub fn redact(
    bundle: &IntactBundle,
    withholding: &Withholding,
    redactor: Redactor<'_>,
    out_dir: &Path,
    options: &SealOptions<'_>,
) -> Result<Redacted, RedactError> {
    check_request(bundle, withholding, redactor.role)?;
    let commitments = read_commitments(bundle)?;
    let mut added = Vec::new();
    let mut partly = Vec::new();
    for (path, cut) in &withholding.cuts {
        let no_parts = |reason: &str| RedactError::NoParts {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let bytes = bundle.read(path)?;
        let root = commitments.as_ref().and_then(|all| all.find(path));
        let root = root.ok_or_else(|| no_parts("the bundle has no commitment to its rows"))?;
        if commitment::root(path, &bytes) != Some(root) {
            return Err(no_parts("its rows are not those that the bundle commits to"));
        }
        let shown = rows::shown(path, &bytes, cut).ok_or_else(|| no_parts("it has no rows"))?;
        let to = format!("{REDACTED}{path}{REDACTED_SUFFIX}");
        check_path(&to)?;
        if root_of_shown(shown.bytes.as_slice(), bundle.limits().line_bytes) != Ok(root) {
            return Err(no_parts("a row is too long for that"));
        }
        partly.push(PartlyShown {
            path: path.clone(),
            sha256: Digest::of(&shown.bytes),
            withheld_rows: shown.withheld_rows,
            withheld_fields: shown.withheld_fields,
            reasons: cut.reasons.iter().cloned().collect(),
        });
        added.push((to, shown.bytes));
    }
    let predicate = RedactionPredicate {
        bundle_id: bundle.statement().predicate.bundle_id.clone(),
        redacted_at: redactor.at,
        tool: redactor.tool.clone(),
        signer: StatedSigner {
            keyid: redactor.signer.public_key().keyid().to_owned(),
            role: redactor.role.to_owned(),
        },
        withheld: withheld(bundle, withholding)?,
        partly_shown: partly,
    };
    added.push(about::sign(
        bundle.statement_sha256(),
        predicate.clone(),
        redactor.signer,
    )?);
    added.sort_by(|(a, _), (b, _)| a.cmp(b));
    let absent: BTreeSet<&str> = predicate.absent().collect();
    let id = predicate.bundle_id.as_str();
    let [folder, archive] = copy::write(bundle, id, &absent, &added, out_dir, options)?;
    Ok(Redacted {
        folder,
        archive,
        predicate,
    })
}

fn check_request(bundle: &IntactBundle, withholding: &Withholding, role: &str) -> Result<(), RedactError> {
    if !is_role(role) {
        return Err(RedactError::Role(role.to_owned()));
    }
    let id = &bundle.statement().predicate.bundle_id;
    if !is_bundle_id(id) {
        // It names a folder, and nobody has verified who wrote it.
        return Err(RedactError::Write(SealError::Id(id.clone())));
    }
    if withholding.files.is_empty() && withholding.cuts.is_empty() {
        return Err(RedactError::Nothing);
    }
    let all = || withholding.files.keys().chain(withholding.cuts.keys());
    if let Some(needed) = all().find(|path| is_needed(path)) {
        return Err(RedactError::Needed(needed.clone()));
    }
    let listed: BTreeSet<&str> = bundle.paths().collect();
    match all().find(|path| !listed.contains(path.as_str())) {
        Some(path) => Err(RedactError::Read(ReadError::NoSuchFile { path: path.clone() })),
        None => Ok(()),
    }
}

fn read_commitments(bundle: &IntactBundle) -> Result<Option<Manifest>, RedactError> {
    if !bundle.paths().any(|path| path == COMMITMENTS) {
        return Ok(None);
    }
    commitment_list::parse(&bundle.read(COMMITMENTS)?)
        .map(Some)
        .map_err(|failure| RedactError::NoParts {
            path: COMMITMENTS.to_owned(),
            reason: failure.message,
        })
}

fn withheld(bundle: &IntactBundle, withholding: &Withholding) -> Result<Vec<WithheldPath>, RedactError> {
    let mut withheld = Vec::new();
    let mut refused = Vec::new();
    for (path, file) in &withholding.files {
        let guessable = match path.rsplit_once('.').map(|(_, kind)| kind) {
            // Only what can carry a salt need be read.
            Some("json" | "ndjson" | "html" | "md" | "sql") => strip(path, &bundle.read(path)?).is_none(),
            _ => true,
        };
        if guessable && !file.guessable {
            refused.push(format!("`{path}`"));
        }
        withheld.push(WithheldPath {
            path: path.clone(),
            guessable,
            reasons: file.reasons.iter().cloned().collect(),
        });
    }
    if refused.is_empty() {
        Ok(withheld)
    } else {
        Err(RedactError::Guessable(refused))
    }
}
