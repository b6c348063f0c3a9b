//! SSHSIG, OpenSSH's signature file, over arbitrary bytes (PROTOCOL.sshsig).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::{PublicKey, SignError, Signer, sign_checked};

/// The namespace of our signatures: what `ssh-keygen -Y verify -n` must be told.
pub const SSH_NAMESPACE: &str = "pgdossier-bundle";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const HASH: &[u8] = b"sha512";
const KEY_TYPE: &[u8] = b"ssh-ed25519";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const LINE: usize = 70;

/// An armored SSH signature: the key it claims and the raw signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    key: Vec<u8>,
    signature: Vec<u8>,
}

/// Why a file is not the SSH signature that was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SshSignatureError {
    #[error(
        "it is not an armored Ed25519 SSH signature in the namespace `{SSH_NAMESPACE}` as this version writes it"
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
            key: signer.public_key().to_ssh_blob(),
            signature,
        })
    }

    /// As long as a signature of `key`, but none; for planning sizes.
    pub(crate) fn unsigned(key: &PublicKey) -> Self {
        Self {
            key: key.to_ssh_blob(),
            signature: vec![0; key.signature_length()],
        }
    }

    /// Whether it is `key`'s signature over exactly `message`.
    ///
    /// # Errors
    /// [`SshSignatureError::OtherKey`] or [`SshSignatureError::BadSignature`].
    pub fn verify(&self, key: &PublicKey, message: &[u8]) -> Result<(), SshSignatureError> {
        if self.key != key.to_ssh_blob() {
            return Err(SshSignatureError::OtherKey);
        }
        if key.verify(&signed_bytes(message), &self.signature) {
            Ok(())
        } else {
            Err(SshSignatureError::BadSignature)
        }
    }

    /// The file's text: base64 in lines of 70 between the armor's two lines.
    pub fn to_armor(&self) -> String {
        let mut signature = Vec::with_capacity(83);
        put_string(&mut signature, KEY_TYPE);
        put_string(&mut signature, &self.signature);
        let mut blob = MAGIC.to_vec();
        blob.extend_from_slice(&VERSION.to_be_bytes());
        put_string(&mut blob, &self.key);
        put_string(&mut blob, SSH_NAMESPACE.as_bytes());
        put_string(&mut blob, b"");
        put_string(&mut blob, HASH);
        put_string(&mut blob, &signature);

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

fn parse(bytes: &[u8]) -> Option<SshSignature> {
    let body = std::str::from_utf8(bytes)
        .ok()?
        .strip_prefix(BEGIN)?
        .strip_suffix(END)?;
    let blob = STANDARD.decode(body.replace('\n', "")).ok()?;
    // The fixed fields need no check here: writing the signature again and comparing covers them.
    let mut rest = blob.get(MAGIC.len() + size_of::<u32>()..)?;
    let key = take_string(&mut rest)?.to_vec();
    let (_namespace, _reserved, _hash) = (
        take_string(&mut rest)?,
        take_string(&mut rest)?,
        take_string(&mut rest)?,
    );
    let mut signature = take_string(&mut rest)?;
    let _key_type = take_string(&mut signature)?;
    Some(SshSignature {
        key,
        signature: take_string(&mut signature)?.to_vec(),
    })
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

/// Appends SSH's `string`: a big-endian 32-bit length and the bytes.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Only short, known fields are written: never near 4 GiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = after;
    Some(string)
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
