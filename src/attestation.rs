//! What people attest, and certificates issued by third parties, as files.

mod certificate;
mod day;
mod draft;
mod question;
mod validity;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::signature::SignatureFact;

pub use certificate::{
    AnsweredException, BridgeLetter, Certificate, Complementary, Days, NotedException, Subservice,
};
pub use day::Day;
pub use draft::Draft;
pub use question::{Fault, Question, QuestionKind, yes_or_no};
pub use validity::{State, Validity, days_outside};

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

impl Person {
    /// Whether both are named alike, as people read names: order, case, punctuation and what cannot be seen aside. The
    /// proof that two people are two is their keys.
    pub fn is_named_like(&self, other: &Self) -> bool {
        words(&self.name) == words(&other.name)
    }
}

fn words(name: &str) -> Vec<String> {
    let seen: String = name
        .chars()
        .filter(|c| c.is_alphanumeric() || c.is_whitespace() || c.is_ascii_punctuation())
        .flat_map(char::to_lowercase)
        .collect();
    let mut words: Vec<String> = seen
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort();
    words
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
    /// The days that it is about, such as those of a badge log.
    #[serde(default)]
    pub period: Option<Days>,
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

/// How often something is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Frequency {
    /// Every month.
    Monthly,
    /// Every three months.
    Quarterly,
    /// Every six months.
    HalfYearly,
    /// Every twelve months.
    Yearly,
}

impl Frequency {
    /// The months between one time and the next.
    pub fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Quarterly => 3,
            Self::HalfYearly => 6,
            Self::Yearly => 12,
        }
    }
}

/// A dated, expiring human statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = draft::ask_less_of_drafts)]
pub struct Attestation {
    /// `attestation`.
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
    /// Only targets at one of these sites; all when absent.
    #[serde(default)]
    pub sites: Option<Vec<String>>,
    /// What is attested, in full sentences.
    pub statement: String,
    /// The conclusion.
    pub answer: Answer,
    /// Answers to the controls' questions, by the question's id.
    #[serde(default)]
    pub answers: BTreeMap<String, Value>,
    /// How it was come to.
    pub method: Method,
    /// Who did.
    pub performed_by: Person,
    /// When.
    pub performed_at: Day,
    /// Who reviewed it: somebody else.
    #[serde(default)]
    pub reviewer: Option<Person>,
    /// When they did.
    #[serde(default)]
    pub reviewed_at: Option<Day>,
    /// How often it is looked at again.
    #[serde(default)]
    pub frequency: Option<Frequency>,
    /// The first day on which it counts; `performed_at` when absent.
    #[serde(default)]
    pub valid_from: Option<Day>,
    /// The last day on which it counts.
    pub expires_at: Day,
    /// The id (file stem) of an earlier statement that it replaces.
    #[serde(default)]
    pub supersedes: Option<String>,
    /// The day on which it was withdrawn.
    #[serde(default)]
    pub revoked_at: Option<Day>,
    /// Why it was withdrawn.
    #[serde(default)]
    pub revoked_reason: Option<String>,
    /// What it rests on.
    #[serde(default)]
    pub documents: Vec<DocumentReference>,
}

impl Attestation {
    /// The first day on which it counts.
    pub fn first_day(&self) -> Day {
        self.valid_from.unwrap_or(self.performed_at)
    }

    /// The day by which it has to be looked at again.
    pub fn due_at(&self) -> Option<Day> {
        self.frequency
            .map(|frequency| self.performed_at.plus_months(frequency.months()))
    }
}

/// A target, as far as statements know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Its id; any target at all when absent.
    pub target: Option<&'a str>,
    /// Its tags.
    pub tags: &'a [String],
    /// Its site.
    pub site: Option<&'a str>,
}

/// The targets that a file is about: every list that it gives has to admit one.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    targets: Option<&'a Vec<String>>,
    tags: Option<&'a Vec<String>>,
    sites: Option<&'a Vec<String>>,
}

impl Scope<'_> {
    fn admits(self, subject: Subject<'_>) -> bool {
        let Some(target) = subject.target else { return true };
        let admits = |list: Option<&Vec<String>>, own: &dyn Fn(&String) -> bool| {
            list.is_none_or(|list| list.iter().any(own))
        };
        admits(self.targets, &|named| named == target)
            && admits(self.tags, &|named| subject.tags.contains(named))
            && admits(self.sites, &|named| subject.site == Some(named.as_str()))
    }
}

