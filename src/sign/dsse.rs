//! The DSSE envelope inside a Sigstore bundle v0.3, read strictly and written one way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Scheme;

/// The only payload type that is signed or accepted.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The bytes that a DSSE signature covers: `DSSEv1 <len> <type> <len> <payload>`.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

/// One signature over one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The payload, decoded once; the only bytes that may be parsed after verification.
    pub payload: Vec<u8>,
    /// The raw signature over [`Envelope::signed_bytes`].
    pub signature: Vec<u8>,
    /// Whose signature it claims to be; never decides trust.
    pub keyid: String,
    /// A time-stamping authority's response over [`Envelope::signature`], in DER.
    pub token: Option<Vec<u8>>,
}

/// Why a file is not the one Sigstore bundle that this version writes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    #[error("it is not the expected JSON: {0}")]
    Format(String),
    #[error("its media type is `{}`, not a Sigstore bundle v0.3", .0.escape_default())]
    MediaType(String),
    #[error("its payload type is `{}`, not `{PAYLOAD_TYPE}`", .0.escape_default())]
    PayloadType(String),
    #[error("it holds {0} signatures, not exactly one")]
    SignatureCount(usize),
    #[error("it holds {0} tokens of time-stamping authorities, not at most one")]
    TokenCount(usize),
    #[error("its public key hint and the key id of its signature differ")]
    Hint,
    #[error("its bytes differ from the one way to write this signature")]
    NotCanonical,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SigstoreBundle {
    media_type: String,
    verification_material: VerificationMaterial,
    dsse_envelope: DsseEnvelope,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerificationMaterial {
    public_key: PublicKeyHint,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<TimestampVerificationData>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimestampVerificationData {
    rfc3161_timestamps: Vec<Rfc3161Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rfc3161Timestamp {
    signed_timestamp: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKeyHint {
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DsseEnvelope {
    payload: String,
    payload_type: String,
    signatures: Vec<DsseSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DsseSignature {
    sig: String,
    keyid: String,
}

impl Envelope {
    /// The bytes that [`Envelope::signature`] covers.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(PAYLOAD_TYPE, &self.payload)
    }

    /// The one way to write this signature as a Sigstore bundle v0.3: JSON with two-space indents and a final newline.
    /// The length of an ECDSA signature varies, so further newlines make up for what it is shorter than the longest.
    pub fn to_sigstore_json(&self) -> Vec<u8> {
        let bundle = SigstoreBundle {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: VerificationMaterial {
                public_key: PublicKeyHint {
                    hint: self.keyid.clone(),
                },
                timestamp_verification_data: self.token.as_ref().map(|token| TimestampVerificationData {
                    rfc3161_timestamps: vec![Rfc3161Timestamp {
                        signed_timestamp: STANDARD.encode(token),
                    }],
                }),
            },
            dsse_envelope: DsseEnvelope {
                payload: STANDARD.encode(&self.payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures: vec![DsseSignature {
                    sig: STANDARD.encode(&self.signature),
                    keyid: self.keyid.clone(),
                }],
            },
        };
        // Strings in structs cannot fail to serialise.
        let mut json = serde_json::to_vec_pretty(&bundle).unwrap_or_default();
        let base64 = |length: usize| length.div_ceil(3) * 4;
        let missing = if self.signature.len() == Scheme::Ed25519.longest_signature() {
            0
        } else {
            base64(Scheme::P256.longest_signature()).saturating_sub(base64(self.signature.len()))
        };
        json.extend(std::iter::repeat_n(b'\n', 1 + missing));
        json
    }

    /// Reads exactly what [`Envelope::to_sigstore_json`] writes. Nothing is verified yet.
    ///
    /// # Errors
    /// An [`EnvelopeError`] that names the first deviation.
    pub fn from_sigstore_json(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let format = |reason: String| EnvelopeError::Format(reason);
        let bundle: SigstoreBundle =
            serde_json::from_slice(bytes).map_err(|error| format(error.to_string()))?;
        if bundle.media_type != MEDIA_TYPE {
            return Err(EnvelopeError::MediaType(bundle.media_type));
        }
        let envelope = bundle.dsse_envelope;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType(envelope.payload_type));
        }
        let [signature] = envelope.signatures.as_slice() else {
            return Err(EnvelopeError::SignatureCount(envelope.signatures.len()));
        };
        if signature.keyid != bundle.verification_material.public_key.hint {
            return Err(EnvelopeError::Hint);
        }
        let token = match &bundle.verification_material.timestamp_verification_data {
            None => None,
            Some(data) => match data.rfc3161_timestamps.as_slice() {
                [token] => Some(&token.signed_timestamp),
                tokens => return Err(EnvelopeError::TokenCount(tokens.len())),
            },
        };
        let decode = |what: &str, text: &str| {
            STANDARD
                .decode(text)
                .map_err(|error| format(format!("{what} is not base64: {error}")))
        };
        let read = Self {
            payload: decode("payload", &envelope.payload)?,
            signature: decode("sig", &signature.sig)?,
            keyid: signature.keyid.clone(),
            token: token.map(|token| decode("signedTimestamp", token)).transpose()?,
        };
        if read.to_sigstore_json() == bytes {
            Ok(read)
        } else {
            Err(EnvelopeError::NotCanonical)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            payload: b"{}\n".to_vec(),
            signature: vec![7; 64],
            keyid: "ab".repeat(32),
            token: None,
        }
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_dsse_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn reads_back_what_it_writes() {
        assert_eq!(
            Envelope::from_sigstore_json(&envelope().to_sigstore_json()),
            Ok(envelope())
        );
    }

    #[test]
    fn every_deviation_has_its_name() {
        let text = String::from_utf8(envelope().to_sigstore_json()).unwrap();
        let read = |changed: String| Envelope::from_sigstore_json(changed.as_bytes()).unwrap_err();
        assert_eq!(read(format!("{text} ")), EnvelopeError::NotCanonical);
        assert_eq!(
            read(text.replace("in-toto", "in-tota")),
            EnvelopeError::PayloadType("application/vnd.in-tota+json".into())
        );
        assert_eq!(
            read(text.replace("v0.3", "v0.2")),
            EnvelopeError::MediaType(MEDIA_TYPE.replace("v0.3", "v0.2"))
        );
        assert_eq!(read(text.replacen("abab", "cdcd", 1)), EnvelopeError::Hint);
        assert!(
            matches!(read(text.replace("\"sig\"", "\"sig\": \"\", \"sig\"")), EnvelopeError::Format(reason) if reason.contains("duplicate field `sig`"))
        );
        assert!(
            matches!(read(text.replace("\"sig\"", "\"more\": 1, \"sig\"")), EnvelopeError::Format(reason) if reason.contains("unknown field `more`"))
        );
    }
}
