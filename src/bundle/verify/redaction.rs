//! Step 14: a redacted copy withholds what a signed redaction says, and what it shows leads to what was sealed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::VerifyOptions;
use super::about::{self, CLOCK_SKEW, Codes, Trusted};
use super::signatures::{Accepted, Verified};
use crate::bundle::commitment_list;
use crate::bundle::failure::Failure;
use crate::bundle::layout::{REDACTED, REDACTED_SUFFIX, REDACTION, is_needed, is_of_redaction};
use crate::bundle::manifest::Manifest;
use crate::bundle::redaction::{PartlyShown, RedactionPredicate, root_of_shown};
use crate::bundle::review::REVIEW_KIND;
use crate::bundle::statement::STATEMENT_KIND;
use crate::bundle::store::Store;
use crate::bundle::verification::Redaction;
use crate::sign::{SigningTime, TrustPolicy, TrustedKey, key_fault};
use crate::signature::{SignedKind, statement_of};
use crate::withholding::REDACTOR;

const CODES: Codes = Codes {
    file_name: "redaction.signer",
    format: "redaction.format",
    signature: "redaction.signature",
    signer: "redaction.signer",
    other_bundle: "redaction.other-bundle",
};

/// What a redaction comes to.
#[derive(Default)]
pub(super) struct RedactionStep {
    pub(super) failures: Vec<Failure>,
    /// Listed files that a trusted redaction allows to be absent.
    pub(super) excused: BTreeSet<String>,
    pub(super) redaction: Option<Redaction>,
}

/// What a redaction is held against.
pub(super) struct Against<'a, 'p> {
    pub(super) store: &'a Store,
    pub(super) policy: &'p TrustPolicy,
    pub(super) verified: &'a Verified,
    pub(super) accepted: &'a [Accepted<'p>],
    pub(super) manifest: &'a Manifest,
    pub(super) options: &'a VerifyOptions<'a>,
}

impl Against<'_, '_> {
    pub(super) fn check(&self) -> RedactionStep {
        match self.trusted() {
            Ok(None) => RedactionStep::default(),
            Ok(Some((predicate, key))) => self.hold(predicate, key),
            Err(failure) => RedactionStep {
                failures: vec![failure],
                ..RedactionStep::default()
            },
        }
    }

