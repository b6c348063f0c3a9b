//! Everything that a server is asked about TLS, in an order that spares it: what it refuses once is not asked again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client_hello::{VERSIONS, Version};
use super::full::shake_hands;
use super::suites;
use super::wire::{self, Outcome, Plaintext};
use crate::evidence::{Row, Table, sha256_hex};
use crate::target::{Destination, Roots};

/// For everything together; a server that answers late shall not hold up the others.
const LIMIT: Duration = Duration::from_secs(60);
/// At the same time.
const CONNECTIONS: usize = 4;
const ALPN: &[u8] = b"postgresql";
const ANOTHER_ALPN: &[u8] = b"http/1.1";

/// One attempt, and what became of it.
struct Attempt {
    kind: &'static str,
    offer: Offer,
    outcome: Outcome,
}

#[derive(Clone, Default)]
struct Offer {
    version: Option<Version>,
    suites: Vec<u16>,
    alpn: Option<&'static [u8]>,
}

/// Whom to ask, how to call it, and until when.
#[derive(Clone, Copy)]
struct Asking<'a> {
    address: SocketAddr,
    server_name: Option<&'a str>,
    until: Instant,
}

/// Asks a server by connections of its own and gives raw tables. Never fails: what could not be asked says so.
pub(super) async fn probe(destination: &Destination) -> BTreeMap<String, Table> {
    let until = Instant::now() + LIMIT;
    let reached = reach(destination).await;
    let (mut attempts, mut plaintext) = (Vec::new(), None);
    if let Ok(address) = reached {
        let named = destination.sni && destination.host.parse::<std::net::IpAddr>().is_err();
        let asking = Asking {
            address,
            server_name: named.then_some(destination.host.as_str()),
            until,
        };
        attempts = ask(asking, destination.major).await;
        plaintext = Some(wire::log_in_unencrypted(address, &destination.user, &destination.database).await);
    }
    let chain = chain(&attempts);
    let roots = candidates(&destination.roots, chain);
    BTreeMap::from([
        (
            "endpoint".to_owned(),
            table(vec![describe(destination, &reached)]),
        ),
        ("handshakes".to_owned(), table(attempts.iter().map(row).collect())),
        (
            "plaintext".to_owned(),
            table(plaintext.iter().map(plaintext_row).collect()),
        ),
        ("certificates".to_owned(), certificates(chain)),
        ("roots".to_owned(), certificates(&roots)),
    ])
}

/// The first address of the host that accepts a connection.
async fn reach(destination: &Destination) -> Result<SocketAddr, String> {
    if destination.socket {
        return Err("it was reached through a Unix socket".to_owned());
    }
    let name = destination.address.as_deref().unwrap_or(&destination.host);
    let found = tokio::time::timeout(wire::LIMIT, tokio::net::lookup_host((name, destination.port))).await;
    let addresses = match found {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(format!("the name `{name}` cannot be resolved: {error}")),
        Err(_) => return Err(format!("the name `{name}` was not resolved in time")),
    };
    let mut failure = format!("the name `{name}` has no address");
    for address in addresses.take(8) {
        match tokio::time::timeout(wire::LIMIT, wire::open(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(outcome)) => failure = format!("{address}: {}", outcome.error.unwrap_or_default()),
            Err(_) => failure = format!("{address}: no answer"),
        }
    }
    Err(failure)
}

/// All questions about TLS, each group only where the one before gives reason to.
async fn ask(asking: Asking<'_>, major: Option<u32>) -> Vec<Attempt> {
    let request = Attempt {
        kind: "request",
        offer: Offer::default(),
        outcome: asking.again(|| wire::ask_for_tls(asking.address)).await,
    };
    let tls = request.outcome.outcome == "accepted";
    let mut attempts = vec![request];
    if !tls {
        return attempts;
    }
    let versions = side_by_side(VERSIONS.map(|version| asking.version(version))).await;
    let accepted: Vec<Version> = VERSIONS
        .into_iter()
        .zip(&versions)
        .filter(|(_, attempt)| attempt.outcome.outcome == "accepted")
        .map(|(version, _)| version)
        .collect();
    attempts.extend(versions);
    let lists = accepted.iter().flat_map(|version| {
        suites::groups(*version)
            .into_iter()
            .map(move |group| (*version, group))
    });
    let listed = side_by_side(lists.map(|(version, group)| asking.suites(version, group))).await;
    let listed: Vec<Attempt> = listed.into_iter().flatten().collect();
    let orders = accepted.iter().filter_map(|version| two_of(&listed, *version));
    let orders = side_by_side(orders.map(|(version, pair)| asking.order(version, pair))).await;
    attempts.extend(listed);
    attempts.extend(orders.into_iter().flatten());
    attempts.push(asking.whole("full", None).await);
    if major.is_none_or(|major| major >= 17) {
        attempts.push(asking.whole("direct", Some(ALPN)).await);
        attempts.push(asking.whole("direct", Some(ANOTHER_ALPN)).await);
    }
    attempts
}

async fn side_by_side<T>(work: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::stream::iter(work)
        .buffered(CONNECTIONS)
        .collect()
        .await
}

