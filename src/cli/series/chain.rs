//! The bundles in the order of their chain: one history, without forks, that continues the checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::entry::{Checked, Entry};
use super::problem::{Kind, Problem};
use crate::bundle::{Digest, TreeHead, consistency_proof, is_consistent, tree_head_of_lines};
use crate::sign::SeriesPin;

/// A series, in order.
pub(super) struct Ordered {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
    /// What to keep: everything up to the latest bundle.
    pub(super) checkpoint: SeriesPin,
    /// The checkpoint that the policy knows, where it is about this series.
    pub(super) known: Option<Known>,
}

/// How the bundles stand to the policy's checkpoint.
#[derive(Debug, Serialize)]
pub(super) struct Known {
    #[serde(flatten)]
    pub(super) pin: SeriesPin,
    /// Whether the bundles continue it.
    pub(super) continued: bool,
    /// RFC 9162's proof of that: by it and both checkpoints alone, anybody can check it.
    pub(super) consistency_proof: Vec<String>,
}

/// Puts bundles in order and holds each against the latest one's history. There is at least one.
pub(super) fn order(name: &str, mut entries: Vec<Entry>, pin: Option<&SeriesPin>) -> Ordered {
    entries.sort_by_key(|entry| (entry.index(), entry.predicate.as_of, entry.statement_sha256));
    let history = entries
        .last()
        .map(|latest| latest.history.clone())
        .unwrap_or_default();
    let head = tree_head_of_lines(&history);
    let mut problems = forks(&entries, &history);
    let known = pin
        .filter(|pin| pin.id == name)
        .map(|pin| hold_against(pin, head, &history));
    if let (Some(pin), None) = (pin, &known) {
        let message = format!(
            "these bundles are of series `{name}`, the policy is for series `{}`",
            pin.id
        );
        problems.push(Problem::new(
            Kind::Failure,
            "chain.series",
            message,
            ids(&entries),
        ));
    }
    let accepted = known
        .as_ref()
        .filter(|known| known.continued)
        .map_or(0, |known| known.pin.size);
    problems.extend(known.as_ref().and_then(|known| not_continued(known, head)));
    problems.extend(missing(&entries, &history, accepted));
    problems.extend(expired(&entries, &history, accepted));
    Ordered {
        checkpoint: SeriesPin {
            id: name.to_owned(),
            size: head.size,
            root: head.root.to_string(),
        },
        entries,
        problems,
        known,
    }
}

fn ids(entries: &[Entry]) -> impl Iterator<Item = &str> {
    entries.iter().map(Entry::id)
}

/// Bundles that follow other bundles than the latest one does.
fn forks(entries: &[Entry], history: &[u8]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut by_index: BTreeMap<u64, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_index.entry(entry.index()).or_default().push(entry);
    }
    for (index, twins) in &by_index {
        if twins.len() > 1 {
            let message = format!(
                "{} bundles have index {index}: the series was forked",
                twins.len()
            );
            let ids = twins.iter().map(|entry| entry.id());
            problems.push(Problem::new(Kind::Failure, "chain.forked", message, ids));
        }
    }
    let latest = entries.last().map(Entry::id).unwrap_or_default();
    for entry in entries
        .iter()
        .filter(|entry| !history.starts_with(&entry.history))
    {
        let told = by_index.get(&entry.index()).is_some_and(|twins| twins.len() > 1);
        if !told {
            let message =
                format!("the latest bundle, `{latest}`, follows other bundles than this one and its own");
            problems.push(Problem::new(Kind::Failure, "chain.forked", message, [entry.id()]));
        }
    }
    problems
}

fn hold_against(pin: &SeriesPin, head: TreeHead, history: &[u8]) -> Known {
    let proof = consistency_proof(history, pin.size);
    let continued = pin.root.parse::<Digest>().is_ok_and(|root| {
        let first = TreeHead { size: pin.size, root };
        is_consistent(first, head, &proof)
    });
    Known {
        pin: pin.clone(),
        continued,
        consistency_proof: proof.iter().map(ToString::to_string).collect(),
    }
}

fn not_continued(known: &Known, head: TreeHead) -> Option<Problem> {
    let size = known.pin.size;
    if known.continued {
        return None;
    }
    Some(if size > head.size {
        let message = format!(
            "the policy has accepted {size} bundles of this series, and the latest one here is number {}; \
             the later ones are not here, so these were not held against its checkpoint",
            head.size
        );
        Problem::new(Kind::Unseen, "series.behind", message, Vec::<String>::new())
    } else {
        let message =
            format!("the bundles continue another history than the {size} bundles that were accepted");
        Problem::new(Kind::Failure, "chain.forked", message, Vec::<String>::new())
    })
}

/// Bundles of the history that are neither here nor accepted.
fn missing(entries: &[Entry], history: &[u8], accepted: u64) -> Vec<Problem> {
    let present: BTreeSet<u64> = entries.iter().map(Entry::index).collect();
    let text = String::from_utf8_lossy(history);
    let lines = (0_u64..).zip(text.lines());
    let absent = lines.filter(|(index, _)| *index >= accepted && !present.contains(index));
    absent
        .map(|(index, line)| {
            let (digest, id) = line.split_once("  ").unwrap_or_default();
            let message = format!("the bundle with index {index}, whose statement is {digest}, is not here");
            Problem::new(Kind::Unseen, "chain.skipped", message, [id])
        })
        .collect()
}

/// A key whose time is over counts for what was accepted while it lasted: the checkpoint pins that bundle's identity.
fn expired(entries: &[Entry], history: &[u8], accepted: u64) -> Vec<Problem> {
    let expired = entries
        .iter()
        .filter(|entry| entry.verdict == Checked::KeyExpired);
    let open = expired.filter(|entry| entry.index() >= accepted || !history.starts_with(&entry.history));
    open.map(|entry| {
        let message = "its key has expired, and no accepted checkpoint covers it; verify it with --as-of a time at \
                       which the key was valid";
        Problem::new(Kind::Failure, "key.expired", message, [entry.id()])
    })
    .collect()
}
