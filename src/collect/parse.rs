//! Files of statements, parsed on all cores, and what is wrong with each of them by itself.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::attestation::{Attestation, Attested, Certificate, Draft};
use crate::folder::is_stem;
use crate::parallel;
use crate::signature::{SIGNATURE_SUFFIX, statement_of};
use crate::yaml::{self, Place, Problem, Problems};

/// Only enough of a file to know what it is.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Kind {
    kind: String,
    #[serde(default)]
    draft: bool,
}

enum Parsed {
    Draft(Draft),
    Attestation(Box<Attestation>),
    Certificate(Box<Certificate>),
}

type One<'a> = (&'a str, String, Result<Parsed, Problems>);

/// Everything attested in these files (`attestations/<id>.yaml` to bytes, and signatures beside them).
///
/// # Errors
/// Every problem of every file.
pub fn parse(mut files: BTreeMap<String, Vec<u8>>) -> Result<Attested, Problems> {
    let (mut attestations, mut certificates) = (BTreeMap::new(), BTreeMap::new());
    let mut drafts = BTreeMap::new();
    let mut problems = Vec::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for (file, id, parsed) in parse_all(&files) {
        if !is_stem(&id) {
            problems.push(Place::default().problem(
                file,
                format!("`{id}` cannot be an id"),
                "name the file with letters, digits, hyphens, dots and underscores only",
            ));
        }
        if let Some(other) = taken.insert(id.to_lowercase(), file.to_owned()) {
            let message = format!("`{other}` has the same id");
            problems.push(Place::default().problem(file, message, "rename one of the two"));
        }
        match parsed {
            Ok(Parsed::Draft(parsed)) => {
                drafts.insert(id, parsed);
            }
            Ok(Parsed::Attestation(parsed)) => {
                attestations.insert(id, *parsed);
            }
            Ok(Parsed::Certificate(parsed)) => {
                certificates.insert(id, *parsed);
            }
            Err(found) => problems.extend(found.0),
        }
    }
    for file in files.keys().filter(|file| file.ends_with(SIGNATURE_SUFFIX)) {
        if belongs_to(file, &drafts) {
            let message = "it signs a statement that is a draft now, and so counts for nothing";
            let help = "put back what was signed, or remove the signature";
            problems.push(Place::default().problem(file, message, help));
        }
    }
    // A draft is nobody's word, so its file is no part of what was attested.
    files.retain(|file, _| !belongs_to(file, &drafts));
    let mut attested = Attested::new(attestations, certificates, files);
    attested.drafts = drafts;
    for id in attested.circles() {
        let (file, place) = place(&attested, id, "/supersedes");
        let message = "statements replace one another in a circle, so that none of them would count";
        problems.push(place.problem(&file, message, "let the later one supersede the earlier one only"));
    }
    if problems.is_empty() {
        Ok(attested)
    } else {
        Err(Problems(problems))
    }
}

/// Whether a file is a draft, or a signature beside one.
fn belongs_to(file: &str, drafts: &BTreeMap<String, Draft>) -> bool {
    let name = file.trim_start_matches("attestations/");
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    drafts.contains_key(statement_of(name).unwrap_or(&stem))
}

fn parse_all(files: &BTreeMap<String, Vec<u8>>) -> Vec<One<'_>> {
    let statements: Vec<(&str, &[u8])> = files
        .iter()
        .filter(|(file, _)| !file.ends_with(SIGNATURE_SUFFIX))
        .map(|(file, bytes)| (file.as_str(), bytes.as_slice()))
        .collect();
    parallel::map(
        parallel::threads(None),
        &statements,
        |(_, bytes)| bytes.len() as u64,
        |(file, bytes), _| parse_one(file, bytes),
    )
}

