//! Checking an authority's token: everything in it is bound to the signature, to its signer or to a root.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use der::asn1::{Any, ObjectIdentifier, OctetString, SetOfVec};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use thiserror::Error;

use super::asn1::{
    CONTENT_TYPE, ContentInfo, MESSAGE_DIGEST, SHA256, SIGNED_DATA, SIGNING_CERTIFICATE_V2, SignedAttribute,
    SignerInfo, SigningCertificateV2, TST_INFO, TimeStampResp, TstInfo,
};
use super::roots::Roots;
use super::{certificate, request::TimestampRequest};

/// RFC 5652: the version of signed data that is not plain data.
const SIGNED_DATA_VERSION: u8 = 3;
const TST_INFO_VERSION: u8 = 1;
const GRANTED: u8 = 0;

/// What a token proves: the signature existed at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenTime {
    /// The time that the authority states.
    pub at: DateTime<Utc>,
    /// The same with what its clock may be wrong.
    pub latest: DateTime<Utc>,
    /// The authority, as its certificate names it.
    pub authority: String,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct TokenError {
    /// What kind of failure.
    pub failure: TokenFailure,
    /// In a sentence.
    pub message: String,
}

/// The kinds of failures of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFailure {
    /// Not the one form that is accepted.
    Format,
    /// The authority did not grant it.
    Refused,
    /// It is over other bytes, or answers another request.
    Imprint,
    /// Not exactly one signer.
    Signers,
    /// Its signer's certificate is missing or unreadable, or another one is in the way.
    Certificate,
    /// What is signed is not what must be.
    Attributes,
    /// An algorithm that is not accepted.
    Algorithm,
    /// The signature is wrong.
    Signature,
    /// The certificate is not for stating times.
    Usage,
    /// A certificate was not valid at that time.
    Validity,
    /// No trusted root stands above it.
    Untrusted,
}

impl TokenFailure {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::Format => "timestamp.format",
            Self::Refused => "timestamp.refused",
            Self::Imprint => "timestamp.imprint",
            Self::Signers => "timestamp.signers",
            Self::Certificate => "timestamp.certificate",
            Self::Attributes => "timestamp.attributes",
            Self::Algorithm => "timestamp.algorithm",
            Self::Signature => "timestamp.signature",
            Self::Usage => "timestamp.usage",
            Self::Validity => "timestamp.validity",
            Self::Untrusted => "timestamp.untrusted",
        }
    }
}

impl TokenError {
    pub(super) fn new(failure: TokenFailure, message: impl Into<String>) -> Self {
        Self {
            failure,
            message: message.into(),
        }
    }
}

/// A token that is consistent in itself; no root has been looked for.
pub(super) struct Checked {
    pub(super) time: ProvenTime,
    pub(super) signer: Vec<u8>,
    /// The further certificates that it brought.
    pub(super) others: Vec<Vec<u8>>,
}

/// Checks a stored response for `signature`, without asking who the authority is: it proves nothing yet.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_token_itself(response: &[u8], signature: &[u8]) -> Result<(), TokenError> {
    stored(response, signature).map(|_| ())
}

fn stored(response: &[u8], signature: &[u8]) -> Result<Checked, TokenError> {
    check_content(&read_stored(response)?, signature, None)
}

/// Checks a stored response for `signature` against trusted roots. Only the form that [`super::seal_token`] writes is
/// accepted, so that no byte of it can change unnoticed.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_token(response: &[u8], signature: &[u8], roots: &Roots) -> Result<ProvenTime, TokenError> {
    let checked = stored(response, signature)?;
    let way = roots.way_to(&checked.signer, &checked.others, checked.time.at)?;
    if checked.others.iter().any(|other| !way.contains(other)) {
        let message = "it brings a certificate that does not lead from its signer to a root of the policy";
        return Err(TokenError::new(TokenFailure::Certificate, message));
    }
    Ok(checked.time)
}

