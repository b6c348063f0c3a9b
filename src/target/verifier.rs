//! Verifying a server's certificate as libpq does.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::tls::{SslMode, TlsFiles, read_certificates};

/// Verifies what the mode asks for, and nothing more.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    trusted: Option<Trust>,
    check_name: bool,
    host: String,
}

/// Roots, and what has been revoked.
#[derive(Debug)]
struct Trust {
    verifier: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
    has_revocations: bool,
}

impl Verifier {
    /// A verifier for one host, and what the user should know of the roots.
    ///
    /// # Errors
    /// A file that is missing, unreadable or of no use, with its name.
    pub(super) fn new(
        mode: SslMode,
        files: &TlsFiles,
        host: &str,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(Self, Vec<String>), String> {
        let mut warnings = Vec::new();
        let trusted = if files.verifies_chain(mode) {
            Some(Trust::read(files, provider, &mut warnings)?)
        } else {
            None
        };
        let verifier = Self {
            provider: Arc::clone(provider),
            trusted,
            check_name: mode == SslMode::VerifyFull,
            host: host.to_owned(),
        };
        Ok((verifier, warnings))
    }

    /// What webpki refuses though OpenSSL, and so libpq, accepts it.
    fn reconsider(
        &self,
        error: Error,
        leaf: &CertificateDer<'_>,
        now: UnixTime,
        trust: &Trust,
    ) -> Result<(), Error> {
        let Error::InvalidCertificate(problem) = &error else {
            return Err(error);
        };
        match problem {
            // webpki looks at the name only when the chain is good.
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
                if !self.check_name || common_name_matches(leaf, &self.host) =>
            {
                Ok(())
            }
            problem if is_about_the_path(problem) && trust.is_own_root(leaf) => {
                self.check_own_root(leaf, now)
            }
            _ => Err(error),
        }
    }

    /// A self-signed certificate that is itself the root: its validity and, where asked for, its name.
    fn check_own_root(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let (_, parsed) = X509Certificate::from_der(leaf)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let validity = parsed.validity();
        let now = seconds(now);
        let problem = if now > validity.not_after.timestamp() {
            CertificateError::Expired
        } else if now < validity.not_before.timestamp() {
            CertificateError::NotValidYet
        } else if self.check_name
            && !alternative_name_matches(leaf, &self.host)
            && !common_name_matches(leaf, &self.host)
        {
            CertificateError::NotValidForName
        } else {
            return Ok(());
        };
        Err(Error::InvalidCertificate(problem))
    }
}

/// Whether webpki found no path to a root, which OpenSSL does not look for when the certificate is the root itself.
fn is_about_the_path(problem: &CertificateError) -> bool {
    match problem {
        CertificateError::UnknownIssuer => true,
        CertificateError::Other(other) => other.0.to_string() == "CaUsedAsEndEntity",
        _ => false,
    }
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

impl Trust {
    fn read(
        files: &TlsFiles,
        provider: &Arc<CryptoProvider>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, String> {
        let (roots, place) = read_roots(files)?;
        let roots = valid_now(roots, &place, warnings)?;
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(roots.iter().cloned());
        if added == 0 {
            return Err(format!("none of the root certificates in {place} can be used"));
        }
        let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
        let revocations = files.crl.as_ref().filter(|path| files.crl_named || path.exists());
        if let Some(path) = revocations {
            let lists = CertificateRevocationListDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("cannot read the revocation list `{}`: {error}", path.display()))?;
            builder = builder.with_crls(lists).enforce_revocation_expiration();
        }
        let verifier = builder
            .build()
            .map_err(|error| format!("the root certificates cannot be used: {error}"))?;
        Ok(Self {
            verifier,
            roots,
            has_revocations: revocations.is_some(),
        })
    }

    /// With a revocation list the answer is no: nothing has looked the certificate up in it.
    fn is_own_root(&self, leaf: &CertificateDer<'_>) -> bool {
        !self.has_revocations
            && self.roots.iter().any(|root| root == leaf)
            && X509Certificate::from_der(leaf).is_ok_and(|(_, parsed)| parsed.subject() == parsed.issuer())
    }
}

/// The roots, and where they are from.
fn read_roots(files: &TlsFiles) -> Result<(Vec<CertificateDer<'static>>, String), String> {
    if files.system_roots() {
        return Ok((
            rustls_native_certs::load_native_certs().certs,
            "the system's store".to_owned(),
        ));
    }
    let shown = files.root.as_ref().map_or_else(
        || "~/.postgresql/root.crt".to_owned(),
        |root| root.display().to_string(),
    );
    let root = files.root.as_ref().filter(|root| root.exists()).ok_or_else(|| {
        format!("the root certificate file `{shown}` does not exist; name one with sslrootcert, or use sslrootcert=system")
    })?;
    Ok((read_certificates(root, "root certificate")?, format!("`{shown}`")))
}

/// webpki takes roots without looking at their dates; OpenSSL, and so libpq, looks.
fn valid_now(
    roots: Vec<CertificateDer<'static>>,
    place: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let now = seconds(UnixTime::now());
    let (valid, left_out): (Vec<_>, Vec<_>) = roots.into_iter().partition(|root| {
        X509Certificate::from_der(root).is_ok_and(|(_, parsed)| {
            let validity = parsed.validity();
            (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
        })
    });
    if valid.is_empty() {
        return Err(format!(
            "no root certificate in {place} is valid now (expired, or not valid yet); get the current one"
        ));
    }
    if !left_out.is_empty() {
        warnings.push(format!(
            "{} of the root certificates in {place} are not valid now (expired, or not valid yet) and were left out",
            left_out.len()
        ));
    }
    Ok(valid)
}

/// Whether a certificate (DER) is for this host, as libpq decides it.
pub fn is_for_host(certificate: &[u8], host: &str) -> bool {
    let certificate = CertificateDer::from(certificate);
    alternative_name_matches(&certificate, host) || common_name_matches(&certificate, host)
}

/// libpq falls back to the common name when a certificate has no alternative name of the host's kind.
fn common_name_matches(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return false;
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let is_of_hosts_kind = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(_) => !is_address,
        GeneralName::IPAddress(_) => is_address,
        _ => false,
    };
    let fits = match parsed.subject_alternative_name() {
        Ok(None) => true,
        Ok(Some(names)) => !names.value.general_names.iter().any(is_of_hosts_kind),
        Err(_) => false,
    };
    fits && parsed
        .subject()
        .iter_common_name()
        .next()
        .is_some_and(|name| name.as_str().is_ok_and(|name| name_matches(name, host)))
}

fn alternative_name_matches(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return false;
    };
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return false;
    };
    names.value.general_names.iter().any(|name| match name {
        GeneralName::DNSName(name) => name_matches(name, host),
        GeneralName::IPAddress(bytes) => match host.parse() {
            Ok(std::net::IpAddr::V4(ip)) => ip.octets() == *bytes,
            Ok(std::net::IpAddr::V6(ip)) => ip.octets() == *bytes,
            Err(_) => false,
        },
        _ => false,
    })
}

/// A wildcard stands for one whole first label.
fn name_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(rest)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(trust) = &self.trusted {
            trust
                .verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(drop)
                .or_else(|error| self.reconsider(error, end_entity, now, trust))?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
