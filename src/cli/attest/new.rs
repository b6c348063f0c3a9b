//! `pgdossier attest new`: the commented file of a statement, from flags and from what is asked on the terminal.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use super::fields::{ATTESTATION, CERTIFICATE, hint, write_answer};
use crate::attestation::{Day, Frequency};
use crate::cli::arguments::{CatalogArguments, clock, parse_time};
use crate::cli::attested::{Existing, put_file};
use crate::cli::form::{self, Field, Pair, pair, quoted};
use crate::cli::output::Output;
use crate::cli::{Exit, Stop};
use crate::collect;
use crate::control::{Catalog, Control};
use crate::evidence::sha256_hex;
use crate::folder::is_stem;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The control that it answers; further ones too, if one statement answers several.
    #[arg(value_name = "CONTROL", required = true)]
    answering: Vec<String>,
    /// The folder of attestations.
    #[arg(long, value_name = "DIR", default_value = "attestations")]
    folder: PathBuf,
    /// The name of the file, without .yaml; the first control when absent. Never overwrites.
    #[arg(long)]
    id: Option<String>,
    /// A field, such as performed_by.name=Ann; what is mandatory and absent is asked on the terminal.
    #[arg(long = "set", value_name = "FIELD=VALUE", value_parser = pair)]
    fields: Vec<Pair>,
    /// An answer to one of the control's questions, such as access_list_reviewed=2026-11-20.
    #[arg(long = "answer", value_name = "QUESTION=ANSWER", value_parser = pair)]
    answers: Vec<Pair>,
    /// A document in the folder, and what it shows; its digest is written down.
    #[arg(long = "document", value_name = "FILE=DESCRIPTION", value_parser = pair)]
    documents: Vec<Pair>,
    /// An exception that a certificate's issuer noted, and what follows from it for us.
    #[arg(long = "noted", value_name = "EXCEPTION=RESPONSE", value_parser = pair)]
    noted: Vec<Pair>,
    /// What a certificate leaves to us, and the controls that see to it.
    #[arg(long = "complementary", value_name = "REQUIREMENT=CONTROL,…", value_parser = pair)]
    complementary: Vec<Pair>,
    /// What counts as today: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// What the file will say.
struct Draft<'a> {
    kind: &'static str,
    controls: Vec<&'a Control>,
    fields: BTreeMap<String, String>,
    answers: BTreeMap<String, String>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let id = arguments.id.as_ref().or(arguments.answering.first());
    let id = id.map(String::as_str).unwrap_or_default();
    if !is_stem(id) {
        let message = format!(
            "`{id}` cannot be the name of a file; use letters, digits, hyphens, dots and underscores"
        );
        return Err(Stop::usage(message));
    }
    let path = arguments.folder.join(format!("{id}.yaml"));
    if path.exists() {
        let message = format!(
            "`{}` exists already, and is not overwritten; choose another name with --id",
            path.display()
        );
        return Err(Stop::usage(message));
    }
    let mut draft = Draft::new(arguments, &catalog)?;
    draft.set_defaults(Day::of(clock(arguments.as_of)?));
    if std::io::stdin().is_terminal() {
        let (mut input, mut out) = (std::io::stdin().lock(), anstream::stderr().lock());
        draft.ask(&mut input, &mut out).map_err(Stop::failed)?;
    }
    draft.refuse_missing()?;
    let documents = digests(arguments)?;
    let text = draft.write(arguments, &documents);
    let file = format!("attestations/{id}.yaml");
    collect::parse_attestations(BTreeMap::from([(file, text.clone().into_bytes())])).map_err(|problems| {
        Stop::usage(format!("nothing was written, for it would be wrong:\n{problems}"))
    })?;
    std::fs::create_dir_all(&arguments.folder)
        .map_err(|error| Stop::failed(format!("cannot make `{}`: {error}", arguments.folder.display())))?;
    put_file(&path, text.as_bytes(), Existing::Kept)?;
    output.note(&format!(
        "wrote {0}\nread it, then check it: pgdossier attest check {0}",
        path.display()
    ));
    output.result(&json!({"file": path, "kind": draft.kind}), || {
        path.display().to_string()
    });
    Ok(Exit::Good)
}

