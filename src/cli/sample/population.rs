//! The rows that a control's expectation is about, of each target, as they were sealed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::assessment::Summary;
use crate::bundle::{IntactBundle, ReadError};
use crate::cli::{Exit, Stop};
use crate::control::{Catalog, Control};
use crate::evidence::{Provenance, Row, Table};
use crate::finding::{Finding, Status};
use crate::record::{SUMMARY, evidence_path, findings_path};
use crate::salt::content;

/// What can be chosen from.
pub(super) struct Population {
    pub(super) control: Control,
    pub(super) columns: Vec<String>,
    pub(super) subjects: Vec<Subject>,
    pub(super) rows: Vec<Member>,
}

/// A row that can be chosen.
pub(super) struct Member {
    pub(super) target: String,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) judged: &'static str,
    pub(super) row: Row,
}

/// A target, and what of it can be chosen.
#[derive(Debug, Serialize)]
pub(super) struct Subject {
    pub(super) target: String,
    /// What the bundle concludes, and why.
    pub(super) finding: String,
    /// Rows of the evidence.
    pub(super) rows: usize,
    /// Rows that the expectation is about.
    pub(super) population: usize,
    /// What is not in the population because nobody sees it.
    pub(super) hidden: Vec<String>,
}

/// Why a file cannot be used.
enum Unread {
    Withheld,
    Stop(Stop),
}

impl Population {
    pub(super) fn read(bundle: &IntactBundle, control: &str, target: Option<&str>) -> Result<Self, Stop> {
        let mut controls = catalog(bundle)?.controls.into_iter();
        let Some(control) = controls.find(|one| one.id == control) else {
            return Err(Stop::usage(format!("the bundle has no control `{control}`")));
        };
        let summary: Summary = match parse(bundle, SUMMARY) {
            Ok(summary) => summary,
            Err(Unread::Withheld) => {
                return Err(invalid(format!(
                    "`{SUMMARY}` is withheld, so the targets are not known"
                )));
            }
            Err(Unread::Stop(stop)) => return Err(stop),
        };
        let mut population = Self {
            control,
            columns: Vec::new(),
            subjects: Vec::new(),
            rows: Vec::new(),
        };
        let targets = summary.targets.iter().map(|summary| summary.id.as_str());
        for id in targets.filter(|id| target.is_none_or(|wanted| wanted == *id)) {
            population.add(bundle, id)?;
        }
        match target {
            Some(target) if population.subjects.is_empty() => {
                Err(Stop::usage(format!("the bundle has no target `{target}`")))
            }
            _ => Ok(population),
        }
    }

    fn add(&mut self, bundle: &IntactBundle, target: &str) -> Result<(), Stop> {
        let mut subject = Subject {
            target: target.to_owned(),
            finding: String::new(),
            rows: 0,
            population: 0,
            hidden: Vec::new(),
        };
        match self.rows_of(bundle, &mut subject) {
            Ok(rows) => self.rows.extend(rows),
            Err(Unread::Withheld) => subject.hidden.push("its rows are withheld".to_owned()),
            Err(Unread::Stop(stop)) => return Err(stop),
        }
        self.subjects.push(subject);
        Ok(())
    }

