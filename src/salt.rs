//! Salts: 256 secret bits in every file that may be withheld, so that its digest cannot be used to guess it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const LENGTH: usize = 32;
const DIGITS: usize = 2 * LENGTH;

/// What an assessment's salts are made from. It is neither stored nor shown, so that a salt tells nothing of another.
pub struct Seed(Zeroizing<[u8; LENGTH]>);

/// A file's salt, or one that is derived from it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt([u8; LENGTH]);

/// The system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed; try again")]
pub struct NoRandomness;

impl Seed {
    /// A fresh one.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        SystemRandom::new()
            .fill(bytes.as_mut())
            .map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// A known one, which protects nothing: for tests that compare bytes.
    pub fn known(bytes: [u8; LENGTH]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The salt of the file at `path`.
    fn salt(&self, path: &str) -> Salt {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_ref());
        Salt::from_slice(hmac::sign(&key, path.as_bytes()).as_ref())
    }

    /// The file's bytes with its salt; as they are when its kind has no place for one.
    pub fn append(&self, path: &str, bytes: Vec<u8>) -> Vec<u8> {
        self.salt(path).append(path, bytes)
    }
}

impl Salt {
    fn from_slice(bytes: &[u8]) -> Self {
        // Always the output of SHA-256, which has this length.
        Self(bytes.try_into().unwrap_or_default())
    }

    /// Another salt, from which this one cannot be computed; `kind` separates uses.
    pub(crate) fn derive(&self, kind: u8, index: u64) -> Self {
        let mut input = [kind; 1 + LENGTH + 8];
        let (head, number) = input.split_at_mut(1 + LENGTH);
        let (_, salt) = head.split_at_mut(1);
        salt.copy_from_slice(&self.0);
        number.copy_from_slice(&index.to_be_bytes());
        Self::from_slice(digest::digest(&digest::SHA256, &input).as_ref())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes with this salt where files of their kind have it; as they are when the kind has no place for one.
    pub fn append(&self, path: &str, mut bytes: Vec<u8>) -> Vec<u8> {
        let Some(kind) = Kind::of(path, &bytes) else {
            return bytes;
        };
        let (open, close) = kind.around();
        if let Some(members) = bytes.strip_suffix(kind.closing().as_bytes()) {
            bytes.truncate(members.len());
            if !kind.closing().is_empty() {
                bytes.push(b',');
            }
        } else {
            // `{}` or `[]`
            bytes.truncate(1);
        }
        bytes.extend_from_slice(open.as_bytes());
        bytes.extend_from_slice(self.to_string().as_bytes());
        bytes.extend_from_slice(close.as_bytes());
        bytes
    }
}

/// Takes the salt out of a file's bytes, by their place alone. Absent when they have none.
pub fn strip<'a>(path: &str, bytes: &'a [u8]) -> Option<(Cow<'a, [u8]>, Salt)> {
    let kind = Kind::of(path, bytes)?;
    let (open, close) = kind.around();
    let before = bytes.strip_suffix(close.as_bytes())?;
    let (before, digits) = before.split_at_checked(before.len().checked_sub(DIGITS)?)?;
    let salt = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let content = before.strip_suffix(open.as_bytes())?;
    if kind.closing().is_empty() {
        return Some((Cow::Borrowed(content), salt));
    }
    // A comma before the salt means that something else stands there too.
    let (content, closing) = match content.strip_suffix(b",") {
        Some(content) => (content, kind.closing()),
        None => (content, kind.closing().trim_start()),
    };
    Some((Cow::Owned([content, closing.as_bytes()].concat()), salt))
}

/// A file's bytes without its salt, if it has one.
pub fn content<'a>(path: &str, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    strip(path, bytes).map_or(Cow::Borrowed(bytes), |(content, _)| content)
}

/// The bytes with the salt of the file that they are to be compared with, if that has one.
pub fn salted_like(path: &str, bytes: Vec<u8>, sealed: &[u8]) -> Vec<u8> {
    match strip(path, sealed) {
        Some((_, salt)) => salt.append(path, bytes),
        None => bytes,
    }
}

