//! `certificate`: the statements of third parties that name a control and a target, aspect by aspect.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::statement_faults::issue_faults;
use super::statements::{
    STATEMENTS, add_signatures, add_state, common, day, document_fault, is_present, missing, row, text,
};
use super::{Collector, Deriving, Read, Reading, names, no_arguments};
use crate::attestation::{Certificate, Day, Statement, days_outside};
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
    "aspect",
    "subject",
    "holds",
    "detail",
    "gap_days",
    "answered_by",
    "period_from",
    "period_to",
    "covers_period",
    "days_uncovered",
    "criteria",
    "sites",
    "covers_site",
    "subservice",
    "subservice_organisations",
    "exceptions_noted",
    "complementary_controls",
    "bridge_from",
    "bridge_to",
    "expires_at",
    "supersedes",
    "superseded_by",
    "superseded_from",
    "state",
    "days_left",
    "reviewed_by",
    "reviewed_by_organisation",
    "reviewed_at",
    "documents",
    "documents_missing",
    "signature",
    "signed_by",
    "review_signature",
    "review_signed_by",
    "signatures",
    "file",
];

impl Collector for Certificates {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn version(&self) -> u32 {
        3
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn evidence_name(&self, _arguments: &Value, control: &str) -> String {
        control.to_owned()
    }

