//! The kinds of keys and signatures that are made and accepted.

use std::fmt;
use std::str::FromStr;

/// A kind of key, with the one way in which it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on the curve P-256 over a SHA-256.
    P256,
}

impl Scheme {
    /// Its name in arguments and in the protocol of external commands.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::P256 => "p256",
        }
    }

    /// SSH's name of the key, which is also that of its signatures.
    pub(crate) fn ssh_name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::P256 => "ecdsa-sha2-nistp256",
        }
    }

    /// What precedes the key's own bytes in a SubjectPublicKeyInfo (RFC 8410, RFC 5480 with a named curve and an
    /// uncompressed point): the only encoding that is accepted.
    pub(super) fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::Ed25519 => &[
                0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
            ],
            Self::P256 => &[
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
                0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
            ],
        }
    }

    /// Number of the public key's own bytes: RFC 8032's 32, or an uncompressed point.
    pub(super) fn key_length(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::P256 => 65,
        }
    }

    /// Number of bytes of the longest signature in its canonical form.
    pub(super) fn longest_signature(self) -> usize {
        match self {
            Self::Ed25519 => 64,
            Self::P256 => super::ecdsa::LONGEST_DER,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "ECDSA P-256",
        })
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Ed25519, Self::P256]
            .into_iter()
            .find(|scheme| scheme.word() == text)
            .ok_or_else(|| format!("`{text}` is not a kind of key; choose ed25519 or p256"))
    }
}
