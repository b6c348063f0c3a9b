//! What is told of the series, as JSON and as text.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::chain::Known;
use super::changes::{self, Changes};
use super::entry::{Checked, Entry};
use super::problem::{Kind, Problem};
use crate::escape;
use crate::sign::SeriesPin;

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Version of this JSON.
    pub(super) version: u32,
    pub(super) as_of: DateTime<Utc>,
    /// Whether a policy said whose signatures count.
    pub(super) trusted: bool,
    pub(super) series: Vec<SeriesReport>,
    /// What is named like a bundle and does not verify.
    pub(super) invalid: Vec<Problem>,
    /// What lies in the folders and is no bundle.
    pub(super) ignored: Vec<PathBuf>,
    /// Whether the policy has the new checkpoint; absent when nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remembered: Option<bool>,
}

/// One series.
#[derive(Debug, Serialize)]
pub(super) struct SeriesReport {
    #[serde(rename = "id")]
    pub(super) name: String,
    bundles: Vec<Line>,
    changes: Vec<Changes>,
    problems: Vec<Problem>,
    /// What to keep.
    pub(super) checkpoint: SeriesPin,
    /// The policy's, where it is about this series.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<Known>,
}

#[derive(Debug, Serialize)]
struct Line {
    index: u64,
    bundle_id: String,
    statement_sha256: String,
    period: String,
    as_of: DateTime<Utc>,
    verdict: Checked,
    signers: Vec<String>,
    paths: Vec<PathBuf>,
}

impl SeriesReport {
    pub(super) fn new(
        name: String,
        entries: &[Entry],
        checkpoint: SeriesPin,
        known: Option<Known>,
        problems: Vec<Problem>,
    ) -> Self {
        let pairs = entries.iter().zip(entries.iter().skip(1));
        Self {
            name,
            bundles: entries.iter().map(line).collect(),
            changes: pairs.map(|(from, to)| changes::between(from, to)).collect(),
            problems,
            checkpoint,
            known,
        }
    }
}

fn line(entry: &Entry) -> Line {
    Line {
        index: entry.index(),
        bundle_id: entry.id().to_owned(),
        statement_sha256: entry.statement_sha256.to_string(),
        period: entry.predicate.period.clone(),
        as_of: entry.predicate.as_of,
        verdict: entry.verdict,
        signers: entry.signers.clone(),
        paths: entry.paths.clone(),
    }
}

impl Report {
    pub(super) fn problems(&self) -> impl Iterator<Item = &Problem> {
        let of_series = self.series.iter().flat_map(|series| &series.problems);
        self.invalid.iter().chain(of_series)
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for series in &self.series {
            series.write(&mut text);
        }
        if !self.invalid.is_empty() {
            text.push_str("not verified\n");
            self.invalid
                .iter()
                .for_each(|problem| write_problem(&mut text, problem));
        }
        if !self.ignored.is_empty() {
            let names: Vec<String> = self
                .ignored
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            put(&mut text, &format!("no bundles: {}", names.join(", ")));
        }
        if !self.trusted {
            text.push_str("who sealed the bundles was not checked: use --trust\n");
        }
        match self.remembered {
            Some(true) => text.push_str("the policy now has this checkpoint\n"),
            Some(false) => {
                text.push_str("the policy was left as it was: something is missing or does not verify\n")
            }
            None => {}
        }
        text
    }
}

impl SeriesReport {
    fn write(&self, text: &mut String) {
        put(text, &format!("series {}", self.name));
        text.push('\n');
        let width = self
            .bundles
            .iter()
            .map(|line| line.bundle_id.len())
            .max()
            .unwrap_or(0)
            .max(6);
        let _ = writeln!(
            text,
            "{:>5}  {:<width$}  {:<10}  {:<20}  verdict",
            "index", "bundle", "period", "as of"
        );
        for line in &self.bundles {
            let signers = if line.signers.is_empty() {
                String::new()
            } else {
                format!(", signed by {}", line.signers.join(", "))
            };
            let shown = format!(
                "{:>5}  {:<width$}  {:<10}  {:<20}  {}{signers}",
                line.index,
                line.bundle_id,
                line.period,
                line.as_of.to_rfc3339_opts(SecondsFormat::Secs, true),
                line.verdict.word()
            );
            put(text, &shown);
        }
        text.push('\n');
        for changes in self.changes.iter().filter(|changes| !changes.changes.is_empty()) {
            put(text, &format!("changed from {} to {}", changes.from, changes.to));
            for change in &changes.changes {
                let what = change.what.replace('-', " ");
                put(text, &format!("  {what}: {}", change.detail.join(", ")));
            }
            text.push('\n');
        }
        if self.problems.is_empty() {
            text.push_str("nothing is missing, late, forked or lapsed\n");
        }
        self.problems
            .iter()
            .for_each(|problem| write_problem(text, problem));
        if let Some(known) = &self.known {
            let how = if known.continued {
                "continued"
            } else {
                "NOT continued"
            };
            let _ = writeln!(text, "checkpoint of the policy: size {}, {how}", known.pin.size);
        }
        let SeriesPin { id, size, root } = &self.checkpoint;
        put(
            text,
            &format!("checkpoint to keep: series {id}, size {size}, root {root}"),
        );
        text.push('\n');
    }
}

/// Adds one line. Names and periods are what somebody else wrote: none of them makes another line.
fn put(text: &mut String, line: &str) {
    text.push_str(&escape::terminal(line));
    text.push('\n');
}

fn write_problem(text: &mut String, problem: &Problem) {
    let kind = match problem.kind {
        Kind::Failure => "FAILED",
        Kind::Exception => "exception",
        Kind::Unseen => "not seen",
    };
    let bundles = problem.bundles.join(", ");
    let colon = if bundles.is_empty() { "" } else { ": " };
    let said = format!("{kind}: {bundles}{colon}{} [{}]", problem.message, problem.code);
    put(text, &said);
}