impl<'a> Draft<'a> {
    fn new(arguments: &Arguments, catalog: &'a Catalog) -> Result<Self, Stop> {
        let mut controls = Vec::new();
        for name in &arguments.answering {
            let unknown = || {
                Stop::usage(format!(
                    "there is no control `{name}`; `pgdossier controls list` names them all"
                ))
            };
            controls.push(catalog.control(name).ok_or_else(unknown)?);
        }
        let answers = |collector: &str| {
            controls.iter().all(|control: &&Control| {
                control
                    .evidence
                    .iter()
                    .any(|request| request.collector == collector)
            })
        };
        let kind = match (answers("attestation"), answers("certificate")) {
            (true, _) => "attestation",
            (false, true) => "certificate",
            (false, false) => {
                let message = "these controls are not all answered by attestations, nor all by certificates; \
                               `pgdossier controls show` tells what answers a control";
                return Err(Stop::usage(message));
            }
        };
        let draft = Self {
            kind,
            controls,
            fields: arguments.fields.iter().cloned().collect(),
            answers: arguments.answers.iter().cloned().collect(),
        };
        draft.refuse_unknown()?;
        if kind == "attestation" && !(arguments.noted.is_empty() && arguments.complementary.is_empty()) {
            return Err(Stop::usage("--noted and --complementary are for certificates"));
        }
        Ok(draft)
    }