/// Where a kind of file has its salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The last line.
    Lines,
    /// The last field.
    Object,
    /// The last element.
    Array,
    /// A comment at the end.
    Markup,
    /// The same.
    Sql,
}

impl Kind {
    fn of(path: &str, bytes: &[u8]) -> Option<Self> {
        match path.rsplit_once('.')?.1 {
            "ndjson" => Some(Self::Lines),
            "json" if bytes == b"{}\n" || bytes.ends_with(b"\n}\n") => Some(Self::Object),
            "json" if bytes == b"[]\n" || bytes.ends_with(b"\n]\n") => Some(Self::Array),
            "html" | "md" => Some(Self::Markup),
            "sql" => Some(Self::Sql),
            _ => None,
        }
    }

    /// What stands before and after the salt's digits.
    fn around(self) -> (&'static str, &'static str) {
        match self {
            Self::Lines => ("{\"_salt\":\"", "\"}\n"),
            Self::Object => ("\n  \"_salt\": \"", "\"\n}\n"),
            Self::Array => ("\n  {\n    \"_salt\": \"", "\"\n  }\n]\n"),
            Self::Markup => ("<!-- salt: ", " -->\n"),
            Self::Sql => ("-- salt: ", "\n"),
        }
    }

    /// What the salt moves behind itself.
    fn closing(self) -> &'static str {
        match self {
            Self::Object => "\n}\n",
            Self::Array => "\n]\n",
            Self::Lines | Self::Markup | Self::Sql => "",
        }
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt")
    }
}

impl FromStr for Salt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut salt = [0; LENGTH];
        let lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut salt) {
            Ok(()) if lowercase => Ok(Self(salt)),
            _ => Err("a salt is 64 lowercase hexadecimal digits".to_owned()),
        }
    }
}

impl TryFrom<String> for Salt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        salt.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt() -> Salt {
        Seed::known([7; LENGTH]).salt("a")
    }

    #[test]
    fn every_kind_of_file_gives_back_what_it_was_and_its_salt() {
        for (path, content) in [
            ("a.ndjson", ""),
            ("a.ndjson", "{\"a\":1}\n{\"_salt\":\"no\"}\n"),
            ("a.json", "{}\n"),
            ("a.json", "[]\n"),
            ("a.json", "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n"),
            ("a.json", "[\n  {\n    \"a\": 1\n  }\n]\n"),
            ("a.html", "<!doctype html>\n"),
            ("a.md", "# A\n"),
            ("a.sql", "SELECT 1;\n"),
        ] {
            let salted = salt().append(path, content.as_bytes().to_vec());
            assert!(salted.ends_with(b"\n"), "{path}");
            if path.ends_with(".json") {
                let _: serde_json::Value = serde_json::from_slice(&salted).unwrap();
            }
            let (stripped, found) = strip(path, &salted).unwrap();
            assert_eq!(
                (String::from_utf8_lossy(&stripped).as_ref(), found),
                (content, salt()),
                "{path}"
            );
            let short = salted.strip_suffix(b"\n").unwrap();
            assert_eq!(strip(path, short), None, "{path}");
        }
    }

    #[test]
    fn what_has_no_place_for_a_salt_stays_as_it_is() {
        for (path, content) in [("a.yaml", "a: 1\n"), ("a", "a\n"), ("a.json", "{\"a\": 1}\n")] {
            assert_eq!(
                salt().append(path, content.as_bytes().to_vec()),
                content.as_bytes()
            );
            assert_eq!(strip(path, content.as_bytes()), None);
        }
    }

    #[test]
    fn salts_differ_by_file_and_by_assessment() {
        let known = Seed::known([7; LENGTH]);
        assert_eq!(known.salt("a"), Seed::known([7; LENGTH]).salt("a"));
        assert_ne!(known.salt("a"), known.salt("b"));
        assert_ne!(known.salt("a"), Seed::random().unwrap().salt("a"));
    }
}
