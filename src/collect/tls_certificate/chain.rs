//! Whether a chain of certificates leads to an authority that is trusted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};

use crate::collect::tls_probe::certificate::{Description, describe};
use crate::collect::tls_probe::text;
use crate::evidence::Row;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it leads to a trusted authority, dates apart; nothing where that cannot be said.
    pub(super) trusted: Option<bool>,
    /// The same at the time of the assessment.
    pub(super) verifies: Option<bool>,
    /// Why not.
    pub(super) error: Option<String>,
}

impl Verdict {
    fn unknown(error: String) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }
}

/// Follows the chain, for the name of nobody in particular.
pub(super) fn judge(chain: &[Vec<u8>], roots: &[Vec<u8>], endpoint: &Row, as_of: DateTime<Utc>) -> Verdict {
    if let Some(problem) = text(endpoint, "roots_problem") {
        return Verdict::unknown(problem.to_owned());
    }
    let known: Vec<Description> = chain.iter().filter_map(|der| describe(der).ok()).collect();
    let now = as_of.timestamp();
    let valid: Vec<&Vec<u8>> = roots.iter().filter(|root| is_valid(root, now)).collect();
    let roots: Vec<&Vec<u8>> = roots.iter().collect();
    let at_its_time = known
        .iter()
        .map(|certificate| certificate.not_before)
        .max()
        .unwrap_or(now);
    let verdict = match (follow(chain, &valid, now), follow(chain, &roots, at_its_time)) {
        (Ok(()), _) => Verdict {
            trusted: Some(true),
            verifies: Some(true),
            error: None,
        },
        (Err(error), Ok(())) => Verdict {
            trusted: Some(true),
            verifies: Some(false),
            error: Some(in_words(&error)),
        },
        (Err(_), Err(error)) if is_beyond_us(&error, &known) => {
            return Verdict::unknown(format!("this program cannot follow the chain: {error}"));
        }
        (Err(_), Err(error)) => Verdict {
            trusted: Some(false),
            verifies: Some(false),
            error: Some(in_words(&error)),
        },
    };
    let named = endpoint.get("roots_named").and_then(serde_json::Value::as_bool);
    match verdict.trusted {
        // An organisation's own authority is in nobody's store by itself: without its name nothing can be said.
        Some(false) if named != Some(true) => Verdict::unknown(format!(
            "none was named, and with the system's: {}",
            verdict.error.unwrap_or_default()
        )),
        _ => verdict,
    }
}

fn is_valid(root: &[u8], now: i64) -> bool {
    describe(root).is_ok_and(|root| (root.not_before..=root.not_after).contains(&now))
}

fn follow(chain: &[Vec<u8>], roots: &[&Vec<u8>], at: i64) -> Result<(), Error> {
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    let (own, others) = chain.split_first().ok_or_else(|| unknown.clone())?;
    // A certificate that is itself the authority needs no path to one.
    if roots.contains(&own) && describe(own).is_ok_and(|own| own.self_issued) {
        return dates(own, at);
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.iter().map(|root| CertificateDer::from(root.as_slice())));
    if store.is_empty() {
        return Err(unknown);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    let others: Vec<CertificateDer<'_>> = others
        .iter()
        .map(|certificate| CertificateDer::from(certificate.as_slice()))
        .collect();
    let nobody = ServerName::try_from("postgresql.invalid").map_err(|_| unknown)?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.try_into().unwrap_or(0)));
    match verifier.verify_server_cert(&CertificateDer::from(own.as_slice()), &others, &nobody, &[], time) {
        // The name is looked at last, when everything else is good.
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Ok(()),
        other => other.map(drop),
    }
}

fn dates(own: &[u8], at: i64) -> Result<(), Error> {
    let problem = match describe(own) {
        Ok(own) if at > own.not_after => CertificateError::Expired,
        Ok(own) if at < own.not_before => CertificateError::NotValidYet,
        Ok(_) => return Ok(()),
        Err(_) => CertificateError::BadEncoding,
    };
    Err(Error::InvalidCertificate(problem))
}

/// Whether another client might follow the chain although we cannot: algorithms and forms that we do not know.
fn is_beyond_us(error: &Error, known: &[Description]) -> bool {
    let short_keys = known.iter().any(|certificate| {
        certificate.key_type.as_deref() == Some("RSA") && certificate.key_bits.is_some_and(|bits| bits < 2048)
    });
    match error {
        Error::InvalidCertificate(CertificateError::Other(_)) => true,
        Error::InvalidCertificate(CertificateError::BadSignature) => short_keys,
        Error::InvalidCertificate(problem) => format!("{problem:?}").starts_with("Unsupported"),
        _ => true,
    }
}

fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no trusted authority that is valid issued it, or an intermediate certificate is missing"
                .to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "a certificate of the chain has expired".to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => "a certificate of the chain is not valid yet".to_owned(),
        Error::InvalidCertificate(problem) => problem.to_string(),
        error => error.to_string(),
    }
}
