//! What templates see: the assessment with everything worked out, so that templates stay simple.

mod evidence;
mod reference;
mod statement;

use std::collections::BTreeMap;

use serde::Serialize;

pub(super) use reference::Reference;

use self::evidence::EvidenceView;
use self::statement::StatementView;
use crate::assessment::{Assessment, TargetRecord, TargetSummary};
use crate::control::{Catalog, Control};
use crate::finding::{Finding, Status, Tally};
use crate::record;

/// Exceptions that a page lists for one finding; the evidence has them all.
const SHOWN: usize = 50;

/// The whole report.
#[derive(Serialize)]
pub(super) struct Model {
    organisation: String,
    period: String,
    from: String,
    to: String,
    as_of: String,
    id: String,
    tool: String,
    tool_sha256: Option<String>,
    operator: String,
    profile: String,
    guide: String,
    catalog_sha256: String,
    controls: usize,
    one_target: bool,
    tally: TallyView,
    targets: Vec<TargetView>,
    attention: Vec<Attention>,
    unseen: Vec<Attention>,
    remedies: Vec<Remedy>,
    expiring: Vec<StatementView>,
    chapters: Vec<ChapterView>,
    statements: Vec<StatementView>,
    evidence: Vec<EvidenceView>,
}

#[derive(Serialize)]
struct TallyView {
    satisfied: usize,
    not_satisfied: usize,
    not_evaluated: usize,
    not_applicable: usize,
    total: usize,
}

#[derive(Serialize)]
struct TargetView {
    id: String,
    connection: String,
    tags: Vec<String>,
    site: Option<String>,
    version: Option<String>,
    facts: Vec<(String, String)>,
    failure: Option<String>,
    warnings: Vec<String>,
    tally: TallyView,
}

/// A finding that somebody has to look at.
#[derive(Serialize)]
struct Attention {
    anchor: String,
    severity: &'static str,
    title: String,
    control: String,
    target: String,
    count: usize,
    text: String,
}

