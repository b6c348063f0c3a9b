//! Public keys, Ed25519 and ECDSA P-256: SPKI in and out, key ids, SSH form, verification.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};

use super::ecdsa::P256Signature;
use super::key_file::read_small;
use super::ssh_wire::{put_string, take_string};
use super::{Scheme, SignError};

const PEM_LABEL: &str = "PUBLIC KEY";
/// SSH's name of the curve P-256.
const SSH_CURVE: &[u8] = b"nistp256";

/// A public key, known by its key id: the SHA-256 of its SPKI DER in lowercase hex.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    scheme: Scheme,
    raw: Vec<u8>,
    keyid: String,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.keyid)
    }
}

impl PublicKey {
    /// The key's own bytes: 32 of RFC 8032, or an uncompressed point.
    pub(crate) fn from_raw(scheme: Scheme, raw: &[u8]) -> Option<Self> {
        // A point's form is written before it; no other is accepted.
        let form = scheme == Scheme::Ed25519 || raw.first() == Some(&4);
        if raw.len() != scheme.key_length() || !form {
            return None;
        }
        let mut key = Self {
            scheme,
            raw: raw.to_vec(),
            keyid: String::new(),
        };
        key.keyid = hex::encode(ring::digest::digest(&ring::digest::SHA256, &key.to_der()));
        Some(key)
    }

    /// From SSH's wire format; nothing for another kind of key.
    pub(crate) fn from_ssh_blob(mut blob: &[u8]) -> Option<Self> {
        let name = take_string(&mut blob)?;
        let scheme = [Scheme::Ed25519, Scheme::P256]
            .into_iter()
            .find(|scheme| scheme.ssh_name().as_bytes() == name)?;
        if scheme == Scheme::P256 && take_string(&mut blob)? != SSH_CURVE {
            return None;
        }
        let raw = take_string(&mut blob)?;
        Self::from_raw(scheme, raw).filter(|_| blob.is_empty())
    }

    /// Reads a public key file, PEM or DER.
    ///
    /// # Errors
    /// [`SignError::File`] when it cannot be read, [`SignError::NotAPublicKey`] when it is something else.
    pub fn load(path: &Path) -> Result<Self, SignError> {
        let bytes = read_small(path)?;
        let what = format!("`{}`", path.display());
        match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains("-----BEGIN") => Self::parse_pem(text, &what),
            _ => Self::parse_der(&bytes, &what),
        }
    }

    /// Parses `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// [`SignError::NotAPublicKey`] for anything that is not the SPKI of an Ed25519 or P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, SignError> {
        Self::parse_pem(text, "the text")
    }

    /// Parses a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`SignError::NotAPublicKey`] for anything that is not the SPKI of an Ed25519 or P-256 key.
    pub fn from_der(der: &[u8]) -> Result<Self, SignError> {
        Self::parse_der(der, "the data")
    }

    fn parse_pem(text: &str, what: &str) -> Result<Self, SignError> {
        let not_a_key = |reason: String| SignError::NotAPublicKey {
            what: what.to_owned(),
            reason,
        };
        let block = pem::parse(text).map_err(|error| not_a_key(error.to_string()))?;
        if block.tag() != PEM_LABEL {
            return Err(not_a_key(format!(
                "it holds a `{}`; give the public key, as `pgdossier keys public` prints it",
                block.tag().escape_default()
            )));
        }
        Self::parse_der(block.contents(), what)
    }

    fn parse_der(der: &[u8], what: &str) -> Result<Self, SignError> {
        [Scheme::Ed25519, Scheme::P256]
            .into_iter()
            .find_map(|scheme| Self::from_raw(scheme, der.strip_prefix(scheme.spki_prefix())?))
            .ok_or_else(|| SignError::NotAPublicKey {
                what: what.to_owned(),
                reason: "it is of another kind, or a compressed point".to_owned(),
            })
    }

    /// The kind of key.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn to_der(&self) -> Vec<u8> {
        [self.scheme.spki_prefix(), &self.raw].concat()
    }

    /// The SubjectPublicKeyInfo in PEM, with `\n` line ends.
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new(PEM_LABEL, self.to_der()), config)
    }

    /// `ssh-ed25519 AAAA…`, as in an `allowed_signers` or `authorized_keys` file.
    pub fn to_ssh(&self) -> String {
        format!(
            "{} {}",
            self.scheme.ssh_name(),
            STANDARD.encode(self.to_ssh_blob())
        )
    }

    /// The public key in SSH's wire format (RFC 8709, RFC 5656).
    pub(crate) fn to_ssh_blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(104);
        put_string(&mut blob, self.scheme.ssh_name().as_bytes());
        if self.scheme == Scheme::P256 {
            put_string(&mut blob, SSH_CURVE);
        }
        put_string(&mut blob, &self.raw);
        blob
    }

    /// Hex SHA-256 of the SPKI DER, 64 lowercase characters.
    pub fn keyid(&self) -> &str {
        &self.keyid
    }

    /// The first 16 characters of the key id, as in the names of signature files.
    pub fn short_keyid(&self) -> &str {
        self.keyid.get(..16).unwrap_or(&self.keyid)
    }

    /// For people to compare over another channel: `SHA256:…`, the same that `ssh-keygen -l` prints.
    pub fn fingerprint(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.to_ssh_blob());
        format!("SHA256:{}", STANDARD_NO_PAD.encode(digest))
    }

    /// The length in bytes of this key's longest signature.
    pub fn signature_length(&self) -> usize {
        self.scheme.longest_signature()
    }

    /// The one form of a signature that [`PublicKey::verify`] accepts: of ECDSA, DER with the smaller s.
    pub(super) fn canonical_signature(&self, signature: &[u8]) -> Option<Vec<u8>> {
        match self.scheme {
            Scheme::Ed25519 => Some(signature.to_vec()),
            Scheme::P256 => Some(P256Signature::from_any(signature)?.canonical().to_der()),
        }
    }

    /// Whether `signature` is this key's over exactly `message`, in its canonical form.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.scheme {
            Scheme::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.raw)
                .verify(message, signature)
                .is_ok(),
            Scheme::P256 => {
                P256Signature::from_der(signature).is_some_and(P256Signature::is_canonical)
                    && UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.raw)
                        .verify(message, signature)
                        .is_ok()
            }
        }
    }
}
