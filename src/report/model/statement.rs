//! Attestations and certificates as reports show them: who, when, until when, on what.

use serde::Serialize;
use serde_json::Value;

use super::{SOON, slug};
use crate::assessment::TargetRecord;
use crate::evidence::Row;
use crate::finding::{Finding, Status};

#[derive(Clone, PartialEq, Serialize)]
pub(super) struct StatementView {
    anchor: String,
    id: String,
    kind: String,
    controls: Vec<String>,
    targets: Vec<String>,
    who: String,
    when: String,
    until: String,
    state: String,
    /// The state for a reader: `valid` and near its end is `expiring`.
    shown: String,
    days_left: i64,
    /// What is wrong with it, each with the targets on which that is so.
    faults: Vec<FaultView>,
    summary: String,
    details: Vec<(String, String)>,
    documents: Vec<DocumentView>,
    file: String,
}

#[derive(Clone, PartialEq, Serialize)]
struct FaultView {
    text: String,
    targets: Vec<String>,
}

#[derive(Clone, PartialEq, Serialize)]
struct DocumentView {
    name: String,
    description: String,
    /// The days that it is about.
    period: Option<String>,
    state: String,
    sha256: Option<String>,
    path: Option<String>,
}

impl StatementView {
    fn add_fault(&mut self, text: String, target: &str) {
        let known = self.faults.iter_mut().find(|fault| fault.text == text);
        match known {
            Some(known) => add(&mut known.targets, target),
            None => self.faults.push(FaultView {
                text,
                targets: vec![target.to_owned()],
            }),
        }
    }

    /// Whether somebody has to renew it, now or soon.
    pub(super) fn needs_attention(&self) -> bool {
        match self.state.as_str() {
            "valid" => self.days_left <= SOON,
            "superseded" | "revoked" => false,
            _ => true,
        }
    }
}

/// Every statement once for each state that it has, with the controls and targets that it answers: a statement may be
/// replaced on some targets only.
pub(super) fn statements(targets: &[&TargetRecord]) -> Vec<StatementView> {
    let mut views: Vec<StatementView> = Vec::new();
    for target in targets {
        for (name, evidence) in &target.evidence {
            let kind = evidence.provenance.collector.as_str();
            if kind != "attestation" && kind != "certificate" {
                continue;
            }
            let finding = target
                .findings
                .iter()
                .find(|finding| finding.evidence.as_ref() == Some(name));
            for (index, row) in evidence.table.rows.iter().enumerate() {
                let said = finding.map_or_else(Vec::new, |finding| faults(row, index + 1, finding));
                let view = view(kind, row);
                let aspect = aspect(row);
                let index = views
                    .iter()
                    .position(|known| known.anchor == view.anchor)
                    .unwrap_or_else(|| {
                        views.push(view);
                        views.len() - 1
                    });
                if let Some(known) = views.get_mut(index) {
                    add(&mut known.controls, name);
                    add(&mut known.targets, &target.summary.id);
                    // One statement may answer several controls, and each asks its own questions.
                    for answer in answers(row) {
                        if !known.details.contains(&answer) {
                            known.details.push(answer);
                        }
                    }
                    if let Some(aspect) = aspect.filter(|aspect| !known.details.contains(aspect)) {
                        known.details.push(aspect);
                    }
                    for fault in said {
                        known.add_fault(fault, &target.summary.id);
                    }
                }
            }
        }
    }
    for view in views.iter_mut().filter(|view| !view.faults.is_empty()) {
        // What is valid and wanting is no comfort.
        if ["valid", "expiring"].contains(&view.shown.as_str()) {
            "exceptions".clone_into(&mut view.shown);
        }
    }
    views.sort_by(|left, right| left.anchor.cmp(&right.anchor));
    views
}

/// What is wrong with what a row says, by what the control expects of it.
fn faults(row: &Row, line: usize, finding: &Finding) -> Vec<String> {
    let exception = finding.exceptions.iter().find(|exception| exception.line == line);
    let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default();
    let aspect = text("aspect");
    if !aspect.is_empty() {
        // The control's sentence begins with whose certificate it is, which stands above it here.
        let after = |said: &str| {
            said.split_once(&format!(", {aspect}: "))
                .map(|(_, rest)| rest.to_owned())
        };
        let own = format!("{aspect}: {}", text("detail"));
        return match exception {
            Some(exception) => vec![after(&exception.text).map_or(own, |rest| format!("{aspect}: {rest}"))],
            None if finding.status == Status::NotEvaluated
                && row.get("holds") == Some(&Value::Bool(false)) =>
            {
                vec![own]
            }
            None => Vec::new(),
        };
    }
    let own = row.get("faults").and_then(Value::as_array).into_iter().flatten();
    let own: Vec<String> = own.filter_map(Value::as_str).map(str::to_owned).collect();
    match exception {
        None => Vec::new(),
        Some(_) if !own.is_empty() => own,
        Some(_) if text("answer") == "not-satisfied" => {
            vec!["it says that the control is not satisfied".to_owned()]
        }
        Some(exception) => vec![exception.text.clone()],
    }
}

