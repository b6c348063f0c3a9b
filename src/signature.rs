//! Signatures that lie beside a file that people wrote: what is signed, and what is known of one once somebody looked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::strict::from_json;

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The role of whoever performed what is stated.
pub const ATTESTOR: &str = "attestor";
/// The role of whoever reviewed it.
pub const REVIEWER: &str = "reviewer";
/// The role of whoever approved a waiver.
pub const APPROVER: &str = "approver";
/// The role of whoever asked for it.
pub const REQUESTER: &str = "requester";
/// How a signature's file ends.
pub const SIGNATURE_SUFFIX: &str = ".sigstore.json";

/// What kind of file a signature is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedKind {
    /// An attestation or a certificate.
    Attestation,
    /// A waiver.
    Waiver,
}

impl SignedKind {
    /// The word for it, as trust policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Waiver => "waiver",
        }
    }

    /// What people call one of them.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Attestation => "statement",
            Self::Waiver => "waiver",
        }
    }

    /// Where such files lie in a bundle.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Attestation => "attestations/",
            Self::Waiver => "waivers/",
        }
    }

    /// The kind that somebody in a role signs, if it is one of these.
    pub fn signed_as(role: &str) -> Option<Self> {
        match role {
            ATTESTOR | REVIEWER => Some(Self::Attestation),
            APPROVER | REQUESTER => Some(Self::Waiver),
            _ => None,
        }
    }

    fn predicate_type(self) -> &'static str {
        match self {
            Self::Attestation => "urn:pgdossier:attestation:v1",
            Self::Waiver => "urn:pgdossier:waiver:v1",
        }
    }
}

/// The file of a signature, beside that of its statement: `server-room.attestor-0123456789abcdef.sigstore.json`.
pub fn signature_file(id: &str, role: &str, short_keyid: &str) -> String {
    format!("{id}.{role}-{short_keyid}{SIGNATURE_SUFFIX}")
}

/// The id of the statement that a file is named as a signature of.
pub fn statement_of(signature_file: &str) -> Option<&str> {
    let (id, _) = signature_file.strip_suffix(SIGNATURE_SUFFIX)?.rsplit_once('.')?;
    Some(id)
}

/// What is signed: the statement's file and its documents, by digest, and in which role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedStatement {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<SignedFile>,
    predicate_type: String,
    predicate: Signer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedFile {
    name: String,
    digest: Sha256,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sha256 {
    sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signer {
    role: String,
    keyid: String,
}

impl SignedStatement {
    /// A file (its name and digest) with its documents, to be signed in a role by a key.
    pub fn new(
        kind: SignedKind,
        file: (&str, &str),
        documents: &BTreeMap<String, String>,
        role: &str,
        keyid: &str,
    ) -> Self {
        let signed = |(name, sha256): (&str, &str)| SignedFile {
            name: name.to_owned(),
            digest: Sha256 {
                sha256: sha256.to_owned(),
            },
        };
        let documents = documents
            .iter()
            .map(|(name, digest)| (name.as_str(), digest.as_str()));
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: std::iter::once(file).chain(documents).map(signed).collect(),
            predicate_type: kind.predicate_type().to_owned(),
            predicate: Signer {
                role: role.to_owned(),
                keyid: keyid.to_owned(),
            },
        }
    }

    /// The bytes that are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings in structs cannot fail to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what was signed.
    ///
    /// # Errors
    /// Why it is no signature of a file of this kind.
    pub fn parse(kind: SignedKind, bytes: &[u8]) -> Result<Self, String> {
        let read: Self = from_json(bytes)?;
        let known = read.statement_type == STATEMENT_TYPE && read.predicate_type == kind.predicate_type();
        if known && !read.subject.is_empty() {
            Ok(read)
        } else {
            Err(format!(
                "it is not a signature of this kind of file: {}",
                kind.word()
            ))
        }
    }

    /// Name and digest of the statement's file.
    pub fn statement(&self) -> (&str, &str) {
        self.subject
            .first()
            .map_or(("", ""), |file| (file.name.as_str(), file.digest.sha256.as_str()))
    }

    /// The documents' digests, by name.
    pub fn documents(&self) -> BTreeMap<String, String> {
        let documents = self.subject.iter().skip(1);
        documents
            .map(|file| (file.name.clone(), file.digest.sha256.clone()))
            .collect()
    }

    /// The role that was signed in.
    pub fn role(&self) -> &str {
        &self.predicate.role
    }

    /// The key that signed, as it says itself.
    pub fn keyid(&self) -> &str {
        &self.predicate.keyid
    }
}

/// What a signature is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureState {
    /// By a key that may sign this, over these very bytes.
    Valid,
    /// Nobody said which keys count.
    NotChecked,
    /// By a key that the trust policy does not name.
    Untrusted,
    /// By a key that the policy names, but not for this.
    NotAuthorised,
    /// Not over these bytes, not by that key, or no signature at all.
    Invalid,
}

impl SignatureState {
    /// The word for it, as rows and reports write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotChecked => "not-checked",
            Self::Untrusted => "untrusted",
            Self::NotAuthorised => "not-authorised",
            Self::Invalid => "invalid",
        }
    }
}

/// What is known of one signature of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFact {
    /// Its file.
    pub file: String,
    /// The role that it was made in.
    pub role: String,
    /// The key that made it.
    pub keyid: String,
    /// Who holds that key, by the trust policy.
    pub owner: Option<String>,
    /// What it is worth, but for the control that is asked about.
    pub state: SignatureState,
    /// Why it is worth nothing.
    pub reason: Option<String>,
    /// The controls that its key may not sign for, of those that the statement answers.
    pub not_for: Vec<String>,
    /// Digests of the documents when it was made, by name.
    pub documents: BTreeMap<String, String>,
}

impl SignatureFact {
    /// What it is worth for a control, and why no more.
    pub fn worth_for(&self, control: &str) -> (SignatureState, Option<String>) {
        if self.state == SignatureState::Valid && self.not_for.iter().any(|named| named == control) {
            let reason = format!("its key may not sign for `{control}`");
            return (SignatureState::NotAuthorised, Some(reason));
        }
        (self.state, self.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_named_after_its_statement() {
        let file = signature_file("room.2026", ATTESTOR, "0123456789abcdef");
        assert_eq!(file, "room.2026.attestor-0123456789abcdef.sigstore.json");
        assert_eq!(statement_of(&file), Some("room.2026"));
        assert_eq!(statement_of("room.2026.yaml"), None);
    }

    #[test]
    fn what_is_signed_reads_back_and_nothing_else_does() {
        let documents = BTreeMap::from([("log.csv".to_owned(), "b".repeat(64))]);
        let signed = SignedStatement::new(
            SignedKind::Attestation,
            ("room.yaml", &"a".repeat(64)),
            &documents,
            ATTESTOR,
            "k",
        );
        let bytes = signed.to_bytes();
        let parse = |bytes: &[u8]| SignedStatement::parse(SignedKind::Attestation, bytes);
        assert_eq!(parse(&bytes), Ok(signed.clone()));
        assert!(SignedStatement::parse(SignedKind::Waiver, &bytes).is_err());
        assert_eq!(signed.statement(), ("room.yaml", "a".repeat(64).as_str()));
        assert_eq!(signed.documents(), documents);
        let other = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            (":attestation:", ":assessment:"),
            ("\"role\"", "\"more\":1,\"role\""),
        ] {
            assert!(parse(other.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }
}
