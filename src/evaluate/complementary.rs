//! What a certificate leaves to us: rows that hold when other controls do.

use serde_json::{Value, json};

use crate::evidence::{Evidence, Requirement, Row};
use crate::finding::{Finding, Status};

/// Whether rows of this evidence wait for other controls: they name them, and do not say themselves whether they hold.
pub(super) fn waits(evidence: &Evidence) -> bool {
    evidence.provenance.collector == "certificate" && evidence.table.rows.iter().any(is_open)
}

fn is_open(row: &Row) -> bool {
    row.get("holds") == Some(&Value::Null) && named(row).next().is_some()
}

fn named(row: &Row) -> impl Iterator<Item = &str> {
    let list = row.get("answered_by").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// The same evidence with each such row answered by these findings. What they leave open is no exception and no pass:
/// it becomes something that a complete answer lacks.
pub(super) fn resolve(evidence: &Evidence, findings: &[(usize, Finding)]) -> Evidence {
    let mut resolved = evidence.clone();
    let mut lacking = Vec::new();
    for row in resolved.table.rows.iter_mut().filter(|row| is_open(row)) {
        let statuses: Vec<(String, Option<Status>)> = named(row)
            .map(|control| (control.to_owned(), status(control, findings)))
            .collect();
        let failing = list(&statuses, |status| status == Some(Status::NotSatisfied));
        let open = list(&statuses, |status| {
            matches!(status, None | Some(Status::NotEvaluated))
        });
        let held = list(&statuses, |status| status == Some(Status::Satisfied));
        let before = row.get("detail").and_then(Value::as_str).unwrap_or_default();
        let (holds, detail) = if !failing.is_empty() {
            (false, format!("{before}: not satisfied: {}", failing.join(", ")))
        } else if !open.is_empty() {
            lacking.extend(open);
            (true, before.to_owned())
        } else if held.is_empty() {
            (false, format!("{before}: none of them is about this target"))
        } else {
            (true, before.to_owned())
        };
        row.insert("holds".to_owned(), json!(holds));
        row.insert("detail".to_owned(), json!(detail));
    }
    let visibility = &mut resolved.provenance.visibility;
    for control in lacking {
        visibility.complete = false;
        visibility.requirements.push(Requirement {
            need: format!("an answer of the control `{control}`, to which the certificate leaves something,"),
            // A name that no control has may be anything, and a remedy is shown for copying.
            remedy: match status(&control, findings) {
                Some(_) => format!("see why `{control}` was not evaluated"),
                None => {
                    "name controls of the catalog that the profile does not leave out, under `answered_by`"
                        .to_owned()
                }
            },
            held: false,
            columns: Vec::new(),
        });
    }
    resolved
}

fn list(statuses: &[(String, Option<Status>)], keep: impl Fn(Option<Status>) -> bool) -> Vec<String> {
    let kept = statuses.iter().filter(|(_, status)| keep(*status));
    kept.map(|(control, _)| control.clone()).collect()
}

fn status(control: &str, findings: &[(usize, Finding)]) -> Option<Status> {
    let found = findings.iter().find(|(_, finding)| finding.control == control);
    found.map(|(_, finding)| finding.status)
}
