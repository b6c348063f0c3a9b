//! The key file: made, encrypted, loaded, used.

use std::path::Path;

use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::pkcs5::scrypt;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::key_file::read_secret;
use super::secret::{Secret, fill};
use super::{Passphrase, PublicKey, Scheme, SignError, Signer};

const PLAIN_LABEL: &str = "PRIVATE KEY";
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// scrypt N = 2^14, r = 8, p = 5: OpenSSL refuses a larger N at its default memory limit.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 5;

/// A private key in memory; its secret is wiped when dropped.
pub struct SigningKey {
    secret: Secret,
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public.keyid())
    }
}

impl SigningKey {
    /// A new Ed25519 key from the system's random number generator.
    ///
    /// # Errors
    /// [`SignError::NoRandomness`].
    pub fn generate() -> Result<Self, SignError> {
        Self::generate_for(Scheme::Ed25519)
    }

    /// A new key of this kind.
    ///
    /// # Errors
    /// [`SignError::NoRandomness`].
    pub fn generate_for(scheme: Scheme) -> Result<Self, SignError> {
        Self::from_secret(Secret::generate(scheme)?).map_err(|reason| SignError::Refused { reason })
    }

    fn from_secret(secret: Secret) -> Result<Self, String> {
        let (scheme, pair, raw) = match &secret {
            Secret::Ed25519(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref());
                let pair = pair.map_err(|error| error.to_string())?;
                let raw = pair.public_key().as_ref().to_vec();
                (Scheme::Ed25519, Pair::Ed25519(pair), raw)
            }
            Secret::P256(scalar, point) => {
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_ASN1_SIGNING,
                    scalar.as_ref(),
                    point,
                    &SystemRandom::new(),
                );
                let pair = pair.map_err(|error| error.to_string())?;
                (Scheme::P256, Pair::P256(pair), point.to_vec())
            }
        };
        let public = PublicKey::from_raw(scheme, &raw).ok_or("its public point is not uncompressed")?;
        Ok(Self { secret, pair, public })
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
            "EC PRIVATE KEY" => Err(not_a_key(
                "it holds a bare `EC PRIVATE KEY`; convert it with `openssl pkcs8 -topk8`".to_owned(),
            )),
            other => Err(not_a_key(format!("it holds a `{}`", other.escape_default()))),
        }
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        Self::from_secret(Secret::from_pkcs8(der)?)
    }

    /// PKCS#8 version 1, unencrypted, in PEM.
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        to_pem(PLAIN_LABEL, &self.secret.to_pkcs8())
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
        let plain = self.secret.to_pkcs8();
        let document = PrivateKeyInfoRef::try_from(plain.as_slice())
            .and_then(|info| info.encrypt_with_params(parameters, passphrase))
            .map_err(|error| failed(error.to_string()))?;
        Ok(to_pem(ENCRYPTED_LABEL, document.as_bytes()))
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignError::NoRandomness),
        }
    }
}

fn to_pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    let block = pem::Pem::new(label, der);
    let text = Zeroizing::new(pem::encode_config(&block, config));
    block.into_contents().zeroize();
    text
}