    fn known(&self) -> &'static [Field] {
        if self.kind == "attestation" {
            ATTESTATION
        } else {
            CERTIFICATE
        }
    }

    fn questions(&self) -> impl Iterator<Item = &'a crate::attestation::Question> + use<'a> {
        let controls = self.controls.clone();
        controls.into_iter().flat_map(|control| &control.questions)
    }

    fn refuse_unknown(&self) -> Result<(), Stop> {
        if let Some(message) = form::unknown(self.known(), &self.fields) {
            return Err(Stop::usage(message));
        }
        let asked: Vec<&str> = self.questions().map(|question| question.id.as_str()).collect();
        match self.answers.keys().find(|name| !asked.contains(&name.as_str())) {
            Some(unknown) => Err(Stop::usage(format!(
                "--answer: nobody asks `{unknown}`; asked is: {}",
                asked.join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// Days that follow from others, and what is nearly always so.
    fn set_defaults(&mut self, today: Day) {
        let fields = &mut self.fields;
        let mut or = |name: &str, value: String| {
            fields.entry(name.to_owned()).or_insert(value);
        };
        if self.kind == "certificate" {
            or("reviewed_at", today.to_string());
            return;
        }
        or("performed_at", today.to_string());
        or("method", "examine".to_owned());
        let performed = self
            .fields
            .get("performed_at")
            .and_then(|day| day.parse::<Day>().ok());
        let frequency = self.fields.get("frequency").and_then(|word| frequency(word));
        if let (Some(performed), Some(frequency)) = (performed, frequency) {
            let due = performed.plus_months(frequency.months());
            self.fields
                .entry("expires_at".to_owned())
                .or_insert(due.to_string());
        }
    }

    /// Asks for what is mandatory and absent.
    fn ask(&mut self, input: &mut impl BufRead, out: &mut impl Write) -> std::io::Result<()> {
        form::ask(self.known(), &mut self.fields, input, out)?;
        if self.fields.get("answer").map(String::as_str) != Some("satisfied") {
            return Ok(());
        }
        for question in self.questions().filter(|question| question.required) {
            if !self.answers.contains_key(&question.id) {
                let text = format!("{} ({}, {})", question.ask, question.id, hint(question.kind));
                if let Some(given) = form::ask_one(&text, input, out)? {
                    self.answers.insert(question.id.clone(), given);
                }
            }
        }
        Ok(())
    }

    fn refuse_missing(&self) -> Result<(), Stop> {
        let mut lines = form::missing(self.known(), &self.fields);
        if self.fields.get("answer").map(String::as_str) == Some("satisfied") {
            let questions = self.questions().filter(|question| question.required);
            let open = questions.filter(|question| !self.answers.contains_key(&question.id));
            lines.extend(
                open.map(|one| format!("  --answer {}=…    {} ({})", one.id, one.ask, hint(one.kind))),
            );
        }
        if lines.is_empty() {
            return Ok(());
        }
        Err(Stop::usage(format!(
            "this is missing, and nobody is there to ask:\n{}",
            lines.join("\n")
        )))
    }

    fn write(&self, arguments: &Arguments, documents: &[(Pair, String)]) -> String {
        let what = match self.kind {
            "attestation" => "What somebody of ours attests",
            _ => "What a third party certifies",
        };
        let mut text = format!(
            "# {what}. `pgdossier attest check` tells what is wrong with it, `pgdossier attest sign` signs it.\nkind: {}\n",
            self.kind
        );
        let ids: Vec<&str> = self.controls.iter().map(|control| control.id.as_str()).collect();
        text.push_str(&format!(
            "# The controls that it answers.\ncontrols: [{}]\n",
            ids.join(", ")
        ));
        text.push_str(&form::write(self.known(), &self.fields));
        if self.kind == "attestation" {
            text.push_str(&self.write_answers());
        } else {
            text.push_str(&write_certificate_lists(arguments));
        }
        text.push_str(&write_documents(documents));
        text
    }

    fn write_answers(&self) -> String {
        let mut text = String::from("# Answers to what the controls ask.\n");
        if self.questions().next().is_none() {
            return text + "# answers: {}\n";
        }
        text.push_str(if self.answers.is_empty() {
            "# answers:\n"
        } else {
            "answers:\n"
        });
        for question in self.questions() {
            let optional = if question.required { "" } else { " (optional)" };
            text.push_str(&format!("  # {}{optional}\n", question.ask));
            text.push_str(&match self.answers.get(&question.id) {
                Some(answer) => format!("  {}: {}\n", question.id, write_answer(question, answer)),
                None => format!("#  {}: {}\n", question.id, question.kind.example()),
            });
        }
        text
    }
}

fn frequency(word: &str) -> Option<Frequency> {
    serde_json::from_value(json!(word)).ok()
}

/// The documents with their digests.
fn digests(arguments: &Arguments) -> Result<Vec<(Pair, String)>, Stop> {
    let mut all = Vec::new();
    for (name, description) in &arguments.documents {
        let bytes = std::fs::read(arguments.folder.join(Path::new(name))).map_err(|error| {
            Stop::usage(format!(
                "cannot read the document `{name}` in `{}`: {error}; put it there first",
                arguments.folder.display()
            ))
        })?;
        all.push(((name.clone(), description.clone()), sha256_hex(&bytes)));
    }
    Ok(all)
}

fn write_documents(documents: &[(Pair, String)]) -> String {
    let mut text =
        String::from("# What it rests on: files beside this one; those that sha256 names are pinned.\n");
    if documents.is_empty() {
        return text + "# documents:\n#   - file: report.pdf\n#     description: what it shows\n";
    }
    text.push_str("documents:\n");
    for ((name, description), sha256) in documents {
        text.push_str(&format!(
            "  # The file, relative to this folder.\n  - file: {}\n    # What it shows.\n    description: {}\n    \
             # Its digest when this was written.\n    sha256: {}\n",
            quoted(name),
            quoted(description),
            quoted(sha256)
        ));
    }
    text
}

fn write_certificate_lists(arguments: &Arguments) -> String {
    let mut text =
        String::from("# Exceptions that the issuer noted, each with what follows from it for us.\n");
    if arguments.noted.is_empty() {
        text.push_str("exceptions_noted: []\n");
    } else {
        text.push_str("exceptions_noted:\n");
    }
    for (noted, response) in &arguments.noted {
        text.push_str(&format!(
            "  - noted: {}\n    response: {}\n",
            quoted(noted),
            quoted(response)
        ));
    }
    text.push_str(
        "# What it leaves to us (complementary user-entity controls), and our controls that see to it.\n",
    );
    if arguments.complementary.is_empty() {
        text.push_str("complementary_controls: []\n");
    } else {
        text.push_str("complementary_controls:\n");
    }
    for (requirement, controls) in &arguments.complementary {
        let controls: Vec<&str> = controls
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        let controls: Vec<String> = controls.into_iter().map(quoted).collect();
        text.push_str(&format!(
            "  - requirement: {}\n    answered_by: [{}]\n",
            quoted(requirement),
            controls.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_until_it_is_answered() {
        let catalog = Catalog::embedded().unwrap();
        let control = catalog.control("physical-server-room-access").unwrap();
        let mut draft = Draft {
            kind: "attestation",
            controls: vec![control],
            fields: BTreeMap::from([("performed_by.name".to_owned(), "Ann".to_owned())]),
            answers: BTreeMap::new(),
        };
        draft.set_defaults("2026-11-23".parse().unwrap());
        let (mut input, mut out) = (&b"\nAll was well.\nsatisfied\n2027-02-23\n"[..], Vec::new());
        draft.ask(&mut input, &mut out).unwrap();
        assert_eq!(draft.fields["statement"], "All was well.");
        assert_eq!(draft.fields["expires_at"], "2027-02-23");
        let asked = String::from_utf8(out).unwrap();
        assert!(!asked.contains("performed_by.name"), "{asked}");
        assert_eq!(asked.matches("(statement,").count(), 2, "{asked}");
        assert!(draft.refuse_missing().unwrap_err().message.contains("--answer"));
    }
}
