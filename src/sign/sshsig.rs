//! SSHSIG, OpenSSH's signature file, over arbitrary bytes (PROTOCOL.sshsig).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::ecdsa::P256Signature;
use super::ssh_wire::{put_string, take_string};
use super::{PublicKey, Scheme, SignError, Signer, sign_checked};

/// The namespace of our signatures: what `ssh-keygen -Y verify -n` must be told.
pub const SSH_NAMESPACE: &str = "pgdossier-bundle";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const HASH: &[u8] = b"sha512";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const LINE: usize = 70;
/// The longest canonical ECDSA signature as SSH has it: an `mpint` of 33 bytes and one of 32.
const LONGEST_P256: usize = 4 + 33 + 4 + 32;

/// An armored SSH signature: the key it claims and the signature as [`PublicKey::verify`] takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    key: PublicKey,
    signature: Vec<u8>,
}

/// Why a file is not the SSH signature that was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SshSignatureError {
    #[error(
        "it is not an armored SSH signature by an Ed25519 or P-256 key in the namespace `{SSH_NAMESPACE}` as this version writes it"
    )]
    Format,
    #[error("it names another key than the one that signed the statement")]
    OtherKey,
    #[error("it does not verify over the statement")]
    BadSignature,
}

impl SshSignature {
    /// Signs `message` in [`SSH_NAMESPACE`].
    ///
    /// # Errors
    /// What the signer reports; its signature is verified.
    pub fn sign(signer: &dyn Signer, message: &[u8]) -> Result<Self, SignError> {
        let signature = sign_checked(signer, &signed_bytes(message))?;
        Ok(Self {
            key: signer.public_key().clone(),
            signature,
        })
    }

    /// As long as every signature of `key`, but none; for planning sizes.
    pub(crate) fn unsigned(key: &PublicKey) -> Self {
        Self {
            key: key.clone(),
            signature: vec![0; key.signature_length()],
        }
    }

    /// Whether it is `key`'s signature over exactly `message`.
    ///
    /// # Errors
    /// [`SshSignatureError::OtherKey`] or [`SshSignatureError::BadSignature`].
    pub fn verify(&self, key: &PublicKey, message: &[u8]) -> Result<(), SshSignatureError> {
        if self.key != *key {
            return Err(SshSignatureError::OtherKey);
        }
        if key.verify(&signed_bytes(message), &self.signature) {
            Ok(())
        } else {
            Err(SshSignatureError::BadSignature)
        }
    }

    /// The file's text: base64 in lines of 70 between the armor's two lines. The length of an ECDSA signature varies, so
    /// line feeds follow until the text is as long as that of the longest one.
    pub fn to_armor(&self) -> String {
        let mut text = armor(&self.blob(&self.ssh_signature()));
        if self.key.scheme() == Scheme::P256 {
            let longest = armor(&self.blob(&[0; LONGEST_P256])).len();
            text.extend(std::iter::repeat_n('\n', longest.saturating_sub(text.len())));
        }
        text
    }

    /// The signature as SSH has it. One that is none, for planning sizes, is as long as the longest.
    fn ssh_signature(&self) -> Vec<u8> {
        match self.key.scheme() {
            Scheme::Ed25519 => self.signature.clone(),
            Scheme::P256 => P256Signature::from_der(&self.signature)
                .map_or_else(|| vec![0; LONGEST_P256], P256Signature::to_ssh),
        }
    }

    fn blob(&self, ssh_signature: &[u8]) -> Vec<u8> {
        let mut signature = Vec::with_capacity(100);
        put_string(&mut signature, self.key.scheme().ssh_name().as_bytes());
        put_string(&mut signature, ssh_signature);
        let mut blob = MAGIC.to_vec();
        blob.extend_from_slice(&VERSION.to_be_bytes());
        put_string(&mut blob, &self.key.to_ssh_blob());
        put_string(&mut blob, SSH_NAMESPACE.as_bytes());
        put_string(&mut blob, b"");
        put_string(&mut blob, HASH);
        put_string(&mut blob, &signature);
        blob
    }

    /// Reads exactly what [`SshSignature::to_armor`] writes. Nothing is verified yet.
    ///
    /// # Errors
    /// [`SshSignatureError::Format`].
    pub fn from_armor(bytes: &[u8]) -> Result<Self, SshSignatureError> {
        let read = parse(bytes).ok_or(SshSignatureError::Format)?;
        if read.to_armor().as_bytes() == bytes {
            Ok(read)
        } else {
            Err(SshSignatureError::Format)
        }
    }
}

fn armor(blob: &[u8]) -> String {
    let mut text = String::from(BEGIN);
    for (position, character) in STANDARD.encode(blob).chars().enumerate() {
        if position > 0 && position % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push('\n');
    text.push_str(END);
    text
}

fn parse(bytes: &[u8]) -> Option<SshSignature> {
    let body = std::str::from_utf8(bytes)
        .ok()?
        .strip_prefix(BEGIN)?
        .trim_end_matches('\n')
        .strip_suffix(END.trim_end_matches('\n'))?;
    let blob = STANDARD.decode(body.replace('\n', "")).ok()?;
    // The fixed fields need no check here: writing the signature again and comparing covers them.
    let mut rest = blob.get(MAGIC.len() + size_of::<u32>()..)?;
    let key = PublicKey::from_ssh_blob(take_string(&mut rest)?)?;
    let (_namespace, _reserved, _hash) = (
        take_string(&mut rest)?,
        take_string(&mut rest)?,
        take_string(&mut rest)?,
    );
    let mut signature = take_string(&mut rest)?;
    let _key_type = take_string(&mut signature)?;
    let signature = take_string(&mut signature)?;
    let signature = match key.scheme() {
        Scheme::Ed25519 => signature.to_vec(),
        Scheme::P256 => P256Signature::from_ssh(signature)?.to_der(),
    };
    Some(SshSignature { key, signature })
}

/// What an SSHSIG signs: the message only by its hash, bound to a namespace.
fn signed_bytes(message: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put_string(&mut bytes, SSH_NAMESPACE.as_bytes());
    put_string(&mut bytes, b"");
    put_string(&mut bytes, HASH);
    put_string(
        &mut bytes,
        ring::digest::digest(&ring::digest::SHA512, message).as_ref(),
    );
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::SigningKey;

    #[test]
    fn verifies_only_its_own_message_and_key() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signature = SshSignature::sign(&key, b"statement").unwrap();
        assert_eq!(signature.verify(key.public_key(), b"statement"), Ok(()));
        assert_eq!(
            signature.verify(key.public_key(), b"statemenT"),
            Err(SshSignatureError::BadSignature)
        );
        assert_eq!(
            signature.verify(other.public_key(), b"statement"),
            Err(SshSignatureError::OtherKey)
        );
        assert_eq!(
            SshSignature::from_armor(signature.to_armor().as_bytes()),
            Ok(signature)
        );
    }

    #[test]
    fn any_other_way_to_write_it_is_refused() {
        let key = SigningKey::generate().unwrap();
        let armor = SshSignature::sign(&key, b"statement").unwrap().to_armor();
        for changed in [
            armor.replace('\n', "\r\n"),
            format!("{armor}\n"),
            armor.replacen("U1NI", "U1NJ", 1),
        ] {
            assert_eq!(
                SshSignature::from_armor(changed.as_bytes()),
                Err(SshSignatureError::Format)
            );
        }
    }
}
