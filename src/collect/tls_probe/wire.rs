//! One connection to a server each: asked, answered, closed. Never longer than its time limit.

use std::net::SocketAddr;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client_hello::{Version, client_hello};
use super::server_flight::{Flight, LONGEST};
use crate::collect::mask::mask;

/// For one connection, from the first packet to the last.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const PROTOCOL_3_0: [u8; 4] = [0, 3, 0, 0];

/// What became of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// `accepted`, `alert`, `other-version`, `closed`, `no-tls`, `error`, `no-answer` or `unreachable`.
    pub(super) outcome: &'static str,
    /// What was chosen, where something was.
    pub(super) version: Option<u16>,
    pub(super) suite: Option<u16>,
    pub(super) alpn: Option<String>,
    pub(super) alert: Option<u8>,
    pub(super) dh_bits: Option<usize>,
    pub(super) certificates: Vec<Vec<u8>>,
    /// In words, where something went wrong.
    pub(super) error: Option<String>,
}

impl Outcome {
    pub(super) fn failed(outcome: &'static str, error: impl ToString) -> Self {
        Self {
            outcome,
            error: Some(error.to_string()),
            ..Self::default()
        }
    }

    /// Whether the same question may be answered when it is put again.
    pub(super) fn is_undecided(&self) -> bool {
        ["closed", "error", "no-answer", "unreachable"].contains(&self.outcome)
    }
}

/// Connects, within the limit for the whole attempt.
pub(super) async fn open(address: SocketAddr) -> Result<TcpStream, Outcome> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| Outcome::failed("unreachable", error))?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Asks for TLS as PostgreSQL's clients do.
pub(super) async fn request_tls(stream: &mut TcpStream) -> Result<(), Outcome> {
    stream
        .write_all(&SSL_REQUEST)
        .await
        .map_err(|error| Outcome::failed("closed", error))?;
    let mut answer = [0];
    match stream.read(&mut answer).await {
        Ok(1) => {}
        Ok(_) => return Err(Outcome::failed("closed", "the server closed the connection")),
        Err(error) => return Err(Outcome::failed("closed", error)),
    }
    match answer {
        [b'S'] => Ok(()),
        [b'N'] => Err(Outcome::failed("no-tls", "the server offers no TLS")),
        [b'E'] => {
            let refusal = read_message(stream).await.unwrap_or_default();
            let (_, message) = error_fields(&refusal);
            Err(Outcome::failed("error", message))
        }
        _ => Err(Outcome::failed(
            "error",
            "the server does not speak PostgreSQL's protocol",
        )),
    }
}

/// Whether the server agrees to TLS at all.
pub(super) async fn ask_for_tls(address: SocketAddr) -> Outcome {
    limited(async {
        let mut stream = open(address).await?;
        request_tls(&mut stream).await?;
        Ok(Outcome {
            outcome: "accepted",
            ..Outcome::default()
        })
    })
    .await
}

/// Offers one version with these suites.
pub(super) async fn offer(
    address: SocketAddr,
    version: Version,
    suites: &[u16],
    server_name: Option<&str>,
) -> Outcome {
    limited(async {
        let mut stream = open(address).await?;
        request_tls(&mut stream).await?;
        let mut random = [0; 32];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Outcome::failed("error", "no random numbers"))?;
        let hello = client_hello(version, suites, server_name, &random);
        stream
            .write_all(&hello)
            .await
            .map_err(|error| Outcome::failed("closed", error))?;
        let (flight, ended) = read_flight(&mut stream).await;
        Ok(judge_flight(flight, ended, version, suites))
    })
    .await
}

/// Everything up to the end of the server's first answer, and why there was no more of it.
async fn read_flight(stream: &mut TcpStream) -> (Flight, Option<String>) {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 16 * 1024]; // not in the future itself, which is moved about
    loop {
        let flight = Flight::parse(&bytes);
        if flight.is_over() {
            return (flight, None);
        }
        match stream.read(&mut piece).await {
            Ok(0) => return (flight, Some("the server closed the connection".to_owned())),
            Ok(_) if bytes.len() > LONGEST => {
                return (flight, Some("the server's answer does not end".to_owned()));
            }
            Ok(length) => bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) => return (flight, Some(error.to_string())),
        }
    }
}

fn judge_flight(flight: Flight, ended: Option<String>, offered: Version, suites: &[u16]) -> Outcome {
    let (version, suite) = flight.hello.unzip();
    let seen = Outcome {
        version,
        suite,
        alert: flight.alert,
        dh_bits: flight.dh_bits,
        certificates: flight.certificates,
        ..Outcome::default()
    };
    let with = |outcome, error: Option<String>| Outcome {
        outcome,
        error,
        ..seen.clone()
    };
    if flight.alert.is_some() {
        return with("alert", None);
    }
    if let Some(malformed) = flight.malformed {
        return with("error", Some(malformed.to_owned()));
    }
    match (version, suite) {
        _ if !flight.done => with("closed", ended),
        (Some(version), _) if Version::of_code(version) != Some(offered) => with("other-version", None),
        (Some(_), Some(suite)) if suites.contains(&suite) => with("accepted", None),
        _ => with("error", Some("the server chose what was not offered".to_owned())),
    }
}

