//! Strict JSON: whole documents and lines, with duplicate keys rejected at any depth, in bounded memory.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Reads any JSON value for its form alone.
#[derive(Clone, Copy)]
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
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
        while items.next_element_seed(Strict)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Strict)?;
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format!(
                    "duplicate key `{}`",
                    twice.escape_default()
                )));
            }
        }
        Ok(())
    }
}

/// Checks that `bytes` are one JSON document without duplicate keys.
pub(crate) fn check_document(bytes: &[u8]) -> Result<(), String> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Strict
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())
}

/// Checks a record: NDJSON when its path ends so (each line one document, a final line feed), else one document.
pub(crate) fn check_record(path: &str, reader: impl Read, line_limit: u64) -> Result<(), String> {
    let reader = BufReader::with_capacity(64 << 10, reader);
    if path.ends_with(".ndjson") {
        check_lines(reader, line_limit)
    } else {
        check_stream(reader)
    }
}

fn check_stream(reader: impl Read) -> Result<(), String> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    Strict
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())
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
        check_document(&line).map_err(|reason| format!("line {number}: {reason}"))?;
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
}
