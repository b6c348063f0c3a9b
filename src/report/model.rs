//! What templates see: the assessment with everything worked out, so that templates stay simple.

mod applicability;
mod attention;
mod evidence;
mod guide;
mod reference;
mod score;
mod statement;
mod waiver;

use serde::Serialize;

pub(super) use reference::Reference;

use self::applicability::ApplicabilityView;
use self::attention::{Attention, Remedy, Unreached};
use self::evidence::EvidenceView;
use self::guide::ChapterView;
use self::score::ScoreView;
use self::statement::StatementView;
use self::waiver::WaiverView;
use crate::assessment::{Assessment, TargetRecord};
use crate::control::Catalog;
use crate::finding::{Status, Tally};

/// Days before the end at which a statement or a waiver is shown as expiring.
const SOON: i64 = 60;

/// The whole report.
#[derive(Serialize)]
pub(super) struct Model {
    /// The way from the page to the bundle's top folder, with a slash at its end.
    root: &'static str,
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
    templates_sha256: String,
    controls: usize,
    one_target: bool,
    /// Whether the page is about one of several targets.
    only: Option<String>,
    headline: String,
    tally: TallyView,
    score: ScoreView,
    targets: Vec<TargetView>,
    attention: Vec<Attention>,
    unseen: Vec<Attention>,
    unreached: Vec<Unreached>,
    remedies: Vec<Remedy>,
    expiring: Vec<StatementView>,
    /// Waivers that somebody has to look at.
    waivers_open: Vec<WaiverView>,
    /// Whether the assessment was made with a folder of waivers.
    waivers_given: bool,
    waivers: Vec<WaiverView>,
    /// Controls that people decided do not apply.
    excluded: Vec<ApplicabilityView>,
    /// All other controls.
    applicability: Vec<ApplicabilityView>,
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
    anchor: String,
    connection: String,
    tags: Vec<String>,
    site: Option<String>,
    version: Option<String>,
    facts: Vec<(&'static str, String)>,
    failure: Option<String>,
    warnings: Vec<String>,
    tally: TallyView,
    score: ScoreView,
    /// Its profile's exclusions, parameters and severities differ from those of the others.
    own_profile: bool,
}

/// A status as a word and as a shape.
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
        Self {
            satisfied,
            not_satisfied,
            not_evaluated,
            not_applicable,
            total: satisfied + not_satisfied + not_evaluated + not_applicable,
        }
    }
}

impl Model {
    /// The report of all targets, or of one.
    pub(super) fn new(assessment: &Assessment, catalog: &Catalog, only: Option<&str>) -> Self {
        let summary = &assessment.summary;
        let definitions = &summary.definitions;
        let all = assessment.targets.iter();
        let targets: Vec<&TargetRecord> = all
            .filter(|target| only.is_none_or(|id| target.summary.id == id))
            .collect();
        let tally = targets
            .iter()
            .fold(Tally::default(), |sum, target| sum.plus(target.summary.tally));
        let statements = statement::statements(&targets);
        let waivers = waiver::waivers(assessment.waivers.as_ref(), &targets, only.is_none());
        let waivers_given = assessment.waivers.is_some();
        let (excluded, applicability) = applicability::statement(assessment, &targets, catalog)
            .into_iter()
            .partition(ApplicabilityView::is_decided);
        Self {
            root: if only.is_some() { "../../" } else { "../" },
            organisation: summary.organisation.clone(),
            period: summary.period.label.clone(),
            from: summary.period.from.to_string(),
            to: summary.period.to.to_string(),
            as_of: summary.as_of.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            id: summary.id.clone(),
            tool: format!("{} {}", summary.tool.name, summary.tool.version),
            tool_sha256: summary.tool.binary_sha256.clone(),
            operator: format!("{} on {}", summary.operator.user, summary.operator.host),
            profile: definitions.profile.clone(),
            guide: catalog.guide.title.clone(),
            catalog_sha256: definitions.catalog_sha256.clone(),
            templates_sha256: definitions.templates_sha256.clone(),
            controls: definitions.controls,
            one_target: targets.len() == 1,
            only: only.map(str::to_owned),
            headline: headline(tally, targets.len()),
            tally: tally.into(),
            score: ScoreView::of(&targets),
            targets: targets.iter().map(|target| target_view(target)).collect(),
            attention: attention::attention(&targets, Status::NotSatisfied),
            unseen: attention::attention(&targets, Status::NotEvaluated),
            unreached: attention::unreached(&targets),
            remedies: targets
                .iter()
                .filter_map(|target| attention::remedy(target))
                .collect(),
            expiring: statements
                .iter()
                .filter(|statement| statement.needs_attention())
                .cloned()
                .collect(),
            waivers_given,
            waivers_open: waivers
                .iter()
                .filter(|waiver| waiver.needs_attention())
                .cloned()
                .collect(),
            waivers,
            excluded,
            applicability,
            chapters: guide::chapters(&targets, catalog),
            statements,
            evidence: targets
                .iter()
                .flat_map(|target| evidence::views(target))
                .collect(),
        }
    }
}

/// The result in one sentence.
fn headline(tally: Tally, servers: usize) -> String {
    let view = TallyView::from(tally);
    let about = if servers == 1 {
        "on one server".to_owned()
    } else {
        format!("on {servers} servers")
    };
    let have = if view.not_satisfied == 1 { "has" } else { "have" };
    let unseen = match view.not_evaluated {
        0 => "each could be evaluated".to_owned(),
        count => format!("{count} could not be evaluated"),
    };
    match view.not_satisfied {
        0 => format!(
            "None of {} findings {about} has exceptions, and {unseen}.",
            view.total
        ),
        count => format!(
            "{count} of {} findings {about} {have} exceptions, and {unseen}.",
            view.total
        ),
    }
}

fn target_view(record: &TargetRecord) -> TargetView {
    let target = &record.summary;
    let facts = target.server.as_ref().map_or_else(Vec::new, |server| {
        let identifier = server.system_identifier.clone();
        vec![
            ("Version", server.version.clone()),
            ("Address", server.address.clone()),
            ("Transport", server.transport.clone()),
            ("Assessed as role", server.role.clone()),
            ("First database", server.database.clone()),
            (
                "System identifier",
                identifier.unwrap_or_else(|| "not visible to the role".to_owned()),
            ),
            ("Platform", server.platform.clone()),
            (
                "Mode",
                if server.standby { "standby" } else { "primary" }.to_owned(),
            ),
        ]
    });
    let version = |text: &str| text.split(" on ").next().unwrap_or_default().to_owned();
    TargetView {
        id: target.id.clone(),
        anchor: format!("server-{}", slug(&target.id)),
        connection: target.connection.clone(),
        tags: target.tags.clone(),
        site: target.site.clone(),
        version: target.server.as_ref().map(|server| version(&server.version)),
        facts,
        failure: target.failure.clone(),
        warnings: target.warnings.clone(),
        tally: target.tally.into(),
        score: ScoreView::of(&[record]),
        own_profile: record.profile.is_some(),
    }
}

/// The anchor of a finding.
fn finding_anchor(target: &str, control: &str) -> String {
    format!("{}--{}", slug(target), slug(control))
}

/// Text as a part of an anchor: what may not stand in one is written as its number, so that no two become one.
fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || c == '-' || c == '.' => slug.push(c),
            c => slug.push_str(&format!("_{:x}_", u32::from(c))),
        }
    }
    slug
}

/// A JSON value as it reads in a sentence.
fn value_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number of things: `1 row`, `2 rows`.
fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
