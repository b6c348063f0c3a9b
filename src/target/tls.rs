//! TLS to a PostgreSQL server with libpq's exact meaning of `sslmode`, remembering what was observed.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use ring::digest;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// libpq's `sslmode`, from weakest to strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// Plain first, TLS when that fails.
    Allow,
    /// TLS first, plain when that fails.
    Prefer,
    /// TLS; the certificate is not looked at.
    Require,
    /// TLS; the certificate must be issued by a root that is given.
    VerifyCa,
    /// The same, and it must be for the host that was asked for.
    VerifyFull,
}

impl SslMode {
    /// The mode with this name.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// What was seen of a TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsObservation {
    /// `TLSv1.3`.
    pub protocol: String,
    /// The cipher suite's name.
    pub cipher: String,
    /// SHA-256 of the server's certificate, hexadecimal.
    pub certificate_sha256: String,
    /// What was verified of it: `nothing`, `chain`, or `chain and name`.
    pub verified: &'static str,
}

/// Files and limits of a TLS connection.
#[derive(Debug, Clone)]
pub(super) struct TlsFiles {
    pub(super) root: Option<PathBuf>,
    pub(super) root_named: bool,
    pub(super) certificate: Option<PathBuf>,
    pub(super) certificate_named: bool,
    pub(super) key: Option<PathBuf>,
    pub(super) crl: Option<PathBuf>,
    pub(super) crl_named: bool,
    pub(super) direct: bool,
    pub(super) sni: bool,
    /// 10, 11, 12 or 13.
    pub(super) least: u8,
    pub(super) most: u8,
}

impl TlsFiles {
    pub(super) fn system_roots(&self) -> bool {
        self.root_named && self.root.as_deref() == Some(Path::new("system"))
    }

    pub(super) fn root_exists(&self) -> bool {
        !self.system_roots() && self.root.as_ref().is_some_and(|root| root.exists())
    }
}

/// Makes TLS connections and remembers the last one.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verified: &'static str,
    pub(super) observed: Arc<Mutex<Option<TlsObservation>>>,
}

impl Connector {
    /// A connector for one host.
    ///
    /// # Errors
    /// A file that is missing, unreadable or wrong, with its name and what to do.
    pub(super) fn new(mode: SslMode, files: &TlsFiles, host: &str) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: Vec<&rustls::SupportedProtocolVersion> =
            [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)]
                .into_iter()
                .filter(|(number, _)| (files.least..=files.most).contains(number))
                .map(|(_, version)| version)
                .collect();
        if versions.is_empty() {
            return Err("no TLS version is left between ssl_min_protocol_version and ssl_max_protocol_version; TLS 1.2 and 1.3 are offered".to_owned());
        }
        let verifier = Verifier::new(mode, files, host, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match client_certificate(files)? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("the client certificate cannot be used: {error}"))?,
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = files.sni && host.parse::<std::net::IpAddr>().is_err();
        if files.direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        // Where nothing is compared with it, a name that TLS cannot express does not matter.
        let fallback = || ServerName::try_from("postgresql.invalid").map_err(|error| error.to_string());
        let name = match ServerName::try_from(host.to_owned()) {
            Ok(name) => name,
            Err(_) if mode < SslMode::VerifyFull => fallback()?,
            Err(_) => {
                return Err(format!(
                    "`{host}` is no host name that a certificate could be for"
                ));
            }
        };
        let verified = match mode {
            SslMode::VerifyCa => "chain",
            SslMode::VerifyFull => "chain and name",
            _ => "nothing",
        };
        Ok(Self {
            config: Arc::new(config),
            name,
            verified,
            observed: Arc::default(),
        })
    }
}

impl<S> TlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let stream = tokio_rustls::TlsConnector::from(self.config)
                .connect(self.name, stream)
                .await?;
            let session = stream.get_ref().1;
            let certificate = session.peer_certificates().and_then(|chain| chain.first());
            let protocol = session
                .protocol_version()
                .map(|version| format!("{version:?}").replace('_', "."));
            let observation = TlsObservation {
                protocol: protocol.unwrap_or_default().replace("TLSv1.", "TLSv1."),
                cipher: session
                    .negotiated_cipher_suite()
                    .map(|suite| format!("{:?}", suite.suite()))
                    .unwrap_or_default(),
                certificate_sha256: certificate
                    .map(|certificate| hex::encode(digest::digest(&digest::SHA256, certificate)))
                    .unwrap_or_default(),
                verified: self.verified,
            };
            let binding = certificate.and_then(|certificate| server_end_point(certificate));
            if let Ok(mut observed) = self.observed.lock() {
                *observed = Some(observation);
            }
            Ok(Stream { stream, binding })
        })
    }
}

/// A TLS stream that knows its channel binding.
pub(super) struct Stream<S> {
    stream: tokio_rustls::client::TlsStream<S>,
    binding: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.binding
            .clone()
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// RFC 5929 `tls-server-end-point`: the certificate's digest by its own signature's hash, SHA-256 at the least.
fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}

