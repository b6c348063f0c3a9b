//! Lays waivers beside findings: a pure function of rows, waivers and the assessment's clock.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::assessment::TargetRecord;
use crate::control::ExpressionError;
use crate::evidence::Evidence;
use crate::finding::{Finding, Status, Waived};
use crate::waiver::{JudgedWaiver, State, Waiver, WaiverRecord, Waivers};

/// What one waiver is about in one finding.
#[derive(Default)]
struct Match {
    /// Lines of the evidence; absent for the finding as a whole.
    lines: Vec<Option<usize>>,
    failure: Option<String>,
}

/// Notes in each finding which of its exceptions are waived, and tells what became of each waiver.
pub fn waive(waivers: &Waivers, as_of: DateTime<Utc>, targets: &mut [TargetRecord]) -> WaiverRecord {
    let judged = waivers
        .list
        .iter()
        .map(|waiver| judge(waiver, waivers, as_of, targets))
        .collect();
    WaiverRecord {
        rules: waivers.rules.clone(),
        waivers: judged,
    }
}

fn judge(
    waiver: &Waiver,
    waivers: &Waivers,
    as_of: DateTime<Utc>,
    targets: &mut [TargetRecord],
) -> JudgedWaiver {
    let state = waiver.state(as_of, &waivers.rules);
    let (mut matched, mut unseen, mut failure) = (0, Vec::new(), None);
    for target in targets {
        let summary = &target.summary;
        if !waiver.is_about(summary) {
            continue;
        }
        let Some(finding) = target
            .findings
            .iter_mut()
            .find(|finding| finding.control == waiver.control)
        else {
            continue;
        };
        match finding.status {
            Status::NotEvaluated => unseen.push(summary.id.clone()),
            Status::NotSatisfied => {
                let evidence = finding
                    .evidence
                    .as_ref()
                    .and_then(|name| target.evidence.get(name));
                let found = matches(waiver, finding, evidence);
                matched += found.lines.len();
                failure = failure.or(found.failure);
                if state == State::Valid {
                    note(finding, waiver, found.lines);
                }
            }
            Status::Satisfied | Status::NotApplicable => {}
        }
    }
    JudgedWaiver {
        file: waiver.file.clone(),
        line: waiver.line,
        control: waiver.control.clone(),
        targets: waiver.targets.clone(),
        tags: waiver.tags.clone(),
        rows: waiver.rows.as_ref().map(|rows| rows.source.clone()),
        words: waiver.words.clone(),
        signature: waiver.signature.clone(),
        state,
        days_left: waiver.days_left(as_of),
        matched,
        unseen,
        failure,
    }
}

/// The exceptions that a waiver is about. What its expression cannot tell is not waived.
fn matches(waiver: &Waiver, finding: &Finding, evidence: Option<&Evidence>) -> Match {
    let Some(rows) = &waiver.rows else {
        let lines: Vec<_> = finding
            .exceptions
            .iter()
            .map(|exception| Some(exception.line))
            .collect();
        return Match {
            // Something had to be there and nothing was: there is no row to name.
            lines: if lines.is_empty() { vec![None] } else { lines },
            failure: None,
        };
    };
    let mut found = Match::default();
    let mut evaluator = match rows.evaluator(&finding.parameters) {
        Ok(evaluator) => evaluator,
        Err(error) => {
            found.failure = Some(error.to_string());
            return found;
        }
    };
    for exception in &finding.exceptions {
        let row = exception
            .line
            .checked_sub(1)
            .and_then(|index| evidence?.table.rows.get(index));
        let holds = row.map_or_else(
            || Err(ExpressionError::Execution("the row is not there".to_owned())),
            |row| evaluator.holds(row),
        );
        match holds {
            Ok(true) => found.lines.push(Some(exception.line)),
            Ok(false) => {}
            Err(error) => {
                let failure = format!("on row {}: {error}", exception.line);
                found.failure.get_or_insert(failure);
            }
        }
    }
    found
}

/// An exception that two waivers are about is noted once, with the first of them.
fn note(finding: &mut Finding, waiver: &Waiver, lines: Vec<Option<usize>>) {
    let known: BTreeSet<Option<usize>> = finding.waived.iter().map(|waived| waived.line).collect();
    let new = lines.into_iter().filter(|line| !known.contains(line));
    finding.waived.extend(new.map(|line| Waived {
        line,
        by: waiver.place(),
    }));
    finding.waived.sort_by_key(|waived| waived.line);
}
