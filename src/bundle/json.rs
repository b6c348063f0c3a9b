//! Strict JSON: whole documents and lines, with duplicate keys rejected at any depth, in bounded memory.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// About what a key costs to remember, besides its bytes.
const KEY_BYTES: u64 = 32;

/// Reads any JSON value for its form alone. What it must remember, the keys of open objects, has a limit.
#[derive(Clone, Copy)]
struct Strict<'a> {
    held: &'a Cell<u64>,
    limit: u64,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        let before = self.held.get();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(self)?;
            let held = self.held.get() + key.len() as u64 + KEY_BYTES;
            if held > self.limit {
                return Err(A::Error::custom("its objects have too many keys"));
            }
            self.held.set(held);
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format!(
                    "duplicate key `{}`",
                    twice.escape_default()
                )));
            }
        }
        self.held.set(before);
        Ok(())
    }
}

fn check<'de, R: serde_json::de::Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    limit: u64,
) -> Result<(), String> {
    let held = Cell::new(0);
    let strict = Strict { held: &held, limit };
    strict
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())
}

/// Checks that `bytes` are one JSON document without duplicate keys.
pub(crate) fn check_document(bytes: &[u8]) -> Result<(), String> {
    check(serde_json::Deserializer::from_slice(bytes), u64::MAX)
}

/// Checks a record: NDJSON when its path ends so (each line one document, a final line feed), else one document. No line
/// of the one and no text of the other may be longer than `limit`.
pub(crate) fn check_record(path: &str, reader: impl Read, limit: u64) -> Result<(), String> {
    if path.ends_with(".ndjson") {
        check_lines(BufReader::with_capacity(64 << 10, reader), limit)
    } else {
        let reader = BufReader::with_capacity(64 << 10, ShortTexts::new(reader, limit));
        check(serde_json::Deserializer::from_reader(reader), limit)
    }
}

/// Passes JSON on until a text or a number of it is longer than a limit: a parser holds each of them in memory.
struct ShortTexts<R> {
    inner: R,
    limit: u64,
    length: u64,
    in_text: bool,
    escaped: bool,
}

impl<R> ShortTexts<R> {
    fn new(inner: R, limit: u64) -> Self {
        Self {
            inner,
            limit,
            length: 0,
            in_text: false,
            escaped: false,
        }
    }

    fn see(&mut self, byte: u8) {
        self.length += 1;
        match byte {
            _ if self.escaped => self.escaped = false,
            b'"' => {
                self.in_text = !self.in_text;
                self.length = 0;
            }
            b'\\' if self.in_text => self.escaped = true,
            b',' | b':' | b'[' | b']' | b'{' | b'}' | b' ' | b'\t' | b'\n' | b'\r' if !self.in_text => {
                self.length = 0;
            }
            _ => {}
        }
    }
}

impl<R: Read> Read for ShortTexts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        for byte in buffer.get(..length).unwrap_or_default() {
            self.see(*byte);
            if self.length > self.limit {
                let message = format!("a text or number is longer than {} bytes", self.limit);
                return Err(std::io::Error::other(message));
            }
        }
        Ok(length)
    }
}

fn check_lines(mut reader: impl BufRead, limit: u64) -> Result<(), String> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        if line.is_empty() {
            break;
        }
        if line.pop() != Some(b'\n') {
            return Err(format!(
                "line {number} is longer than {limit} bytes or lacks its line feed"
            ));
        }
        check(serde_json::Deserializer::from_slice(&line), limit)
            .map_err(|reason| format!("line {number}: {reason}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_keys_are_found_at_any_depth() {
        assert_eq!(
            check_document(br#"{"a": [{"b": null, "c": 1.5}], "b": "x"}"#),
            Ok(())
        );
        let reason = check_document(br#"{"a": [{"b": 1, "\u0062": 2}]}"#).unwrap_err();
        assert!(reason.starts_with("duplicate key `b`"), "{reason}");
        assert!(check_document(b"{} {}").is_err());
        assert!(
            check_document("[".repeat(100_000).as_bytes())
                .unwrap_err()
                .contains("recursion limit")
        );
    }

    #[test]
    fn records_are_checked_line_by_line() {
        let check = |text: &str| check_record("a.ndjson", text.as_bytes(), 100);
        assert_eq!(check(""), Ok(()));
        assert_eq!(check("{\"a\":1}\n[]\n"), Ok(()));
        assert!(
            check("{}\n{\"a\":1,\"a\":1}\n")
                .unwrap_err()
                .starts_with("line 2: duplicate key `a`")
        );
        assert!(check("{}").unwrap_err().contains("line feed"));
        assert!(
            check(&format!("\"{}\"\n", "x".repeat(200)))
                .unwrap_err()
                .contains("longer than 100 bytes")
        );
        assert!(check_record("a.json", &b"{}\n{}\n"[..], 100).is_err());
    }

    #[test]
    fn what_a_parser_would_have_to_hold_has_a_limit() {
        let check = |text: String| check_record("a.json", text.as_bytes(), 1000);
        let text = |length: usize| format!("{{\"a\": [\"{}\", 1]}}", "x".repeat(length));
        assert_eq!(check(text(1000)), Ok(()));
        assert!(check(text(1001)).unwrap_err().contains("longer than 1000 bytes"));
        assert!(
            check(format!("[{}]", "1".repeat(1001)))
                .unwrap_err()
                .contains("longer")
        );
        let quotes = format!("[\"{}\"]", "\\\"".repeat(501));
        assert!(check(quotes).unwrap_err().contains("longer than 1000 bytes"));
        // Many short ones are as good as ever.
        assert_eq!(check(format!("[{}0]", "\"x\\\\\", ".repeat(1000))), Ok(()));
        let keys = |count: usize| {
            let keys: Vec<String> = (0..count).map(|key| format!("\"{key}\":0")).collect();
            format!("{{{}}}", keys.join(","))
        };
        assert_eq!(check(format!("[{}]", vec![keys(20); 50].join(","))), Ok(()));
        assert!(check(keys(40)).unwrap_err().contains("too many keys"));
    }
}
