//! Why there is no connection, in words that say what to do.

use std::error::Error as _;
use std::path::PathBuf;

use rustls::CertificateError;

use super::settings::{ConnectionSettings, Host};
use super::tls::{SslMode, TlsFiles};

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectErrorKind {
    /// Nothing listens there, or the name leads nowhere.
    Unreachable,
    /// The server is there and takes nobody now: it starts, recovers or shuts down.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The server knows us not, or the password is wrong.
    Authentication,
    /// TLS could not be agreed on, or the certificate is not good.
    Tls,
    /// The connection string, a file that it names, or the environment is wrong.
    Configuration,
    /// The server refused for another reason.
    Refused,
}

/// Why there is no connection. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectError {
    /// What kind of failure it was.
    pub kind: ConnectErrorKind,
    pub(super) message: String,
}

impl ConnectError {
    pub(super) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// Whether another address or host is another chance. As in libpq it is not when a server said no.
    pub(super) fn leaves_others(&self) -> bool {
        use ConnectErrorKind::{Timeout, Unavailable, Unreachable};
        matches!(self.kind, Unreachable | Timeout | Unavailable)
    }

    /// This failure and that of the second attempt, with the other use of TLS, as one.
    pub(super) fn and_then(self, second: Self) -> Self {
        if second.message.contains(NO_TLS) || second.message == self.message {
            return self;
        }
        if self.message.contains(NO_TLS) {
            return second;
        }
        let kind = match second.kind {
            ConnectErrorKind::Tls => self.kind,
            kind => kind,
        };
        Self::new(kind, format!("{}; {}", self.message, second.message))
    }
}

const NO_TLS: &str = "the server does not offer TLS";

/// A failure in words: what happened, where, what to do.
pub(super) fn explain(
    error: &tokio_postgres::Error,
    settings: &ConnectionSettings,
    host: &Host,
) -> ConnectError {
    let place = format!("{}:{}", host.name, host.port);
    if let Some(db) = error.as_db_error() {
        let (kind, help) = match db.code().code() {
            "28P01" => (
                ConnectErrorKind::Authentication,
                "; check the password (password file, PGPASSWORD)",
            ),
            code if code.starts_with("28") => (
                ConnectErrorKind::Authentication,
                "; check the server's pg_hba.conf and the role",
            ),
            "3D000" => (ConnectErrorKind::Refused, "; check the database's name"),
            "57P03" => (ConnectErrorKind::Unavailable, "; try again in a while"),
            "53300" => (ConnectErrorKind::Refused, "; the server has no connection left"),
            _ => (ConnectErrorKind::Refused, ""),
        };
        return ConnectError::new(
            kind,
            format!("{place} refused {}: {}{help}", settings.user, db.message()),
        );
    }
    let text = causes(error);
    if text.contains("password missing") {
        return ConnectError::new(
            ConnectErrorKind::Authentication,
            format!(
                "{place} asks for a password and none was found; put one into a password file (~/.pgpass)"
            ),
        );
    }
    let (kind, text) = if text.contains("server does not support TLS") {
        let demand = if settings.sslmode >= SslMode::Require {
            ", and sslmode asks for it"
        } else {
            ""
        };
        (ConnectErrorKind::Tls, format!("{NO_TLS}{demand}"))
    } else if let Some(rustls::Error::InvalidCertificate(problem)) = tls_error(error) {
        (ConnectErrorKind::Tls, certificate_cause(problem, &settings.tls))
    } else if text.starts_with("error performing TLS handshake") || tls_error(error).is_some() {
        (ConnectErrorKind::Tls, text)
    } else if text.starts_with("authentication error") {
        (ConnectErrorKind::Authentication, text)
    } else {
        (ConnectErrorKind::Refused, text)
    };
    ConnectError::new(kind, format!("{place}: {text}"))
}

/// Every cause's text, from the outermost.
fn causes(error: &tokio_postgres::Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        causes.push(inner.to_string());
        source = inner.source();
    }
    causes.dedup();
    causes.join(": ")
}

/// What the TLS library said, wherever in the chain of causes it is wrapped.
fn tls_error(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        let wrapped = inner
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if let Some(found) = wrapped.and_then(|wrapped| wrapped.downcast_ref()) {
            return Some(found);
        }
        source = inner.source();
    }
    None
}

/// Why the server's certificate was not accepted, with the file that it was compared with.
fn certificate_cause(problem: &CertificateError, files: &TlsFiles) -> String {
    use CertificateError as E;
    let shown = |path: Option<&PathBuf>| path.map_or_else(String::new, |path| path.display().to_string());
    let (root, list) = (shown(files.root.as_ref()), shown(files.crl.as_ref()));
    let cause = match problem {
        E::UnknownIssuer => format!("is not issued by a root in `{root}`"),
        E::BadSignature => {
            format!("is not issued by a root in `{root}`, though one there has the issuer's name")
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "is for another name; connect by a name that it has".to_owned()
        }
        E::Expired | E::ExpiredContext { .. } => "has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        E::Revoked => format!("is revoked by `{list}`"),
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            format!("cannot be checked: the revocation list `{list}` has expired; fetch a new one")
        }
        E::UnknownRevocationStatus => {
            format!("cannot be checked: `{list}` has no revocation list of its issuer")
        }
        E::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => {
            format!("is that of an authority and is not itself a root in `{root}`; issue one for the server")
        }
        E::Other(other) if other.0.to_string() == "UnsupportedCertVersion" => {
            "is of X.509 version 1, which cannot be verified; issue it again as version 3".to_owned()
        }
        _ => format!("was compared with the roots in `{root}` and cannot be accepted"),
    };
    format!("the server's certificate {cause} ({problem})")
}