/// What a statement says of itself, whoever makes it.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// By somebody of ours.
    Attestation(&'a Attestation),
    /// By a third party.
    Certificate(&'a Certificate),
}

impl<'a> Statement<'a> {
    /// The controls that it answers.
    pub fn controls(self) -> &'a [String] {
        match self {
            Self::Attestation(attestation) => &attestation.controls,
            Self::Certificate(certificate) => &certificate.controls,
        }
    }

    /// The first day on which it counts.
    pub fn first_day(self) -> Day {
        match self {
            Self::Attestation(attestation) => attestation.first_day(),
            Self::Certificate(certificate) => certificate.period.from,
        }
    }

    /// Whether it may take the place of another one: of the same kind, and of an earlier day or the same.
    pub fn may_replace(self, earlier: Self) -> bool {
        match (self, earlier) {
            (Self::Attestation(later), Self::Attestation(earlier)) => {
                later.performed_at >= earlier.performed_at
            }
            (Self::Certificate(later), Self::Certificate(earlier)) => later.period.to >= earlier.period.to,
            _ => false,
        }
    }

    /// The id of an earlier one that it replaces.
    pub fn supersedes(self) -> Option<&'a str> {
        match self {
            Self::Attestation(attestation) => attestation.supersedes.as_deref(),
            Self::Certificate(certificate) => certificate.supersedes.as_deref(),
        }
    }

    /// The documents that it rests on.
    pub fn documents(self) -> Vec<&'a DocumentReference> {
        match self {
            Self::Attestation(attestation) => attestation.documents.iter().collect(),
            Self::Certificate(certificate) => certificate.all_documents().collect(),
        }
    }

    /// Whether it is about a target: every list that it gives admits it.
    pub fn is_about(self, subject: Subject<'_>) -> bool {
        let (targets, tags, sites) = match self {
            Self::Attestation(one) => (one.targets.as_ref(), one.tags.as_ref(), one.sites.as_ref()),
            Self::Certificate(one) => (one.targets.as_ref(), one.tags.as_ref(), None),
        };
        Scope { targets, tags, sites }.admits(subject)
    }
}

/// Everything attested, by id (the stem of the file).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attested {
    /// Statements by people.
    pub attestations: BTreeMap<String, Attestation>,
    /// Statements by third parties.
    pub certificates: BTreeMap<String, Certificate>,
    /// The files: `attestations/…` to their bytes, signatures among them.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What will be a statement once somebody has filled it in. Neither these nor their files count for anything.
    pub drafts: BTreeMap<String, Draft>,
    /// What is known of the signatures of each statement.
    pub signatures: BTreeMap<String, Vec<SignatureFact>>,
    answering: BTreeMap<String, Vec<String>>,
}

impl Attested {
    /// Statements and the files that they were read from.
    pub fn new(
        attestations: BTreeMap<String, Attestation>,
        certificates: BTreeMap<String, Certificate>,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let mut attested = Self {
            attestations,
            certificates,
            files,
            ..Self::default()
        };
        let mut answering = BTreeMap::<_, Vec<_>>::new();
        for (id, statement) in attested.statements() {
            let controls: BTreeSet<&String> = statement.controls().iter().collect();
            for control in controls {
                answering.entry(control.clone()).or_default().push(id.to_owned());
            }
        }
        attested.answering = answering;
        attested
    }

    /// All statements by id: first those of people.
    pub fn statements(&self) -> impl Iterator<Item = (&str, Statement<'_>)> {
        let attestations = self
            .attestations
            .iter()
            .map(|(id, one)| (id.as_str(), Statement::Attestation(one)));
        let certificates = self
            .certificates
            .iter()
            .map(|(id, one)| (id.as_str(), Statement::Certificate(one)));
        attestations.chain(certificates)
    }

