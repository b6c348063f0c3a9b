//! `pgdossier waiver status`: which waivers count, expire, have expired or lack a signature.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::attestation::Day;
use crate::cli::arguments::{CatalogArguments, clock, parse_time};
use crate::cli::output::Output;
use crate::cli::waivers::RuleArguments;
use crate::cli::workspace::WorkspaceArguments;
use crate::cli::{Exit, Stop};
use crate::waiver::{Rules, Signature, State, Waiver};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// A folder of waivers; the workspace's, or `waivers`, when absent.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    /// The day to look from: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Days before its end from which a waiver is told to expire.
    #[arg(long, value_name = "DAYS", default_value_t = 60)]
    within: u32,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// One waiver. Which exceptions it is about shows only in an assessment.
#[derive(Debug, Serialize)]
struct Line {
    waiver: String,
    control: String,
    targets: Option<Vec<String>>,
    tags: Vec<String>,
    state: &'static str,
    until: Day,
    days_left: i64,
    requested_by: String,
    approved_by: String,
    ticket: Option<String>,
    signature: Signature,
    trouble: Option<String>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let as_of = clock(arguments.as_of)?;
    let folder = arguments.workspace.waivers(arguments.folder.as_deref())?;
    let mut rules = arguments.rules.clone();
    if rules.waiver_policy.is_none() {
        let workspace = arguments.workspace.load()?;
        rules.waiver_policy = workspace.and_then(|workspace| workspace.waiver_policy);
    }
    let waivers = rules.load(&folder)?.check(&catalog, as_of, None);
    let within = i64::from(arguments.within);
    let lines: Vec<Line> = waivers
        .list
        .iter()
        .map(|waiver| line(waiver, as_of, &waivers.rules, within))
        .collect();
    output.result(&lines, || table(&lines));
    let lacking = lines.iter().any(|line| line.trouble.is_some());
    Ok(if lacking { Exit::Exceptions } else { Exit::Good })
}

fn line(waiver: &Waiver, as_of: DateTime<Utc>, rules: &Rules, within: i64) -> Line {
    let (state, left, words) = (waiver.state(as_of, rules), waiver.days_left(as_of), &waiver.words);
    Line {
        waiver: waiver.name().to_owned(),
        control: waiver.control.clone(),
        targets: waiver.targets.clone(),
        tags: waiver.tags.clone(),
        state: match state {
            State::Valid if left <= within => "expiring",
            state => state.word(),
        },
        until: words.expires_at,
        days_left: left,
        requested_by: words.requested_by.name.clone(),
        approved_by: words.approved_by.name.clone(),
        ticket: words.ticket.clone(),
        signature: waiver.signature.clone(),
        trouble: state.trouble(words, &waiver.signature),
    }
}

fn table(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let left = match line.days_left {
            left if left >= 0 => format!(" ({left} days left)"),
            _ => String::new(),
        };
        let signed = match &line.signature {
            Signature::Absent => String::new(),
            Signature::Unchecked { .. } => ", signature not checked".to_owned(),
            Signature::Accepted { owners } => format!(", signed by {}", owners.join(", ")),
            Signature::Refused { .. } => ", signature refused".to_owned(),
        };
        text.push_str(&format!(
            "{:<13} {:<34} {} until {}{left}, approved by {}{signed}\n",
            line.state, line.control, line.waiver, line.until, line.approved_by
        ));
        if let Some(trouble) = &line.trouble {
            text.push_str(&format!("              {trouble}\n"));
        }
    }
    let lacking = lines.iter().filter(|line| line.trouble.is_some()).count();
    text.push_str(&format!("\n{lacking} of {} do not count", lines.len()));
    text
}