fn client_certificate(
    files: &TlsFiles,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, String> {
    let Some(path) = files
        .certificate
        .as_ref()
        .filter(|path| files.certificate_named || path.exists())
    else {
        return Ok(None);
    };
    let chain = read_certificates(path, "client certificate")?;
    let key = files
        .key
        .as_ref()
        .ok_or("a client certificate is given and no key; write `sslkey=…`")?;
    let shown = key.display();
    let metadata =
        std::fs::metadata(key).map_err(|error| format!("cannot read the client key `{shown}`: {error}"))?;
    check_key_mode(&metadata)
        .map_err(|help| format!("the client key `{shown}` may be read by others; {help} {shown}"))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        format!("the client key `{shown}` cannot be read: {error}; it must be an unencrypted PEM file")
    })?;
    Ok(Some((chain, key)))
}

/// As libpq: 0600 or stricter, or 0640 when root owns it.
fn check_key_mode(metadata: &std::fs::Metadata) -> Result<(), &'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let allowed = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & allowed == 0 {
        Ok(())
    } else {
        Err("run `chmod 0600`")
    }
}

fn read_certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot read the {what} `{shown}`: {error}"))?
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the {what} `{shown}` is not PEM: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("the {what} `{shown}` holds no certificate"));
    }
    Ok(certificates)
}

/// Verifies what the mode asks for, and nothing more.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trusted: Option<(Arc<WebPkiServerVerifier>, Vec<CertificateDer<'static>>)>,
    check_name: bool,
    host: String,
}

impl Verifier {
    fn new(
        mode: SslMode,
        files: &TlsFiles,
        host: &str,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let trusted = if mode >= SslMode::VerifyCa {
            Some(trust(files, provider)?)
        } else {
            None
        };
        Ok(Self {
            provider: Arc::clone(provider),
            trusted,
            check_name: mode == SslMode::VerifyFull,
            host: host.to_owned(),
        })
    }

    /// What webpki refuses though OpenSSL, and so libpq, accepts it.
    fn reconsider(
        &self,
        error: Error,
        leaf: &CertificateDer<'_>,
        now: UnixTime,
        roots: &[CertificateDer<'_>],
    ) -> Result<(), Error> {
        match error {
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) if !self.check_name || common_name_matches(leaf, &self.host) => Ok(()),
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => Err(error),
            // A self-signed certificate that is itself the root given.
            error if roots.iter().any(|root| root == leaf) => {
                let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
                    return Err(error);
                };
                let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
                let validity = parsed.validity();
                if now > validity.not_after.timestamp() {
                    return Err(Error::InvalidCertificate(CertificateError::Expired));
                }
                if now < validity.not_before.timestamp() {
                    return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
                }
                if !self.check_name
                    || alternative_name_matches(leaf, &self.host)
                    || common_name_matches(leaf, &self.host)
                {
                    Ok(())
                } else {
                    Err(Error::InvalidCertificate(CertificateError::NotValidForName))
                }
            }
            error => Err(error),
        }
    }
}

fn trust(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
) -> Result<(Arc<WebPkiServerVerifier>, Vec<CertificateDer<'static>>), String> {
    let certificates = if files.system_roots() {
        rustls_native_certs::load_native_certs().certs
    } else {
        let root = files.root.as_ref().filter(|root| root.exists()).ok_or_else(|| {
            let shown = files.root.as_ref().map_or_else(|| "~/.postgresql/root.crt".to_owned(), |root| root.display().to_string());
            format!("the root certificate file `{shown}` does not exist; name one with sslrootcert, or use sslrootcert=system")
        })?;
        read_certificates(root, "root certificate")?
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err("none of the root certificates can be used".to_owned());
    }
    let mut builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(path) = files.crl.as_ref().filter(|path| files.crl_named || path.exists()) {
        let shown = path.display();
        let lists = CertificateRevocationListDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("cannot read the revocation list `{shown}`: {error}"))?;
        builder = builder.with_crls(lists);
    }
    let verifier = builder
        .build()
        .map_err(|error| format!("the root certificates cannot be used: {error}"))?;
    Ok((verifier, certificates))
}

/// libpq falls back to the common name when a certificate has no alternative name.
fn common_name_matches(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        return false;
    };
    if matches!(parsed.subject_alternative_name(), Ok(Some(_)) | Err(_)) {
        return false;
    }
    parsed
        .subject()
        .iter_common_name()
        .any(|name| name.as_str().is_ok_and(|name| name_matches(name, host)))
}

fn alternative_name_matches(leaf: &CertificateDer<'_>, host: &str) -> bool {
    use x509_parser::extensions::GeneralName;
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
        if let Some((verifier, roots)) = &self.trusted {
            verifier
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(drop)
                .or_else(|error| self.reconsider(error, end_entity, now, roots))?;
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
