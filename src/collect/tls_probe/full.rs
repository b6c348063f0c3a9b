//! A whole handshake, for what the server says only under encryption: its certificates from TLS 1.3 on, and ALPN.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::wire::{Outcome, limited, open, request_tls};

/// Looks at certificates and judges none: that is done later, and by others.
#[derive(Debug)]
struct Observer(Vec<SignatureScheme>);

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// Shakes hands with TLS 1.2 or 1.3: after asking, or directly with this ALPN protocol.
pub(super) async fn shake_hands(
    address: SocketAddr,
    server_name: Option<&str>,
    direct_for: Option<&[u8]>,
) -> Outcome {
    limited(async {
        let (config, name) =
            configuration(server_name, direct_for).map_err(|error| Outcome::failed("error", error))?;
        let mut stream = open(address).await?;
        if direct_for.is_none() {
            request_tls(&mut stream).await?;
        }
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| explain(&error))?;
        let session = stream.get_ref().1;
        Ok(Outcome {
            outcome: "accepted",
            version: session.protocol_version().map(u16::from),
            suite: session
                .negotiated_cipher_suite()
                .map(|suite| suite.suite().into()),
            alpn: session
                .alpn_protocol()
                .map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            certificates: session
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .take(16)
                .map(|certificate| certificate.to_vec())
                .collect(),
            ..Outcome::default()
        })
    })
    .await
}

fn configuration(
    server_name: Option<&str>,
    direct_for: Option<&[u8]>,
) -> Result<(ClientConfig, ServerName<'static>), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut schemes = provider.signature_verification_algorithms.supported_schemes();
    schemes.extend([
        SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureScheme::RSA_PKCS1_SHA1,
    ]);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Observer(schemes)))
        .with_no_client_auth();
    config.alpn_protocols = direct_for.iter().map(|protocol| protocol.to_vec()).collect();
    let name = server_name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    config.enable_sni = name.is_some();
    let nobody = || ServerName::try_from("postgresql.invalid").map_err(|error| error.to_string());
    Ok((config, name.map_or_else(nobody, Ok)?))
}

fn explain(error: &std::io::Error) -> Outcome {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(Error::AlertReceived(alert)) => Outcome {
            outcome: "alert",
            alert: Some(u8::from(*alert)),
            ..Outcome::default()
        },
        Some(error) => Outcome::failed("error", error),
        None => Outcome::failed("closed", error),
    }
}