    fn rows_of(&mut self, bundle: &IntactBundle, subject: &mut Subject) -> Result<Vec<Member>, Unread> {
        let target = subject.target.clone();
        let findings: Vec<Finding> = parse(bundle, &findings_path(&target))?;
        let Some(finding) = findings.iter().find(|finding| finding.control == self.control.id) else {
            subject.finding = "the control was not judged".to_owned();
            return Ok(Vec::new());
        };
        subject.finding = format!("{}: {}", finding.status.word(), finding.reason);
        let lacking = finding
            .missing
            .iter()
            .map(|remedy| format!("not everything was seen; missing: {remedy}"));
        subject.hidden.extend(lacking);
        let Some(evidence) = &finding.evidence else {
            if finding.status == Status::NotEvaluated {
                subject.hidden.push(finding.reason.clone());
            }
            return Ok(Vec::new());
        };
        let file = evidence_path(&target, evidence);
        let provenance: Provenance = parse(bundle, &file.replace(".ndjson", ".json"))?;
        if let Some(failure) = &provenance.failure {
            subject.hidden.push(format!("it was not collected: {failure}"));
        }
        let bytes = bundle.read(&file).map_err(unread)?;
        let table = Table::from_ndjson(provenance.columns, &content(&file, &bytes))
            .map_err(|reason| Unread::Stop(invalid(format!("`{file}` cannot be understood: {reason}"))))?;
        subject.rows = table.rows.len();
        for column in &table.columns {
            if !self.columns.contains(column) {
                self.columns.push(column.clone());
            }
        }
        let members = self.members(finding, &file, table, subject)?;
        subject.population = members.len();
        Ok(members)
    }

    /// The rows that the expectation is about, as judging takes them.
    fn members(
        &self,
        finding: &Finding,
        file: &str,
        table: Table,
        subject: &mut Subject,
    ) -> Result<Vec<Member>, Unread> {
        let failed =
            |error: String| Unread::Stop(invalid(format!("`where` of `{}`: {error}", finding.control)));
        let filter = self.control.filter.as_ref();
        let mut filter = filter
            .map(|filter| filter.evaluator(&finding.parameters))
            .transpose()
            .map_err(|error| failed(error.to_string()))?;
        let exceptions: BTreeSet<usize> = finding.exceptions.iter().map(|one| one.line).collect();
        let mut members = Vec::new();
        for (line, row) in (1..).zip(table.rows) {
            let wanted = filter.as_mut().map_or(Ok(true), |filter| filter.holds(&row));
            if let Some(need) = row.get("unseen").and_then(Value::as_str) {
                if !matches!(wanted, Ok(false)) {
                    subject
                        .hidden
                        .push(format!("line {line} could not be seen: {need} missing"));
                }
                continue;
            }
            match wanted {
                Ok(true) => members.push(Member {
                    target: subject.target.clone(),
                    file: file.to_owned(),
                    line,
                    judged: judged(finding, exceptions.contains(&line)),
                    row,
                }),
                Ok(false) => {}
                Err(error) => subject.hidden.push(format!(
                    "line {line}: whether the control is about it cannot be told: {error}"
                )),
            }
        }
        Ok(members)
    }
}

fn judged(finding: &Finding, exception: bool) -> &'static str {
    match finding.status {
        _ if exception => "exception",
        Status::Satisfied | Status::NotSatisfied => "meets",
        Status::NotEvaluated | Status::NotApplicable => "not-evaluated",
    }
}

fn catalog(bundle: &IntactBundle) -> Result<Catalog, Stop> {
    let paths = bundle.paths().filter(|path| path.starts_with("controls/"));
    let files: Result<BTreeMap<String, Vec<u8>>, ReadError> = paths
        .map(|path| Ok((path.to_owned(), bundle.read(path)?)))
        .collect();
    let files = files.map_err(|error| invalid(error.to_string()))?;
    Catalog::from_files(files).map_err(|error| invalid(error.to_string()))
}

fn parse<T: DeserializeOwned>(bundle: &IntactBundle, path: &str) -> Result<T, Unread> {
    let bytes = bundle.read(path).map_err(unread)?;
    serde_json::from_slice(&content(path, &bytes))
        .map_err(|error| Unread::Stop(invalid(format!("`{path}` cannot be understood: {error}"))))
}

/// A listed file that is not there is withheld: the bundle was verified with that allowed.
fn unread(error: ReadError) -> Unread {
    match error {
        ReadError::Absent { .. } => Unread::Withheld,
        error => Unread::Stop(invalid(error.to_string())),
    }
}

fn invalid(message: String) -> Stop {
    Stop {
        exit: Exit::Invalid,
        message,
    }
}