    /// The statement with this id.
    pub fn statement(&self, id: &str) -> Option<Statement<'_>> {
        let attestation = self.attestations.get(id).map(Statement::Attestation);
        attestation.or_else(|| self.certificates.get(id).map(Statement::Certificate))
    }

    /// The statements that answer a control for a target, by id.
    pub fn answering<'a>(
        &'a self,
        control: &str,
        subject: Subject<'_>,
    ) -> impl Iterator<Item = (&'a str, Statement<'a>)> {
        let ids = self.answering.get(control).into_iter().flatten();
        ids.filter_map(|id| Some((id.as_str(), self.statement(id)?)))
            .filter(move |(_, statement)| statement.is_about(subject))
    }

    /// A draft that will answer a control for a target.
    pub fn draft_of(&self, control: &str, subject: Subject<'_>) -> Option<&str> {
        let mut answering = self
            .drafts
            .iter()
            .filter(|(_, draft)| draft.answers(control, subject));
        answering.next().map(|(id, _)| id.as_str())
    }

    /// The statements about a control and a target whose place another one about the same takes: directly, or by taking
    /// the place of one that does. An older one, or one of another kind, takes no place. Each with the first day on which that is so, and which does.
    pub fn superseded(&self, control: &str, subject: Subject<'_>) -> BTreeMap<&str, (Day, &str)> {
        let about: BTreeMap<&str, Statement<'_>> = self.answering(control, subject).collect();
        let replaced = |later: Statement<'_>| {
            let (earlier, statement) = about.get_key_value(later.supersedes()?)?;
            later.may_replace(*statement).then_some(*earlier)
        };
        let mut waiting: BTreeMap<&str, usize> = about.keys().map(|id| (*id, 0)).collect();
        for earlier in about.values().copied().filter_map(replaced) {
            if let Some(count) = waiting.get_mut(earlier) {
                *count += 1;
            }
        }
        // From the ends of the chains to their beginnings, so that each is looked at once.
        let mut open: Vec<&str> = waiting
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(id, _)| *id)
            .collect();
        let mut first: BTreeMap<&str, (Day, &str)> = BTreeMap::new();
        while let Some(later) = open.pop() {
            let Some((statement, (earlier, count))) = about.get(later).and_then(|statement| {
                let earlier = replaced(*statement)?;
                Some((statement, (earlier, waiting.get_mut(earlier)?)))
            }) else {
                continue;
            };
            let own = (statement.first_day(), later);
            let inherited = first.get(later).copied().filter(|(day, _)| *day < own.0);
            let candidate = inherited.unwrap_or(own);
            let known = first.entry(earlier).or_insert(candidate);
            if candidate.0 < known.0 {
                *known = candidate;
            }
            *count -= 1;
            if *count == 0 {
                open.push(earlier);
            }
        }
        first
    }

    /// The statements that replace one another in a circle, so that none of them would count.
    pub fn circles(&self) -> BTreeSet<&str> {
        let (mut found, mut done) = (BTreeSet::new(), BTreeSet::new());
        for (id, _) in self.statements() {
            let mut path: Vec<&str> = Vec::new();
            let mut on_path = BTreeSet::new();
            let mut next = Some(id);
            while let Some((id, statement)) = next.and_then(|id| Some((id, self.statement(id)?))) {
                if done.contains(id) {
                    break;
                }
                if !on_path.insert(id) {
                    found.extend(path.iter().copied().skip_while(|one| *one != id));
                    break;
                }
                path.push(id);
                next = statement.supersedes();
            }
            done.extend(path);
        }
        found
    }

    /// The documents that all statements refer to.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentReference> {
        self.statements().flat_map(|(_, statement)| statement.documents())
    }

    /// The controls that statements name, each with the id of the statement that does.
    pub fn controls(&self) -> impl Iterator<Item = (&str, &str)> {
        self.statements().flat_map(|(id, statement)| {
            let controls = statement.controls().iter();
            controls.map(move |control| (control.as_str(), id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_people_read_them() {
        let person = |name: &str| Person {
            name: name.to_owned(),
            role: None,
            organisation: None,
            contact: None,
        };
        for (name, alike) in [
            ("Priya Nair", true),
            ("  priya   NAIR ", true),
            ("Nair, Priya", true),
            ("Priya\u{200b} Nair", true),
            ("Priya Nair.", true),
            ("Priya Nairn", false),
            ("Priya", false),
        ] {
            assert_eq!(person("Priya Nair").is_named_like(&person(name)), alike, "{name}");
        }
    }
}
