//! `pgdossier attest new`: the commented file of a statement, from flags and from what is asked on the terminal.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::{Value, json};

use super::fields::{hint, write_answer};
use super::sheet::{Sheet, kind_for};
use crate::attestation::{Day, Fault, Frequency, Question};
use crate::cli::arguments::{CatalogArguments, clock, parse_time};
use crate::cli::attested::{Existing, put_file};
use crate::cli::form::{self, Pair, pair};
use crate::cli::output::Output;
use crate::cli::workspace::{WorkspaceArguments, schema_line};
use crate::cli::{Exit, Stop};
use crate::collect;
use crate::control::Catalog;
use crate::evidence::sha256_hex;
use crate::file::leads_down;
use crate::folder::is_stem;
use crate::yaml;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The control that it answers; further ones too, if one statement answers several.
    #[arg(value_name = "CONTROL", required = true)]
    answering: Vec<String>,
    /// The folder of attestations; the workspace's, or `attestations`, when absent.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    /// The name of the file, without .yaml; the first control when absent. Never overwrites.
    #[arg(long)]
    id: Option<String>,
    /// Ask nothing: write a draft to fill in. It counts for nothing until its line `draft: true` is removed.
    #[arg(long)]
    draft: bool,
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
    let folder = arguments.workspace.attestations(arguments.folder.as_deref())?;
    let path = folder.join(format!("{id}.yaml"));
    let mut sheet = sheet(arguments, &folder, &catalog)?;
    let existing = refuse_existing(&path, &sheet)?;
    if !arguments.draft {
        let today = Day::of(clock(arguments.as_of)?);
        sheet.set_defaults(today);
        if std::io::stdin().is_terminal() {
            let (mut input, mut out) = (std::io::stdin().lock(), anstream::stderr().lock());
            sheet.ask(today, &mut input, &mut out).map_err(Stop::failed)?;
        }
        sheet.refuse_missing()?;
    }
    let text = sheet.write();
    let file = format!("attestations/{id}.yaml");
    collect::parse_attestations(BTreeMap::from([(file, text.clone().into_bytes())])).map_err(|problems| {
        Stop::usage(format!("nothing was written, for it would be wrong:\n{problems}"))
    })?;
    std::fs::create_dir_all(&folder)
        .map_err(|error| Stop::failed(format!("cannot make `{}`: {error}", folder.display())))?;
    put_file(&path, text.as_bytes(), existing)?;
    output.note(&format!(
        "wrote {0}\nread it, then check it: pgdossier attest check {0}",
        path.display()
    ));
    output.result(&json!({"file": path, "kind": sheet.kind}), || {
        path.display().to_string()
    });
    Ok(Exit::Good)
}

/// What the arguments say already.
fn sheet<'a>(arguments: &Arguments, folder: &Path, catalog: &'a Catalog) -> Result<Sheet<'a>, Stop> {
    let mut controls = Vec::new();
    for name in &arguments.answering {
        let unknown = || {
            Stop::usage(format!(
                "there is no control `{name}`; `pgdossier controls list` names them all"
            ))
        };
        controls.push(catalog.control(name).ok_or_else(unknown)?);
    }
    let kind = kind_for(&controls)?;
    let sheet = Sheet {
        kind,
        draft: arguments.draft,
        schema: schema_line(folder, kind),
        controls,
        fields: arguments.fields.iter().cloned().collect(),
        answers: arguments.answers.iter().cloned().collect(),
        noted: arguments.noted.clone(),
        complementary: arguments.complementary.clone(),
        documents: digests(&arguments.documents, folder)?,
    };
    sheet.refuse_unknown()?;
    if kind == "attestation" && !(sheet.noted.is_empty() && sheet.complementary.is_empty()) {
        return Err(Stop::usage("--noted and --complementary are for certificates"));
    }
    Ok(sheet)
}

/// A file that is there stays, unless it is a draft in which nobody has written anything yet.
fn refuse_existing(path: &Path, sheet: &Sheet<'_>) -> Result<Existing, Stop> {
    if path.symlink_metadata().is_err() {
        return Ok(Existing::Kept);
    }
    let untouched = sheet.controls.iter().any(|control| {
        let draft = Sheet::draft(control, sheet.schema.clone());
        let there = std::fs::read(path).ok();
        draft.is_ok_and(|draft| there == Some(draft.write().into_bytes()))
    });
    if untouched && !sheet.draft {
        return Ok(Existing::Replaced);
    }
    Err(Stop::usage(format!(
        "`{}` exists already, and is not overwritten; fill it in, or choose another name with --id",
        path.display()
    )))
}

