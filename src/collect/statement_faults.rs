//! What is wrong with a statement by itself, whatever it is attested to: blanks, and days that cannot be.

use serde_json::Value;

use super::statements::{day, text};
use crate::attestation::Day;
use crate::evidence::Row;

/// Something that is wrong, and where in the file.
pub(super) struct OwnFault {
    pub(super) pointer: String,
    pub(super) message: String,
    pub(super) help: &'static str,
}

fn fault(pointer: impl Into<String>, message: impl Into<String>, help: &'static str) -> OwnFault {
    OwnFault {
        pointer: pointer.into(),
        message: message.into(),
        help,
    }
}

fn blank(pointer: &str, name: &str) -> OwnFault {
    fault(pointer, format!("`{name}` is empty"), "fill it in")
}

/// What is wrong with an attestation's raw row. What depends on today is another question.
pub(super) fn attestation_faults(raw: &Row) -> Vec<OwnFault> {
    let mut faults = Vec::new();
    let empty = |column: &str| text(raw, column).trim().is_empty();
    let given = |column: &str| raw.get(column).is_some_and(|value| !value.is_null());
    for (column, pointer, name) in [
        ("statement", "/statement", "statement"),
        ("performed_by", "/performed_by/name", "performed_by.name"),
    ] {
        if empty(column) {
            faults.push(blank(pointer, name));
        }
    }
    if given("reviewer") && empty("reviewer") {
        faults.push(blank("/reviewer/name", "reviewer.name"));
    }
    if given("reviewed_at") && !given("reviewer") {
        let message = "it was reviewed, and does not say by whom";
        faults.push(fault("/reviewed_at", message, "add `reviewer: { name: … }`"));
    }
    let Some(performed) = day(raw, "performed_at") else {
        return faults;
    };
    if let Some(reviewed) = day(raw, "reviewed_at").filter(|reviewed| *reviewed < performed) {
        let message = format!("it was reviewed on {reviewed}, before it was performed on {performed}");
        faults.push(fault(
            "/reviewed_at",
            message,
            "correct `reviewed_at` or `performed_at`",
        ));
    }
    if let Some(from) = day(raw, "valid_from").filter(|from| *from < performed) {
        let message = format!("it counts from {from}, before it was performed on {performed}");
        let help = "remove `valid_from`, or correct it: nobody has seen what they look at later";
        faults.push(fault("/valid_from", message, help));
    }
    faults.extend(document_periods(raw, performed));
    faults
}

/// Documents about days that had not come when they were looked at.
fn document_periods(raw: &Row, performed: Day) -> Vec<OwnFault> {
    let documents = raw.get("documents").and_then(Value::as_array);
    let mut faults = Vec::new();
    for (index, document) in documents.into_iter().flatten().enumerate() {
        let field = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let to = document.get("period").and_then(|period| field(period, "to"));
        if let Some(to) = to.and_then(|to| to.parse::<Day>().ok())
            && to > performed
        {
            let name = field(document, "name").unwrap_or_default();
            let message = format!("`{name}` is about days to {to}, and was looked at on {performed}");
            let pointer = format!("/documents/{index}/period");
            faults.push(fault(pointer, message, "correct `period` or `performed_at`"));
        }
    }
    faults
}

/// What is wrong with who issued a certificate, and as what: it has to come from a third party.
pub(super) fn issue_faults(raw: &Row) -> Vec<OwnFault> {
    let plain = |column: &str| text(raw, column).trim().to_lowercase();
    let mut faults: Vec<OwnFault> = ["provider", "issuer", "scheme", "number"]
        .into_iter()
        .filter(|name| plain(name).is_empty())
        .map(|name| blank(&format!("/{name}"), name))
        .collect();
    if faults.is_empty() && plain("provider") == plain("issuer") {
        let message = "the provider issued it itself, and is no third party";
        let help = "name the firm that judged the provider under `issuer`; what the provider says of itself is no certificate";
        faults.push(fault("/issuer", message, help));
    }
    faults
}
