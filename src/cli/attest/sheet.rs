//! What the file of a statement will say, and the file with its comments.

use std::collections::BTreeMap;

use super::fields::{ATTESTATION, CERTIFICATE, write_answer};
use crate::attestation::Question;
use crate::cli::Stop;
use crate::cli::form::{self, Field, Pair};
use crate::control::Control;
use crate::yaml::quoted;

/// What the file of a statement will say.
#[derive(Default)]
pub(super) struct Sheet<'a> {
    /// `attestation` or `certificate`.
    pub(super) kind: &'static str,
    /// Whether it is to be filled in by hand, and counts for nothing until then.
    pub(super) draft: bool,
    /// The line that names the file's JSON Schema, for editors.
    pub(super) schema: Option<String>,
    pub(super) controls: Vec<&'a Control>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) answers: BTreeMap<String, String>,
    /// Exceptions that a certificate's issuer noted, each with what follows from it.
    pub(super) noted: Vec<Pair>,
    /// What a certificate leaves to us, each with our controls that see to it.
    pub(super) complementary: Vec<Pair>,
    /// Documents with what they show, and their digests.
    pub(super) documents: Vec<(Pair, String)>,
}

/// The kind of statement that answers all of these controls.
pub(super) fn kind_for(controls: &[&Control]) -> Result<&'static str, Stop> {
    let answers = |collector: &str| {
        controls.iter().all(|control| {
            let mut requests = control.evidence.iter();
            requests.any(|request| request.collector == collector)
        })
    };
    match (answers("attestation"), answers("certificate")) {
        (true, _) => Ok("attestation"),
        (false, true) => Ok("certificate"),
        (false, false) => {
            let message = "these controls are not all answered by attestations, nor all by certificates; \
                           `pgdossier controls show` tells what answers a control";
            Err(Stop::usage(message))
        }
    }
}

impl<'a> Sheet<'a> {
    /// The draft for a control, with nothing filled in.
    pub(super) fn draft(control: &'a Control, schema: Option<String>) -> Result<Self, Stop> {
        let controls = vec![control];
        Ok(Self {
            kind: kind_for(&controls)?,
            draft: true,
            schema,
            controls,
            ..Self::default()
        })
    }

