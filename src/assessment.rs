//! One execution and all its data.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, ServerIdentity};
use crate::finding::{Finding, Score, Tally};
use crate::profile::Profile;
use crate::waiver::WaiverRecord;

/// The period that an assessment is for: `2026-Q4`, `2026-11`, `2026` or `2026-10-01/2026-12-31`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// As it was given.
    pub label: String,
    /// Its first day.
    pub from: NaiveDate,
    /// Its last day.
    pub to: NaiveDate,
}

/// The program that made the assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// `pgdossier`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its binary, hexadecimal; absent when the binary can't be read.
    pub binary_sha256: Option<String>,
}

/// Who ran it and where from, as the operating system tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Name of the operating system's user.
    pub user: String,
    /// Name of the machine.
    pub host: String,
}

/// What was applied: digests of the definitions, and the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definitions {
    /// SHA-256 over the catalog's files (names and bytes, in order).
    pub catalog_sha256: String,
    /// Number of controls.
    pub controls: usize,
    /// The profile's name.
    pub profile: String,
    /// SHA-256 of the report's templates.
    pub templates_sha256: String,
}

/// A target as the assessment's summary lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSummary {
    /// The target's id: the name of its folder in the bundle.
    pub id: String,
    /// Where it was asked, without secrets: host, port, database, role.
    pub connection: String,
    /// Tags from the inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The site (data centre, region) from the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Who the server says it is; absent when it could not be reached.
    pub server: Option<ServerIdentity>,
    /// Why it could not be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Warnings about the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How many findings of each status.
    pub tally: Tally,
}

/// The head of an assessment: `assessment.json` in the bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The format of this file and of those beside it.
    pub format: String,
    /// The bundle's id.
    pub id: String,
    /// Whose servers they are.
    pub organisation: String,
    /// What period it is for.
    pub period: Period,
    /// The assessment's clock: every judgement about time uses it.
    pub as_of: DateTime<Utc>,
    /// The program.
    pub tool: Tool,
    /// Who ran it.
    pub operator: Operator,
    /// What was applied.
    pub definitions: Definitions,
    /// The targets, by id.
    pub targets: Vec<TargetSummary>,
    /// All targets together.
    pub tally: Tally,
}

/// Everything known about one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRecord {
    /// Its line in the summary.
    pub summary: TargetSummary,
    /// Its evidence, by name.
    pub evidence: BTreeMap<String, Evidence>,
    /// One finding for each control, in the catalog's order.
    pub findings: Vec<Finding>,
    /// The profile for this target, where its tags make it differ from the assessment's.
    pub profile: Option<Profile>,
}

impl TargetRecord {
    /// Whether a finding rests on what people or third parties state.
    pub fn is_attested(&self, finding: &Finding) -> bool {
        let evidence = finding.evidence.as_ref().and_then(|name| self.evidence.get(name));
        evidence.is_some_and(|evidence| {
            ["attestation", "certificate"].contains(&evidence.provenance.collector.as_str())
        })
    }

    /// The score of all these together.
    pub fn score_of<'a>(targets: impl IntoIterator<Item = &'a Self>) -> Score {
        let findings = targets.into_iter().flat_map(|target| {
            let findings = target.findings.iter();
            findings.map(|finding| (finding, target.is_attested(finding)))
        });
        Score::of(findings)
    }
}

/// A document that an attestation refers to, as it goes into the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its path in the bundle: `attachments/<sha256>.<extension>`.
    pub path: String,
    /// The name that its file had.
    pub name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

/// One execution and all its data.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The head.
    pub summary: Summary,
    /// The targets, in the summary's order.
    pub targets: Vec<TargetRecord>,
    /// The profile: which controls apply where a target has no other.
    pub profile: Profile,
    /// What became of the waivers; absent when there was no folder of them.
    pub waivers: Option<WaiverRecord>,
}

impl Assessment {
    /// The profile for a target.
    pub fn profile_of<'a>(&'a self, target: &'a TargetRecord) -> &'a Profile {
        target.profile.as_ref().unwrap_or(&self.profile)
    }
}

impl Period {
    /// The calendar quarter that a day lies in.
    ///
    /// # Errors
    /// For a year that is not written with four digits.
    pub fn quarter_of(day: NaiveDate) -> Result<Self, String> {
        Self::parse(&format!("{:04}-Q{}", day.year(), day.month0() / 3 + 1))
    }

    /// Parses `2026-Q4`, `2026-11`, `2026` or `2026-10-01/2026-12-31`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(label: &str) -> Result<Self, String> {
        let (from, to) = days(label).ok_or_else(|| {
            format!("`{label}` is not a period; write 2026-Q4, 2026-11, 2026 or 2026-10-01/2026-12-31")
        })?;
        if to < from {
            return Err(format!("the period `{label}` ends before it begins"));
        }
        Ok(Self {
            label: label.to_owned(),
            from,
            to,
        })
    }
}

fn days(label: &str) -> Option<(NaiveDate, NaiveDate)> {
    if let Some((from, to)) = label.split_once('/') {
        return Some((from.parse().ok()?, to.parse().ok()?));
    }
    let (year, rest) = label.split_once('-').unwrap_or((label, ""));
    if year.len() != 4 {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    let (first, months) = match (rest, rest.strip_prefix('Q')) {
        ("", _) => (1, 12),
        (_, Some(quarter)) => (
            quarter.parse::<u32>().ok().filter(|q| (1..=4).contains(q))? * 3 - 2,
            3,
        ),
        (month, None) if month.len() == 2 => (month.parse().ok()?, 1),
        _ => return None,
    };
    let from = NaiveDate::from_ymd_opt(year, first, 1)?;
    let to = from.checked_add_months(chrono::Months::new(months))?.pred_opt()?;
    Some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lies_in_its_quarter() {
        for (day, label) in [
            ("2026-01-01", "2026-Q1"),
            ("2026-03-31", "2026-Q1"),
            ("2026-04-01", "2026-Q2"),
            ("2024-02-29", "2024-Q1"),
            ("2026-12-31", "2026-Q4"),
        ] {
            let day: NaiveDate = day.parse().unwrap();
            let period = Period::quarter_of(day).unwrap();
            assert_eq!(period.label, label);
            assert!(period.from <= day && day <= period.to);
        }
    }

    #[test]
    fn periods_have_their_first_and_last_day() {
        for (label, from, to) in [
            ("2026-Q4", "2026-10-01", "2026-12-31"),
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("2026", "2026-01-01", "2026-12-31"),
            ("2026-11-15/2027-01-14", "2026-11-15", "2027-01-14"),
        ] {
            let period = Period::parse(label).unwrap();
            assert_eq!(
                (period.from.to_string().as_str(), period.to.to_string().as_str()),
                (from, to)
            );
        }
        for wrong in [
            "2026-Q5",
            "26-Q1",
            "Q4",
            "2026-13",
            "2026-1",
            "2026-12-31/2026-01-01",
            "",
        ] {
            assert!(Period::parse(wrong).is_err(), "{wrong}");
        }
    }
}
