//! What verifying a bundle found, as text and as JSON.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::failure::Failure;
use super::redaction::RedactionPredicate;
use super::review::{Decision, ReviewPredicate};
use crate::escape;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was checked and holds.
    Passed,
    /// It was checked and does not hold.
    Failed,
    /// An earlier failure made it impossible to check.
    NotChecked,
}

/// One numbered step of verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// 2 to 15, as in `docs/bundle-format.md`.
    pub step: u8,
    /// What is checked.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What is wrong; empty unless it failed.
    pub failures: Vec<Failure>,
    /// What the reader should know besides.
    pub notes: Vec<String>,
}

/// The conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything holds.
    Valid,
    /// Everything holds but files are absent, which the verifier allowed.
    ValidWithWithheldFiles,
    /// Something does not hold or could not be checked.
    Invalid,
}

/// Whose signature counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedSigner {
    /// The key's id.
    pub keyid: String,
    /// Its owner, as the policy says.
    pub owner: String,
    /// The role signed in.
    pub role: String,
    /// What an authority's token proves; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
}

/// A time by which a signature existed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The latest time that the token allows for.
    pub time: DateTime<Utc>,
    /// The authority that says so.
    pub authority: String,
}

/// Whether the time of signing is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Time {
    /// Every signature that counts has a token of an authority that the policy trusts.
    Proven,
    /// It rests on the signer's word.
    NotProven,
}

/// A review by a key that the policy trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// The owner of the key that signed it, as the policy says.
    pub owner: String,
    /// What an authority's token proves; absent when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
    /// What was signed.
    #[serde(flatten)]
    pub predicate: ReviewPredicate,
}

/// Who made a redacted copy, and what is withheld in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redaction {
    /// The owner of the key that signed it, as the policy says.
    pub owner: String,
    /// What was signed.
    #[serde(flatten)]
    pub predicate: RedactionPredicate,
}

/// Everything that verifying a bundle found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Version of this JSON.
    pub version: u32,
    /// The conclusion.
    pub verdict: Verdict,
    /// The bundle's id, once a trusted signature vouches for it.
    pub bundle_id: Option<String>,
    /// The bundle's identity: the SHA-256 of its statement in hex.
    pub statement_sha256: Option<String>,
    /// The time that was taken as now.
    pub as_of: DateTime<Utc>,
    /// Whether tokens prove the time of signing.
    pub time: Time,
    /// Whose signatures counted.
    pub signers: Vec<VerifiedSigner>,
    /// What those decided who reviewed the bundle.
    pub reviews: Vec<Review>,
    /// Listed files that are absent, by a signed redaction or with the verifier's consent.
    pub withheld: Vec<String>,
    /// The redaction by which they are, once a trusted signature vouches for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Redaction>,
    /// Every step and how it ended.
    pub checks: Vec<Check>,
}

impl Verification {
    /// All that is wrong, in the order of the steps.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.checks.iter().flat_map(|check| &check.failures)
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let outcome = match check.outcome {
                Outcome::Passed => "ok",
                Outcome::Failed => "FAILED",
                Outcome::NotChecked => "not checked",
            };
            writeln!(f, "{:>2}. {}: {outcome}", check.step, check.name)?;
            for failure in &check.failures {
                let place = failure
                    .path
                    .as_ref()
                    .map(|path| format!("{path}: "))
                    .unwrap_or_default();
                // A name or a reader's complaint may hold anything, and each is one line here.
                let said = format!("{place}{}", failure.message);
                writeln!(f, "    {} [{}]", escape::terminal(&said), failure.code)?;
            }
            for note in &check.notes {
                writeln!(f, "    note: {}", escape::terminal(note))?;
            }
        }
        for signer in &self.signers {
            writeln!(
                f,
                "signed by {} as {} (key {})",
                signer.owner.escape_debug(),
                signer.role,
                signer.keyid
            )?;
            if let Some(by) = &signer.signed_by {
                writeln!(f, "{by}")?;
            }
        }
        for review in &self.reviews {
            write!(f, "{review}")?;
        }
        if let Some(redaction) = &self.redaction {
            write!(f, "{redaction}")?;
        }
        let verdict = match self.verdict {
            Verdict::Valid => "valid",
            Verdict::ValidWithWithheldFiles => "valid with withheld files",
            Verdict::Invalid => "invalid",
        };
        let time = match self.time {
            Time::Proven => "time proven",
            Time::NotProven => "time not proven",
        };
        writeln!(f, "{verdict}; {time}")
    }
}

impl fmt::Display for SignedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        write!(f, "    by {time}, says {}", self.authority.escape_debug())
    }
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stated = &self.predicate;
        let decided = match stated.decision {
            Decision::Approve => "approved",
            Decision::Reject => "rejected",
        };
        let time = stated
            .reviewed_at
            .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        writeln!(
            f,
            "{decided} at {time} by {} as {} (key {})",
            self.owner.escape_debug(),
            stated.signer.role,
            stated.signer.keyid
        )?;
        if !stated.comment.is_empty() {
            writeln!(f, "    \"{}\"", stated.comment.escape_debug())?;
        }
        if let Some(by) = &self.signed_by {
            writeln!(f, "{by}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stated = &self.predicate;
        let because = |reasons: &[String]| reasons.join("; ").escape_debug().to_string();
        writeln!(
            f,
            "redacted at {} by {} as {} (key {})",
            stated.redacted_at,
            self.owner.escape_debug(),
            stated.signer.role,
            stated.signer.keyid
        )?;
        for file in &stated.withheld {
            let guessable = if file.guessable { " (guessable)" } else { "" };
            let path = file.path.escape_debug();
            writeln!(f, "    withheld{guessable}: {path}: {}", because(&file.reasons))?;
        }
        for file in &stated.partly_shown {
            let mut without = Vec::new();
            if file.withheld_rows > 0 {
                without.push(format!("{} row(s)", file.withheld_rows));
            }
            let fields = file.withheld_fields.iter();
            without.extend(fields.map(|field| format!("`{}`", field.escape_debug())));
            let path = file.path.escape_debug();
            let without = without.join(", ");
            writeln!(
                f,
                "    shown in part: {path}, without {without}: {}",
                because(&file.reasons)
            )?;
        }
        Ok(())
    }
}
