//! What is wrong with statements beyond their form: names that nothing has, answers, documents, days.

use super::documents::Document;
use super::parse::place;
use super::statement_faults::{attestation_faults, issue_faults};
use super::{AttestedFolder, Reading, attestation, certificate};
use crate::attestation::{Attestation, Certificate, DocumentReference, Fault, Question, Statement, Subject};
use crate::control::{Catalog, Control};
use crate::signature::{SIGNATURE_SUFFIX, statement_of};
use crate::yaml::{Place, Problem, Problems, distance};

/// Every problem of the statements of a folder that can be seen without an assessment, by file and line.
pub fn check_statements(folder: &AttestedFolder, catalog: &Catalog) -> Problems {
    let mut problems = Vec::new();
    for (id, statement) in folder.attested.statements() {
        let mut found = Found {
            folder,
            id,
            problems: &mut problems,
        };
        found.check_controls(statement, catalog);
        found.check_scope(statement);
        found.check_supersedes(statement);
        found.check_documents(statement);
        match statement {
            Statement::Attestation(attestation) => found.check_attestation(attestation, catalog),
            Statement::Certificate(certificate) => found.check_certificate(certificate, catalog),
        }
        found.check_itself(statement);
    }
    for file in folder.attested.files.keys() {
        let name = file.trim_start_matches("attestations/");
        let lonely = name.ends_with(SIGNATURE_SUFFIX)
            && statement_of(name).is_none_or(|id| folder.attested.statement(id).is_none());
        if lonely {
            let message = "there is no statement that this would be a signature of";
            problems.push(Place::default().problem(
                file,
                message,
                "remove it, or give it its statement's name",
            ));
        }
    }
    problems.sort();
    problems.dedup();
    Problems(problems)
}

