//! A time-stamping authority's certificate: whether it is the named one, may state times, and signed something.

use der::asn1::{Any, BitString, ObjectIdentifier};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use ring::digest;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
    VerificationAlgorithm,
};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use super::asn1::{
    Algorithm, Certificate, EXTENDED_KEY_USAGE, IssuerAndSerial, KEY_USAGE, SHA256, SHA384, SHA512,
    SignerInfo,
};
use super::token::{TokenError, TokenFailure};

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const ED25519_KEY: &str = "1.3.101.112";
/// The tag of a signer that is named by its key's identifier.
const KEY_IDENTIFIER_TAG: u8 = 0x80;
const SEQUENCE_TAG: u8 = 0x30;
/// Counted from 0.
const VERSION_3: u8 = 2;

/// Parses a certificate, all of the bytes.
pub(super) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, TokenError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) if is_strict(der) => Ok(certificate),
        _ => Err(TokenError::new(
            TokenFailure::Certificate,
            "a certificate in the token cannot be read",
        )),
    }
}

/// Whether a certificate is DER throughout, of version 3, and names one algorithm. Others read more than that, each
/// something else.
fn is_strict(der: &[u8]) -> bool {
    let Ok(form) = Certificate::from_der(der) else {
        return false;
    };
    let body = &form.body;
    let is_time = |time: &Any| matches!(time.tag(), Tag::UtcTime | Tag::GeneralizedTime);
    form.to_der().is_ok_and(|written| written == der)
        && body.version == Some(VERSION_3)
        && body.algorithm == form.algorithm
        && is_time(&body.validity.from)
        && is_time(&body.validity.until)
        && form.signature.as_bytes().is_some()
        && body.key.bits.as_bytes().is_some()
        && body.extensions.iter().flatten().all(|extension| {
            let value = extension.value.as_bytes();
            match extension.oid {
                KEY_USAGE => BitString::from_der(value).is_ok(),
                EXTENDED_KEY_USAGE => Vec::<ObjectIdentifier>::from_der(value).is_ok(),
                _ => true,
            }
        })
}

/// Whether a signer names this certificate, in the version that goes with how it does.
pub(super) fn is_of(info: &SignerInfo, certificate: &X509Certificate<'_>) -> bool {
    let Ok(name) = info.signer.to_der() else {
        return false;
    };
    match (name.first(), info.version) {
        (Some(&SEQUENCE_TAG), 1) => info.signer.decode_as::<IssuerAndSerial>().is_ok_and(|named| {
            named
                .issuer
                .to_der()
                .is_ok_and(|issuer| issuer == certificate.issuer().as_raw())
                && named.serial.as_bytes() == certificate.raw_serial()
        }),
        (Some(&KEY_IDENTIFIER_TAG), 3) => certificate.extensions().iter().any(|extension| {
            matches!(extension.parsed_extension(),
                ParsedExtension::SubjectKeyIdentifier(key) if key.0 == info.signer.value())
        }),
        _ => false,
    }
}

/// Whether a certificate is for stating times and for nothing else, as RFC 3161 demands.
pub(super) fn check_usage(certificate: &X509Certificate<'_>) -> Result<(), TokenError> {
    let wrong = |message: &str| Err(TokenError::new(TokenFailure::Usage, message));
    let Ok(Some(usage)) = certificate.extended_key_usage() else {
        return wrong("the authority's certificate does not say that it is for time stamping");
    };
    let value = usage.value;
    let others = value.any
        || value.server_auth
        || value.client_auth
        || value.code_signing
        || value.email_protection
        || value.ocsp_signing
        || !value.other.is_empty();
    if !value.time_stamping || others {
        return wrong("the authority's certificate is not for time stamping alone");
    }
    if !usage.critical {
        return wrong("the authority's certificate is for time stamping, but does not mark this as critical");
    }
    match certificate.key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) if usage.value.digital_signature() || usage.value.non_repudiation() => Ok(()),
        _ => wrong("the authority's certificate is not for signatures"),
    }
}

/// The digest of `bytes` by an algorithm that is named.
pub(super) fn digest_by(algorithm: &Algorithm, bytes: &[u8]) -> Result<digest::Digest, TokenError> {
    let by = match algorithm.oid {
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        SHA512 => &digest::SHA512,
        other => return Err(unknown(&format!("the digest {other}"))),
    };
    without_parameters(algorithm)?;
    Ok(digest::digest(by, bytes))
}

/// No algorithm here has parameters; a NULL stands for none.
fn without_parameters(algorithm: &Algorithm) -> Result<(), TokenError> {
    let none = algorithm
        .parameters
        .as_ref()
        .is_none_or(|any| *any == Any::null());
    none.then_some(())
        .ok_or_else(|| unknown(&format!("parameters of {}", algorithm.oid)))
}

fn unknown(what: &str) -> TokenError {
    TokenError::new(
        TokenFailure::Algorithm,
        format!("it uses {what}, which is not accepted here"),
    )
}

/// Verifies the signature of `info` over `message` with a certificate's key.
pub(super) fn verify(
    certificate: &X509Certificate<'_>,
    info: &SignerInfo,
    message: &[u8],
) -> Result<(), TokenError> {
    without_parameters(&info.signature_algorithm)?;
    let key = certificate.public_key();
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.as_oid().ok());
    let algorithm = algorithm(
        &key.algorithm.algorithm.to_id_string(),
        curve.map(|curve| curve.to_id_string()).as_deref(),
        &info.signature_algorithm.oid.to_string(),
        info.digest_algorithm.oid,
    )
    .ok_or_else(|| {
        unknown(&format!(
            "the signature {} with the digest {} and a key {}",
            info.signature_algorithm.oid, info.digest_algorithm.oid, key.algorithm.algorithm
        ))
    })?;
    UnparsedPublicKey::new(algorithm, &key.subject_public_key.data)
        .verify(message, info.signature.as_bytes())
        .map_err(|_| {
            TokenError::new(
                TokenFailure::Signature,
                "the authority's signature does not verify with its certificate",
            )
        })
}

/// A signature may be named with its digest or after its key alone.
fn algorithm(
    key: &str,
    curve: Option<&str>,
    signature: &str,
    digest: ObjectIdentifier,
) -> Option<&'static dyn VerificationAlgorithm> {
    let named = match (key, digest) {
        (RSA, SHA256) => "1.2.840.113549.1.1.11",
        (RSA, SHA384) => "1.2.840.113549.1.1.12",
        (RSA, SHA512) => "1.2.840.113549.1.1.13",
        (EC, SHA256) => "1.2.840.10045.4.3.2",
        (EC, SHA384) => "1.2.840.10045.4.3.3",
        // RFC 8419.
        (ED25519_KEY, SHA512) => ED25519_KEY,
        _ => return None,
    };
    if signature != named && signature != key {
        return None;
    }
    Some(match (key, curve, digest) {
        (RSA, _, SHA256) => &RSA_PKCS1_2048_8192_SHA256,
        (RSA, _, SHA384) => &RSA_PKCS1_2048_8192_SHA384,
        (RSA, _, SHA512) => &RSA_PKCS1_2048_8192_SHA512,
        (EC, Some(P256), SHA256) => &ECDSA_P256_SHA256_ASN1,
        (EC, Some(P256), SHA384) => &ECDSA_P256_SHA384_ASN1,
        (EC, Some(P384), SHA256) => &ECDSA_P384_SHA256_ASN1,
        (EC, Some(P384), SHA384) => &ECDSA_P384_SHA384_ASN1,
        (ED25519_KEY, _, _) => &ED25519,
        _ => return None,
    })
}
