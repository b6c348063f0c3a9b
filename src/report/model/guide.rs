//! Chapters, sections and controls with their findings, in the guide's order.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{StatusView, count, evidence, finding_anchor, slug, value_text};
use crate::assessment::TargetRecord;
use crate::control::{Catalog, Control, Section};
use crate::escape::markdown_block;
use crate::finding::{Exception, Finding, Status};
use crate::record;

/// Exceptions that a page lists for one finding; the evidence has them all.
const SHOWN: usize = 50;

/// Targets up to which a roll-up names each of them; beyond, it counts.
const NAMED: usize = 6;

type Found<'a> = (&'a TargetRecord, &'a Finding);

#[derive(Serialize)]
pub(super) struct ChapterView {
    title: String,
    sections: Vec<SectionView>,
}

#[derive(Serialize)]
struct SectionView {
    anchor: String,
    title: String,
    summary: String,
    status: StatusView,
    /// The roll-up of each target, where there are several and few.
    targets: Vec<RollUp>,
    controls: Vec<ControlView>,
}

#[derive(Serialize)]
struct RollUp {
    target: String,
    status: StatusView,
}

#[derive(Serialize)]
struct ControlView {
    id: String,
    anchor: String,
    title: String,
    severity: &'static str,
    rationale: String,
    remediation: String,
    population: String,
    /// The rules as they are written.
    rule: String,
    /// The same, as a block of Markdown.
    rule_block: String,
    file: String,
    references: Vec<(String, String)>,
    status: StatusView,
    findings: Vec<FindingView>,
}

#[derive(Serialize)]
struct FindingView {
    anchor: String,
    target: String,
    status: StatusView,
    reason: String,
    /// How much was seen: never a number where nothing was.
    seen: String,
    /// Whether it rests on what people or third parties state.
    attested: bool,
    /// How much of it is waived, in words.
    waived: Option<String>,
    exceptions: Vec<ExceptionView>,
    more: usize,
    /// How many of those are waived.
    more_waived: usize,
    missing: Vec<String>,
    /// What is missing, as a block of Markdown.
    missing_block: String,
    parameters: Vec<(String, String)>,
    decided_by: String,
    evidence: Option<String>,
    evidence_anchor: Option<String>,
    evidence_file: Option<String>,
}

#[derive(Serialize)]
struct ExceptionView {
    line: usize,
    text: String,
    /// The waiver: its file and line, and where the page has it.
    waived_by: Option<(String, String)>,
}

/// The guide with what was found. A section that no control answers stays, so that it is seen.
pub(super) fn chapters(targets: &[&TargetRecord], catalog: &Catalog) -> Vec<ChapterView> {
    let mut findings: BTreeMap<&str, Vec<Found<'_>>> = BTreeMap::new();
    for target in targets {
        for finding in &target.findings {
            findings
                .entry(&finding.control)
                .or_default()
                .push((target, finding));
        }
    }
    let chapters = catalog.guide.chapters.iter().map(|chapter| ChapterView {
        title: chapter.title.clone(),
        sections: chapter
            .sections
            .iter()
            .map(|section| section_view(section, targets, catalog, &findings))
            .collect(),
    });
    chapters.collect()
}

fn section_view(
    section: &Section,
    targets: &[&TargetRecord],
    catalog: &Catalog,
    findings: &BTreeMap<&str, Vec<Found<'_>>>,
) -> SectionView {
    // Controls that the profile leaves out have no finding, and are no part of the report.
    let own = catalog
        .controls
        .iter()
        .filter(|control| control.section == section.id && findings.contains_key(control.id.as_str()));
    let of = |control: &Control| {
        findings
            .get(control.id.as_str())
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let found: Vec<Found<'_>> = own.clone().flat_map(of).copied().collect();
    let named: &[&TargetRecord] = if (2..=NAMED).contains(&targets.len()) {
        targets
    } else {
        &[]
    };
    SectionView {
        anchor: section.id.replace('/', "-"),
        title: section.title.clone(),
        summary: section.summary.clone(),
        status: gravest(found.iter().map(|(_, finding)| *finding)),
        targets: named
            .iter()
            .map(|target| {
                let id = &target.summary.id;
                let own = found.iter().filter(|(other, _)| other.summary.id == *id);
                RollUp {
                    target: id.clone(),
                    status: gravest(own.map(|(_, finding)| *finding)),
                }
            })
            .collect(),
        controls: own.map(|control| control_view(control, of(control))).collect(),
    }
}

/// The gravest status: exceptions, then what was not seen, then good ones; no finding at all is not evaluated.
fn gravest<'a>(findings: impl Iterator<Item = &'a Finding>) -> StatusView {
    findings
        .map(|finding| finding.status)
        .min()
        .unwrap_or(Status::NotEvaluated)
        .into()
}