fn read_stored(response: &[u8]) -> Result<ContentInfo, TokenError> {
    let wrong = |message: String| TokenError::new(TokenFailure::Format, message);
    let parsed =
        TimeStampResp::from_der(response).map_err(|error| wrong(format!("it is no response: {error}")))?;
    if parsed.to_der().ok().as_deref() != Some(response) {
        return Err(wrong("its bytes differ from the one way to write it".to_owned()));
    }
    let status = &parsed.status;
    if status.status != GRANTED || status.text.is_some() || status.failure.is_some() {
        return Err(TokenError::new(
            TokenFailure::Refused,
            "it was not granted without remarks",
        ));
    }
    let token = parsed
        .token
        .ok_or_else(|| TokenError::new(TokenFailure::Refused, "it holds no token"))?;
    let unbound = token.content.revocations.is_some()
        || token
            .content
            .signers
            .iter()
            .any(|signer| signer.unsigned.is_some());
    if unbound {
        return Err(wrong("it holds parts that nobody signed".to_owned()));
    }
    Ok(token)
}

/// Everything but the way to a root.
pub(super) fn check_content(
    token: &ContentInfo,
    signature: &[u8],
    request: Option<&TimestampRequest>,
) -> Result<Checked, TokenError> {
    let format = |message: &str| TokenError::new(TokenFailure::Format, message);
    let data = &token.content;
    if token.content_type != SIGNED_DATA
        || data.version != SIGNED_DATA_VERSION
        || data.content.content_type != TST_INFO
    {
        return Err(format("it is not signed time information"));
    }
    let content = data
        .content
        .content
        .as_ref()
        .ok_or_else(|| format("its time information is missing"))?;
    let info = TstInfo::from_der(content.as_bytes())
        .map_err(|error| format(&format!("its time information cannot be read: {error}")))?;
    let [signer] = data.signers.as_slice() else {
        let message = format!("it has {} signers, not exactly one", data.signers.len());
        return Err(TokenError::new(TokenFailure::Signers, message));
    };
    if data.digest_algorithms.as_slice() != std::slice::from_ref(&signer.digest_algorithm) {
        return Err(format("it names other digests than its signer's"));
    }
    let (own, others) = split_certificates(data.certificates.as_ref(), signer)?;
    let certificate = certificate::parse(&own)?;
    certificate::check_usage(&certificate)?;
    check_imprint(&info, signature, request)?;
    let signed = check_attributes(signer, content.as_bytes(), &own)?;
    certificate::verify(&certificate, signer, &signed)?;
    let (at, latest) = time(&info)?;
    Ok(Checked {
        time: ProvenTime {
            at,
            latest,
            authority: certificate.subject().to_string(),
        },
        signer: own,
        others,
    })
}

/// The signer's certificate and the others.
fn split_certificates(
    all: Option<&SetOfVec<Any>>,
    signer: &SignerInfo,
) -> Result<(Vec<u8>, Vec<Vec<u8>>), TokenError> {
    let wrong = |message: &str| TokenError::new(TokenFailure::Certificate, message);
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for any in all.into_iter().flat_map(SetOfVec::iter) {
        let der = any
            .to_der()
            .map_err(|_| wrong("a certificate in the token cannot be read"))?;
        if certificate::is_of(signer, &certificate::parse(&der)?) {
            own.push(der);
        } else {
            others.push(der);
        }
    }
    match (own.pop(), own.is_empty()) {
        (Some(own), true) => Ok((own, others)),
        (None, _) => Err(wrong("the certificate of its signer is not in it")),
        (Some(_), false) => Err(wrong("more than one certificate in it fits its signer")),
    }
}

