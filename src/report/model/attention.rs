//! What a reader has to look at first, and what would make answers complete.

use std::collections::BTreeMap;

use serde::Serialize;

use super::finding_anchor;
use crate::assessment::TargetRecord;
use crate::escape::markdown_block;
use crate::finding::{Exception, Finding, Status};

/// A finding that somebody has to look at.
#[derive(Serialize)]
pub(super) struct Attention {
    anchor: String,
    severity: &'static str,
    title: String,
    control: String,
    target: String,
    count: usize,
    /// How many of them are waived, in words; empty when none is.
    waived: String,
    text: String,
}

/// A target of which nothing is known.
#[derive(Serialize)]
pub(super) struct Unreached {
    target: String,
    failure: String,
    findings: usize,
}

/// What would make answers complete, and how many of them.
#[derive(Serialize)]
pub(super) struct Remedy {
    target: String,
    lines: Vec<String>,
    /// The lines as a block of Markdown.
    block: String,
}

/// Findings of one status, gravest first, the same control on several targets together. Targets that could not be
/// reached are left to [`unreached`].
pub(super) fn attention(targets: &[&TargetRecord], status: Status) -> Vec<Attention> {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    let reached = targets.iter().filter(|target| target.summary.failure.is_none());
    let mut found: Vec<(&Finding, &str)> = Vec::new();
    for target in reached {
        for (position, finding) in target.findings.iter().enumerate() {
            order.entry(&finding.control).or_insert(position);
            if finding.status == status {
                found.push((finding, &target.summary.id));
            }
        }
    }
    found.sort_by_key(|(finding, _)| (finding.severity, order.get(finding.control.as_str()).copied()));
    found
        .into_iter()
        .map(|(finding, target)| Attention {
            anchor: finding_anchor(target, &finding.control),
            severity: finding.severity.word(),
            title: finding.title.clone(),
            control: finding.control.clone(),
            target: target.to_owned(),
            count: finding.exceptions.len(),
            waived: super::guide::waived(finding).unwrap_or_default(),
            text: match first(finding) {
                Some(exception) => exception.text.clone(),
                None => finding.reason.clone(),
            },
        })
        .collect()
}

/// The first exception, of those that nobody answers for if there are such.
fn first(finding: &Finding) -> Option<&Exception> {
    let open = |exception: &&Exception| finding.waiver_of(exception.line).is_none();
    let mut exceptions = finding.exceptions.iter();
    exceptions.find(open).or_else(|| finding.exceptions.first())
}

pub(super) fn unreached(targets: &[&TargetRecord]) -> Vec<Unreached> {
    targets
        .iter()
        .filter_map(|target| {
            Some(Unreached {
                target: target.summary.id.clone(),
                failure: target.summary.failure.clone()?,
                findings: target.findings.len(),
            })
        })
        .collect()
}

pub(super) fn remedy(target: &TargetRecord) -> Option<Remedy> {
    let missing = target.findings.iter().flat_map(|finding| &finding.missing);
    let mut lines: Vec<String> = missing.cloned().collect();
    lines.sort();
    lines.dedup();
    (!lines.is_empty()).then(|| Remedy {
        target: target.summary.id.clone(),
        block: markdown_block("", &lines.join("\n")),
        lines,
    })
}