fn control_view(control: &Control, findings: &[Found<'_>]) -> ControlView {
    let rule = super::reference::rule(control);
    ControlView {
        id: control.id.clone(),
        anchor: format!("control-{}", slug(&control.id)),
        title: control.title.clone(),
        severity: control.severity.word(),
        rationale: control.rationale.clone(),
        remediation: control.remediation.clone(),
        population: control.population.clone(),
        rule_block: markdown_block("cel", &rule),
        rule,
        file: control.file.clone(),
        references: control
            .references
            .iter()
            .map(|(name, numbers)| (name.clone(), numbers.join(", ")))
            .collect(),
        status: gravest(findings.iter().map(|(_, finding)| *finding)),
        findings: findings
            .iter()
            .map(|(target, finding)| finding_view(target, finding))
            .collect(),
    }
}

fn finding_view(target: &TargetRecord, finding: &Finding) -> FindingView {
    let id = &target.summary.id;
    let evidence = finding
        .evidence
        .as_ref()
        .filter(|name| target.evidence.contains_key(*name));
    // What nobody answers for comes first.
    let mut exceptions: Vec<&Exception> = finding.exceptions.iter().collect();
    exceptions.sort_by_key(|exception| finding.waiver_of(exception.line).is_some());
    let beyond = exceptions.iter().skip(SHOWN);
    FindingView {
        attested: target.is_attested(finding),
        waived: waived(finding),
        more_waived: beyond
            .filter(|exception| finding.waiver_of(exception.line).is_some())
            .count(),
        anchor: finding_anchor(id, &finding.control),
        target: id.clone(),
        status: finding.status.into(),
        reason: finding.reason.clone(),
        seen: seen(finding),
        exceptions: exceptions
            .into_iter()
            .take(SHOWN)
            .map(|exception| ExceptionView {
                line: exception.line,
                text: exception.text.clone(),
                waived_by: finding
                    .waiver_of(exception.line)
                    .map(|place| (place.to_owned(), super::waiver::anchor(place))),
            })
            .collect(),
        more: finding.exceptions.len().saturating_sub(SHOWN),
        missing: finding.missing.clone(),
        missing_block: if finding.missing.is_empty() {
            String::new()
        } else {
            markdown_block("", &finding.missing.join("\n"))
        },
        parameters: finding
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value_text(value)))
            .collect(),
        decided_by: finding.decided_by.clone(),
        evidence: evidence.cloned(),
        evidence_anchor: evidence.map(|evidence| evidence::anchor(id, evidence)),
        evidence_file: evidence.map(|evidence| record::evidence_path(id, evidence)),
    }
}

/// How much of a finding is waived, in words.
pub(super) fn waived(finding: &Finding) -> Option<String> {
    let exceptions = finding.exceptions.len();
    let waived = exceptions - finding.remaining();
    match (waived, exceptions) {
        (0, 0) => {
            let whole = finding.waived.first()?;
            Some(format!("waived by {}", whole.by))
        }
        (0, _) => None,
        (all, exceptions) if all == exceptions => Some("all waived".to_owned()),
        (waived, exceptions) => Some(format!("{waived} waived, {} not", exceptions - waived)),
    }
}

fn seen(finding: &Finding) -> String {
    let (rows, examined) = (finding.population, finding.examined);
    match finding.status {
        Status::NotEvaluated if rows == 0 => "the population was not seen".to_owned(),
        Status::NotEvaluated => format!("{} seen, no conclusion", count(rows, "row")),
        Status::NotApplicable if rows == 0 => "nothing to examine".to_owned(),
        _ => format!(
            "{} in the population, {examined} examined, {}",
            count(rows, "row"),
            count(finding.exceptions.len(), "exception")
        ),
    }
}