fn check_imprint(
    info: &TstInfo,
    signature: &[u8],
    request: Option<&TimestampRequest>,
) -> Result<(), TokenError> {
    let wrong = |message: &str| Err(TokenError::new(TokenFailure::Imprint, message));
    if info.version != TST_INFO_VERSION {
        return Err(TokenError::new(
            TokenFailure::Format,
            "its time information is of another version",
        ));
    }
    let extensions = info.extensions.iter().flatten();
    if extensions.into_iter().any(|extension| extension.critical) {
        return Err(TokenError::new(
            TokenFailure::Format,
            "it has a critical extension that is not understood",
        ));
    }
    let digest = certificate::digest_by(&info.imprint.algorithm, signature)?;
    if info.imprint.digest.as_bytes() != digest.as_ref() {
        return wrong("it is over other bytes than this signature");
    }
    match request {
        Some(request) if request.nonce() != info.nonce.as_ref() => {
            wrong("it answers another request: the nonces differ")
        }
        _ => Ok(()),
    }
}

/// What is signed are the attributes, and they bind the content and the certificate. Returns the bytes that are signed.
fn check_attributes(signer: &SignerInfo, content: &[u8], own: &[u8]) -> Result<Vec<u8>, TokenError> {
    let wrong = |message: &str| TokenError::new(TokenFailure::Attributes, message);
    let signed = signer
        .signed
        .as_ref()
        .ok_or_else(|| wrong("it has no signed attributes"))?;
    let content_type: ObjectIdentifier = attribute(signed, CONTENT_TYPE)?;
    if content_type != TST_INFO {
        return Err(wrong("it signs another type of content"));
    }
    let digest: OctetString = attribute(signed, MESSAGE_DIGEST)?;
    if digest.as_bytes() != certificate::digest_by(&signer.digest_algorithm, content)?.as_ref() {
        return Err(wrong("it signs another content than it holds"));
    }
    let named: SigningCertificateV2 = attribute(signed, SIGNING_CERTIFICATE_V2)?;
    let first = named
        .certificates
        .first()
        .ok_or_else(|| wrong("it does not name its signer's certificate"))?;
    let sha256 = super::asn1::Algorithm {
        oid: SHA256,
        parameters: None,
    };
    let by = first.algorithm.as_ref().unwrap_or(&sha256);
    if first.digest.as_bytes() != certificate::digest_by(by, own)?.as_ref() {
        return Err(wrong("it names another certificate than that of its signer"));
    }
    signed
        .to_der()
        .map_err(|error| wrong(&format!("its signed attributes cannot be written: {error}")))
}

/// The only value of an attribute that is there once.
fn attribute<T: for<'a> der::Decode<'a>>(
    attributes: &SetOfVec<SignedAttribute>,
    oid: ObjectIdentifier,
) -> Result<T, TokenError> {
    let mut named = attributes.iter().filter(|attribute| attribute.oid == oid);
    let only = match (named.next(), named.next()) {
        (Some(only), None) => only.values.as_slice(),
        _ => &[],
    };
    let [value] = only else {
        let message = format!("the signed attribute {oid} is not there exactly once");
        return Err(TokenError::new(TokenFailure::Attributes, message));
    };
    value
        .to_der()
        .and_then(|der| T::from_der(&der).map_err(|_| Tag::Null.value_error().into()))
        .map_err(|_| {
            TokenError::new(
                TokenFailure::Attributes,
                format!("the signed attribute {oid} cannot be read"),
            )
        })
}

/// The stated time, and the same with its accuracy added.
fn time(info: &TstInfo) -> Result<(DateTime<Utc>, DateTime<Utc>), TokenError> {
    let wrong = || TokenError::new(TokenFailure::Format, "its time cannot be read");
    if info.time.tag() != Tag::GeneralizedTime {
        return Err(wrong());
    }
    let text = std::str::from_utf8(info.time.value()).map_err(|_| wrong())?;
    let at = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S%.fZ")
        .map_err(|_| wrong())?
        .and_utc();
    let accuracy = info.accuracy.as_ref().map_or(TimeDelta::zero(), |accuracy| {
        TimeDelta::seconds(accuracy.seconds.unwrap_or_default().into())
            + TimeDelta::milliseconds(accuracy.millis.unwrap_or_default().into())
            + TimeDelta::microseconds(accuracy.micros.unwrap_or_default().into())
    });
    let latest = at.checked_add_signed(accuracy).ok_or_else(wrong)?;
    Ok((at, latest))
}