    /// The redaction that a key of the policy signed; nothing when this is no redacted copy.
    fn trusted(&self) -> Result<Option<(RedactionPredicate, &TrustedKey)>, Failure> {
        let mut paths = self
            .store
            .entries()
            .iter()
            .map(|entry| entry.path.as_str())
            .filter(|path| is_of_redaction(path))
            .peekable();
        let Some(first) = paths.peek().copied() else {
            return Ok(None);
        };
        let statements: Vec<&str> = paths.filter(|path| path.starts_with(REDACTION)).collect();
        let path = match statements.as_slice() {
            [] => {
                let message = "it belongs to a redaction, and no signed statement of one is there";
                return Err(Failure::at("redaction.absent", first, message));
            }
            [path] => *path,
            [_, other, ..] => {
                let message = "a redacted copy has one file in `redaction/`, and cannot be redacted again";
                return Err(Failure::at("redaction.count", other, message));
            }
        };
        let trusted: Option<Trusted<'_, RedactionPredicate>> = about::read(
            path,
            self.store,
            self.policy,
            self.verified,
            // It names files, of which there may be many.
            self.options.limits.held_bytes,
            &CODES,
        )?;
        let Some(trusted) = trusted else {
            let message = "no key of the policy signed it";
            return Err(Failure::at("redaction.untrusted", path, message));
        };
        if trusted.envelope.token.is_some() {
            let message = "it has a time stamp, which no redaction has";
            return Err(Failure::at(CODES.format, path, message));
        }
        self.check_signer(path, &trusted)?;
        Ok(Some((trusted.predicate, trusted.key)))
    }

    fn check_signer(&self, path: &str, trusted: &Trusted<'_, RedactionPredicate>) -> Result<(), Failure> {
        let (stated, key) = (&trusted.predicate, trusted.key);
        let role = stated.signer.role.as_str();
        // Whoever signed the bundle could have left things out of it, and so may withhold them.
        let own = self
            .accepted
            .iter()
            .any(|one| one.key.keyid == key.keyid && one.role == role);
        if !own && (role != REDACTOR || !key.roles.iter().any(|allowed| allowed == REDACTOR)) {
            let message = format!(
                "{} signed as `{role}`; only a `{REDACTOR}` or who signed the bundle may redact it",
                key.owner.escape_debug()
            );
            return Err(Failure::at("redaction.role", path, message));
        }
        if let Some(fault) = key_fault(key, SigningTime::Unproven(self.options.now)) {
            return Err(Failure::at("redaction.key", path, fault.message));
        }
        check_time(path, stated.redacted_at, self.options.now)
    }

    /// Holds the copy against a redaction that is trusted.
    fn hold(&self, predicate: RedactionPredicate, key: &TrustedKey) -> RedactionStep {
        let mut failures = Vec::new();
        let mut excused = BTreeSet::new();
        for path in predicate.absent() {
            if self.manifest.find(path).is_none() || is_needed(path) {
                let message =
                    "the redaction names it, and it is no file that the manifest lists and a copy can lack";
                failures.push(Failure::at("redaction.not-listed", &shown(path), message));
            } else if self.store.find(path).is_some() {
                failures.push(Failure::at(
                    "redaction.present",
                    path,
                    "the redaction says that it is withheld, and it is there",
                ));
            } else if !excused.insert(path.to_owned()) {
                failures.push(Failure::at(
                    "redaction.format",
                    path,
                    "the redaction names it twice",
                ));
            }
        }
        failures.extend(self.check_parts(&predicate.partly_shown));
        failures.sort_by(|a, b| a.path.cmp(&b.path));
        RedactionStep {
            failures,
            excused,
            redaction: Some(Redaction {
                owner: key.owner.clone(),
                predicate,
            }),
        }
    }

    /// The files under `redacted/` are those that are named, and lead to what was sealed.
    fn check_parts(&self, parts: &[PartlyShown]) -> Vec<Failure> {
        let mut failures = Vec::new();
        let named: BTreeSet<String> = parts.iter().map(|part| place(&part.path)).collect();
        for entry in self.store.entries() {
            if entry.path.starts_with(REDACTED) && !named.contains(&entry.path) {
                let message = "the redaction does not name it";
                failures.push(Failure::at("redaction.unnamed", &entry.path, message));
            }
        }
        if parts.is_empty() {
            return failures;
        }
        let commitments = match commitment_list::read(self.store, self.manifest, &self.options.limits) {
            Ok(commitments) => commitments,
            Err(failure) => {
                failures.push(failure);
                return failures;
            }
        };
        for part in parts {
            failures.extend(self.check_part(part, &commitments).err());
        }
        failures
    }

    fn check_part(&self, part: &PartlyShown, commitments: &Manifest) -> Result<(), Failure> {
        let path = place(&part.path);
        let Some(entry) = self.store.find(&path) else {
            let message = "the redaction names what it shows of a file, and it is missing";
            return Err(Failure::at("redaction.part-absent", &shown(&path), message));
        };
        let unreadable = |error: std::io::Error| {
            Failure::at("file.unreadable", &path, format!("it cannot be read: {error}"))
        };
        let mut buffer = vec![0; 64 << 10];
        let print = self.store.fingerprint(entry, &mut buffer).map_err(unreadable)?;
        if print.sha256 != part.sha256 {
            let message = "its SHA-256 is not the one in the redaction";
            return Err(Failure::at("redaction.changed", &path, message));
        }
        let section = self.store.section(entry).map_err(unreadable)?;
        let root = root_of_shown(section, self.options.limits.line_bytes)
            .map_err(|reason| Failure::at("redaction.rows", &path, reason))?;
        if commitments.find(&part.path) != Some(root) {
            let message = "what it shows is not what was sealed";
            return Err(Failure::at("redaction.commitment", &path, message));
        }
        Ok(())
    }
}

/// What a policy demands of signed files cannot be seen without them, and missing never helps. Nor can it be seen, whatever a
/// policy demands, that a waiver is approved by somebody else, without its signatures.
pub(super) fn lost_signatures(policy: &TrustPolicy, absent: &[String], store: &Store) -> Option<Failure> {
    let waiver = absent.iter().find(|path| {
        let stem = path
            .strip_prefix(SignedKind::Waiver.folder())
            .and_then(statement_of);
        let is_there = |end: &&str| {
            let shown = stem.map(|stem| format!("{}{stem}{end}", SignedKind::Waiver.folder()));
            shown.is_some_and(|path| store.find(&path).is_some())
        };
        [".yaml", ".yml"].iter().any(is_there)
    });
    if let Some(path) = waiver {
        let message =
            "it is withheld, and is a signature of a waiver that is shown: who approved it cannot be told";
        return Some(Failure::at("require.withheld", path, message));
    }
    let of_bundle = [STATEMENT_KIND, REVIEW_KIND];
    let demanding = policy.require.iter().any(|wanted| {
        !of_bundle.contains(&wanted.statement.as_str()) || !wanted.distinct_owner_from.is_empty()
    });
    let folders = ["attestations/", "waivers/"];
    let lost = absent
        .iter()
        .find(|path| folders.iter().any(|folder| path.starts_with(folder)))?;
    demanding.then(|| {
        let message = "it is withheld, and the policy demands something of whoever signed such files";
        Failure::at("require.withheld", lost, message)
    })
}

fn check_time(path: &str, redacted_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Failure> {
    if redacted_at > now + CLOCK_SKEW {
        let message = format!("it is of {redacted_at}, later than {now}");
        return Err(Failure::at("redaction.time", path, message));
    }
    Ok(())
}

fn place(path: &str) -> String {
    format!("{REDACTED}{path}{REDACTED_SUFFIX}")
}

/// A path that nobody checked yet, as it may be shown.
fn shown(path: &str) -> String {
    path.escape_default().to_string()
}