/// What the server says to a login that asks for no encryption. No password is ever sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plaintext {
    /// `admitted`, `asked-to-authenticate`, `refused`, `closed`, `no-answer` or `unreachable`.
    pub(super) outcome: &'static str,
    pub(super) sqlstate: Option<String>,
    pub(super) message: Option<String>,
}

/// Starts a login without encryption and leaves at the first answer.
pub(super) async fn log_in_unencrypted(address: SocketAddr, user: &str, database: &str) -> Plaintext {
    let attempt = async {
        let mut stream = open(address).await?;
        stream
            .write_all(&startup(user, database))
            .await
            .map_err(|error| Outcome::failed("closed", error))?;
        let mut kind = [0];
        match stream.read(&mut kind).await {
            Ok(1) => {}
            Ok(_) => return Err(Outcome::failed("closed", "the server closed the connection")),
            Err(error) => return Err(Outcome::failed("closed", error)),
        }
        let body = read_message(&mut stream).await.unwrap_or_default();
        let answer = match kind {
            [b'R'] if body.get(..4) == Some(&[0; 4]) => Plaintext {
                outcome: "admitted",
                ..Plaintext::default()
            },
            [b'R'] if body.len() >= 4 => Plaintext {
                outcome: "asked-to-authenticate",
                ..Plaintext::default()
            },
            [b'E'] => {
                let (sqlstate, message) = error_fields(&body);
                Plaintext {
                    outcome: "refused",
                    sqlstate: Some(sqlstate),
                    message: Some(message),
                }
            }
            _ => {
                return Err(Outcome::failed(
                    "error",
                    "the server does not speak PostgreSQL's protocol",
                ));
            }
        };
        let _ = stream.write_all(&[b'X', 0, 0, 0, 4]).await; // leaves in good order
        Ok(answer)
    };
    let failed = |outcome: Outcome| Plaintext {
        outcome: outcome.outcome,
        sqlstate: None,
        message: outcome.error,
    };
    match tokio::time::timeout(LIMIT, attempt).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(outcome)) => failed(outcome),
        Err(_) => failed(too_late()),
    }
}

fn startup(user: &str, database: &str) -> Vec<u8> {
    let mut body = PROTOCOL_3_0.to_vec();
    for text in [
        "user",
        user,
        "database",
        database,
        "application_name",
        "pgdossier",
    ] {
        body.extend(text.bytes().filter(|byte| *byte != 0));
        body.push(0);
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut message = length.to_be_bytes().to_vec();
    message.extend(body);
    message
}

/// The body of a message whose kind was read already.
async fn read_message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = usize::try_from(stream.read_u32().await.ok()?)
        .ok()?
        .checked_sub(4)?;
    let mut body = vec![0; length.min(8 * 1024)];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// SQLSTATE and message of an error response.
fn error_fields(body: &[u8]) -> (String, String) {
    let field = |wanted: u8| {
        let found = body
            .split(|byte| *byte == 0)
            .find_map(|field| field.split_first().filter(|(kind, _)| **kind == wanted));
        found.map_or_else(String::new, |(_, text)| {
            mask(
                &String::from_utf8_lossy(text)
                    .chars()
                    .take(300)
                    .collect::<String>(),
            )
        })
    };
    (field(b'C'), field(b'M'))
}

pub(super) fn too_late() -> Outcome {
    Outcome::failed("no-answer", format!("no answer within {} s", LIMIT.as_secs()))
}

pub(super) async fn limited(attempt: impl Future<Output = Result<Outcome, Outcome>>) -> Outcome {
    match tokio::time::timeout(LIMIT, attempt).await {
        Ok(Ok(outcome) | Err(outcome)) => outcome,
        Err(_) => too_late(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_and_hostile_ones_are_harmless() {
        let (sqlstate, message) = error_fields(b"SFATAL\0C28000\0Mno entry\0\0");
        assert_eq!((sqlstate.as_str(), message.as_str()), ("28000", "no entry"));
        assert_eq!(error_fields(b""), (String::new(), String::new()));
        assert_eq!(error_fields(b"\0\0\0"), (String::new(), String::new()));
        assert!(!error_fields(b"Mpassword=sesame\0").1.contains("sesame"));
    }

    #[test]
    fn a_name_cannot_add_parameters() {
        let message = startup("a\0options\0-c x=1", "d");
        assert_eq!(message.iter().filter(|byte| **byte == 0).count(), 3 + 3 + 7);
    }
}
