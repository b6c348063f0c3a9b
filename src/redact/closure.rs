//! What goes with what is withheld: whatever holds the same answers, is made from them, or tells of them.

use std::collections::{BTreeMap, BTreeSet};

use super::records::{EvidenceKey, Records};
use crate::evidence::Provenance;
use crate::record;
use crate::withholding::{Hidden, Withholding};

/// The raw table of those collectors that read what people attest.
const ATTESTED: &str = "statements";
/// What is made from everything, in part or as a whole.
const MADE_FROM_ALL: &[&str] = &["report/", "kit/", "waivers.json"];

/// What a provenance says that no answer went into: all else is hidden once something of its evidence is.
const OF_PROVENANCE: &[&str] = &[
    "name",
    "collector",
    "collector_version",
    "arguments",
    "derived_from",
    "host",
    "inputs",
    "started_at",
    "finished_at",
    "server_time",
    "columns",
    "rows",
    "sha256",
];
/// What a finding says without telling of rows.
const OF_FINDING: &[&str] = &[
    "control",
    "title",
    "section",
    "severity",
    "status",
    "decided_by",
    "evidence",
    "evidence_sha256",
    "population",
    "parameters",
];
/// What a finding says without telling of its control's definition either.
const OF_FINDING_UNDEFINED: &[&str] = &["control", "status", "evidence", "evidence_sha256", "population"];
/// What the summary says of findings.
const OF_SUMMARY_ABOUT_FINDINGS: &[&str] = &["targets", "tally"];

/// Something that a rule names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// Rows or fields of a population, or all of it.
    Evidence(EvidenceKey),
    /// A whole file.
    File(String),
}

pub(super) struct Closure<'a> {
    records: &'a Records<'a>,
}

impl<'a> Closure<'a> {
    pub(super) fn new(records: &'a Records<'a>) -> Self {
        Self { records }
    }

    /// Adds to what is withheld all that goes with it.
    pub(super) fn withhold(&self, sources: &[Source], withholding: &mut Withholding) {
        // Of what a rule names exactly the rest is shown; of what is made from it nothing is.
        let mut named: BTreeMap<EvidenceKey, String> = BTreeMap::new();
        let mut whole: BTreeMap<EvidenceKey, String> = BTreeMap::new();
        for source in sources {
            match source {
                Source::Evidence(key) => {
                    let reason = made_from(&key.population());
                    for other in self.telling(key) {
                        whole.insert(other, reason.clone());
                    }
                    named.insert(key.clone(), reason);
                }
                Source::File(path) => {
                    let reason = made_from(path);
                    for key in self.evidence_of_file(path) {
                        for other in self.telling(&key) {
                            whole.insert(other, reason.clone());
                        }
                        whole.insert(key, reason.clone());
                    }
                    self.withhold_meanings(path, withholding);
                }
            }
        }
        for (key, reason) in whole.iter().chain(&named) {
            if whole.contains_key(key) {
                withhold_if_there(self.records, withholding, &key.population(), reason);
            }
            self.withhold_around(key, reason, withholding);
        }
        for path in self.records.paths {
            if MADE_FROM_ALL.iter().any(|made| path.starts_with(made))
                && !withholding.files.contains_key(path)
            {
                withholding.file(path, "made from what is withheld");
            }
        }
    }

    /// Other evidence that may hold what this one holds: what it is made from, what asks the same, and what is made
    /// from any of these.
    fn telling(&self, key: &EvidenceKey) -> BTreeSet<EvidenceKey> {
        let mut origins = BTreeSet::from([key.clone()]);
        let mut open = vec![key.clone()];
        while let Some(one) = open.pop() {
            for input in self.inputs(&one) {
                if origins.insert(input.clone()) {
                    open.push(input);
                }
            }
        }
        let siblings = self
            .records
            .evidence
            .iter()
            .filter(|(other, provenance)| {
                origins.iter().any(|origin| {
                    let own = self.records.evidence.get(origin);
                    origin.target == other.target && own.is_some_and(|own| asks_the_same(own, provenance))
                })
            })
            .map(|(other, _)| other.clone());
        let mut telling: BTreeSet<EvidenceKey> = siblings.chain(origins.clone()).collect();
        loop {
            let made: Vec<EvidenceKey> = self
                .records
                .evidence
                .keys()
                .filter(|other| !telling.contains(other))
                .filter(|other| self.inputs(other).any(|input| telling.contains(&input)))
                .cloned()
                .collect();
            if made.is_empty() {
                break;
            }
            telling.extend(made);
        }
        telling.remove(key);
        telling
    }

