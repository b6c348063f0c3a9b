//! The place of a bundle in its series: which bundles came before it, and that none was dropped or exchanged.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::failure::Failure;
use super::layout::LEAVES;
use super::merkle::{TreeHead, tree_head_of_lines};
use super::path::is_bundle_id;
use crate::sign::SeriesPin;

/// What the statement says of the bundles before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chain {
    /// The series' name.
    pub series: String,
    /// 0 for the first bundle of the series.
    pub index: u64,
    /// SHA-256 of the previous bundle's statement; null for the first.
    pub previous_statement_sha256: Option<Digest>,
    /// Number of lines of `chain/leaves.txt`.
    pub size_before: u64,
    /// RFC 9162 root over those lines.
    pub root_before: Digest,
}

/// An earlier bundle: one line `<sha256 of its statement>  <its id>` of `chain/leaves.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    statement: Digest,
    bundle_id: String,
}

/// The contents of `chain/leaves.txt`, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Leaves(Vec<Leaf>);

impl Leaves {
    /// These leaves and one more.
    pub(crate) fn followed_by(mut self, statement: Digest, bundle_id: &str) -> Self {
        self.0.push(Leaf {
            statement,
            bundle_id: bundle_id.to_owned(),
        });
        self
    }

    pub(crate) fn contains(&self, bundle_id: &str) -> bool {
        self.0.iter().any(|leaf| leaf.bundle_id == bundle_id)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let line = |leaf: &Leaf| format!("{}  {}\n", leaf.statement, leaf.bundle_id);
        self.0.iter().map(line).collect::<String>().into_bytes()
    }

    /// What the statement of the bundle after these must say.
    pub(crate) fn chain(&self, series: &str) -> Chain {
        let TreeHead { size, root } = tree_head_of_lines(&self.to_bytes());
        Chain {
            series: series.to_owned(),
            index: size,
            previous_statement_sha256: self.0.last().map(|leaf| leaf.statement),
            size_before: size,
            root_before: root,
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let wrong = |message: String| Failure::at("chain.format", LEAVES, message);
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".to_owned()))?;
        let (mut leaves, mut known) = (Self::default(), BTreeSet::new());
        for (number, line) in (1_u64..).zip(text.split_inclusive('\n')) {
            let leaf = line
                .strip_suffix('\n')
                .and_then(|line| line.split_once("  "))
                .and_then(|(digest, id)| {
                    digest
                        .parse()
                        .ok()
                        .filter(|_| is_bundle_id(id))
                        .map(|statement| (statement, id))
                });
            let Some((statement, id)) = leaf else {
                return Err(wrong(format!(
                    "line {number} is not `<sha256>`, two spaces, a bundle id and a line feed"
                )));
            };
            if !known.insert(id) {
                return Err(wrong(format!("line {number} names bundle `{id}` a second time")));
            }
            leaves = leaves.followed_by(statement, id);
        }
        Ok(leaves)
    }
}

/// Checks what a statement says of its series against the leaves in the bundle.
pub(crate) fn check_against_leaves(chain: &Chain, bundle_id: &str, bytes: &[u8]) -> Vec<Failure> {
    let leaves = match Leaves::parse(bytes) {
        Ok(leaves) => leaves,
        Err(failure) => return vec![failure],
    };
    let expected = leaves.chain(&chain.series);
    let mut failures = Vec::new();
    let mut check = |holds: bool, code, message: String| {
        if !holds {
            failures.push(Failure::at(code, LEAVES, message));
        }
    };
    check(
        (chain.index, chain.size_before) == (expected.index, expected.size_before),
        "chain.size",
        format!(
            "the statement has index {} after {} bundles, but {} earlier bundles are listed",
            chain.index, chain.size_before, expected.size_before
        ),
    );
    check(
        chain.root_before == expected.root_before,
        "chain.root",
        format!(
            "the listed earlier bundles give the root {}, the statement says {}",
            expected.root_before, chain.root_before
        ),
    );
    check(
        chain.previous_statement_sha256 == expected.previous_statement_sha256,
        "chain.previous",
        "the statement names another previous bundle than the last one listed".to_owned(),
    );
    check(
        !leaves.contains(bundle_id),
        "chain.repeated",
        format!("bundle `{bundle_id}` is listed among its own earlier bundles"),
    );
    failures
}

/// Checks the bundle's place against what the auditor has accepted so far.
pub(crate) fn check_against_pin(chain: &Chain, pin: &SeriesPin) -> Option<Failure> {
    if chain.series != pin.id {
        let message = format!(
            "the bundle is of series `{}`, the policy is for series `{}`",
            chain.series.escape_default(),
            pin.id.escape_default()
        );
        return Some(Failure::new("chain.series", message));
    }
    let (index, accepted) = (chain.index, pin.size);
    if index > accepted {
        let message = format!(
            "the bundle has index {index}, but {accepted} bundles of its series have been accepted; \
             ask for the bundles with index {accepted} to {}",
            index - 1
        );
        return Some(Failure::new("chain.skipped", message));
    }
    if index < accepted {
        let message = format!(
            "the bundle has index {index}, but {accepted} bundles of its series have been accepted already; \
             an earlier bundle is verified with the policy of its time"
        );
        return Some(Failure::new("chain.reordered", message));
    }
    (chain.root_before.to_string() != pin.root).then(|| {
        Failure::new(
            "chain.forked",
            "the bundle continues other earlier bundles than the ones that were accepted",
        )
    })
}