fn parse_one<'a>(file: &'a str, bytes: &[u8]) -> One<'a> {
    let id = Path::new(file)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let parsed = kind(file, bytes).and_then(|Kind { kind, draft }| match (kind.as_str(), draft) {
        ("attestation", true) => draft_of::<Attestation>(file, bytes),
        ("certificate", true) => draft_of::<Certificate>(file, bytes),
        ("attestation", false) => {
            let parsed = yaml::parse::<Attestation>(file, bytes)?;
            match parsed.draft {
                true => draft_of::<Attestation>(file, bytes),
                false => checked(check_attestation(file, bytes, &parsed), || {
                    Parsed::Attestation(Box::new(parsed))
                }),
            }
        }
        ("certificate", false) => {
            let parsed = yaml::parse::<Certificate>(file, bytes)?;
            match parsed.draft {
                true => draft_of::<Certificate>(file, bytes),
                false => checked(check_certificate(file, bytes, &parsed), || {
                    Parsed::Certificate(Box::new(parsed))
                }),
            }
        }
        _ => Err(Problems(vec![yaml::place(bytes, "/kind").problem(
            file,
            format!("the kind `{kind}` is not known"),
            "write `kind: attestation` or `kind: certificate`",
        )])),
    });
    (file, id, parsed)
}

fn draft_of<W: JsonSchema>(file: &str, bytes: &[u8]) -> Result<Parsed, Problems> {
    yaml::parse_part::<Draft, W>(file, bytes).map(Parsed::Draft)
}

fn checked(problems: Vec<Problem>, parsed: impl FnOnce() -> Parsed) -> Result<Parsed, Problems> {
    if problems.is_empty() {
        Ok(parsed())
    } else {
        Err(Problems(problems))
    }
}

/// What a file says it is. Most say so in a line of its own, which saves parsing them twice.
fn kind(file: &str, bytes: &[u8]) -> Result<Kind, Problems> {
    let plain = std::str::from_utf8(bytes).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("kind:"))?;
        // Whatever looks like a draft is looked at closely, and what does not may be one all the same.
        Some(line.trim())
            .filter(|kind| ["attestation", "certificate"].contains(kind) && !text.contains("draft"))
    });
    match plain {
        Some(kind) => Ok(Kind {
            kind: kind.to_owned(),
            draft: false,
        }),
        None => yaml::parse::<Kind>(file, bytes),
    }
}

fn check_attestation(file: &str, bytes: &[u8], attestation: &Attestation) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |pointer: &str, message: String, help: &str| {
        problems.push(yaml::place(bytes, pointer).problem(file, message, help.to_owned()));
    };
    let from = attestation.first_day();
    if attestation.expires_at < from {
        let message = format!("it expires on {} and begins on {from}", attestation.expires_at);
        wrong("/expires_at", message, "correct `expires_at` or `valid_from`");
    }
    if attestation
        .reviewer
        .as_ref()
        .is_some_and(|reviewer| reviewer.is_named_like(&attestation.performed_by))
    {
        wrong(
            "/reviewer",
            "the reviewer is the performer".to_owned(),
            "have somebody else review it",
        );
    }
    for (index, document) in attestation.documents.iter().enumerate() {
        if document.period.is_some_and(|period| period.to < period.from) {
            let message = format!("the period of `{}` ends before it begins", document.file);
            wrong(&format!("/documents/{index}/period"), message, "correct `period`");
        }
    }
    problems
}

fn check_certificate(file: &str, bytes: &[u8], certificate: &Certificate) -> Vec<Problem> {
    let letter = certificate.bridge_letter.as_ref();
    let spans = [
        ("/period", Some((certificate.period.from, certificate.period.to))),
        ("/bridge_letter", letter.map(|letter| (letter.from, letter.to))),
    ];
    let ends_early = |(pointer, span): (&str, Option<_>)| {
        let (from, to) = span.filter(|(from, to)| to < from)?;
        let name = pointer.trim_start_matches('/');
        let message = format!("`{name}` ends on {to} and begins on {from}");
        let help = format!("correct `{name}`");
        Some(yaml::place(bytes, pointer).problem(file, message, help))
    };
    spans.into_iter().filter_map(ends_early).collect()
}

/// The file of a statement, and the place of something in it.
pub(super) fn place(attested: &Attested, id: &str, pointer: &str) -> (String, Place) {
    let names = ["yaml", "yml"].map(|extension| format!("attestations/{id}.{extension}"));
    let found = names
        .into_iter()
        .find_map(|name| attested.files.get_key_value(&name));
    match found {
        Some((file, bytes)) => (file.clone(), yaml::place(bytes, pointer)),
        None => (format!("attestations/{id}.yaml"), Place::default()),
    }
}

/// The file of a statement.
pub(super) fn file_of(attested: &Attested, id: &str) -> String {
    let other = format!("attestations/{id}.yml");
    if attested.files.contains_key(&other) {
        other
    } else {
        format!("attestations/{id}.yaml")
    }
}
