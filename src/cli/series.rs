//! `pgdossier series`: the bundles of a series one after another, what is missing between them and what was changed.

mod chain;
mod changes;
mod entry;
mod lapses;
mod periods;
mod problem;
mod remember;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use self::entry::{Entry, Opened};
use self::problem::{Kind, Problem};
use self::report::{Report, SeriesReport};
use super::arguments::{clock, parse_time};
use super::output::Output;
use super::{Exit, Stop};
use crate::bundle::{Limits, VerifyOptions};
use crate::sign::TrustPolicy;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the bundles of a series in order, what is missing, late or changed, and the checkpoint to keep.
    Status {
        #[command(flatten)]
        common: Arguments,
        /// Your trust policy; without one nobody is asked who sealed the bundles.
        #[arg(long, alias = "policy", value_name = "FILE")]
        trust: Option<PathBuf>,
    },
    /// Verify the bundles of a series, one by one and as one history, against your trust policy.
    Check {
        #[command(flatten)]
        common: Arguments,
        /// Your trust policy. Its `series` is the checkpoint that the bundles must continue.
        #[arg(long, alias = "policy", value_name = "FILE")]
        trust: PathBuf,
        /// Write the new checkpoint into the policy, if nothing is missing and everything verifies.
        #[arg(long)]
        remember: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folders that hold bundles, as folders or ZIPs, or bundles themselves.
    #[arg(value_name = "FOLDER", required = true)]
    folders: Vec<PathBuf>,
    /// The time at which keys must be valid and bundles are due: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Days after the end of its period from which an assessment is late.
    #[arg(long, value_name = "DAYS", default_value_t = 31)]
    late_after: u32,
    /// Only this series.
    #[arg(long, value_name = "NAME")]
    series: Option<String>,
    /// Accept that listed files are absent, and say which.
    #[arg(long)]
    allow_withheld: bool,
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    let (common, trust, remember) = match verb {
        Verb::Status { common, trust } => (common, trust.as_deref(), false),
        Verb::Check {
            common,
            trust,
            remember,
        } => (common, Some(trust.as_path()), *remember),
    };
    let policy = trust.map(TrustPolicy::load).transpose().map_err(Stop::usage)?;
    let now = clock(common.as_of)?;
    let mut report = look(common, policy.as_ref(), now)?;
    if let (true, Some(path), Some(policy)) = (remember, trust, policy) {
        remember::remember(&mut report, path, policy)?;
    }
    output.result(&report, || report.text());
    Ok(exit_for(&report))
}

/// 5 outranks 3, which outranks 4.
fn exit_for(report: &Report) -> Exit {
    let kinds = report.problems().map(|problem| problem.kind);
    match kinds.max() {
        Some(Kind::Failure) => Exit::Invalid,
        Some(Kind::Exception) => Exit::Exceptions,
        Some(Kind::Unseen) => Exit::NotEvaluated,
        None => Exit::Good,
    }
}

/// Reads everything there is and puts each series in order.
fn look(common: &Arguments, policy: Option<&TrustPolicy>, now: DateTime<Utc>) -> Result<Report, Stop> {
    let (candidates, ignored) = candidates(&common.folders)?;
    if candidates.is_empty() {
        let folders: Vec<String> = common
            .folders
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        return Err(Stop::usage(format!(
            "there is no bundle in {}; name the folder that holds them",
            folders.join(", ")
        )));
    }
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now,
        allow_withheld: common.allow_withheld,
        limits: Limits::default(),
        threads: None,
        cancel: &cancel,
    };
    let (mut entries, mut invalid): (BTreeMap<_, Entry>, Vec<Problem>) = (BTreeMap::new(), Vec::new());
    for path in candidates {
        match entry::open(&path, policy, &options)? {
            Opened::Invalid(problem) => invalid.push(problem),
            Opened::Entry(entry) => match entries.get_mut(&entry.statement_sha256) {
                Some(known) => known.paths.extend(entry.paths),
                None => {
                    entries.insert(entry.statement_sha256, *entry);
                }
            },
        }
    }
    let mut by_series: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries.into_values() {
        by_series
            .entry(entry.predicate.chain.series.clone())
            .or_default()
            .push(entry);
    }
    let wanted = |name: &String| common.series.as_ref().is_none_or(|wanted| wanted == name);
    by_series.retain(|name, _| wanted(name));
    let mut series: Vec<SeriesReport> = Vec::new();
    for (name, entries) in by_series {
        series.push(judge(name, entries, policy, common, now));
    }
    Ok(Report {
        version: 1,
        as_of: now,
        trusted: policy.is_some(),
        series,
        invalid,
        ignored,
        remembered: None,
    })
}

fn judge(
    name: String,
    entries: Vec<Entry>,
    policy: Option<&TrustPolicy>,
    common: &Arguments,
    now: DateTime<Utc>,
) -> SeriesReport {
    let pin = policy.and_then(|policy| policy.series.as_ref());
    let ordered = chain::order(&name, entries, pin);
    let mut problems = ordered.problems;
    problems.extend(periods::problems(
        &ordered.entries,
        i64::from(common.late_after),
        now,
    ));
    problems.extend(lapses::problems(&ordered.entries, now));
    SeriesReport::new(
        name,
        &ordered.entries,
        ordered.checkpoint,
        ordered.known,
        problems,
    )
}

/// What looks like a bundle in these folders, and what does not.
fn candidates(folders: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Stop> {
    let (mut found, mut ignored) = (Vec::new(), Vec::new());
    for folder in folders {
        let failed =
            |error: std::io::Error| Stop::failed(format!("cannot read `{}`: {error}", folder.display()));
        if folder.is_file() || is_bundle_folder(folder) {
            found.push(folder.clone());
            continue;
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            paths.push(entry.map_err(failed)?.path());
        }
        paths.sort();
        for path in paths {
            let is_zip = path
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !hidden && (is_bundle_folder(&path) || is_zip && path.is_file()) {
                found.push(path);
            } else {
                ignored.push(path);
            }
        }
    }
    Ok((found, ignored))
}

/// Any of a bundle's own files will do: one that lacks another is a bundle that fails, not something else.
fn is_bundle_folder(path: &Path) -> bool {
    let own = ["statement.json", "MANIFEST.sha256", "signatures", "chain"];
    own.iter().any(|name| path.join(name).exists())
}