/// The problems of one statement.
struct Found<'a> {
    folder: &'a AttestedFolder,
    id: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, pointer: &str, message: impl Into<String>, help: impl Into<String>) {
        let (file, place) = place(&self.folder.attested, self.id, pointer);
        self.problems.push(place.problem(&file, message, help));
    }

    /// What an assessment would say of it too, whatever it is assessed for.
    fn check_itself(&mut self, statement: Statement<'_>) {
        let reading = Reading {
            control: "",
            subject: Subject {
                target: None,
                tags: &[],
                site: None,
            },
            attested: &self.folder.attested,
            documents: &self.folder.documents,
        };
        let faults = match statement {
            Statement::Attestation(one) => {
                attestation_faults(&attestation::raw(self.id, one, None, &reading))
            }
            Statement::Certificate(one) => issue_faults(&certificate::raw(self.id, one, None, &reading)),
        };
        for fault in faults {
            self.add(&fault.pointer, fault.message, fault.help);
        }
    }

    fn check_controls(&mut self, statement: Statement<'_>, catalog: &Catalog) {
        if statement.controls().is_empty() {
            self.add(
                "/controls",
                "it answers no control",
                "name at least one under `controls`",
            );
        }
        let wanted = match statement {
            Statement::Attestation(_) => "attestation",
            Statement::Certificate(_) => "certificate",
        };
        for (index, name) in statement.controls().iter().enumerate() {
            let pointer = format!("/controls/{index}");
            let Some(control) = catalog.control(name) else {
                let message = format!("the catalog has no control `{name}`");
                self.add(&pointer, message, nearest(name, catalog));
                continue;
            };
            let answers = control.evidence.iter().any(|request| request.collector == wanted);
            if !answers {
                let message = format!("`{name}` is not answered by {wanted}s");
                self.add(
                    &pointer,
                    message,
                    "`pgdossier controls show` tells what answers it",
                );
            }
        }
    }

    fn check_scope(&mut self, statement: Statement<'_>) {
        let lists = match statement {
            Statement::Attestation(one) => [
                ("targets", one.targets.as_ref()),
                ("tags", one.tags.as_ref()),
                ("sites", one.sites.as_ref()),
            ],
            Statement::Certificate(one) => [
                ("targets", one.targets.as_ref()),
                ("tags", one.tags.as_ref()),
                ("sites", None),
            ],
        };
        for (name, list) in lists {
            if list.is_some_and(Vec::is_empty) {
                let message = format!("`{name}` is empty, so the statement is about nothing");
                self.add(
                    &format!("/{name}"),
                    message,
                    format!("remove `{name}`: then it is about all"),
                );
            }
        }
    }

    fn check_supersedes(&mut self, statement: Statement<'_>) {
        let Some(id) = statement.supersedes() else { return };
        let shares = |earlier: Statement<'_>| {
            let mut controls = statement.controls().iter();
            controls.any(|control| earlier.controls().contains(control))
        };
        let (why, help) = match self.folder.attested.statement(id) {
            None => (
                "which is not here",
                "keep the earlier file beside it, or correct the name",
            ),
            Some(earlier) if !shares(earlier) => (
                "which answers none of its controls",
                "correct the name, or the controls",
            ),
            Some(earlier) if !statement.may_replace(earlier) => (
                "which is of a later day, or of another kind, and so counts all the same",
                "let the later one supersede the earlier one",
            ),
            Some(_) => return,
        };
        self.add("/supersedes", format!("it replaces `{id}`, {why}"), help);
    }

    fn check_documents(&mut self, statement: Statement<'_>) {
        let pointers = match statement {
            Statement::Attestation(_) => "/documents",
            Statement::Certificate(certificate) => {
                if let Some(letter) = &certificate.bridge_letter {
                    self.check_document(&letter.document, "/bridge_letter/document");
                }
                "/documents"
            }
        };
        let listed = match statement {
            Statement::Attestation(one) => &one.documents,
            Statement::Certificate(one) => &one.documents,
        };
        for (index, document) in listed.iter().enumerate() {
            self.check_document(document, &format!("{pointers}/{index}"));
        }
    }

    fn check_document(&mut self, document: &DocumentReference, pointer: &str) {
        let (name, stated) = (&document.file, document.sha256.as_deref());
        let is_digest = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        match (self.folder.documents.get(name), stated) {
            (_, Some(stated)) if !is_digest(stated) => self.add(
                &format!("{pointer}/sha256"),
                format!("`{stated}` is not a SHA-256 digest"),
                "write 64 hexadecimal digits, as `sha256sum` prints them",
            ),
            (Some(Document::Present { attachment, .. }), Some(stated))
                if !stated.eq_ignore_ascii_case(&attachment.sha256) =>
            {
                self.add(
                    &format!("{pointer}/sha256"),
                    format!("`{name}` was changed: its digest is now {}", attachment.sha256),
                    "put the document back that was examined, or examine the new one and state its digest",
                );
            }
            (Some(Document::Present { .. }), _) => {}
            (Some(Document::Missing(reason)), _) => self.add(
                &format!("{pointer}/file"),
                format!("the document `{name}` is missing: {reason}"),
                "put it beside the statement, under this name",
            ),
            (None, _) => {}
        }
    }

    fn check_attestation(&mut self, attestation: &Attestation, catalog: &Catalog) {
        match (attestation.revoked_at, &attestation.revoked_reason) {
            (Some(_), None) => self.add(
                "/revoked_at",
                "it was withdrawn, and does not say why",
                "add `revoked_reason: …`",
            ),
            (None, Some(_)) => self.add(
                "/revoked_reason",
                "it says why it was withdrawn, and not when",
                "add `revoked_at: …`",
            ),
            _ => {}
        }
        if let Some(due) = attestation.due_at().filter(|due| attestation.expires_at > *due) {
            self.add(
                "/expires_at",
                format!(
                    "it counts until {}, and by its frequency it is due on {due}",
                    attestation.expires_at
                ),
                "let it expire when it is due, or correct `frequency`",
            );
        }
        self.check_answers(attestation, catalog);
    }

    fn check_answers(&mut self, attestation: &Attestation, catalog: &Catalog) {
        let controls: Vec<&Control> = attestation
            .controls
            .iter()
            .filter_map(|name| catalog.control(name))
            .collect();
        let questions: Vec<&Question> = controls.iter().flat_map(|control| &control.questions).collect();
        for name in attestation.answers.keys() {
            if controls.len() == attestation.controls.len() && !questions.iter().any(|one| one.id == *name) {
                let known: Vec<&str> = questions.iter().map(|one| one.id.as_str()).collect();
                let help = match known.iter().min_by_key(|known| distance(name, known)) {
                    Some(near) if distance(name, near) <= 3 => format!("did you mean `{near}`?"),
                    Some(_) => format!("the questions are {}", known.join(", ")),
                    None => "remove it: its controls ask nothing".to_owned(),
                };
                self.add(&format!("/answers/{name}"), format!("nobody asks `{name}`"), help);
            }
        }
        if attestation.answer != crate::attestation::Answer::Satisfied {
            return;
        }
        for question in questions {
            let pointer = format!("/answers/{}", question.id);
            let example = question.kind.example();
            match question.fault(attestation.answers.get(&question.id), None) {
                None => {}
                Some(Fault::Missing) => self.add(
                    &pointer,
                    format!("`{}` is not answered: {}", question.id, question.ask),
                    format!("add `{}: {example}` under `answers`", question.id),
                ),
                Some(Fault::Implausible(reason)) => self.add(
                    &pointer,
                    format!("the answer `{}` {reason}", question.id),
                    format!(
                        "write it like `{}: {example}`; asked is: {}",
                        question.id, question.ask
                    ),
                ),
            }
        }
    }

    fn check_certificate(&mut self, certificate: &Certificate, catalog: &Catalog) {
        if certificate.documents.is_empty() {
            let message = "the certificate itself is not attached";
            self.add(
                "/documents",
                message,
                "add it under `documents`, as `file` and `description`",
            );
        }
        for (index, one) in certificate.complementary_controls.iter().enumerate() {
            let pointer = format!("/complementary_controls/{index}/answered_by");
            if one.answered_by.is_empty() {
                let message = format!("no control of ours is named for `{}`", one.requirement);
                self.add(&pointer, message, "name the controls that see to it");
            }
            for name in one
                .answered_by
                .iter()
                .filter(|name| catalog.control(name).is_none())
            {
                let message = format!("the catalog has no control `{name}`");
                self.add(&pointer, message, nearest(name, catalog));
            }
        }
    }
}

fn nearest(name: &str, catalog: &Catalog) -> String {
    let ids = catalog.controls.iter().map(|control| control.id.as_str());
    match ids.min_by_key(|id| distance(name, id)) {
        Some(near) if distance(name, near) <= 5 => format!("did you mean `{near}`?"),
        _ => "`pgdossier controls list` names them all".to_owned(),
    }
}
