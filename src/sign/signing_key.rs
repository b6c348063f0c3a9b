//! The Ed25519 key file: made, encrypted, loaded, used.

use std::path::Path;

use pkcs8::der::Decode as _;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::pkcs5::scrypt;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, der};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::key_file::read_secret;
use super::{Passphrase, PublicKey, SignError, Signer};

const PLAIN_LABEL: &str = "PRIVATE KEY";
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// PKCS#8 version 1 around the 32-byte seed (RFC 8410). OpenSSL 3.0 cannot read version 2, which ring writes.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const ED25519_OID: &str = "1.3.101.112";
const SEED_BYTES: usize = 32;
/// scrypt N = 2^14, r = 8, p = 5: OpenSSL refuses a larger N at its default memory limit.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 5;

/// An Ed25519 private key in memory; its seed is wiped when dropped.
pub struct SigningKey {
    seed: Zeroizing<[u8; SEED_BYTES]>,
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.keyid())
    }
}

impl SigningKey {
    /// A new key from the system's random number generator.
    ///
    /// # Errors
    /// [`SignError::NoRandomness`].
    pub fn generate() -> Result<Self, SignError> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        fill(seed.as_mut())?;
        Self::from_seed(seed).map_err(|reason| SignError::Refused { reason })
    }

    fn from_seed(seed: Zeroizing<[u8; SEED_BYTES]>) -> Result<Self, String> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(|error| error.to_string())?;
        let raw = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| "unexpected length of the public key".to_owned())?;
        Ok(Self {
            seed,
            pair,
            public: PublicKey::from_raw(raw),
        })
    }

    /// Loads a PKCS#8 PEM file, plain or encrypted; `passphrase` is asked only when it is encrypted.
    ///
    /// # Errors
    /// [`SignError::LooseMode`] when group or others can read the file, [`SignError::NotAPrivateKey`],
    /// [`SignError::WrongPassphrase`], [`SignError::File`], and what `passphrase` reports.
    pub fn load(
        path: &Path,
        passphrase: impl FnOnce() -> Result<Passphrase, SignError>,
    ) -> Result<Self, SignError> {
        let bytes = read_secret(path)?;
        Self::parse(&bytes, &format!("`{}`", path.display()), passphrase)
    }

    /// Parses PKCS#8 PEM, plain or encrypted; `passphrase` is asked only when it is encrypted.
    ///
    /// # Errors
    /// As [`SigningKey::load`], without the file's.
    pub fn from_pem(
        text: &str,
        passphrase: impl FnOnce() -> Result<Passphrase, SignError>,
    ) -> Result<Self, SignError> {
        Self::parse(text.as_bytes(), "the text", passphrase)
    }

    fn parse(
        pem: &[u8],
        what: &str,
        passphrase: impl FnOnce() -> Result<Passphrase, SignError>,
    ) -> Result<Self, SignError> {
        let not_a_key = |reason: String| SignError::NotAPrivateKey {
            what: what.to_owned(),
            reason,
        };
        let block = pem::parse(pem).map_err(|error| not_a_key(error.to_string()))?;
        let label = block.tag().to_owned();
        let der = Zeroizing::new(block.into_contents());
        match label.as_str() {
            PLAIN_LABEL => Self::from_pkcs8(&der).map_err(not_a_key),
            ENCRYPTED_LABEL => {
                let encrypted = EncryptedPrivateKeyInfoRef::try_from(der.as_slice())
                    .map_err(|error| not_a_key(error.to_string()))?;
                let wrong = || SignError::WrongPassphrase {
                    what: what.to_owned(),
                };
                let plain = encrypted.decrypt(passphrase()?.as_bytes()).map_err(|_| wrong())?;
                // A wrong passphrase passes the padding check once in 256 times.
                Self::from_pkcs8(plain.as_bytes()).map_err(|_| wrong())
            }
            other => Err(not_a_key(format!("it holds a `{}`", other.escape_default()))),
        }
    }

    /// Takes the seed out of PKCS#8, version 1 (OpenSSL) or 2 (ring).
    fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|error| error.to_string())?;
        if info.algorithm.oid.to_string() != ED25519_OID {
            return Err(format!(
                "its algorithm is {}; this version signs with Ed25519 only",
                info.algorithm.oid
            ));
        }
        let seed = <&der::asn1::OctetStringRef>::from_der(info.private_key.as_bytes())
            .map_err(|error| error.to_string())?;
        let seed = <[u8; SEED_BYTES]>::try_from(seed.as_bytes())
            .map_err(|_| "its seed is not 32 bytes".to_owned())?;
        Self::from_seed(Zeroizing::new(seed))
    }

    /// PKCS#8 version 1, unencrypted, in PEM.
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        to_pem(PLAIN_LABEL, &self.to_pkcs8())
    }

    /// PKCS#8 encrypted with `passphrase`: PBES2, scrypt (N = 2^14, r = 8, p = 5), AES-256-CBC, in PEM.
    ///
    /// # Errors
    /// [`SignError::EmptyPassphrase`], [`SignError::NoRandomness`], [`SignError::Encryption`].
    pub fn to_encrypted_pem(&self, passphrase: &str) -> Result<Zeroizing<String>, SignError> {
        if passphrase.is_empty() {
            return Err(SignError::EmptyPassphrase);
        }
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        fill(&mut salt)?;
        fill(&mut iv)?;
        let failed = |reason: String| SignError::Encryption { reason };
        let cost = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P)
            .map_err(|error| failed(error.to_string()))?;
        let parameters = Parameters::generate_scrypt_aes256cbc(cost, &salt, iv)
            .map_err(|error| failed(error.to_string()))?;
        let plain = self.to_pkcs8();
        let document = PrivateKeyInfoRef::try_from(plain.as_slice())
            .and_then(|info| info.encrypt_with_params(parameters, passphrase))
            .map_err(|error| failed(error.to_string()))?;
        Ok(to_pem(ENCRYPTED_LABEL, document.as_bytes()))
    }

    fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([PKCS8_PREFIX.as_slice(), self.seed.as_ref()].concat())
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), SignError> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| SignError::NoRandomness)
}

fn to_pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    let block = pem::Pem::new(label, der);
    let text = Zeroizing::new(pem::encode_config(&block, config));
    block.into_contents().zeroize();
    text
}
