//! A certificate for the hardened server, by an authority made for the demo.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// PEM texts.
pub(super) struct Authority {
    /// The authority's certificate.
    pub(super) root: String,
    /// The server's certificate.
    pub(super) certificate: String,
    /// The server's private key.
    pub(super) key: String,
}

/// Makes an authority and a certificate for `localhost`.
pub(super) fn make() -> Result<Authority, rcgen::Error> {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.distinguished_name
        .push(DnType::CommonName, "pgdossier demo authority");
    let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = server.signed_by(&key, &issuer)?;
    Ok(Authority {
        root: issuer.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}
