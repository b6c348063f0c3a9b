//! Waivers as reports show them: which exceptions, why, whose decision, until when, and what became of each.

use serde::Serialize;

use super::{SOON, count, slug};
use crate::assessment::TargetRecord;
use crate::attestation::Person;
use crate::waiver::{JudgedWaiver, Signature, State, WaiverRecord};

#[derive(Clone, Serialize)]
pub(super) struct WaiverView {
    anchor: String,
    /// File and line, as findings cite it.
    place: String,
    file: String,
    control: String,
    /// Which targets it is about, in words.
    about: String,
    reason: String,
    /// The state for a reader: one that counts may be near its end, match nothing, or have an expression that fails.
    shown: &'static str,
    until: String,
    /// What it came to here, in words.
    matched: String,
    /// Why somebody has to look at it.
    trouble: Option<String>,
    details: Vec<(&'static str, String)>,
}

/// The waivers that may be about these targets, by file. `whole` tells that these are all targets.
pub(super) fn waivers(
    record: Option<&WaiverRecord>,
    targets: &[&TargetRecord],
    whole: bool,
) -> Vec<WaiverView> {
    let shown = |id: &String| targets.iter().any(|target| target.summary.id == *id);
    let waivers = record.into_iter().flat_map(|record| &record.waivers);
    waivers
        .filter(|waiver| whole || targets.iter().any(|target| waiver.is_about(&target.summary)))
        .map(|waiver| {
            let mut waiver = waiver.clone();
            waiver.unseen.retain(shown);
            let there = targets
                .iter()
                .filter(|target| waiver.is_about(&target.summary))
                .flat_map(|target| &target.findings)
                .filter(|finding| finding.control == waiver.control)
                .map(|finding| finding.exceptions.len())
                .sum();
            view(&waiver, whole.then_some(there))
        })
        .collect()
}

impl WaiverView {
    /// Whether somebody has to do something about it, now or soon.
    pub(super) fn needs_attention(&self) -> bool {
        self.trouble.is_some() || self.shown == "expiring"
    }
}

/// The anchor of a waiver that findings cite by file and line.
pub(super) fn anchor(place: &str) -> String {
    format!("waiver-{}", slug(place))
}

/// `there` is how many exceptions the control has, if these are all targets.
fn view(waiver: &JudgedWaiver, there: Option<usize>) -> WaiverView {
    let words = &waiver.words;
    let exceptions = match there {
        Some(there) if there > waiver.matched => format!("{} of {there} exceptions", waiver.matched),
        Some(there) if there > 1 => format!("all {there} exceptions"),
        _ => count(waiver.matched, "exception"),
    };
    let servers = if there.is_some() {
        ""
    } else {
        ", on all servers together"
    };
    WaiverView {
        anchor: anchor(&waiver.place()),
        place: waiver.place(),
        file: waiver.file.clone(),
        control: waiver.control.clone(),
        about: about(waiver),
        reason: words.reason.clone(),
        shown: match waiver.state {
            State::Valid if waiver.failure.is_some() => "failed",
            State::Valid if waiver.matched == 0 => "unmatched",
            State::Valid if waiver.days_left <= SOON => "expiring",
            state => state.word(),
        },
        until: words.expires_at.to_string(),
        matched: match waiver.state {
            State::Valid => format!("{exceptions} waived{servers}"),
            _ => format!("{exceptions} match{servers}, and none is waived by it"),
        },
        trouble: waiver.trouble(),
        details: details(waiver),
    }
}

fn about(waiver: &JudgedWaiver) -> String {
    let targets = match &waiver.targets {
        Some(targets) => targets.join(", "),
        None => "all servers".to_owned(),
    };
    match waiver.tags.as_slice() {
        [] => targets,
        tags => format!("{targets} with a tag of {}", tags.join(", ")),
    }
}

fn details(waiver: &JudgedWaiver) -> Vec<(&'static str, String)> {
    let words = &waiver.words;
    let whole = "every exception of the control".to_owned();
    let mut details = vec![
        ("Rows", waiver.rows.clone().unwrap_or(whole)),
        ("Requested by", person(&words.requested_by)),
        ("Approved by", person(&words.approved_by)),
        ("Signature", signature(&waiver.signature)),
        (
            "Risk",
            format!(
                "{} before, {} after",
                words.risk.before.word(),
                words.risk.after.word()
            ),
        ),
        ("Approved on", words.approved_at.to_string()),
    ];
    details.extend(words.ticket.iter().map(|ticket| ("Ticket", ticket.clone())));
    if let Some(worksheet) = &words.compensating_control {
        details.extend([
            ("Constraints", worksheet.constraints.clone()),
            ("Objective", worksheet.objective.clone()),
            ("Risk that is left", worksheet.risk.clone()),
            ("Done instead", worksheet.measures.clone()),
            ("Checked how", worksheet.validation.clone()),
            ("Kept working how", worksheet.maintenance.clone()),
        ]);
    }
    details
}

fn person(person: &Person) -> String {
    let parts = [
        Some(&person.name),
        person.role.as_ref(),
        person.organisation.as_ref(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    parts.join(", ")
}

fn signature(signature: &Signature) -> String {
    match signature {
        Signature::Absent => "none".to_owned(),
        Signature::Unchecked { keys } => format!("by {}, whose holder no policy names", keys.join(", ")),
        Signature::Accepted { owners } => format!("by {}", owners.join(", ")),
        Signature::Refused { reason } => format!("refused: {reason}"),
    }
}
