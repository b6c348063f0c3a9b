//! Asking a time-stamping authority over HTTP or HTTPS (RFC 3161, section 3.4).

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::TimestampRequest;
use crate::sign::SignError;

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";
/// A token with a chain of certificates has some 5 KB.
const ANSWER_LIMIT: u64 = 1 << 20;

/// Sends a request to the authority at `url` and returns its response, unchecked. Redirections are not followed.
///
/// # Errors
/// [`SignError::Holder`] that names the authority.
pub fn ask_authority(
    url: &str,
    request: &TimestampRequest,
    time_limit: Duration,
) -> Result<Vec<u8>, SignError> {
    let wrong = |holder: &str, reason: String| SignError::Holder {
        holder: holder.to_owned(),
        reason,
    };
    let uri: Uri = url.parse().map_err(|error| {
        wrong(
            "time-stamping authority",
            format!("its address is no URL: {error}"),
        )
    })?;
    if uri.authority().is_some_and(|place| place.as_str().contains('@')) {
        let reason = "a password has no place in its address; use --request and --response, and send the request \
                      with a client that keeps passwords";
        return Err(wrong("time-stamping authority", reason.to_owned()));
    }
    let holder = format!("time-stamping authority {}", uri.host().unwrap_or_default());
    let error = |reason: String| wrong(&holder, reason);
    let agent = agent(uri.scheme_str() == Some("https"), time_limit);
    let mut response = agent
        .post(uri)
        .header("Content-Type", QUERY)
        .header("Accept", REPLY)
        .send(request.to_der()?)
        .map_err(|failure| error(format!("it cannot be asked: {failure}")))?;
    let status = response.status();
    if status.is_redirection() {
        let place = response
            .headers()
            .get("location")
            .and_then(|place| place.to_str().ok());
        let place = place.unwrap_or("another address").escape_debug();
        return Err(error(format!("it sends us to {place}; give that address")));
    }
    if !status.is_success() {
        return Err(error(format!("it answered {status}")));
    }
    let kind = response.body().mime_type().unwrap_or_default().to_owned();
    if kind != REPLY {
        let kind = kind.escape_debug();
        return Err(error(format!(
            "it answered with `{kind}` instead of `{REPLY}`; is it one?"
        )));
    }
    response
        .body_mut()
        .with_config()
        .limit(ANSWER_LIMIT)
        .read_to_vec()
        .map_err(|failure| error(format!("its answer cannot be read: {failure}")))
}

fn agent(encrypted: bool, time_limit: Duration) -> Agent {
    let mut config = Agent::config_builder()
        .timeout_global(Some(time_limit))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("pgdossier/", env!("CARGO_PKG_VERSION")));
    if encrypted {
        let roots: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        config = config.tls_config(tls);
    }
    config.build().new_agent()
}