impl Sheet<'_> {
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
    fn ask(&mut self, today: Day, input: &mut impl BufRead, out: &mut impl Write) -> std::io::Result<()> {
        form::ask(self.known(), &mut self.fields, input, out)?;
        if self.fields.get("answer").map(String::as_str) != Some("satisfied") {
            return Ok(());
        }
        for question in self.questions().filter(|question| question.required) {
            if !self.answers.contains_key(&question.id) {
                let text = format!("{} ({}, {})", question.ask, question.id, hint(question.kind));
                let wrong = |answer: &str| wrong(question, answer, today);
                if let Some(given) = form::ask_one(&text, wrong, input, out)? {
                    self.answers.insert(question.id.clone(), given);
                }
            }
        }
        Ok(())
    }

    fn refuse_missing(&self) -> Result<(), Stop> {
        let mut lines = form::missing(self.known(), &self.fields);
        let answer = self.fields.get("answer").map(String::as_str);
        let (asked, only_if) = match answer {
            Some("satisfied") => (true, ""),
            Some(_) => (false, ""),
            None => (self.kind == "attestation", "; if it is satisfied"),
        };
        let questions = self.questions().filter(|question| question.required && asked);
        let open = questions.filter(|question| !self.answers.contains_key(&question.id));
        lines.extend(open.map(|one| {
            let hint = hint(one.kind);
            format!("  --answer {}=…    {} ({hint}{only_if})", one.id, one.ask)
        }));
        if lines.is_empty() {
            return Ok(());
        }
        Err(Stop::usage(format!(
            "this is missing, and nobody is there to ask:\n{}",
            lines.join("\n")
        )))
    }
}

/// Why an answer cannot be.
fn wrong(question: &Question, answer: &str, today: Day) -> Option<String> {
    let written = write_answer(question, answer);
    let Ok(value) = yaml::parse::<Value>("the answer", written.as_bytes()) else {
        return Some(format!("`{answer}` is not {}", hint(question.kind)));
    };
    match question.fault(Some(&value), Some(today)) {
        Some(Fault::Implausible(why)) => Some(format!("`{answer}` {why}")),
        Some(Fault::Missing) | None => None,
    }
}

fn frequency(word: &str) -> Option<Frequency> {
    serde_json::from_value(json!(word)).ok()
}

/// The documents with their digests.
fn digests(documents: &[Pair], folder: &Path) -> Result<Vec<(Pair, String)>, Stop> {
    let mut all = Vec::new();
    for (name, description) in documents {
        if !leads_down(Path::new(name)) {
            return Err(Stop::usage(format!(
                "the document `{name}` leads out of `{}`; put it there first",
                folder.display()
            )));
        }
        let bytes = std::fs::read(folder.join(Path::new(name))).map_err(|error| {
            Stop::usage(format!(
                "cannot read the document `{name}` in `{}`: {error}; put it there first",
                folder.display()
            ))
        })?;
        all.push(((name.clone(), description.clone()), sha256_hex(&bytes)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_until_it_is_answered() {
        let catalog = Catalog::embedded().unwrap();
        let control = catalog.control("physical-server-room-access").unwrap();
        let mut sheet = Sheet {
            kind: "attestation",
            controls: vec![control],
            fields: BTreeMap::from([("performed_by.name".to_owned(), "Ann".to_owned())]),
            ..Sheet::default()
        };
        sheet.set_defaults("2026-11-23".parse().unwrap());
        let (mut input, mut out) = (
            &b"\nAll was well.\nyes\nsatisfied\nexamine\nnext year\n2027-02-23\nAnn\n2027-01-01\n2026-11-20\n"[..],
            Vec::new(),
        );
        let today = "2026-11-23".parse().unwrap();
        sheet.ask(today, &mut input, &mut out).unwrap();
        assert_eq!(sheet.fields["statement"], "All was well.");
        assert_eq!(sheet.fields["expires_at"], "2027-02-23");
        let asked = String::from_utf8(out).unwrap();
        assert!(!asked.contains("performed_by.name"), "{asked}");
        assert_eq!(asked.matches("(statement,").count(), 2, "{asked}");
        // What cannot be is asked for again at once.
        for wrong in [
            "`yes` is none of satisfied, not-satisfied, not-applicable",
            "`next year` is not a day",
            "`2027-01-01` is 2027-01-01, which had not come yet",
        ] {
            assert_eq!(asked.matches(wrong).count(), 1, "{wrong}: {asked}");
        }
        assert_eq!(sheet.answers["list_reviewed"], "2026-11-20");
        assert!(sheet.refuse_missing().unwrap_err().message.contains("--answer"));
    }
}
