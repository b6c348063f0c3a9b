//! Who signs: a key file, an agent, a hardware module or a command, all behind one trait.

use super::{PublicKey, Scheme, SignError};

/// Something that holds a private key and signs with it.
pub trait Signer {
    /// The public half of the key that [`Signer::sign`] uses: every signature is held against it.
    fn public_key(&self) -> &PublicKey;

    /// The kind of signature that it makes.
    fn scheme(&self) -> Scheme {
        self.public_key().scheme()
    }

    /// Signs exactly `message`. An ECDSA signature may be DER or the 64 bytes of r and s.
    ///
    /// # Errors
    /// [`SignError::Refused`] when the holder of the key does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Signs `message` and verifies what came back, so that a faulty signer can never leave a bad signature in a bundle.
/// The signature has its one canonical form.
///
/// # Errors
/// What the signer reports, or [`SignError::BadSignature`] when its signature does not verify.
pub fn sign_checked(signer: &dyn Signer, message: &[u8]) -> Result<Vec<u8>, SignError> {
    let public = signer.public_key();
    public
        .canonical_signature(&signer.sign(message)?)
        .filter(|signature| public.verify(message, signature))
        .ok_or_else(|| SignError::BadSignature {
            keyid: public.keyid().to_owned(),
        })
}
