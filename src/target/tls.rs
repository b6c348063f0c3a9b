//! TLS to a PostgreSQL server with libpq's exact meaning of `sslmode`, remembering what was observed.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use ring::digest;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::verifier::Verifier;

/// libpq's `sslmode`, from weakest to strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// Plain first, TLS when that fails.
    Allow,
    /// TLS first, plain when that fails.
    Prefer,
    /// TLS; the certificate is verified only when there is a file of roots.
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

    /// Whether the chain of certificates is verified. As libpq does, also where the mode does not ask for it, once
    /// there is a file of roots.
    pub(super) fn verifies_chain(&self, mode: SslMode) -> bool {
        mode >= SslMode::VerifyCa
            || self.system_roots()
            || self.root.as_ref().is_some_and(|root| root.exists())
    }
}

/// What the server has to choose when TLS starts without asking first.
const ALPN: &[u8] = b"postgresql";

/// Makes TLS connections and remembers the last one.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verified: &'static str,
    direct: bool,
    /// What the user should know of the files.
    pub(super) warnings: Vec<String>,
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
        let (verifier, warnings) = Verifier::new(mode, files, host, &provider)?;
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
            config.alpn_protocols = vec![ALPN.to_vec()];
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
            SslMode::VerifyFull => "chain and name",
            _ if files.verifies_chain(mode) => "chain",
            _ => "nothing",
        };
        Ok(Self {
            config: Arc::new(config),
            name,
            verified,
            direct: files.direct,
            warnings,
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
            if self.direct && session.alpn_protocol() != Some(ALPN) {
                return Err(io::Error::other(
                    "the server did not choose the ALPN protocol `postgresql`, which sslnegotiation=direct needs",
                ));
            }
            let certificate = session.peer_certificates().and_then(|chain| chain.first());
            let protocol = session
                .protocol_version()
                .map(|version| format!("{version:?}").replace('_', "."));
            let observation = TlsObservation {
                protocol: protocol.unwrap_or_default(),
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

pub(super) fn read_certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
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
