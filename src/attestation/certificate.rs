//! Certificates: what an independent assessor says of a provider, and what it leaves to its customers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Day, DocumentReference, Person, draft};

/// First and last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// What a report does with the organisations that the provider relies on itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Subservice {
    /// It leaves them out: each needs a certificate of its own.
    CarveOut,
    /// It covers them too.
    Inclusive,
}

/// An exception that the issuer noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NotedException {
    /// What was noted; nobody of ours has said yet what follows from it.
    Unanswered(String),
    /// What was noted, and what follows from it for us.
    Answered(AnsweredException),
}

/// An exception that the issuer noted, and what follows from it for us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnsweredException {
    /// What was noted.
    pub noted: String,
    /// Why it does not concern us, or what we do about it.
    pub response: String,
}

impl NotedException {
    /// What was noted.
    pub fn noted(&self) -> &str {
        match self {
            Self::Unanswered(noted) => noted,
            Self::Answered(answered) => &answered.noted,
        }
    }

    /// What follows from it for us.
    pub fn response(&self) -> Option<&str> {
        match self {
            Self::Unanswered(_) => None,
            Self::Answered(answered) => Some(answered.response.trim()).filter(|text| !text.is_empty()),
        }
    }
}

/// Something that the certificate takes for granted that its reader does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Complementary {
    /// What is left to us, with its number in the report: "CC6.1: customers restrict logical access".
    pub requirement: String,
    /// Our controls that see to it.
    pub answered_by: Vec<String>,
}

/// A letter in which the provider vouches for the days after the certificate's period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeLetter {
    /// The letter.
    pub document: DocumentReference,
    /// The first day that it vouches for.
    pub from: Day,
    /// The last one.
    pub to: Day,
}

/// A statement by a third party: an audit report, a certification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = draft::ask_less_of_drafts)]
pub struct Certificate {
    /// `certificate`.
    pub kind: String,
    /// Whether it is still being written: then it counts for nothing, and need not be complete.
    #[serde(default, skip_serializing_if = "draft::is_none")]
    pub draft: bool,
    /// The controls that it answers.
    pub controls: Vec<String>,
    /// The targets that it is about; all when absent.
    #[serde(default)]
    pub targets: Option<Vec<String>>,
    /// Only targets with one of these tags; all when absent.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Whose services it is about.
    pub provider: String,
    /// The firm that issued it.
    pub issuer: String,
    /// Its scheme: "SOC 2 Type II", "ISO/IEC 27001:2022", "PCI DSS AoC", "CSA STAR", "BSI C5".
    pub scheme: String,
    /// Its number.
    pub number: String,
    /// The days that it covers.
    pub period: Days,
    /// The criteria or the scope that it was judged by: "security, availability", "statement of applicability of …".
    #[serde(default)]
    pub criteria: Vec<String>,
    /// Sites or regions in its scope, as the inventory names them; all of the provider's when empty.
    #[serde(default)]
    pub sites: Vec<String>,
    /// What it does with the organisations that the provider relies on itself.
    #[serde(default)]
    pub subservice: Option<Subservice>,
    /// Those organisations.
    #[serde(default)]
    pub subservice_organisations: Vec<String>,
    /// Exceptions that the issuer noted, each with what follows from it for us.
    #[serde(default)]
    pub exceptions_noted: Vec<NotedException>,
    /// What it leaves to us, and which controls see to it (complementary user-entity controls).
    #[serde(default)]
    pub complementary_controls: Vec<Complementary>,
    /// The letter for the days between its end and now.
    #[serde(default)]
    pub bridge_letter: Option<BridgeLetter>,
    /// The last day on which it counts.
    pub expires_at: Day,
    /// Who of ours read it.
    pub reviewed_by: Person,
    /// When.
    pub reviewed_at: Day,
    /// The id (file stem) of an earlier one that it replaces.
    #[serde(default)]
    pub supersedes: Option<String>,
    /// The certificate itself and what belongs to it.
    #[serde(default)]
    pub documents: Vec<DocumentReference>,
}

impl Certificate {
    /// Its documents and its bridge letter.
    pub fn all_documents(&self) -> impl Iterator<Item = &DocumentReference> {
        let letter = self.bridge_letter.as_ref().map(|letter| &letter.document);
        self.documents.iter().chain(letter)
    }
}