    fn read(&self, reading: &Reading<'_>) -> Option<Read> {
        let answering = reading.attested.answering(reading.control, reading.subject);
        let superseded = reading.attested.superseded(reading.control, reading.subject);
        let rows: Vec<Row> = answering
            .filter_map(|(id, statement)| match statement {
                Statement::Certificate(certificate) => {
                    Some(raw(id, certificate, superseded.get(id).copied(), reading))
                }
                Statement::Attestation(_) => None,
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
            .flat_map(|raw| aspects(raw, context))
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

pub(super) fn raw(
    id: &str,
    certificate: &Certificate,
    later: Option<(Day, &str)>,
    reading: &Reading<'_>,
) -> Row {
    let mut raw = common(id, Statement::Certificate(certificate), later, reading);
    let letter = certificate.bridge_letter.as_ref();
    let noted: Vec<Value> = certificate
        .exceptions_noted
        .iter()
        .map(|exception| json!({"noted": exception.noted(), "response": exception.response()}))
        .collect();
    raw.extend(row(json!({
        "provider": certificate.provider,
        "issuer": certificate.issuer,
        "scheme": certificate.scheme,
        "number": certificate.number,
        "period_from": certificate.period.from,
        "period_to": certificate.period.to,
        "criteria": certificate.criteria,
        "sites": certificate.sites,
        "subservice": certificate.subservice,
        "subservice_organisations": certificate.subservice_organisations,
        "exceptions_noted": noted,
        "complementary_controls": certificate.complementary_controls,
        "bridge_letter": letter.map(|letter| &letter.document.file),
        "bridge_from": letter.map(|letter| letter.from),
        "bridge_to": letter.map(|letter| letter.to),
        "expires_at": certificate.expires_at,
        "supersedes": certificate.supersedes,
        "reviewed_by": certificate.reviewed_by.name,
        "reviewed_by_organisation": certificate.reviewed_by.organisation,
        "reviewed_at": certificate.reviewed_at,
    })));
    raw
}

/// One thing that is asked of a certificate, and whether it holds; not known here when other controls decide.
struct Aspect {
    name: &'static str,
    subject: String,
    holds: Option<bool>,
    detail: String,
    answered_by: Vec<Value>,
}

impl Aspect {
    fn new(name: &'static str, subject: impl Into<String>, holds: bool, detail: impl Into<String>) -> Self {
        Self {
            name,
            subject: subject.into(),
            holds: Some(holds),
            detail: detail.into(),
            answered_by: Vec::new(),
        }
    }
}

/// One row for everything that is asked of a certificate.
fn aspects(raw: &Row, context: &Deriving<'_>) -> Vec<Row> {
    let today = Day::of(context.as_of);
    let mut row = raw.clone();
    add_state(&mut row, today);
    for column in ["control", "valid_from", "bridge_letter"] {
        row.remove(column);
    }
    let signature_faults = add_signatures(&mut row);
    let noted = list(raw, "exceptions_noted")
        .map(|one| json!(value_text(one, "noted")))
        .collect();
    row.insert("exceptions_noted".to_owned(), Value::Array(noted));
    let left_to_us = list(raw, "complementary_controls")
        .map(|one| json!(value_text(one, "requirement")))
        .collect();
    row.insert("complementary_controls".to_owned(), Value::Array(left_to_us));
    let coverage = Coverage::of(raw, context);
    let site = covers_site(raw, context.site);
    row.insert("covers_site".to_owned(), json!(site));
    row.insert(
        "covers_period".to_owned(),
        json!(
            coverage
                .as_ref()
                .is_some_and(|coverage| coverage.uncovered() == 0)
        ),
    );
    row.insert(
        "days_uncovered".to_owned(),
        json!(coverage.as_ref().map(Coverage::uncovered)),
    );
    row.insert(
        "gap_days".to_owned(),
        json!(coverage.as_ref().map_or(0, |coverage| coverage.gap)),
    );

    let mut all = vec![
        validity(&row),
        issue(raw),
        period(raw, coverage.as_ref()),
        gap(raw, coverage.as_ref()),
    ];
    all.push(Aspect::new(
        "site",
        context.site.unwrap_or_default(),
        site,
        match (site, context.site) {
            (true, _) if list(raw, "sites").next().is_none() => {
                "it names no sites, so all of the provider's are taken to be in its scope".to_owned()
            }
            (true, _) => "the target's site is in its scope".to_owned(),
            (false, Some(site)) => format!("the target's site `{site}` is not in its scope"),
            (false, None) => {
                "it names sites, and the inventory does not say at which the target is".to_owned()
            }
        },
    ));
    all.push(review(raw, today));
    all.extend(documents(raw));
    let signed = match signature_faults.first() {
        Some(fault) => fault.clone(),
        None => format!("its signature is {}", text(&row, "signature")),
    };
    all.push(Aspect::new("signature", "", signature_faults.is_empty(), signed));
    all.extend(noted_exceptions(raw));
    all.extend(complementary(raw));
    all.into_iter()
        .map(|aspect| {
            let mut row = row.clone();
            row.insert("aspect".to_owned(), json!(aspect.name));
            row.insert("subject".to_owned(), json!(aspect.subject));
            row.insert("holds".to_owned(), json!(aspect.holds));
            row.insert("detail".to_owned(), json!(aspect.detail));
            row.insert("answered_by".to_owned(), Value::Array(aspect.answered_by));
            row
        })
        .collect()
}

fn list<'a>(row: &'a Row, column: &str) -> impl Iterator<Item = &'a Value> {
    row.get(column).and_then(Value::as_array).into_iter().flatten()
}

fn value_text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn validity(row: &Row) -> Aspect {
    let (state, until) = (text(row, "state"), text(row, "expires_at"));
    let detail = match state {
        "valid" => format!("it counts until {until}"),
        "expired" => format!("it counted until {until}"),
        other => format!("it is {other}"),
    };
    Aspect::new("validity", until, state == "valid", detail)
}

fn issue(raw: &Row) -> Aspect {
    let (issuer, number) = (text(raw, "issuer"), text(raw, "number"));
    match issue_faults(raw).into_iter().next() {
        Some(fault) => Aspect::new("issue", number, false, fault.message),
        None => Aspect::new("issue", number, true, format!("{issuer} issued it")),
    }
}

/// Which days of the assessment's period, up to its clock, are spoken for. Nobody can vouch for days to come.
struct Coverage {
    /// Days before the certificate's period.
    before: i64,
    /// Days from its end to the assessment.
    gap: i64,
    /// Of these, days within the assessment's period.
    after: i64,
    /// Of these, days for which the letter does not vouch.
    unbridged: i64,
    /// Whether the letter vouches for the whole gap.
    bridged: bool,
}

impl Coverage {
    fn of(raw: &Row, context: &Deriving<'_>) -> Option<Self> {
        let (covered_from, covered_to) = (day(raw, "period_from")?, day(raw, "period_to")?);
        let from = Day::from(context.period.from);
        let to = Day::from(context.period.to).min(Day::of(context.as_of)).max(from);
        let before = covered_from.days_since(from).clamp(0, to.days_since(from) + 1);
        let gap = to.days_since(covered_to).max(0);
        let first_after = covered_to.plus_days(1).max(from);
        let after = (to.days_since(first_after) + 1).max(0);
        let letter = letter(raw);
        let unbridged = match letter {
            Some(days) if after > 0 => days_outside((first_after, to), days),
            _ => after,
        };
        let bridged = letter.is_some_and(|(first, last)| first <= covered_to.plus_days(1) && last >= to);
        Some(Self {
            before,
            gap,
            after,
            unbridged,
            bridged,
        })
    }

    fn uncovered(&self) -> i64 {
        self.before + self.unbridged
    }
}

/// The days that the bridge letter vouches for, if the letter is there.
fn letter(raw: &Row) -> Option<(Day, Day)> {
    is_present(letter_document(raw)?).then_some(())?;
    Some((day(raw, "bridge_from")?, day(raw, "bridge_to")?))
}

fn letter_document(raw: &Row) -> Option<&Value> {
    let name = raw.get("bridge_letter")?.as_str()?;
    list(raw, "documents").find(|document| value_text(document, "name") == name)
}

/// Whether a document besides the letter is there to be the certificate: one file cannot be both.
fn has_certificate(raw: &Row) -> bool {
    let same = |one: &Value, other: &Value| {
        let equal = |key: &str| value_text(one, key) == value_text(other, key);
        equal("name") || (equal("sha256") && !value_text(one, "sha256").is_empty())
    };
    let letter = letter_document(raw);
    list(raw, "documents").any(|document| !letter.is_some_and(|letter| same(document, letter)))
}

fn period(raw: &Row, coverage: Option<&Coverage>) -> Aspect {
    let before = coverage.map(|coverage| coverage.before);
    let detail = match before {
        Some(0) => "no day of the assessed period comes before it".to_owned(),
        Some(days) => format!("{days} days of the assessed period come before it"),
        None => "its period cannot be read".to_owned(),
    };
    let subject = format!("{} to {}", text(raw, "period_from"), text(raw, "period_to"));
    Aspect::new("period", subject, before == Some(0), detail)
}

fn gap(raw: &Row, coverage: Option<&Coverage>) -> Aspect {
    let Some(coverage) = coverage else {
        return Aspect::new("gap", "", false, "its period cannot be read");
    };
    let letter = format!("{} to {}", text(raw, "bridge_from"), text(raw, "bridge_to"));
    let subject = if raw.get("bridge_letter").is_none_or(Value::is_null) {
        String::new()
    } else {
        letter
    };
    let (holds, detail) = match (coverage.gap, coverage.bridged) {
        (0, _) => (true, "it reaches to the end of what is assessed".to_owned()),
        (days, true) => (
            true,
            format!("a letter vouches for the {days} days since it ended"),
        ),
        (days, false) => {
            let detail = format!(
                "it ended {days} days before, and for {} of the {} days of the assessed period since then nobody vouches",
                coverage.unbridged, coverage.after
            );
            (false, detail)
        }
    };
    Aspect::new("gap", subject, holds, detail)
}

fn covers_site(raw: &Row, site: Option<&str>) -> bool {
    let mut sites = list(raw, "sites").peekable();
    sites.peek().is_none() || site.is_some_and(|site| sites.any(|listed| listed.as_str() == Some(site)))
}

/// Read by somebody of ours, not by those that it is about or from.
fn review(raw: &Row, today: Day) -> Aspect {
    let (who, organisation) = (text(raw, "reviewed_by"), text(raw, "reviewed_by_organisation"));
    let theirs = ["provider", "issuer"]
        .into_iter()
        .any(|side| !organisation.is_empty() && organisation.eq_ignore_ascii_case(text(raw, side)));
    let when = day(raw, "reviewed_at");
    let begins = day(raw, "period_from");
    let (holds, detail) = match when {
        _ if who.trim().is_empty() => (false, "nobody of ours has read it".to_owned()),
        _ if theirs => (
            false,
            format!("{who} belongs to {organisation}, and is nobody of ours"),
        ),
        Some(when) if when > today => (false, format!("it was read on {when}, which had not come yet")),
        Some(when) if begins.is_some_and(|begins| when < begins) => (
            false,
            format!("it was read on {when}, before the days that it covers began"),
        ),
        Some(when) => (true, format!("{who} read it on {when}")),
        None => (false, "the day on which it was read cannot be read".to_owned()),
    };
    Aspect::new("review", who, holds, detail)
}

fn documents(raw: &Row) -> Vec<Aspect> {
    let mut all: Vec<Aspect> = list(raw, "documents")
        .map(|document| {
            let fault = document_fault(document);
            let (holds, detail) = match fault {
                None => (true, "it is attached".to_owned()),
                Some(fault) => (false, fault),
            };
            Aspect::new("document", value_text(document, "name"), holds, detail)
        })
        .collect();
    if !has_certificate(raw) {
        let detail = if all.is_empty() {
            "the certificate itself is not attached: `documents` is empty"
        } else {
            "the certificate itself is not attached: there is only the bridge letter"
        };
        all.push(Aspect::new("document", "", false, detail));
    }
    all
}

fn noted_exceptions(raw: &Row) -> Vec<Aspect> {
    list(raw, "exceptions_noted")
        .map(|exception| {
            let (noted, response) = (value_text(exception, "noted"), value_text(exception, "response"));
            let detail = if response.is_empty() {
                format!("the issuer noted \"{noted}\", and nobody of ours has said what follows from it")
            } else {
                format!("the issuer noted \"{noted}\"; our answer: {response}")
            };
            Aspect::new("noted-exception", noted, !response.is_empty(), detail)
        })
        .collect()
}

/// What is left to us holds when our controls do: that shows only when they have been judged.
fn complementary(raw: &Row) -> Vec<Aspect> {
    list(raw, "complementary_controls")
        .map(|one| {
            let requirement = value_text(one, "requirement");
            let answered_by: Vec<Value> = one
                .get("answered_by")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            if answered_by.is_empty() {
                let detail =
                    format!("\"{requirement}\" is left to us, and no control of ours is named for it");
                return Aspect::new("complementary", requirement, false, detail);
            }
            let named: Vec<&str> = answered_by.iter().filter_map(Value::as_str).collect();
            Aspect {
                holds: None,
                detail: format!("\"{requirement}\" is left to us; {} see to it", named.join(", ")),
                answered_by: answered_by.clone(),
                ..Aspect::new("complementary", requirement, false, "")
            }
        })
        .collect()
}