    fn inputs(&self, key: &EvidenceKey) -> impl Iterator<Item = EvidenceKey> {
        let inputs = self.records.evidence.get(key).map(|own| own.inputs.as_slice());
        inputs.unwrap_or_default().iter().map(|input| EvidenceKey {
            target: key.target.clone(),
            name: input.name.clone(),
        })
    }

    /// The evidence that a file holds or is read into.
    fn evidence_of_file(&self, path: &str) -> Vec<EvidenceKey> {
        let attested = path.starts_with("attestations/");
        let evidence = self.records.evidence.iter();
        let its = evidence.filter(|(key, own)| {
            let mut raw = own.derived_from.iter();
            path == key.population()
                || path == key.provenance()
                || raw.any(|raw| (attested && raw.name == ATTESTED) || path == key.raw(&raw.name))
        });
        its.map(|(key, _)| key.clone()).collect()
    }

    /// The raw tables under a population, and what is told of it.
    fn withhold_around(&self, key: &EvidenceKey, reason: &str, withholding: &mut Withholding) {
        let Some(provenance) = self.records.evidence.get(key) else {
            return;
        };
        for raw in &provenance.derived_from {
            withhold_if_there(self.records, withholding, &key.raw(&raw.name), reason);
        }
        self.keep_only(&key.provenance(), 0, OF_PROVENANCE, reason, withholding);
        let findings = self.records.findings.get(&key.target);
        for (index, finding) in findings.into_iter().flatten().enumerate() {
            if finding.evidence.as_deref() == Some(&key.name) {
                let path = record::findings_path(&key.target);
                self.keep_only(&path, index, OF_FINDING, reason, withholding);
            }
        }
    }

    /// What is told of definitions, waivers and findings goes with them.
    fn withhold_meanings(&self, path: &str, withholding: &mut Withholding) {
        let reason = made_from(path);
        if path.starts_with("targets/") && path.ends_with("/findings.json") {
            let hidden = OF_SUMMARY_ABOUT_FINDINGS.iter().map(|field| (*field).to_owned());
            withholding.cut(record::SUMMARY, 0, Hidden::Fields(hidden.collect()), &reason);
        }
        let control = path
            .strip_prefix("controls/")
            .and_then(|rest| rest.rsplit_once('/'))
            .and_then(|(_, name)| name.strip_suffix(".yaml"));
        let shared = path.starts_with("controls/") || path.ends_with("profile.json");
        let waived = path.starts_with("waivers");
        let shown = if waived { OF_FINDING } else { OF_FINDING_UNDEFINED };
        if !shared && !waived {
            return;
        }
        for (target, findings) in &self.records.findings {
            let one = control.filter(|id| findings.iter().any(|finding| finding.control == *id));
            for (index, finding) in findings.iter().enumerate() {
                if one.is_some_and(|id| id != finding.control) {
                    continue;
                }
                let findings = record::findings_path(target);
                self.keep_only(&findings, index, shown, &reason, withholding);
                if let Some(name) = finding.evidence.as_ref().filter(|_| shared) {
                    let key = EvidenceKey {
                        target: target.clone(),
                        name: name.clone(),
                    };
                    // A control's own query and arguments stand there.
                    let without: Vec<&str> = OF_PROVENANCE
                        .iter()
                        .copied()
                        .filter(|field| *field != "arguments")
                        .collect();
                    self.keep_only(&key.provenance(), 0, &without, &reason, withholding);
                }
            }
        }
    }

    /// Hides all fields of a row but these. A field that is new tomorrow is hidden too.
    fn keep_only(&self, path: &str, row: usize, shown: &[&str], reason: &str, withholding: &mut Withholding) {
        let names = self.records.names(path, row).iter();
        let hidden: BTreeSet<String> = names
            .filter(|name| !shown.contains(&name.as_str()))
            .cloned()
            .collect();
        if !hidden.is_empty() {
            withholding.cut(path, row, Hidden::Fields(hidden), reason);
        }
    }
}

/// Whether two collections put one question, so that one answer stands in both.
fn asks_the_same(one: &Provenance, other: &Provenance) -> bool {
    let question = one.queries.iter().any(|query| {
        let mut others = other.queries.iter();
        others.any(|other| (&query.sql, &query.database) == (&other.sql, &other.database))
    });
    question
        || one
            .commands
            .iter()
            .any(|command| other.commands.contains(command))
}

fn made_from(path: &str) -> String {
    format!("goes with what is withheld of `{path}`")
}

fn withhold_if_there(records: &Records<'_>, withholding: &mut Withholding, path: &str, reason: &str) {
    if records.has(path) && !withholding.files.contains_key(path) {
        withholding.file(path, reason);
    }
}