fn add(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}

fn view(kind: &str, row: &Row) -> StatementView {
    let text = |column: &str| match row.get(column) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        Some(Value::Null) | None => String::new(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    };
    let joined = |columns: &[&str]| {
        let parts: Vec<String> = columns
            .iter()
            .map(|column| text(column))
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(", ")
    };
    let (who, when, summary, labels): (_, _, _, &[(&str, &str)]) = if kind == "attestation" {
        let who = joined(&["performed_by", "performed_by_role", "performed_by_organisation"]);
        (
            who,
            text("performed_at"),
            text("statement"),
            &[
                ("Answer", "answer"),
                ("Method", "method"),
                ("Reviewer", "reviewer"),
                ("Reviewed at", "reviewed_at"),
                ("Valid from", "valid_from"),
                ("To be repeated", "frequency"),
                ("Signature", "signature"),
                ("Signed by", "signed_by"),
                ("Reviewer's signature", "review_signature"),
                ("Review signed by", "review_signed_by"),
                ("Replaced by", "superseded_by"),
                ("Withdrawn at", "revoked_at"),
                ("Withdrawn because", "revoked_reason"),
            ],
        )
    } else {
        let summary = format!(
            "{} of {}, number {}",
            text("scheme"),
            text("provider"),
            text("number")
        );
        (
            text("issuer"),
            format!("{} to {}", text("period_from"), text("period_to")),
            summary,
            &[
                ("Covers the period", "covers_period"),
                ("Days not covered", "days_uncovered"),
                ("Criteria", "criteria"),
                ("Sites", "sites"),
                ("The provider's own providers", "subservice"),
                ("These are", "subservice_organisations"),
                ("Bridge letter from", "bridge_from"),
                ("Bridge letter to", "bridge_to"),
                ("Exceptions noted by the issuer", "exceptions_noted"),
                ("Reviewed by", "reviewed_by"),
                ("Reviewed at", "reviewed_at"),
                ("Signature", "signature"),
                ("Signed by", "signed_by"),
                ("Replaced by", "superseded_by"),
            ],
        )
    };
    let (state, days_left) = (
        text("state"),
        row.get("days_left").and_then(Value::as_i64).unwrap_or(0),
    );
    StatementView {
        anchor: format!("statement-{}-{}", slug(&text("id")), slug(&state)),
        id: text("id"),
        kind: kind.to_owned(),
        controls: Vec::new(),
        targets: Vec::new(),
        who,
        when,
        until: text("expires_at"),
        shown: if state == "valid" && days_left <= SOON {
            "expiring".to_owned()
        } else {
            state.clone()
        },
        state,
        days_left,
        faults: Vec::new(),
        summary,
        details: labels
            .iter()
            .map(|(label, column)| ((*label).to_owned(), text(column)))
            .filter(|(_, value)| !value.is_empty())
            .chain(answers(row))
            .collect(),
        documents: documents(row),
        file: text("file"),
    }
}

/// What was asked, and what was answered.
fn answers(row: &Row) -> Vec<(String, String)> {
    let list = row.get("answers").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|one| {
            let answer = match one.get("answer")? {
                Value::Null => return None,
                Value::String(text) => text.clone(),
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                Value::Array(items) => {
                    let items = items
                        .iter()
                        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                    items.collect::<Vec<_>>().join(", ")
                }
                Value::Object(days) => {
                    let day = |end: &str| days.get(end).and_then(Value::as_str).unwrap_or_default();
                    format!("{} to {}", day("from"), day("to"))
                }
                other => other.to_string(),
            };
            Some((one.get("ask")?.as_str()?.to_owned(), answer))
        })
        .collect()
}

/// What a row says of one aspect of a certificate, where that is more than its other details say.
fn aspect(row: &Row) -> Option<(String, String)> {
    let label = match row.get("aspect")?.as_str()? {
        "complementary" => "Left to us",
        "noted-exception" => "What follows from an exception",
        "gap" => "Since its end",
        _ => return None,
    };
    Some((label.to_owned(), row.get("detail")?.as_str()?.to_owned()))
}

fn documents(row: &Row) -> Vec<DocumentView> {
    let list = row.get("documents").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|document| {
            let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
            let day = |end: &str| document.get("period")?.get(end)?.as_str();
            DocumentView {
                period: day("from")
                    .zip(day("to"))
                    .map(|(from, to)| format!("{from} to {to}")),
                name: text("name").unwrap_or_default(),
                description: text("description").unwrap_or_default(),
                state: text("state").unwrap_or_default(),
                sha256: text("sha256"),
                path: text("path"),
            }
        })
        .collect()
}