impl Asking<'_> {
    /// Asks, and once more where the answer decides nothing.
    async fn again<F: Future<Output = Outcome>>(&self, attempt: impl Fn() -> F) -> Outcome {
        if Instant::now() > self.until {
            let limit = LIMIT.as_secs();
            return Outcome::failed(
                "no-answer",
                format!("not asked: all attempts took {limit} s already"),
            );
        }
        let outcome = Box::pin(attempt()).await;
        if outcome.is_undecided() {
            Box::pin(attempt()).await
        } else {
            outcome
        }
    }

    async fn offer(&self, kind: &'static str, version: Version, suites: Vec<u16>) -> Attempt {
        let attempt = || wire::offer(self.address, version, &suites, self.server_name);
        let outcome = self.again(attempt).await;
        Attempt {
            kind,
            outcome,
            offer: Offer {
                version: Some(version),
                suites,
                alpn: None,
            },
        }
    }

    async fn version(self, version: Version) -> Attempt {
        self.offer("version", version, suites::of(version)).await
    }

    /// Which of these suites the server takes: what it chose is left out of the next offer, until it refuses.
    async fn suites(self, version: Version, mut suites: Vec<u16>) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        while !suites.is_empty() {
            let attempt = self.offer("suite", version, suites.clone()).await;
            let chosen = attempt
                .outcome
                .suite
                .filter(|_| attempt.outcome.outcome == "accepted");
            attempts.push(attempt);
            match chosen {
                Some(chosen) => suites.retain(|suite| *suite != chosen),
                None => break,
            }
        }
        attempts
    }

    /// Two suites that the server takes, in both orders.
    async fn order(self, version: Version, (one, other): (u16, u16)) -> Vec<Attempt> {
        vec![
            self.offer("order", version, vec![one, other]).await,
            self.offer("order", version, vec![other, one]).await,
        ]
    }

    async fn whole(self, kind: &'static str, alpn: Option<&'static [u8]>) -> Attempt {
        let attempt = || shake_hands(self.address, self.server_name, alpn);
        Attempt {
            kind,
            outcome: self.again(attempt).await,
            offer: Offer {
                alpn,
                ..Offer::default()
            },
        }
    }
}

/// Two suites that the server took with this version.
fn two_of(listed: &[Attempt], version: Version) -> Option<(Version, (u16, u16))> {
    let mut taken = listed
        .iter()
        .filter(|attempt| attempt.offer.version == Some(version) && attempt.outcome.outcome == "accepted")
        .filter_map(|attempt| attempt.outcome.suite);
    Some((version, (taken.next()?, taken.next_back()?)))
}

/// The chain that the server showed first.
fn chain(attempts: &[Attempt]) -> &[Vec<u8>] {
    let shown = |kind: &str| {
        attempts
            .iter()
            .find(|attempt| attempt.kind == kind && !attempt.outcome.certificates.is_empty())
    };
    shown("full")
        .or_else(|| shown("version"))
        .or_else(|| shown("suite"))
        .map_or(&[], |attempt| attempt.outcome.certificates.as_slice())
}

/// Of all authorities, those that could have issued a certificate of the chain, or are in it.
fn candidates(roots: &Roots, chain: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let issuers: Vec<Vec<u8>> = chain
        .iter()
        .filter_map(|certificate| super::certificate::issuer(certificate))
        .collect();
    let might = |root: &Vec<u8>| {
        chain.contains(root)
            || super::certificate::subject(root).is_some_and(|subject| issuers.contains(&subject))
    };
    roots
        .certificates
        .iter()
        .filter(|root| might(root))
        .cloned()
        .collect()
}

fn describe(destination: &Destination, reached: &Result<SocketAddr, String>) -> Row {
    object(json!({
        "host": destination.host,
        "address": reached.as_ref().ok().map(|address| address.ip().to_string()),
        "port": destination.port,
        "socket": destination.socket,
        "loopback": reached.as_ref().is_ok_and(|address| address.ip().to_canonical().is_loopback()),
        "failure": reached.as_ref().err(),
        "roots": destination.roots.place,
        "roots_named": destination.roots.named,
        "roots_held": destination.roots.certificates.len(),
        "roots_problem": destination.roots.problem,
    }))
}

fn row(attempt: &Attempt) -> Row {
    let outcome = &attempt.outcome;
    let suites: String = attempt
        .offer
        .suites
        .iter()
        .map(|suite| format!("{suite:04x}"))
        .collect();
    object(json!({
        "kind": attempt.kind,
        "offered_version": attempt.offer.version.map(Version::name),
        "offered_suites": suites,
        "offered_alpn": attempt.offer.alpn.map(String::from_utf8_lossy),
        "outcome": outcome.outcome,
        "version": outcome.version.map(|code| match Version::of_code(code) {
            Some(version) => version.name().to_owned(),
            None => format!("{code:04x}"),
        }),
        "suite": outcome.suite.map(|code| match suites::name(code) {
            Some(name) => name.to_owned(),
            None => format!("{code:04x}"),
        }),
        "alpn": outcome.alpn,
        "alert": outcome.alert,
        "dh_bits": outcome.dh_bits.filter(|_| is_dh(outcome.suite)),
        "error": outcome.error,
    }))
}

/// Whether a group of numbers was exchanged, and not a curve.
fn is_dh(suite: Option<u16>) -> bool {
    suite
        .and_then(suites::name)
        .is_some_and(|name| name.starts_with("TLS_DHE_") || name.starts_with("TLS_DH_anon_"))
}

fn plaintext_row(plaintext: &Plaintext) -> Row {
    object(json!({
        "outcome": plaintext.outcome,
        "sqlstate": plaintext.sqlstate,
        "message": plaintext.message,
    }))
}

fn certificates(chain: &[Vec<u8>]) -> Table {
    let rows = chain.iter().map(|certificate| {
        object(json!({
            "sha256": sha256_hex(certificate),
            "pem": pem::encode(&pem::Pem::new("CERTIFICATE", certificate.clone())),
        }))
    });
    table(rows.collect())
}

fn table(rows: Vec<Row>) -> Table {
    Table {
        columns: rows
            .first()
            .map(|row| row.keys().cloned().collect())
            .unwrap_or_default(),
        rows,
    }
}

fn object(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}
