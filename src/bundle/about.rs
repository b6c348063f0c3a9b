//! Statements about a bundle's own statement, made later or by others: reviews and redactions.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::json::check_document;
use super::layout::{SIGSTORE_SUFFIX, STATEMENT};
use super::statement::{STATEMENT_TYPE, StatedSigner};
use crate::sign::{Envelope, SignError, Signer, sign_checked};
use crate::strict::from_json;

/// What such a statement says.
pub(super) trait AboutBundle: Serialize + DeserializeOwned {
    /// Type and version of the predicate.
    const TYPE: &'static str;
    /// What people call such a statement.
    const NOUN: &'static str;
    /// Where in a bundle such statements lie.
    const FOLDER: &'static str;

    /// The id of the bundle that it is about.
    fn bundle_id(&self) -> &str;
    /// Who signs, in what role.
    fn signer(&self) -> &StatedSigner;
}

/// An in-toto Statement v1 whose only subject is `statement.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StatementAbout<P> {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<Subject>,
    predicate_type: String,
    pub(super) predicate: P,
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

impl<P: AboutBundle> StatementAbout<P> {
    fn new(statement: Digest, predicate: P) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: STATEMENT.to_owned(),
                digest: SubjectDigest { sha256: statement },
            }],
            predicate_type: P::TYPE.to_owned(),
            predicate,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and times in structs cannot fail to serialise.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads verified bytes.
    ///
    /// # Errors
    /// Why they are no statement of this kind.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let noun = P::NOUN;
        check_document(bytes).map_err(|reason| format!("it is no {noun} statement: {reason}"))?;
        let statement: Self =
            from_json(bytes).map_err(|error| format!("it is no {noun} statement: {error}"))?;
        if statement.statement_type != STATEMENT_TYPE || statement.predicate_type != P::TYPE {
            return Err("it is a statement of another kind".to_owned());
        }
        match statement.subject.as_slice() {
            [subject] if subject.name == STATEMENT => Ok(statement),
            _ => Err(format!("its only subject must be `{STATEMENT}`")),
        }
    }

    /// Whether it is about the bundle with this statement and id.
    pub(super) fn is_about(&self, statement: Digest, bundle_id: &str) -> bool {
        let subject = self.subject.first().map(|subject| subject.digest.sha256);
        subject == Some(statement) && self.predicate.bundle_id() == bundle_id
    }
}

/// The path of such a statement by a key in a role.
pub(super) fn path<P: AboutBundle>(role: &str, short_keyid: &str) -> String {
    format!("{}{role}-{short_keyid}{SIGSTORE_SUFFIX}", P::FOLDER)
}

/// Signs such a statement: its path and its envelope's bytes.
///
/// # Errors
/// What the signer reports.
pub(super) fn sign<P: AboutBundle>(
    statement: Digest,
    predicate: P,
    signer: &dyn Signer,
) -> Result<(String, Vec<u8>), SignError> {
    let key = signer.public_key();
    let path = path::<P>(&predicate.signer().role, key.short_keyid());
    let mut envelope = Envelope {
        payload: StatementAbout::new(statement, predicate).to_bytes(),
        signature: Vec::new(),
        keyid: key.keyid().to_owned(),
        token: None,
    };
    envelope.signature = sign_checked(signer, &envelope.signed_bytes())?;
    Ok((path, envelope.to_sigstore_json()))
}
