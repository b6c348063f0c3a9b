//! The auditor's file: whose keys count, for what, when, and how many owners must have signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_file::{read_small, write_public};
use super::{PublicKey, Roots, SignError};
use crate::signature::{APPROVER, REQUESTER, REVIEWER, SignedKind};
use crate::strict::{self, from_json};
use crate::withholding::REDACTOR;

/// The version of the policy format that this program reads and writes.
pub const POLICY_VERSION: u32 = 1;

/// What an auditor trusts. Nothing in a bundle can add to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustPolicy {
    /// Where its JSON Schema is, for editors; it decides nothing.
    #[serde(default, rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Always [`POLICY_VERSION`].
    pub version: u32,
    /// The keys that count, each once.
    pub keys: Vec<TrustedKey>,
    /// All of these must be met; at least one.
    pub require: Vec<Requirement>,
    /// Whether the time of signing must be proven by a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampRule>,
    /// What the auditor has accepted of this series so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesPin>,
}

/// A key, who holds it and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// Hex SHA-256 of the key's SPKI DER; must agree with `public_key`.
    pub keyid: String,
    /// SPKI in PEM.
    pub public_key: String,
    /// The person or team that holds it; thresholds count owners, not keys.
    pub owner: String,
    /// The roles it may sign in.
    pub roles: Vec<String>,
    /// The controls that it may sign attestations and waivers for, as ids or with a `*` at the end; all when this and `sections`
    /// are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Vec<String>>,
    /// The sections whose controls it may sign attestations and waivers for, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sections: Option<Vec<String>>,
    /// From when its signatures are accepted.
    #[serde(deserialize_with = "strict::time")]
    pub valid_from: DateTime<Utc>,
    /// Until when (exclusive) its signatures are accepted.
    #[serde(deserialize_with = "strict::time")]
    pub valid_until: DateTime<Utc>,
    /// When it was revoked.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "strict::time_or_none"
    )]
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why it was revoked; without a reason it counts as compromised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_reason: Option<Revocation>,
}

/// Why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// Somebody else may have it: nothing it signed counts without a trusted time from before.
    KeyCompromise,
    /// Another key took its place.
    Superseded,
    /// Its owner left or changed duties.
    AffiliationChanged,
    /// It is no longer used.
    CessationOfOperation,
}

/// How many different owners must have signed a kind of statement in a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The kind of statement: `assessment`, `review` for approvals of the bundle, `attestation` for each file of attestations and certificates, or `waiver`
    /// for each waiver. A kind that the verifier does not know is never met.
    pub statement: String,
    /// The role the signature was made in.
    pub role: String,
    /// How many distinct owners; at least 1.
    pub threshold: usize,
    /// Roles whose signers' owners do not count here (separation of duties).
    #[serde(default)]
    pub distinct_owner_from: Vec<String>,
}

/// Whether a trusted time is needed and who may give it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampRule {
    /// Certificates, in PEM, of the time-stamping authorities' roots.
    pub roots: Vec<String>,
    /// Whether a bundle without a token fails.
    pub required: bool,
}

/// The part of a series that the auditor has accepted already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SeriesPin {
    /// The series' name.
    pub id: String,
    /// How many bundles have been accepted; the next one has this index.
    pub size: u64,
    /// The RFC 9162 root over the accepted bundles' lines of `chain/leaves.txt`, in hex.
    pub root: String,
}

impl TrustPolicy {
    /// A policy that wants one assessment, or each file that people in this role sign, signed in `role` by `owner` with
    /// `key`, from `valid_from` to `valid_until`.
    pub fn single(
        key: &PublicKey,
        owner: &str,
        role: &str,
        valid_from: DateTime<Utc>,
        valid_until: DateTime<Utc>,
    ) -> Self {
        Self {
            schema: None,
            version: POLICY_VERSION,
            keys: vec![TrustedKey {
                keyid: key.keyid().to_owned(),
                public_key: key.to_pem(),
                owner: owner.to_owned(),
                roles: vec![role.to_owned()],
                controls: None,
                sections: None,
                valid_from,
                valid_until,
                revoked_at: None,
                revoked_reason: None,
            }],
            require: vec![Requirement {
                statement: kind_signed_as(role).to_owned(),
                role: role.to_owned(),
                threshold: 1,
                distinct_owner_from: if role == APPROVER {
                    // Who asked for a waiver does not approve it.
                    vec![REQUESTER.to_owned()]
                } else {
                    Vec::new()
                },
            }],
            timestamp: None,
            series: None,
        }
    }

