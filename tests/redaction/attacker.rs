//! Somebody who holds a copy and wants what it withholds. Written from `docs/bundle-format.md` alone, with code of its
//! own, so that it shows too that the document suffices.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

/// A file or an archive, by name and bytes.
pub type Files = Vec<(String, Vec<u8>)>;

/// What was withheld, as somebody guesses it.
pub struct Guess<'a> {
    /// The row in the file and the field in the row, from 0.
    pub row: usize,
    pub field: usize,
    /// The value's JSON text.
    pub value: &'a str,
}

pub struct Attacker {
    files: Files,
    /// Everything that looks like a digest or a salt, in any file.
    digests: BTreeSet<Vec<u8>>,
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA256, &parts.concat()).as_ref().to_vec()
}

/// A salt derived from another one.
fn derived(kind: u8, salt: &[u8], index: usize) -> Vec<u8> {
    sha256(&[&[kind], salt, &(index as u64).to_be_bytes()])
}

/// Whatever stands in base64 inside, decoded, and what stands in that.
fn decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
    runs.filter(|run| run.len() >= 40 && run.len() % 4 == 0)
        .filter_map(|run| STANDARD.decode(run).ok())
        .collect()
}

fn hex_runs(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let runs = bytes.split(|byte| !byte.is_ascii_hexdigit());
    runs.filter(|run| run.len() == 64)
        .filter_map(|run| hex::decode(run).ok())
}

impl Attacker {
    pub fn new(files: Files) -> Self {
        let inner: Files = files
            .iter()
            .flat_map(|(name, bytes)| {
                let inner = decoded(bytes).into_iter();
                inner.map(move |bytes| (format!("{name} (decoded)"), bytes))
            })
            .collect();
        let files: Files = files.into_iter().chain(inner).collect();
        let digests = files.iter().flat_map(|(_, bytes)| hex_runs(bytes)).collect();
        Self { files, digests }
    }

    /// Somebody who knows one more salt.
    pub fn knowing(mut self, salt: &str) -> Self {
        self.digests.insert(hex::decode(salt).unwrap());
        self
    }

    /// The files in which a value stands, in any way of writing it.
    pub fn finds(&self, value: &str) -> Vec<&str> {
        let json = serde_json::to_string(value).unwrap().trim_matches('"').to_owned();
        let html = value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let mut ways: Vec<Vec<u8>> = vec![
            value.into(),
            value.to_uppercase().into(),
            serde_json::to_string(&json).unwrap().trim_matches('"').into(),
            json.into(),
            html.into(),
            hex::encode(value).into(),
            hex::encode_upper(value).into(),
            value.chars().rev().collect::<String>().into(),
            value.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            value.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            value
                .bytes()
                .map(|byte| format!("%{byte:02X}"))
                .collect::<String>()
                .into(),
        ];
        for shift in 0..3 {
            // Where it stands in something longer, only the middle of its base64 is certain.
            let padded = [vec![b' '; shift], value.into()].concat();
            let text = STANDARD.encode(padded);
            let whole = (shift + value.len()) / 3 * 4;
            ways.push(text.as_bytes()[(shift * 4).div_ceil(3)..whole].to_vec());
        }
        let holds = |bytes: &[u8]| {
            ways.iter()
                .filter(|way| way.len() >= 6)
                .any(|way| bytes.windows(way.len()).any(|window| window == way))
        };
        let files = self.files.iter();
        files
            .filter(|(name, bytes)| holds(bytes) || holds(name.as_bytes()))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Whether a guess of a value can be told to be right, by trying it against every hash in the copy with every salt
    /// that the copy gives away, and with none.
    pub fn confirms(&self, guess: &Guess<'_>) -> bool {
        let value = guess.value.as_bytes();
        let bare = value
            .strip_prefix(b"\"")
            .and_then(|value| value.strip_suffix(b"\""));
        let salts = self.digests.iter().map(Vec::as_slice);
        let mut tried = Vec::new();
        for value in [Some(value), bare].into_iter().flatten() {
            tried.push(sha256(&[value]));
            tried.push(sha256(&[&[4], value]));
            for salt in salts.clone().chain([&[0; 32][..], &[]]) {
                let row = derived(2, salt, guess.row);
                for salt in [
                    salt.to_vec(),
                    derived(3, salt, guess.field),
                    derived(3, &row, guess.field),
                ] {
                    tried.push(sha256(&[&[4], &salt, value]));
                    tried.push(sha256(&[&salt, value]));
                    tried.push(sha256(&[value, &salt]));
                }
            }
        }
        tried.iter().any(|hash| self.digests.contains(hash))
    }

    /// Whether a guess of a whole file can be told to be right: with no salt, and with each that the copy gives away.
    pub fn confirms_file(&self, content: &[u8]) -> bool {
        let lines = String::from_utf8_lossy(content).into_owned();
        let last = |salt: &Vec<u8>| format!("{lines}{{\"_salt\":\"{}\"}}\n", hex::encode(salt));
        let salted = self.digests.iter().map(|salt| sha256(&[last(salt).as_bytes()]));
        salted
            .chain([sha256(&[content])])
            .any(|hash| self.digests.contains(&hash))
    }
}
