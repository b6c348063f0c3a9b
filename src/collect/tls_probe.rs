//! `tls-probe`: what the server says, from where this program runs, to each protocol version, to direct TLS, and to a
//! login without encryption.

pub(super) mod certificate;
mod client_hello;
mod full;
mod probing;
mod server_flight;
pub(super) mod suites;
mod wire;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Asked, Collector, Deriving, Endpoint, Probing, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct TlsProbe;

const COLUMNS: &[&str] = &[
    "offer",
    "kind",
    "host",
    "address",
    "port",
    "loopback",
    "tls",
    "accepted",
    "answer",
    "version",
    "suite",
    "alpn",
    "server_order",
    "versions_accepted",
];

impl Collector for TlsProbe {
    fn name(&self) -> &'static str {
        "tls-probe"
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

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let rows = match Probed::read(raw)? {
            Some(probed) => population(&probed, raw),
            None => Vec::new(),
        };
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// What one probing found serves three collectors.
pub(super) const PROBE: &str = "tls";

pub(super) fn probe(endpoint: Endpoint<'_>) -> Probing<'_> {
    Box::pin(async move {
        let destination = endpoint
            .settings
            .destination(endpoint.transport, Some(endpoint.server.major()));
        Ok(probing::probe(&destination).await)
    })
}

/// Whether there is a network side at all.
pub(super) fn listening() -> Question {
    Question {
        table: "listening".to_owned(),
        scope: Scope::Cluster,
        sql: "SELECT btrim(current_setting('listen_addresses')) AS listen_addresses".to_owned(),
        columns: names(&["listen_addresses"]),
        needs: Vec::new(),
    }
}

/// A server that was asked, and whether it has TLS.
pub(super) struct Probed<'a> {
    pub(super) endpoint: &'a Row,
    pub(super) handshakes: &'a [Row],
    pub(super) tls: bool,
}

impl<'a> Probed<'a> {
    /// Nothing where the server has no network side.
    ///
    /// # Errors
    /// It has one that could not be looked at, and why.
    pub(super) fn read(raw: &'a BTreeMap<String, Table>) -> Result<Option<Self>, String> {
        let endpoint = raw
            .get("endpoint")
            .and_then(|table| table.rows.first())
            .ok_or("the server's network side was not looked at")?;
        if endpoint.get("socket") == Some(&json!(true)) {
            let listens = raw
                .get("listening")
                .and_then(|table| table.rows.first())
                .and_then(|row| text(row, "listen_addresses"));
            return match listens {
                Some("") => Ok(None),
                _ => Err("the server was reached through a Unix socket, and what the network sees was not looked at; name the server by its host".to_owned()),
            };
        }
        if let Some(failure) = text(endpoint, "failure") {
            return Err(format!(
                "the server's network side could not be reached: {failure}"
            ));
        }
        let handshakes = raw.get("handshakes").map_or(&[][..], |table| &table.rows);
        let request = handshakes
            .first()
            .ok_or("the server was not asked whether it has TLS")?;
        let tls = match text(request, "outcome") {
            Some("accepted") => true,
            Some("no-tls") => false,
            _ => {
                return Err(format!(
                    "the server did not say whether it has TLS: {}",
                    answer(request)
                ));
            }
        };
        Ok(Some(Self {
            endpoint,
            handshakes,
            tls,
        }))
    }

    /// Attempts of one kind, in order.
    pub(super) fn of_kind(&self, kind: &'a str) -> impl Iterator<Item = &'a Row> {
        self.handshakes
            .iter()
            .filter(move |row| text(row, "kind") == Some(kind))
    }

    /// Whether an offer was accepted; nothing where that cannot be said.
    pub(super) fn accepted(&self, attempt: &Row) -> Option<bool> {
        match text(attempt, "outcome")? {
            "accepted" => Some(true),
            "alert" | "other-version" => Some(false),
            // Some servers hang up without a word. It is a refusal where they answered others before and after.
            "closed" if self.answers_to_the_end() => Some(false),
            _ => None,
        }
    }

    fn answers_to_the_end(&self) -> bool {
        let accepts = |kind: &'a str| {
            self.of_kind(kind)
                .any(|row| text(row, "outcome") == Some("accepted"))
        };
        let last = self.of_kind("full").last().and_then(|row| text(row, "outcome"));
        accepts("version") && matches!(last, Some("accepted" | "alert"))
    }

    /// Versions that were accepted; nothing where none was and not all are decided.
    fn versions(&self) -> Option<Vec<&'a str>> {
        let (mut accepted, mut undecided) = (Vec::new(), false);
        for attempt in self.of_kind("version") {
            match self.accepted(attempt) {
                Some(true) => accepted.extend(text(attempt, "offered_version")),
                Some(false) => {}
                None => undecided = true,
            }
        }
        (!accepted.is_empty() || !undecided).then_some(accepted)
    }