    /// Reads a policy file. Unknown and duplicate fields are errors, and so is a policy that would let anything pass.
    ///
    /// # Errors
    /// [`SignError::File`] or [`SignError::Policy`].
    pub fn load(path: &Path) -> Result<Self, SignError> {
        Self::parse(&read_small(path)?, &format!("`{}`", path.display()))
    }

    /// Parses a policy's JSON; see [`TrustPolicy::load`].
    ///
    /// # Errors
    /// [`SignError::Policy`].
    pub fn from_json(json: &[u8]) -> Result<Self, SignError> {
        Self::parse(json, "in the text")
    }

    fn parse(json: &[u8], what: &str) -> Result<Self, SignError> {
        let wrong = |reason: String| SignError::Policy {
            what: what.to_owned(),
            reason,
        };
        let policy: Self = from_json(json).map_err(wrong)?;
        policy.check().map_err(wrong)?;
        Ok(policy)
    }

    /// Adds a key to the policy, or a role to one that it has, and the requirement that goes with the role where there is
    /// none.
    ///
    /// # Errors
    /// When the policy has the key under another owner.
    pub fn add(&mut self, other: Self) -> Result<(), String> {
        for key in other.keys {
            let Some(known) = self.keys.iter_mut().find(|one| one.keyid == key.keyid) else {
                self.keys.push(key);
                continue;
            };
            if known.owner != key.owner {
                return Err(format!(
                    "the policy has key `{}` as that of {}",
                    key.keyid,
                    known.owner.escape_debug()
                ));
            }
            for role in key.roles {
                if !known.roles.contains(&role) {
                    known.roles.push(role);
                }
            }
        }
        for requirement in other.require {
            let known =
                |one: &Requirement| one.statement == requirement.statement && one.role == requirement.role;
            // A reviewer is welcome, and not demanded until the policy's owner says so; so is who asks for a waiver, and
            // who redacts.
            let demanded = ![REVIEWER, REQUESTER, REDACTOR].contains(&requirement.role.as_str());
            if !self.require.iter().any(known) && demanded {
                self.require.push(requirement);
            }
        }
        Ok(())
    }

    /// Requires this, in place of what was required of such statements in that role.
    pub fn demand(&mut self, wanted: Requirement) {
        self.require
            .retain(|one| one.statement != wanted.statement || one.role != wanted.role);
        self.require.push(wanted);
    }

