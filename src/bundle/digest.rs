//! SHA-256 digests and the one pass that hashes a file's bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A SHA-256, shown and parsed as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; Digest::LENGTH]);

impl Digest {
    /// In bytes.
    pub const LENGTH: usize = 32;
    /// Stands for a digest that is not known yet; as long as any other.
    pub(crate) const PLACEHOLDER: Self = Self([0; Self::LENGTH]);

    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_ring(&ring::digest::digest(&ring::digest::SHA256, bytes))
    }

    fn from_ring(digest: &ring::digest::Digest) -> Self {
        // Always the output of SHA-256, which has this length.
        Self(digest.as_ref().try_into().unwrap_or_default())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut digest = [0; Self::LENGTH];
        let lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut digest) {
            Ok(()) if lowercase => Ok(Self(digest)),
            _ => Err("a SHA-256 is 64 lowercase hexadecimal digits".to_owned()),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// SHA-256 over bytes that come in pieces.
pub(crate) struct Hasher(ring::digest::Context);

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest::from_ring(&self.0.finish())
    }
}

/// What one pass over a file's bytes tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
    pub(crate) crc32: u32,
}

/// Fingerprints bytes that come in pieces.
pub(crate) struct Fingerprinter {
    size: u64,
    sha256: Hasher,
    crc32: crc32fast::Hasher,
}

impl Fingerprinter {
    pub(crate) fn new() -> Self {
        Self {
            size: 0,
            sha256: Hasher::new(),
            crc32: crc32fast::Hasher::new(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        self.crc32.update(bytes);
    }

    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint {
            size: self.size,
            sha256: self.sha256.finish(),
            crc32: self.crc32.finalize(),
        }
    }
}
