//! `pgdossier attest status`: what is valid, expiring, expired or missing, by section and target.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::assessment::Period;
use crate::attestation::Subject;
use crate::cli::arguments::{CatalogArguments, clock, parse_time};
use crate::cli::attested::{judge_signatures, read_statements};
use crate::cli::output::Output;
use crate::cli::workspace::{WorkspaceArguments, load_profile};
use crate::cli::{Exit, Stop};
use crate::collect::{self, AttestedFolder, Keep};
use crate::control::{Applicability, Catalog, Control, Expression, TargetFacts};
use crate::evidence::Row;
use crate::profile::Profile;
use crate::sign::TrustPolicy;
use crate::target::Inventory;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// A folder of attestations and certificates; the workspace's, or `attestations`, when absent.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    /// The day to look from: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Days before its end from which a statement is told to expire.
    #[arg(long, value_name = "DAYS", default_value_t = 60)]
    within: u32,
    /// A YAML file that lists the targets; the workspace's when absent. Without one, what is there for any target is
    /// listed.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Which controls are mandatory: a shipped profile or a YAML file; the workspace's, or baseline, when absent.
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// A trust policy that says whose signatures count; the workspace's when absent.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// One statement, or its absence, for one control and target.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Line {
    target: Option<String>,
    section: String,
    control: String,
    /// Whether an assessment needs it.
    mandatory: bool,
    state: String,
    statement: Option<String>,
    until: Option<String>,
    days_left: Option<i64>,
    by: Option<String>,
    signature: Option<String>,
    signed_by: Option<String>,
    faults: Vec<String>,
}

/// Who is asked about: a target of the inventory, or nobody in particular.
struct Asked<'a> {
    subject: Subject<'a>,
    as_of: DateTime<Utc>,
    within: i64,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let workspace = arguments.workspace.load()?;
    let workspace = workspace.as_ref();
    let profile = load_profile(arguments.profile.as_deref(), workspace, &catalog)?;
    let trust = arguments
        .trust
        .as_deref()
        .or(workspace.and_then(Workspace::trust));
    let policy = trust.map(TrustPolicy::load).transpose().map_err(Stop::usage)?;
    let inventory = arguments.inventory.as_deref();
    let inventory = inventory.or(workspace.and_then(Workspace::inventory));
    let inventory = inventory.map(Inventory::load).transpose().map_err(Stop::usage)?;
    let as_of = clock(arguments.as_of)?;
    let folder = arguments.workspace.attestations(arguments.folder.as_deref())?;
    let mut folder = read_statements(&folder, Keep::Digests)?;
    judge_signatures(&mut folder.attested, &catalog, policy.as_ref(), as_of);
    let targets: Vec<Subject<'_>> = match &inventory {
        None => vec![Subject {
            target: None,
            tags: &[],
            site: None,
        }],
        Some(inventory) => inventory
            .targets
            .iter()
            .map(|target| Subject {
                target: Some(&target.id),
                tags: &target.tags,
                site: target.site.as_deref(),
            })
            .collect(),
    };
    let mut lines = Vec::new();
    for subject in targets {
        let asked = Asked {
            subject,
            as_of,
            within: i64::from(arguments.within),
        };
        let profile = profile.for_tags(subject.tags).map_err(Stop::usage)?;
        for control in catalog.controls.iter().filter(|control| profile.judges(control)) {
            lines.extend(lines_of(control, &profile, &asked, &folder, &catalog));
        }
    }
    lines.sort();
    output.result(&lines, || table(&lines));
    let lacking = lines.iter().any(|line| line.mandatory && !line.counts());
    Ok(if lacking { Exit::Exceptions } else { Exit::Good })
}

impl Line {
    /// Whether nobody has to do anything about it today.
    fn counts(&self) -> bool {
        ["valid", "expiring", "superseded"].contains(&self.state.as_str()) && self.faults.is_empty()
    }
}

/// What a control is answered by where nothing is known of the server: no condition on it may be open.
fn collector_of(control: &Control) -> Option<(&'static str, bool)> {
    let nothing = TargetFacts::default();
    let attested = control.evidence.iter().find_map(|request| {
        let names = ["attestation", "certificate"];
        names.into_iter().find(|name| *name == request.collector)
    })?;
    let certain = control.applies.holds(&nothing) == Applicability::Applies
        && control.evidence.first().is_some_and(|request| {
            request.collector == attested && request.when.holds(&nothing) == Applicability::Applies
        });
    Some((attested, certain))
}