    /// Whether the server follows its own order of cipher suites: it chooses the same of two, whoever names it first.
    fn server_order(&self, version: &str) -> Option<bool> {
        let mut chosen = self
            .of_kind("order")
            .filter(|row| text(row, "offered_version") == Some(version));
        let mut next = || {
            let row = chosen.next()?;
            text(row, "suite").filter(|_| self.accepted(row) == Some(true))
        };
        Some(next()? == next()?)
    }
}

pub(super) fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_str)
}

fn population(probed: &Probed<'_>, raw: &BTreeMap<String, Table>) -> Vec<Row> {
    let versions = probed.versions();
    let row = |offer: &str, kind: &str, attempt: &Row, accepted: Option<bool>| {
        let mut row = Row::new();
        for column in ["host", "address", "port", "loopback"] {
            row.insert(
                column.to_owned(),
                probed.endpoint.get(column).cloned().unwrap_or_default(),
            );
        }
        for column in ["version", "suite", "alpn"] {
            row.insert(
                column.to_owned(),
                attempt.get(column).cloned().unwrap_or_default(),
            );
        }
        let order = probed.server_order(offer).filter(|_| kind == "version");
        row.insert("offer".to_owned(), json!(offer));
        row.insert("kind".to_owned(), json!(kind));
        row.insert("tls".to_owned(), json!(probed.tls));
        row.insert("accepted".to_owned(), json!(accepted));
        row.insert("answer".to_owned(), json!(answer(attempt)));
        row.insert("server_order".to_owned(), json!(order));
        row.insert("versions_accepted".to_owned(), json!(versions));
        row
    };
    let mut rows = Vec::new();
    for attempt in probed.of_kind("request") {
        rows.push(row("TLS", "request", attempt, Some(probed.tls)));
    }
    for attempt in probed.of_kind("version") {
        let offer = text(attempt, "offered_version").unwrap_or_default();
        rows.push(row(offer, "version", attempt, probed.accepted(attempt)));
    }
    for attempt in probed.of_kind("direct") {
        let offer = format!(
            "direct TLS for {}",
            text(attempt, "offered_alpn").unwrap_or_default()
        );
        rows.push(row(&offer, "direct", attempt, probed.accepted(attempt)));
    }
    for attempt in raw.get("plaintext").into_iter().flat_map(|table| &table.rows) {
        rows.push(row(
            "a login without encryption",
            "plaintext",
            attempt,
            let_in(attempt),
        ));
    }
    rows
}

/// Whether a login without encryption gets as far as showing who it is; nothing where the server's refusal is about
/// something else.
fn let_in(attempt: &Row) -> Option<bool> {
    let said = text(attempt, "message").unwrap_or_default().to_lowercase();
    match (text(attempt, "outcome")?, text(attempt, "sqlstate")) {
        ("admitted" | "asked-to-authenticate", _) => Some(true),
        ("refused", Some("28000")) => Some(false),
        // Poolers have no code of their own for it.
        ("refused", _) if said.contains("required") && (said.contains("ssl") || said.contains("tls")) => {
            Some(false)
        }
        _ => None,
    }
}

/// What the server answered, in words.
pub(super) fn answer(attempt: &Row) -> String {
    let said = |column: &str| text(attempt, column).unwrap_or_default();
    let chosen = format!("{} {}", said("version"), said("suite"));
    let why = |what: &str| match text(attempt, "error") {
        Some(error) => format!("{what}: {error}"),
        None => what.to_owned(),
    };
    match said("outcome") {
        "accepted" => format!("accepted {chosen}").trim_end().to_owned(),
        "other-version" => format!("chose {chosen} instead"),
        "no-tls" => "no TLS".to_owned(),
        "alert" => {
            let number = attempt.get("alert").and_then(Value::as_u64).unwrap_or_default();
            format!("refused: {}", alert(number))
        }
        "admitted" => "admitted without a password".to_owned(),
        "asked-to-authenticate" => "asked to authenticate".to_owned(),
        "refused" => format!("refused: {} (SQLSTATE {})", said("message"), said("sqlstate")),
        "closed" => why("hung up"),
        "no-answer" => why("no answer"),
        "unreachable" => why("unreachable"),
        _ => why("no understandable answer"),
    }
}

fn alert(number: u64) -> String {
    let name = match number {
        0 => "close_notify",
        10 => "unexpected_message",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        109 => "missing_extension",
        112 => "unrecognized_name",
        120 => "no_application_protocol",
        _ => return format!("alert {number}"),
    };
    format!("alert {number} ({name})")
}

#[cfg(test)]
mod tests;
