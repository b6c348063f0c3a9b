//! `certificate`: the statements of third parties that name a control and a target.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::attestation::{STATEMENTS, documents, missing, row, with_state};
use super::{Collector, Deriving, Read, Reading, names, no_arguments};
use crate::attestation::is_about;
use crate::control::Catalog;
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct Certificates;

const COLUMNS: &[&str] = &[
    "id",
    "provider",
    "issuer",
    "scheme",
    "number",
    "period_from",
    "period_to",
    "covers_period",
    "days_uncovered",
    "sites",
    "covers_site",
    "exceptions_noted",
    "expires_at",
    "state",
    "days_left",
    "reviewed_by",
    "reviewed_at",
    "documents",
    "documents_missing",
    "file",
];

impl Collector for Certificates {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn evidence_name(&self, _arguments: &Value, control: &str) -> String {
        control.to_owned()
    }

    fn read(&self, reading: &Reading<'_>) -> Option<Read> {
        let all = &reading.attested.certificates;
        let rows: Vec<Row> = all
            .iter()
            .filter(|(_, certificate)| {
                is_about(certificate.targets.as_ref(), reading.target)
                    && certificate
                        .controls
                        .iter()
                        .any(|control| control == reading.control)
            })
            .map(|(id, certificate)| {
                let replaced = all.values().any(|other| {
                    other.supersedes.as_deref() == Some(id)
                        && is_about(other.targets.as_ref(), reading.target)
                        && other.controls.iter().any(|control| control == reading.control)
                });
                row(json!({
                    "id": id,
                    "provider": certificate.provider,
                    "issuer": certificate.issuer,
                    "scheme": certificate.scheme,
                    "number": certificate.number,
                    "period_from": certificate.period.from,
                    "period_to": certificate.period.to,
                    "sites": certificate.sites,
                    "exceptions_noted": certificate.exceptions_noted,
                    "valid_from": certificate.period.from,
                    "expires_at": certificate.expires_at,
                    "superseded": replaced,
                    "reviewed_by": certificate.reviewed_by.name,
                    "reviewed_at": certificate.reviewed_at,
                    "documents": documents(&certificate.documents, reading.documents),
                    "file": format!("attestations/{id}.yaml"),
                }))
            })
            .collect();
        Some(Read {
            missing: missing(&rows, reading, "certificate"),
            table: Table {
                columns: Vec::new(),
                rows,
            },
        })
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, context: &Deriving<'_>) -> Result<Table, String> {
        let statements = raw.get(STATEMENTS).ok_or("the certificates were not read")?;
        let rows = statements
            .rows
            .iter()
            .map(|raw| {
                let mut row = with_state(raw, context.as_of);
                row.remove("valid_from");
                let uncovered = days_uncovered(raw, context);
                row.insert("covers_period".to_owned(), json!(uncovered == Some(0)));
                row.insert("days_uncovered".to_owned(), json!(uncovered));
                row.insert("covers_site".to_owned(), json!(covers_site(raw, context.site)));
                row
            })
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// Days of the assessment's period, up to its clock, that the certificate does not cover.
fn days_uncovered(raw: &Row, context: &Deriving<'_>) -> Option<i64> {
    let day = |column: &str| raw.get(column)?.as_str()?.parse::<NaiveDate>().ok();
    let (covered_from, covered_to) = (day("period_from")?, day("period_to")?);
    // Nobody can certify days that have not come yet.
    let from = context.period.from;
    let to = context.period.to.min(context.as_of.date_naive()).max(from);
    let all = (to - from).num_days() + 1;
    let covered = (to.min(covered_to) - from.max(covered_from)).num_days() + 1;
    Some(all - covered.clamp(0, all))
}

fn covers_site(raw: &Row, site: Option<&str>) -> bool {
    let Some(Value::Array(sites)) = raw.get("sites") else {
        return false;
    };
    sites.is_empty() || site.is_some_and(|site| sites.iter().any(|listed| listed.as_str() == Some(site)))
}