/// What would make answers complete.
#[derive(Serialize)]
struct Remedy {
    target: String,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct ChapterView {
    title: String,
    sections: Vec<SectionView>,
}

#[derive(Serialize)]
struct SectionView {
    id: String,
    anchor: String,
    title: String,
    summary: String,
    status: StatusView,
    per_target: Vec<StatusView>,
    controls: Vec<ControlView>,
}

#[derive(Serialize)]
struct ControlView {
    id: String,
    title: String,
    severity: &'static str,
    rationale: String,
    remediation: String,
    population: String,
    expectation: String,
    filter: Option<String>,
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
    population: usize,
    examined: usize,
    exceptions: Vec<ExceptionView>,
    more: usize,
    missing: Vec<String>,
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
}

#[derive(Clone, Serialize)]
struct StatusView {
    word: &'static str,
    text: &'static str,
    glyph: &'static str,
}

impl From<Status> for StatusView {
    fn from(status: Status) -> Self {
        let (text, glyph) = match status {
            Status::Satisfied => ("satisfied", "✓"),
            Status::NotSatisfied => ("not satisfied", "✕"),
            Status::NotEvaluated => ("not evaluated", "?"),
            Status::NotApplicable => ("not applicable", "–"),
        };
        Self {
            word: status.word(),
            text,
            glyph,
        }
    }
}

impl From<Tally> for TallyView {
    fn from(tally: Tally) -> Self {
        let Tally {
            satisfied,
            not_satisfied,
            not_evaluated,
            not_applicable,
        } = tally;
        let total = satisfied + not_satisfied + not_evaluated + not_applicable;
        Self {
            satisfied,
            not_satisfied,
            not_evaluated,
            not_applicable,
            total,
        }
    }
}

impl Model {
    /// The report of all targets, or of one.
    pub(super) fn new(assessment: &Assessment, catalog: &Catalog, only: Option<&str>) -> Self {
        let summary = &assessment.summary;
        let targets: Vec<&TargetRecord> = assessment
            .targets
            .iter()
            .filter(|target| only.is_none_or(|id| target.summary.id == id))
            .collect();
        let tally = targets
            .iter()
            .fold(Tally::default(), |sum, target| sum.plus(target.summary.tally));
        let statements = statement::statements(&targets);
        let expiring = statements
            .iter()
            .filter(|statement| statement.needs_attention())
            .cloned()
            .collect();
        Self {
            organisation: summary.organisation.clone(),
            period: summary.period.label.clone(),
            from: summary.period.from.to_string(),
            to: summary.period.to.to_string(),
            as_of: summary.as_of.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            id: summary.id.clone(),
            tool: format!("{} {}", summary.tool.name, summary.tool.version),
            tool_sha256: summary.tool.binary_sha256.clone(),
            operator: format!("{} on {}", summary.operator.user, summary.operator.host),
            profile: summary.definitions.profile.clone(),
            guide: catalog.guide.title.clone(),
            catalog_sha256: summary.definitions.catalog_sha256.clone(),
            controls: summary.definitions.controls,
            one_target: targets.len() == 1,
            tally: tally.into(),
            targets: targets
                .iter()
                .map(|target| target_view(&target.summary))
                .collect(),
            attention: attention(&targets, Status::NotSatisfied),
            unseen: attention(&targets, Status::NotEvaluated),
            remedies: targets.iter().filter_map(|target| remedy(target)).collect(),
            expiring,
            chapters: chapters(&targets, catalog),
            statements,
            evidence: targets
                .iter()
                .flat_map(|target| evidence::views(target))
                .collect(),
        }
    }
}

fn target_view(target: &TargetSummary) -> TargetView {
    let mut facts = Vec::new();
    if let Some(server) = &target.server {
        let text = |text: &str| text.to_owned();
        facts = vec![
            (text("Address"), server.address.clone()),
            (text("Transport"), server.transport.clone()),
            (text("Role"), server.role.clone()),
            (text("First database"), server.database.clone()),
            (
                text("System identifier"),
                server
                    .system_identifier
                    .clone()
                    .unwrap_or_else(|| text("not visible")),
            ),
            (text("Platform"), server.platform.clone()),
            (
                text("Recovery"),
                text(if server.standby { "standby" } else { "primary" }),
            ),
        ];
    }
    TargetView {
        id: target.id.clone(),
        connection: target.connection.clone(),
        tags: target.tags.clone(),
        site: target.site.clone(),
        version: target
            .server
            .as_ref()
            .map(|server| server.version.split(" on ").next().unwrap_or_default().to_owned()),
        facts,
        failure: target.failure.clone(),
        warnings: target.warnings.clone(),
        tally: target.tally.into(),
    }
}

fn anchor(target: &str, control: &str) -> String {
    format!("{target}--{control}")
}

/// Findings of one status, gravest first.
fn attention(targets: &[&TargetRecord], status: Status) -> Vec<Attention> {
    let mut found: Vec<(&Finding, &str)> = targets
        .iter()
        .flat_map(|target| {
            target
                .findings
                .iter()
                .map(|finding| (finding, target.summary.id.as_str()))
        })
        .filter(|(finding, _)| finding.status == status)
        .collect();
    found.sort_by_key(|(finding, _)| finding.severity);
    found
        .into_iter()
        .map(|(finding, target)| Attention {
            anchor: anchor(target, &finding.control),
            severity: finding.severity.word(),
            title: finding.title.clone(),
            control: finding.control.clone(),
            target: target.to_owned(),
            count: finding.exceptions.len(),
            text: match finding.exceptions.first() {
                Some(exception) => exception.text.clone(),
                None => finding.reason.clone(),
            },
        })
        .collect()
}

fn remedy(target: &TargetRecord) -> Option<Remedy> {
    let mut lines: Vec<String> = target
        .findings
        .iter()
        .flat_map(|finding| finding.missing.clone())
        .collect();
    lines.sort();
    lines.dedup();
    (!lines.is_empty()).then(|| Remedy {
        target: target.summary.id.clone(),
        lines,
    })
}

fn chapters(targets: &[&TargetRecord], catalog: &Catalog) -> Vec<ChapterView> {
    let mut findings: BTreeMap<&str, Vec<(&TargetRecord, &Finding)>> = BTreeMap::new();
    for target in targets {
        for finding in &target.findings {
            findings
                .entry(&finding.control)
                .or_default()
                .push((target, finding));
        }
    }
    catalog
        .guide
        .chapters
        .iter()
        .map(|chapter| ChapterView {
            title: chapter.title.clone(),
            sections: chapter
                .sections
                .iter()
                .map(|section| {
                    let own: Vec<&Control> = catalog
                        .controls
                        .iter()
                        .filter(|control| control.section == section.id)
                        .collect();
                    let worst = |only: Option<&str>| {
                        let all = targets
                            .iter()
                            .filter(|target| only.is_none_or(|id| target.summary.id == id));
                        worst_status(
                            all.flat_map(|target| &target.findings)
                                .filter(|f| f.section == section.id),
                        )
                    };
                    SectionView {
                        id: section.id.clone(),
                        anchor: section.id.replace('/', "-"),
                        title: section.title.clone(),
                        summary: section.summary.clone(),
                        status: worst(None).into(),
                        per_target: targets
                            .iter()
                            .map(|target| worst(Some(&target.summary.id)).into())
                            .collect(),
                        controls: own
                            .into_iter()
                            .map(|control| control_view(control, findings.get(control.id.as_str())))
                            .collect(),
                    }
                })
                .collect(),
        })
        .collect()
}

/// The gravest status: exceptions, then what was not seen, then good ones; no finding at all is not evaluated.
fn worst_status<'a>(findings: impl Iterator<Item = &'a Finding>) -> Status {
    findings
        .map(|finding| finding.status)
        .min()
        .unwrap_or(Status::NotEvaluated)
}