    pub(super) fn known(&self) -> &'static [Field] {
        if self.kind == "attestation" {
            ATTESTATION
        } else {
            CERTIFICATE
        }
    }

    pub(super) fn questions(&self) -> impl Iterator<Item = &'a Question> + use<'a> {
        let controls = self.controls.clone();
        controls.into_iter().flat_map(|control| &control.questions)
    }

    /// The file.
    pub(super) fn write(&self) -> String {
        let mut text = self.schema.clone().unwrap_or_default();
        text.push_str(&self.write_head());
        text.push_str(&match self.draft {
            true => form::write_draft(self.known()),
            false => form::write(self.known(), &self.fields),
        });
        if self.kind == "attestation" {
            text.push_str(&self.write_answers());
        } else {
            text.push_str(&self.write_noted());
            text.push_str(&self.write_complementary());
        }
        text.push_str(&self.write_documents());
        text
    }

    fn write_head(&self) -> String {
        let what = match self.kind {
            "attestation" => "What somebody of ours attests",
            _ => "What a third party certifies",
        };
        let mut text = format!(
            "# {what}. `pgdossier attest check` tells what is wrong with it, `pgdossier attest sign` signs it.\n"
        );
        for control in self.controls.iter().filter(|_| self.draft) {
            text.push_str(&format!("# {}: {}.\n", control.id, control.title));
        }
        text.push_str(&format!("kind: {}\n", self.kind));
        if self.draft {
            text.push_str(
                "# A draft counts for nothing. Remove the `#` before what you fill in, and this line when you are done.\n\
                 draft: true\n",
            );
        }
        let ids: Vec<&str> = self.controls.iter().map(|control| control.id.as_str()).collect();
        text.push_str(&format!(
            "# The controls that it answers.\ncontrols: [{}]\n",
            ids.join(", ")
        ));
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
                None => format!("#   {}: {}\n", question.id, question.kind.example()),
            });
        }
        text
    }

    fn write_noted(&self) -> String {
        let mut text =
            String::from("# Exceptions that the issuer noted, each with what follows from it for us.\n");
        text.push_str(match (self.noted.is_empty(), self.draft) {
            (true, true) => "# exceptions_noted:\n#   - noted: \"…\"\n#     response: \"…\"\n",
            (true, false) => "exceptions_noted: []\n",
            (false, _) => "exceptions_noted:\n",
        });
        for (noted, response) in &self.noted {
            text.push_str(&format!(
                "  - noted: {}\n    response: {}\n",
                quoted(noted),
                quoted(response)
            ));
        }
        text
    }

    fn write_complementary(&self) -> String {
        let mut text = String::from(
            "# What it leaves to us (complementary user-entity controls), and our controls that see to it.\n",
        );
        text.push_str(match (self.complementary.is_empty(), self.draft) {
            (true, true) => {
                "# complementary_controls:\n#   - requirement: \"CC6.1: …\"\n#     answered_by: [hba-no-trust]\n"
            }
            (true, false) => "complementary_controls: []\n",
            (false, _) => "complementary_controls:\n",
        });
        for (requirement, controls) in &self.complementary {
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

    fn write_documents(&self) -> String {
        let mut text =
            String::from("# What it rests on: files beside this one; those that sha256 names are pinned.\n");
        if self.documents.is_empty() {
            return text
                + "# documents:\n#   - file: report.pdf\n#     description: what it shows\n    # Its digest, as sha256sum prints it.\n\
                 #     sha256: \"…\"\n    # The days that it is about, such as those of a badge log.\n\
                 #     period: { from: 2026-07-01, to: 2026-09-30 }\n";
        }
        text.push_str("documents:\n");
        for ((name, description), sha256) in &self.documents {
            text.push_str(&format!(
                "  # The file, relative to this folder.\n  - file: {}\n    # What it shows.\n    description: {}\n    \
                 # Its digest when this was written.\n    sha256: {}\n    \
                 # The days that it is about, such as those of a badge log.\n#     period: {{ from: 2026-07-01, to: 2026-09-30 }}\n",
                quoted(name),
                quoted(description),
                quoted(sha256)
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::parse_attestations;
    use crate::control::Catalog;

    fn parsed(text: &str) -> Result<crate::attestation::Attested, String> {
        let files = BTreeMap::from([("attestations/a.yaml".to_owned(), text.as_bytes().to_vec())]);
        parse_attestations(files).map_err(|problems| format!("{problems}\n{text}"))
    }

    #[test]
    fn a_draft_of_any_control_counts_for_nothing_and_is_a_statement_once_it_is_filled_in() {
        let catalog = Catalog::embedded().unwrap();
        let by_people: Vec<&Control> = catalog
            .controls
            .iter()
            .filter(|control| kind_for(&[control]).is_ok())
            .collect();
        assert!(by_people.len() >= 14, "{}", by_people.len());
        for control in by_people {
            let text = Sheet::draft(control, None).unwrap().write();
            let draft = parsed(&text).unwrap();
            assert_eq!(draft.drafts.len(), 1, "{}", control.id);
            assert_eq!(draft.statements().count(), 0, "{}", control.id);
            assert!(draft.files.is_empty(), "{}", control.id);
            assert!(
                parsed(&text.replace("draft: true\n", "")).is_err(),
                "{}",
                control.id
            );
            let filled = parsed(&fill_in(&text)).unwrap();
            assert_eq!(filled.statements().count(), 1, "{}", control.id);
        }
    }

    /// Takes the `#` away from what is mandatory, and from the answers.
    fn fill_in(draft: &str) -> String {
        let (mut text, mut mandatory, mut answers) = (String::new(), false, false);
        for line in draft.lines().filter(|line| *line != "draft: true") {
            let group = ["# performed_by:", "# reviewed_by:", "# period:", "# answers:"].contains(&line);
            let filled = line
                .strip_prefix("# ")
                .filter(|_| group || mandatory || (answers && line.starts_with("#   ")));
            text.push_str(&format!("{}\n", filled.unwrap_or(line)));
            mandatory = line.ends_with("Mandatory.");
            answers = (answers || line == "# answers:") && !line.starts_with("# What it rests on");
        }
        text
    }
}