fn lines_of(
    control: &Control,
    profile: &Profile,
    asked: &Asked<'_>,
    folder: &AttestedFolder,
    catalog: &Catalog,
) -> Vec<Line> {
    let Some((collector, mandatory)) = collector_of(control) else {
        return Vec::new();
    };
    let blank = || Line {
        target: asked.subject.target.map(str::to_owned),
        section: control.section.clone(),
        control: control.id.clone(),
        mandatory,
        state: "missing".to_owned(),
        statement: None,
        until: None,
        days_left: None,
        by: None,
        signature: None,
        signed_by: None,
        faults: Vec::new(),
    };
    let rows = collect::attested_rows(
        (collector, &control.id),
        asked.subject,
        folder,
        catalog,
        &days(asked.as_of),
        asked.as_of,
    );
    let parameters = profile.parameters_for(control);
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for row in rows {
        let text = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
        let id = text("id").unwrap_or_default();
        let line = lines.entry(id.clone()).or_insert_with(|| {
            let (state, left) = (
                text("state").unwrap_or_default(),
                row.get("days_left").and_then(Value::as_i64),
            );
            let soon = state == "valid" && left.is_some_and(|left| left <= asked.within);
            Line {
                state: if soon { "expiring".to_owned() } else { state },
                statement: Some(id),
                until: text("expires_at"),
                days_left: left,
                by: text("performed_by").or_else(|| text("issuer")),
                signature: text("signature"),
                signed_by: text("signed_by"),
                ..blank()
            }
        });
        line.faults
            .extend(faults(&row, control, &parameters, asked.subject));
    }
    // What others took the place of asks for nothing.
    for line in lines.values_mut().filter(|line| line.state == "superseded") {
        line.faults.clear();
    }
    if lines.is_empty() {
        let draft = folder.attested.draft_of(&control.id, asked.subject);
        let state = if draft.is_some() { "draft" } else { "missing" };
        return Vec::from_iter((mandatory || draft.is_some()).then(|| Line {
            state: state.to_owned(),
            statement: draft.map(str::to_owned),
            ..blank()
        }));
    }
    lines.into_values().collect()
}

/// What is wrong with an attestation's row, or with one aspect of a certificate, by what the control expects. How long it
/// covers an assessed period, and what the control's other evidence comes to, shows only in an assessment.
fn faults(
    row: &Row,
    control: &Control,
    parameters: &Map<String, Value>,
    subject: Subject<'_>,
) -> Vec<String> {
    let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default();
    let asked_here = match text("aspect") {
        "validity" | "period" | "gap" => false,
        "site" => subject.target.is_some(),
        _ => row.get("holds") != Some(&Value::Null),
    };
    if !asked_here || meets(row, control, parameters) {
        return Vec::new();
    }
    let said: Vec<String> = match row.get("faults") {
        Some(Value::Array(faults)) => faults
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => vec![format!("{}: {}", text("aspect"), text("detail"))],
    };
    if !said.is_empty() {
        return said;
    }
    // Nothing is wrong with it by itself: what it says is, or the profile asks for more.
    vec![match text("answer") {
        "not-satisfied" => "it says that the control is not satisfied".to_owned(),
        _ => control
            .exception
            .render(row, parameters)
            .unwrap_or_else(|error| error),
    }]
}

/// Whether a row is as the control expects, or is not what it is about. One that cannot be judged is neither.
fn meets(row: &Row, control: &Control, parameters: &Map<String, Value>) -> bool {
    let holds = |expression: &Expression| {
        let judged = expression.evaluator(parameters);
        judged.and_then(|mut evaluator| evaluator.holds(row))
    };
    let left_aside = control
        .filter
        .as_ref()
        .is_some_and(|filter| matches!(holds(filter), Ok(false)));
    left_aside || matches!(holds(&control.expect), Ok(true))
}

/// A period of the one day that is looked from.
fn days(as_of: DateTime<Utc>) -> Period {
    let day = as_of.date_naive();
    Period {
        label: day.to_string(),
        from: day,
        to: day,
    }
}

fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut group = (None, "");
    for line in lines {
        if (line.target.as_deref(), line.section.as_str()) != group {
            group = (line.target.as_deref(), &line.section);
            let target = line
                .target
                .as_deref()
                .map(|target| format!("{target}, "))
                .unwrap_or_default();
            text.push_str(&format!("{target}{}\n", line.section));
        }
        let until = match (&line.until, line.days_left) {
            (Some(until), Some(left)) if left >= 0 => format!("until {until} ({left} days left)"),
            (Some(until), _) => format!("until {until}"),
            _ => String::new(),
        };
        let by = line
            .by
            .as_ref()
            .map(|by| format!(", by {by}"))
            .unwrap_or_default();
        let signed = match (line.signature.as_deref(), &line.signed_by) {
            (Some("absent") | None, _) => String::new(),
            (Some(state), Some(owner)) => format!(", signature {state} ({owner})"),
            (Some(state), None) => format!(", signature {state}"),
        };
        let name = line
            .statement
            .as_ref()
            .map(|id| format!("{id} "))
            .unwrap_or_default();
        let optional = if line.mandatory { "" } else { " (where it applies)" };
        let said = format!(
            "  {:<13} {:<34} {name}{until}{by}{signed}{optional}",
            line.state, line.control
        );
        text.push_str(said.trim_end());
        text.push('\n');
        for fault in &line.faults {
            text.push_str(&format!("                {fault}\n"));
        }
    }
    let lacking = lines
        .iter()
        .filter(|line| line.mandatory && !line.counts())
        .count();
    text.push_str(&format!("\n{lacking} of {} need somebody to act", lines.len()));
    text
}