fn control_view(control: &Control, findings: Option<&Vec<(&TargetRecord, &Finding)>>) -> ControlView {
    let findings = findings.map(Vec::as_slice).unwrap_or_default();
    ControlView {
        id: control.id.clone(),
        title: control.title.clone(),
        severity: control.severity.word(),
        rationale: control.rationale.clone(),
        remediation: control.remediation.clone(),
        population: control.population.clone(),
        expectation: control.expect.source.trim().to_owned(),
        filter: control
            .filter
            .as_ref()
            .map(|filter| filter.source.trim().to_owned()),
        file: control.file.clone(),
        references: control
            .references
            .iter()
            .map(|(name, numbers)| (name.clone(), numbers.join(", ")))
            .collect(),
        status: worst_status(findings.iter().map(|(_, finding)| *finding)).into(),
        findings: findings
            .iter()
            .map(|(target, finding)| finding_view(target, finding))
            .collect(),
    }
}

fn finding_view(target: &TargetRecord, finding: &Finding) -> FindingView {
    let id = &target.summary.id;
    FindingView {
        anchor: anchor(id, &finding.control),
        target: id.clone(),
        status: finding.status.into(),
        reason: finding.reason.clone(),
        population: finding.population,
        examined: finding.examined,
        exceptions: finding
            .exceptions
            .iter()
            .take(SHOWN)
            .map(|exception| ExceptionView {
                line: exception.line,
                text: exception.text.clone(),
            })
            .collect(),
        more: finding.exceptions.len().saturating_sub(SHOWN),
        missing: finding.missing.clone(),
        parameters: finding
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
        decided_by: finding.decided_by.clone(),
        evidence: finding.evidence.clone(),
        evidence_anchor: finding
            .evidence
            .as_ref()
            .map(|evidence| evidence::anchor(id, evidence)),
        evidence_file: finding
            .evidence
            .as_ref()
            .map(|evidence| record::evidence_path(id, evidence)),
    }
}
