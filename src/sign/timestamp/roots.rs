//! The roots of time-stamping authorities that an auditor trusts, and the way from a certificate to one of them.

use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert, ring};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::token::{TokenError, TokenFailure};

/// `id-kp-timeStamping`.
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
const CERTIFICATE_LABEL: &str = "CERTIFICATE";
/// What certificates may be signed with: the same as tokens.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P256_SHA384,
    ring::ECDSA_P384_SHA256,
    ring::ECDSA_P384_SHA384,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
    ring::RSA_PKCS1_2048_8192_SHA384,
    ring::RSA_PKCS1_2048_8192_SHA512,
    ring::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    ring::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    ring::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
];

/// Trusted certificates, in DER.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    certificates: Vec<Vec<u8>>,
}

impl Roots {
    /// Reads certificates in PEM; each text may hold several.
    ///
    /// # Errors
    /// Why a text is none.
    pub fn from_pem(texts: &[String]) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for text in texts {
            let blocks = pem::parse_many(text).map_err(|error| error.to_string())?;
            if blocks.is_empty() {
                return Err("there is no certificate in PEM".to_owned());
            }
            for block in blocks {
                if block.tag() != CERTIFICATE_LABEL {
                    return Err(format!(
                        "it holds a `{}`, not a certificate",
                        block.tag().escape_default()
                    ));
                }
                X509Certificate::from_der(block.contents()).map_err(|error| error.to_string())?;
                certificates.push(block.into_contents());
            }
        }
        Ok(Self { certificates })
    }

    /// Follows a signer's certificate to a root, all of them valid at a time. Returns the certificates between.
    pub(super) fn way_to(
        &self,
        signer: &[u8],
        others: &[Vec<u8>],
        at: DateTime<Utc>,
    ) -> Result<Vec<Vec<u8>>, TokenError> {
        let failed = |failure, message: String| TokenError { failure, message };
        let time = u64::try_from(at.timestamp())
            .map(|seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
            .map_err(|_| failed(TokenFailure::Validity, "its time is before 1970".to_owned()))?;
        let valid: Vec<CertificateDer<'_>> = self
            .certificates
            .iter()
            .filter(|der| is_valid_at(der, at))
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        if valid.is_empty() {
            let message =
                format!("the policy has no root of a time-stamping authority that was valid at {at}");
            let failure = if self.certificates.is_empty() {
                TokenFailure::Untrusted
            } else {
                TokenFailure::Validity
            };
            return Err(failed(failure, message));
        }
        let anchors: Vec<_> = valid
            .iter()
            .filter_map(|der| anchor_from_trusted_cert(der).ok())
            .collect();
        let signer = CertificateDer::from(signer);
        let intermediates: Vec<CertificateDer<'_>> = others
            .iter()
            .map(|der| CertificateDer::from(der.as_slice()))
            .collect();
        let end = EndEntityCert::try_from(&signer)
            .map_err(|error| failed(TokenFailure::Certificate, explain(&error)))?;
        let path = end
            .verify_for_usage(
                ALGORITHMS,
                &anchors,
                &intermediates,
                time,
                // Of the signer it is demanded before; above it, it may not be excluded.
                KeyUsage::required_if_present(TIME_STAMPING),
                None,
                None,
            )
            .map_err(|error| failed(kind(&error), explain(&error)))?;
        Ok(path
            .intermediate_certificates()
            .map(|certificate| certificate.der().to_vec())
            .collect())
    }
}

fn is_valid_at(der: &[u8], at: DateTime<Utc>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| {
        let validity = certificate.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&at.timestamp())
    })
}

fn kind(error: &Error) -> TokenFailure {
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => TokenFailure::Validity,
        Error::RequiredEkuNotFoundContext(_) => TokenFailure::Usage,
        _ => TokenFailure::Untrusted,
    }
}

fn explain(error: &Error) -> String {
    match error {
        Error::CertExpired { .. } => {
            "a certificate of the authority had expired at the time it states".to_owned()
        }
        Error::CertNotValidYet { .. } => {
            "a certificate of the authority was not valid yet at the time it states".to_owned()
        }
        // Another root may have the same name.
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "no root of the policy stands above the authority's certificate".to_owned()
        }
        other => format!("the authority's certificate leads to no root of the policy: {other}"),
    }
}
