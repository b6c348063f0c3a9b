//! Ed25519 public keys: SPKI in and out, key ids, SSH form, verification.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::SignError;
use super::key_file::read_small;

/// What precedes the 32 key bytes in an Ed25519 SubjectPublicKeyInfo (RFC 8410): it has no other DER encoding.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const PEM_LABEL: &str = "PUBLIC KEY";
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// An Ed25519 public key, known by its key id: the SHA-256 of its SPKI DER in lowercase hex.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    raw: [u8; KEY_BYTES],
    keyid: String,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.keyid)
    }
}

impl PublicKey {
    /// The raw 32 bytes of RFC 8032.
    pub(crate) fn from_raw(raw: [u8; KEY_BYTES]) -> Self {
        let mut key = Self {
            raw,
            keyid: String::new(),
        };
        key.keyid = hex::encode(ring::digest::digest(&ring::digest::SHA256, &key.to_der()));
        key
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
    /// [`SignError::NotAPublicKey`] for anything that is not an Ed25519 SPKI.
    pub fn from_pem(text: &str) -> Result<Self, SignError> {
        Self::parse_pem(text, "the text")
    }

    /// Parses a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`SignError::NotAPublicKey`] for anything that is not an Ed25519 SPKI.
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
        der.strip_prefix(&SPKI_PREFIX)
            .and_then(|raw| <[u8; KEY_BYTES]>::try_from(raw).ok())
            .map(Self::from_raw)
            .ok_or_else(|| SignError::NotAPublicKey {
                what: what.to_owned(),
                reason: "it is of another kind; this version verifies Ed25519 only".to_owned(),
            })
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn to_der(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), &self.raw].concat()
    }

    /// The SubjectPublicKeyInfo in PEM, with `\n` line ends.
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new(PEM_LABEL, self.to_der()), config)
    }

    /// `ssh-ed25519 AAAA…`, as in an `allowed_signers` or `authorized_keys` file.
    pub fn to_ssh(&self) -> String {
        format!("ssh-ed25519 {}", STANDARD.encode(self.to_ssh_blob()))
    }

    /// The public key in SSH's wire format (RFC 8709).
    pub(crate) fn to_ssh_blob(&self) -> Vec<u8> {
        let mut blob = Vec::with_capacity(51);
        super::sshsig::put_string(&mut blob, b"ssh-ed25519");
        super::sshsig::put_string(&mut blob, &self.raw);
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

    /// The length in bytes of every signature of this key.
    pub fn signature_length(&self) -> usize {
        SIGNATURE_BYTES
    }

    /// Whether `signature` is this key's over exactly `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.raw)
            .verify(message, signature)
            .is_ok()
    }
}
