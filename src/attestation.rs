//! What people attest, and certificates issued by third parties, as files.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person, as a statement names them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Name.
    pub name: String,
    /// Role, such as "facility manager".
    #[serde(default)]
    pub role: Option<String>,
    /// Organisation.
    #[serde(default)]
    pub organisation: Option<String>,
    /// How to reach them.
    #[serde(default)]
    pub contact: Option<String>,
}

/// A document that a statement rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentReference {
    /// Its file, relative to the folder of attestations.
    pub file: String,
    /// What it shows.
    pub description: String,
    /// SHA-256 that it had when the statement was made, hexadecimal.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// What somebody concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The requirement is met.
    Satisfied,
    /// It is not.
    NotSatisfied,
    /// It is not about these targets.
    NotApplicable,
}

/// How somebody came to it (the methods of NIST SP 800-53A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By looking at documents or things.
    Examine,
    /// By asking people.
    Interview,
    /// By trying.
    Test,
}

/// A dated, expiring human statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// `attestation`.
    pub kind: String,
    /// The controls that it answers.
    pub controls: Vec<String>,
    /// The targets that it is about; all when absent.
    #[serde(default)]
    pub targets: Option<Vec<String>>,
    /// What is attested, in full sentences.
    pub statement: String,
    /// The conclusion.
    pub answer: Answer,
    /// How it was come to.
    pub method: Method,
    /// Who did.
    pub performed_by: Person,
    /// When.
    pub performed_at: NaiveDate,
    /// Who reviewed it: somebody else.
    #[serde(default)]
    pub reviewer: Option<Person>,
    /// The first day on which it counts; `performed_at` when absent.
    #[serde(default)]
    pub valid_from: Option<NaiveDate>,
    /// The last day on which it counts.
    pub expires_at: NaiveDate,
    /// The id (file stem) of an earlier statement that it replaces.
    #[serde(default)]
    pub supersedes: Option<String>,
    /// The day on which it was withdrawn.
    #[serde(default)]
    pub revoked_at: Option<NaiveDate>,
    /// Why it was withdrawn.
    #[serde(default)]
    pub revoked_reason: Option<String>,
    /// What it rests on.
    #[serde(default)]
    pub documents: Vec<DocumentReference>,
}

/// First and last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// A statement by a third party: an audit report, a certification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// `certificate`.
    pub kind: String,
    /// The controls that it answers.
    pub controls: Vec<String>,
    /// The targets that it is about; all when absent.
    #[serde(default)]
    pub targets: Option<Vec<String>>,
    /// Whose services it is about.
    pub provider: String,
    /// The firm that issued it.
    pub issuer: String,
    /// Its scheme: "SOC 2 Type II", "ISO/IEC 27001:2022", "PCI DSS AoC".
    pub scheme: String,
    /// Its number.
    pub number: String,
    /// The days that it covers.
    pub period: Days,
    /// Sites or regions in its scope; all of the provider's when empty.
    #[serde(default)]
    pub sites: Vec<String>,
    /// Exceptions that the issuer noted.
    #[serde(default)]
    pub exceptions_noted: Vec<String>,
    /// The last day on which it counts.
    pub expires_at: NaiveDate,
    /// Who of ours read it.
    pub reviewed_by: Person,
    /// When.
    pub reviewed_at: NaiveDate,
    /// The id (file stem) of an earlier one that it replaces.
    #[serde(default)]
    pub supersedes: Option<String>,
    /// The certificate itself and what belongs to it.
    #[serde(default)]
    pub documents: Vec<DocumentReference>,
}

/// Everything attested, by id (the stem of the file).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attested {
    /// Statements by people.
    pub attestations: BTreeMap<String, Attestation>,
    /// Statements by third parties.
    pub certificates: BTreeMap<String, Certificate>,
    /// The files: `attestations/…` to their bytes.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Attested {
    /// The documents that all statements refer to.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentReference> {
        let attestations = self
            .attestations
            .values()
            .flat_map(|attestation| &attestation.documents);
        attestations.chain(
            self.certificates
                .values()
                .flat_map(|certificate| &certificate.documents),
        )
    }

    /// The controls that statements name, each with the id of the statement that does.
    pub fn controls(&self) -> impl Iterator<Item = (&str, &str)> {
        let attestations = self
            .attestations
            .iter()
            .map(|(id, attestation)| (id, &attestation.controls));
        let certificates = self
            .certificates
            .iter()
            .map(|(id, certificate)| (id, &certificate.controls));
        attestations.chain(certificates).flat_map(|(id, controls)| {
            controls
                .iter()
                .map(move |control| (control.as_str(), id.as_str()))
        })
    }
}

/// Whether a statement that names these targets is about this one.
pub fn is_about(targets: Option<&Vec<String>>, target: &str) -> bool {
    targets.is_none_or(|targets| targets.iter().any(|named| named == target))
}
