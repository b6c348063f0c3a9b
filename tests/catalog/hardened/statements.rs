//! Statements for every control that people answer, all sound or all but one.

use std::collections::BTreeMap;

use pgdossier::assessment::Attachment;
use pgdossier::attestation::{Attested, Question, QuestionKind};
use pgdossier::collect::{self, Document};
use pgdossier::control::Catalog;

/// The controls that people answer, by the kind of statement.
pub(crate) struct People {
    pub(crate) attestation: Vec<String>,
    pub(crate) certificate: Vec<String>,
    /// Sound answers to each control's questions, in YAML.
    answers: BTreeMap<String, String>,
}

/// What is wrong with one statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given {
    Expired,
    NotSatisfied,
    Withdrawn,
}

impl People {
    pub(crate) fn of(catalog: &Catalog) -> Self {
        let answered_by = |collector: &str| {
            let controls = catalog.controls.iter();
            controls
                .filter(|control| {
                    control
                        .evidence
                        .iter()
                        .any(|request| request.collector == collector)
                })
                .map(|control| control.id.clone())
                .collect()
        };
        Self {
            attestation: answered_by("attestation"),
            certificate: answered_by("certificate"),
            answers: catalog
                .controls
                .iter()
                .map(|control| (control.id.clone(), answers(&control.questions)))
                .collect(),
        }
    }

    /// The documents that the statements refer to.
    pub(crate) fn documents() -> BTreeMap<String, Document> {
        let attachment = Attachment {
            path: format!("attachments/{}.pdf", "a".repeat(64)),
            name: "report.pdf".to_owned(),
            sha256: "a".repeat(64),
            size: 1,
        };
        let source = "report.pdf".into();
        BTreeMap::from([("report.pdf".to_owned(), Document::Present { attachment, source })])
    }

    /// A statement for each control, sound but for the one that is named.
    pub(crate) fn statements(&self, unsound: Option<(&str, Given)>) -> Attested {
        let given = |control: &str| {
            unsound
                .filter(|(named, _)| *named == control)
                .map(|(_, given)| given)
        };
        let attestations = self.attestation.iter().map(|control| {
            let text = attestation(control, &self.answers[control], given(control));
            (format!("{control}.yaml"), text)
        });
        let certificates = self.certificate.iter().map(|control| {
            (
                format!("{control}-certificate.yaml"),
                certificate(control, given(control)),
            )
        });
        let files: BTreeMap<String, Vec<u8>> = attestations
            .chain(certificates)
            .map(|(name, text)| (name, text.into_bytes()))
            .collect();
        collect::parse_attestations(files).unwrap_or_else(|problems| panic!("{problems}"))
    }
}

fn answers(questions: &[Question]) -> String {
    let mut text = String::from("answers: {");
    for question in questions {
        let answer = match question.kind {
            QuestionKind::Text => "it was seen",
            QuestionKind::Date => "2026-10-05",
            QuestionKind::YesNo => "true",
            QuestionKind::Number => "7",
            QuestionKind::List => "[Ann, Bob]",
            QuestionKind::Period => "{ from: 2026-07-01, to: 2026-09-30 }",
        };
        text.push_str(&format!(" {}: {answer},", question.id));
    }
    text + " }"
}

fn attestation(control: &str, answers: &str, given: Option<Given>) -> String {
    let (answer, expires, more) = match given {
        None => ("satisfied", "2027-03-31", ""),
        Some(Given::NotSatisfied) => ("not-satisfied", "2027-03-31", ""),
        Some(Given::Expired) => ("satisfied", "2026-11-01", ""),
        Some(Given::Withdrawn) => (
            "satisfied",
            "2027-03-31",
            "revoked_at: 2026-11-10\nrevoked_reason: it was not so\n",
        ),
    };
    format!(
        "kind: attestation\ncontrols: [{control}]\nstatement: It was looked at.\nanswer: {answer}\nmethod: examine\n\
         performed_by: {{ name: Ann }}\nperformed_at: 2026-10-05\nreviewer: {{ name: Bob }}\nexpires_at: {expires}\n{answers}\n{more}"
    )
}

/// A certificate is not answered and not withdrawn: one that says nothing good ends before the period does.
fn certificate(control: &str, given: Option<Given>) -> String {
    let (until, expires) = match given {
        None => ("2026-12-31", "2027-03-31"),
        Some(Given::Expired) => ("2026-12-31", "2026-11-01"),
        Some(Given::NotSatisfied | Given::Withdrawn) => ("2026-10-31", "2027-03-31"),
    };
    format!(
        "kind: certificate\ncontrols: [{control}]\nprovider: Example Colocation\nissuer: Example Assurance\n\
         scheme: SOC 2 Type II\nnumber: EA-1\nperiod: {{ from: 2026-01-01, to: {until} }}\nsites: []\n\
         expires_at: {expires}\nreviewed_by: {{ name: Ann }}\nreviewed_at: 2026-10-05\n\
         documents: [{{ file: report.pdf, description: the report }}]\n"
    )
}
