//! `tls-certificate`: every certificate that the server shows, its own first.

mod chain;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use self::chain::Verdict;
use super::tls_probe::certificate::{Description, describe};
use super::tls_probe::{PROBE, Probed, listening, probe, text};
use super::{Asked, Collector, Deriving, Endpoint, Probing, Question, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::target::is_for_host;

/// The collector.
pub(super) struct TlsCertificate;

const COLUMNS: &[&str] = &[
    "position",
    "subject",
    "issuer",
    "names",
    "key_type",
    "key_bits",
    "signature_algorithm",
    "signature_hash",
    "not_before",
    "not_after",
    "days_left",
    "percent_left",
    "not_yet_valid",
    "self_signed",
    "chain_trusted",
    "chain_verifies",
    "verify_error",
    "roots",
    "host",
    "host_is_name",
    "name_matches",
    "sha256",
    "problem",
];

impl Collector for TlsCertificate {
    fn name(&self) -> &'static str {
        "tls-certificate"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        vec![listening()]
    }

    fn probe<'a>(&self, endpoint: Endpoint<'a>) -> Option<Probing<'a>> {
        Some(probe(endpoint))
    }

    fn probe_name(&self) -> Option<&'static str> {
        Some(PROBE)
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        unknown_authority(raw).into_iter().collect()
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, context: &Deriving<'_>) -> Result<Table, String> {
        let rows = match Probed::read(raw)?.filter(|probed| probed.tls) {
            Some(probed) => population(probed.endpoint, raw, context.as_of)?,
            None => Vec::new(),
        };
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

fn population(
    endpoint: &Row,
    raw: &BTreeMap<String, Table>,
    as_of: DateTime<Utc>,
) -> Result<Vec<Row>, String> {
    let chain = decoded(raw.get("certificates"))?;
    if chain.is_empty() {
        return Err("the server showed no certificate".to_owned());
    }
    let roots = decoded(raw.get("roots"))?;
    let verdict = chain::judge(&chain, &roots, endpoint, as_of);
    let host = text(endpoint, "host").unwrap_or_default();
    Ok(chain
        .iter()
        .enumerate()
        .map(|(index, certificate)| {
            let own = (index == 0).then_some(&verdict);
            let matches = own.map(|_| is_for_host(certificate, host));
            row(index + 1, certificate, own, matches, endpoint, as_of)
        })
        .collect())
}

/// What is missing where nobody can say whether the chain leads to the right authority.
fn unknown_authority(raw: &BTreeMap<String, Table>) -> Option<Requirement> {
    let probed = Probed::read(raw).ok()??;
    let chain = decoded(raw.get("certificates")).ok()?;
    let roots = decoded(raw.get("roots")).ok()?;
    // Trust does not depend on the time.
    let verdict = chain::judge(&chain, &roots, probed.endpoint, DateTime::UNIX_EPOCH);
    let known = !probed.tls || chain.is_empty() || verdict.trusted.is_some();
    (!known).then(|| Requirement {
        need: format!("a trusted authority ({})", verdict.error.unwrap_or_default()),
        remedy: "name the authority's file as sslrootcert in the assessment's connection".to_owned(),
        held: false,
        columns: names(&["chain_trusted", "chain_verifies"]),
    })
}

/// The certificates of a raw table.
fn decoded(table: Option<&Table>) -> Result<Vec<Vec<u8>>, String> {
    let rows = table.into_iter().flat_map(|table| &table.rows);
    rows.map(|row| {
        let pem = text(row, "pem").ok_or("a certificate is missing from its table")?;
        let parsed = pem::parse(pem).map_err(|error| format!("a certificate is no PEM: {error}"))?;
        Ok(parsed.into_contents())
    })
    .collect()
}

fn row(
    position: usize,
    certificate: &[u8],
    verdict: Option<&Verdict>,
    name_matches: Option<bool>,
    endpoint: &Row,
    as_of: DateTime<Utc>,
) -> Row {
    let host = text(endpoint, "host").unwrap_or_default();
    let parsed = describe(certificate);
    let known = parsed.as_ref().ok();
    let dates = known.map(|known| dates(known, as_of));
    let value = json!({
        "position": position,
        "subject": known.map(|known| &known.subject),
        "issuer": known.map(|known| &known.issuer),
        "names": known.map(|known| &known.names),
        "key_type": known.and_then(|known| known.key_type.as_ref()),
        "key_bits": known.and_then(|known| known.key_bits),
        "signature_algorithm": known.map(|known| &known.signature_algorithm),
        "signature_hash": known.and_then(|known| known.signature_hash.as_ref()),
        "not_before": known.and_then(|known| time(known.not_before)),
        "not_after": known.and_then(|known| time(known.not_after)),
        "days_left": dates.as_ref().map(|dates| dates.days_left),
        "percent_left": dates.as_ref().map(|dates| dates.percent_left),
        "not_yet_valid": dates.as_ref().map(|dates| dates.not_yet_valid),
        "self_signed": known.map(|known| known.self_issued),
        "chain_trusted": verdict.and_then(|verdict| verdict.trusted),
        "chain_verifies": verdict.and_then(|verdict| verdict.verifies),
        "verify_error": verdict.and_then(|verdict| verdict.error.as_ref()),
        "roots": endpoint.get("roots"),
        "host": host,
        "host_is_name": host.parse::<std::net::IpAddr>().is_err() && host != "localhost",
        "name_matches": name_matches,
        "sha256": crate::evidence::sha256_hex(certificate),
        "problem": parsed.as_ref().err(),
    });
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

/// A certificate's dates as the assessment's clock sees them.
struct Dates {
    days_left: i64,
    percent_left: i64,
    not_yet_valid: bool,
}

fn dates(known: &Description, as_of: DateTime<Utc>) -> Dates {
    let now = as_of.timestamp();
    let left = known.not_after.saturating_sub(now);
    let lifetime = known.not_after.saturating_sub(known.not_before).max(1);
    Dates {
        days_left: left.div_euclid(86_400),
        percent_left: left.saturating_mul(100).div_euclid(lifetime),
        not_yet_valid: now < known.not_before,
    }
}

fn time(timestamp: i64) -> Option<String> {
    DateTime::from_timestamp(timestamp, 0).map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