    /// Writes the policy to a new file, complete or not at all.
    ///
    /// # Errors
    /// [`SignError::Policy`] when it is not a valid policy, [`SignError::Exists`], [`SignError::File`].
    pub fn write(&self, path: &Path) -> Result<(), SignError> {
        let wrong = |reason: String| SignError::Policy {
            what: format!("for `{}`", path.display()),
            reason,
        };
        self.check().map_err(wrong)?;
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| wrong(error.to_string()))?;
        json.push(b'\n');
        write_public(path, &json)
    }

    fn check(&self) -> Result<(), String> {
        if self.version != POLICY_VERSION {
            return Err(format!(
                "its version is {}; this program knows {POLICY_VERSION}",
                self.version
            ));
        }
        if self.require.is_empty() {
            return Err(
                "`require` is empty: such a policy would accept a bundle that nobody signed".to_owned(),
            );
        }
        let mut seen = BTreeSet::new();
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for key in &self.keys {
            key.check()?;
            let other = owners.insert(as_heard(&key.owner), &key.owner);
            if let Some(other) = other.filter(|other| **other != key.owner) {
                return Err(format!(
                    "the owners `{}` and `{}` would count as two; write one owner one way, and two with other letters",
                    other.escape_debug(),
                    key.owner.escape_debug()
                ));
            }
            if !seen.insert(&key.keyid) {
                return Err(format!("key `{}` is listed twice; merge its roles", key.keyid));
            }
        }
        for requirement in &self.require {
            if requirement.threshold == 0 {
                return Err(format!(
                    "the threshold for role `{}` is 0; say at least 1",
                    requirement.role
                ));
            }
        }
        if let Some(rule) = &self.timestamp {
            Roots::from_pem(&rule.roots).map_err(|reason| format!("`timestamp.roots`: {reason}"))?;
        }
        match &self.series {
            Some(series) if !is_sha256(&series.root) => {
                Err("`series.root` is not 64 lowercase hexadecimal digits".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl TimestampRule {
    /// Adds the certificates in a file.
    ///
    /// # Errors
    /// [`SignError::File`], or [`SignError::Policy`] when it holds something else.
    pub fn add(&mut self, path: &Path) -> Result<(), SignError> {
        let wrong = |reason: String| SignError::Policy {
            what: format!("cannot have the root `{}`", path.display()),
            reason,
        };
        let bytes = read_small(path)?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not PEM".to_owned()))?;
        let roots = vec![text];
        Roots::from_pem(&roots).map_err(wrong)?;
        self.roots.extend(roots);
        Ok(())
    }
}

impl TrustedKey {
    /// The key itself.
    ///
    /// # Errors
    /// [`SignError::NotAPublicKey`].
    pub fn public_key(&self) -> Result<PublicKey, SignError> {
        PublicKey::from_pem(&self.public_key)
    }

    /// Whether it may sign for some controls alone.
    pub fn has_limits(&self) -> bool {
        self.controls.is_some() || self.sections.is_some()
    }

    /// Whether it may sign what answers this control of this section.
    pub fn may_attest(&self, control: &str, section: &str) -> bool {
        if !self.has_limits() {
            return true;
        }
        let named = |patterns: &Option<Vec<String>>, name: &str| {
            let mut patterns = patterns.iter().flatten();
            patterns.any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            })
        };
        named(&self.controls, control) || named(&self.sections, section)
    }

    fn check(&self) -> Result<(), String> {
        let key = self
            .public_key()
            .map_err(|error| format!("key `{}`: {error}", self.keyid))?;
        if key.keyid() != self.keyid {
            return Err(format!(
                "key `{}`: its `public_key` has the key id `{}`",
                self.keyid,
                key.keyid()
            ));
        }
        if self.owner.trim().is_empty() {
            return Err(format!(
                "key `{}`: `owner` is empty; thresholds count owners",
                self.keyid
            ));
        }
        if self.roles.is_empty() {
            return Err(format!(
                "key `{}`: `roles` is empty; it could sign nothing",
                self.keyid
            ));
        }
        if self.valid_from >= self.valid_until {
            return Err(format!(
                "key `{}`: `valid_from` is not before `valid_until`",
                self.keyid
            ));
        }
        if self.revoked_reason.is_some() && self.revoked_at.is_none() {
            return Err(format!(
                "key `{}`: `revoked_reason` without `revoked_at`; say when",
                self.keyid
            ));
        }
        Ok(())
    }
}

/// The kind of statement that somebody in a role signs.
fn kind_signed_as(role: &str) -> &'static str {
    SignedKind::signed_as(role).map_or("assessment", SignedKind::word)
}

/// An owner without what people do not notice: two that differ in case, blanks or marks alone are one.
fn as_heard(owner: &str) -> String {
    let letters = owner.chars().filter(|c| c.is_alphanumeric());
    let heard: String = letters.flat_map(char::to_lowercase).collect();
    if heard.is_empty() { owner.to_owned() } else { heard }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
