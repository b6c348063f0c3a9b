//! What is asked of a time-stamping authority: the time of a signature, known to it by its digest alone.

use der::asn1::{Int, OctetString};
use der::{Decode as _, Encode as _};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::asn1::{Algorithm, MessageImprint, SHA256, TimeStampReq};
use crate::sign::SignError;

/// A request of RFC 3161 with a nonce, and wanting the authority's certificate.
#[derive(Debug, Clone)]
pub struct TimestampRequest {
    request: TimeStampReq,
}

impl TimestampRequest {
    /// Asks for the time of `signature`.
    ///
    /// # Errors
    /// [`SignError::NoRandomness`].
    pub fn new(signature: &[u8]) -> Result<Self, SignError> {
        let mut nonce = [0; 16];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| SignError::NoRandomness)?;
        // Positive and without leading zeros, so that any authority returns it as it is.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        Ok(Self {
            request: TimeStampReq {
                version: 1,
                imprint: imprint(signature)?,
                policy: None,
                nonce: Some(Int::new(&nonce).map_err(asn1)?),
                certificate_wanted: true,
            },
        })
    }

    /// Reads a request that was written before.
    ///
    /// # Errors
    /// Why it is none.
    pub fn from_der(bytes: &[u8]) -> Result<Self, String> {
        TimeStampReq::from_der(bytes)
            .map(|request| Self { request })
            .map_err(|error| format!("it is not a time-stamp request: {error}"))
    }

    /// The bytes for the authority.
    ///
    /// # Errors
    /// [`SignError::Refused`], never in practice.
    pub fn to_der(&self) -> Result<Vec<u8>, SignError> {
        self.request.to_der().map_err(asn1)
    }

    pub(super) fn nonce(&self) -> Option<&Int> {
        self.request.nonce.as_ref()
    }

    /// Whether it asks about this signature.
    pub fn is_about(&self, signature: &[u8]) -> bool {
        imprint(signature).is_ok_and(|imprint| imprint == self.request.imprint)
    }
}

fn imprint(signature: &[u8]) -> Result<MessageImprint, SignError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, signature);
    Ok(MessageImprint {
        algorithm: Algorithm {
            oid: SHA256,
            parameters: Some(der::asn1::Any::null()),
        },
        digest: OctetString::new(digest.as_ref()).map_err(asn1)?,
    })
}

fn asn1(error: der::Error) -> SignError {
    SignError::Refused {
        reason: format!("the time-stamp request cannot be written: {error}"),
    }
}
