//! Keys, signatures and the auditor's trust policy.

mod beside;
mod dsse;
mod key_file;
mod passphrase;
mod public_key;
mod signing_key;
mod sshsig;
mod trust_policy;

use std::path::PathBuf;

use thiserror::Error;

pub use beside::{Judging, judge_signature, key_fault, sign_statement, signing_key};
pub use dsse::{Envelope, EnvelopeError, PAYLOAD_TYPE, pre_authentication_encoding};
pub use key_file::write_private_key;
pub use passphrase::{PASSPHRASE_VARIABLE, Passphrase, PassphraseSource};
pub use public_key::PublicKey;
pub use signing_key::SigningKey;
pub use sshsig::{SSH_NAMESPACE, SshSignature, SshSignatureError};
pub use trust_policy::{
    POLICY_VERSION, Requirement, Revocation, SeriesPin, TimestampRule, TrustPolicy, TrustedKey,
};

/// Something that holds a private key and signs with it: a key file now; a command, an agent or a hardware module
/// are further implementations of the same trait.
pub trait Signer {
    /// The public half of the key that [`Signer::sign`] uses.
    fn public_key(&self) -> &PublicKey;

    /// Signs exactly `message` and returns the raw signature ([`PublicKey::signature_length`] bytes).
    ///
    /// # Errors
    /// [`SignError::Refused`] when the holder of the key does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Signs `message` and verifies what came back, so that a faulty signer can never leave a bad signature in a bundle.
///
/// # Errors
/// What the signer reports, or [`SignError::BadSignature`] when its signature does not verify.
pub fn sign_checked(signer: &dyn Signer, message: &[u8]) -> Result<Vec<u8>, SignError> {
    let signature = signer.sign(message)?;
    if signer.public_key().verify(message, &signature) {
        Ok(signature)
    } else {
        Err(SignError::BadSignature {
            keyid: signer.public_key().keyid().to_owned(),
        })
    }
}

/// What can go wrong with keys, passphrases, signatures and trust policies.
#[derive(Debug, Error)]
pub enum SignError {
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },

    #[error("cannot write `{}`: it exists already and keys and policies are never overwritten; choose another name", path.display())]
    Exists { path: PathBuf },

    #[error(
        "`{}` can be read by others (mode {mode:04o}); make it private with `chmod 600 {}`",
        path.display(),
        path.display()
    )]
    LooseMode { path: PathBuf, mode: u32 },

    #[error("`{}` is not a regular file; name the key file itself", path.display())]
    NotAFile { path: PathBuf },

    #[error("{what} is larger than {limit} bytes; this is not a key, passphrase or policy file")]
    TooLarge { what: String, limit: u64 },

    #[error("{what} is not a private key in PKCS#8 PEM: {reason}; make one with `pgdossier keys new`")]
    NotAPrivateKey { what: String, reason: String },

    #[error("{what} is not an Ed25519 public key in SPKI PEM or DER: {reason}")]
    NotAPublicKey { what: String, reason: String },

    #[error("the passphrase does not open {what}; check it and try again")]
    WrongPassphrase { what: String },

    #[error(
        "no passphrase: {reason}; set `PGDOSSIER_PASSPHRASE`, give `--passphrase-file`, or run in a terminal"
    )]
    NoPassphrase { reason: String },

    #[error(
        "the passphrase is empty; use a longer one, or say `--no-passphrase` to leave the key unprotected"
    )]
    EmptyPassphrase,

    #[error("the two passphrases differ; start again")]
    PassphrasesDiffer,

    #[error("the system's random number generator failed; try again")]
    NoRandomness,

    #[error("cannot encrypt the private key: {reason}")]
    Encryption { reason: String },

    #[error("the signer refused to sign: {reason}")]
    Refused { reason: String },

    #[error("the signer returned a signature that does not verify with key `{keyid}`; nothing was written")]
    BadSignature { keyid: String },

    #[error("trust policy {what}: {reason}")]
    Policy { what: String, reason: String },
}

impl SignError {
    pub(crate) fn file(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
