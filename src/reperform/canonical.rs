//! The text of a row that PostgreSQL and this program write alike, and the digest of an answer.
//!
//! A cell is what `jsonb_each_text(to_jsonb(row))` gives for it; a row is the text of the `jsonb` object of its cells; an
//! answer is the sorted digests of its rows.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use ring::digest;
use serde_json::Value;

use crate::evidence::sha256_hex;

/// What stands for a cell that may hold a secret: evidence has it masked, the server would tell it.
pub(super) const SECRET: &str = "(may hold a secret)";
/// What stands for a cell that is about the moment.
pub(super) const MOMENT: &str = "(of the moment)";
/// [`may_hold_a_secret`] as a regular expression of PostgreSQL, without regard to case.
pub(super) const SECRET_PATTERN: &str = "(passw|passphrase|pwd|secret|token).*[=:]|://.*@";

/// Which words speak of a secret, in any case of their letters.
static SECRET_WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = ["passw", "passphrase", "pwd", "secret", "token"];
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(words)
        .ok()
});

/// Whether masking may have changed a text. The same for a text and for what masking leaves of it.
pub fn may_hold_a_secret(text: &str) -> bool {
    // Most texts have neither, and are done with.
    let Some(sign) = text.rfind(['=', ':']) else {
        return false;
    };
    let in_address = || text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    let Some(words) = SECRET_WORDS.as_ref() else {
        return true;
    };
    // The match that ends first leaves the longest rest.
    words.find(text).is_some_and(|word| word.end() <= sign) || in_address()
}

/// A cell's text, or why PostgreSQL may write it in another way.
pub(super) fn cell(value: &Value) -> Result<Option<Cow<'_, str>>, &'static str> {
    let text: Cow<'_, str> = match value {
        Value::Null => return Ok(None),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Number(_) => integer(value)?.into(),
        // The one value of "char" that no text can have.
        Value::String(text) if text == "\0" => "".into(),
        Value::String(text) if is_point_in_time(text) => {
            return Err("points in time are written in another way; a query can make them text");
        }
        Value::String(text) => text.into(),
        Value::Array(_) | Value::Object(_) => {
            let mut text = Vec::new();
            write_jsonb(&mut text, value)?;
            String::from_utf8(text).map_err(|_| "it is no text")?.into()
        }
    };
    Ok(Some(if may_hold_a_secret(&text) {
        SECRET.into()
    } else {
        text
    }))
}

fn integer(value: &Value) -> Result<String, &'static str> {
    let whole = value.as_i64().map(|number| number.to_string());
    whole
        .or_else(|| value.as_u64().map(|number| number.to_string()))
        .ok_or("numbers that are no integers are written in another way")
}

/// As collecting writes `timestamptz`: `2026-11-23T09:00:00.000000Z`.
fn is_point_in_time(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| {
            if wanted == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == wanted
            }
        })
}

/// As PostgreSQL writes `jsonb`: a blank after colons and commas, keys by length and then by bytes.
fn write_jsonb(out: &mut Vec<u8>, value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Number(_) => out.extend_from_slice(integer(value)?.as_bytes()),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b", " });
                write_jsonb(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut cells: Vec<_> = map.iter().collect();
            cells.sort_by_key(|(key, _)| key_order(key));
            out.push(b'{');
            for (index, (key, value)) in cells.into_iter().enumerate() {
                write_key(out, index == 0, key);
                write_jsonb(out, value)?;
            }
            out.push(b'}');
        }
        plain => write_plain(out, plain),
    }
    Ok(())
}

/// By what the keys of `jsonb` are sorted.
pub(super) fn key_order(key: &str) -> (usize, &str) {
    (key.len(), key)
}

fn write_key(out: &mut Vec<u8>, first: bool, key: &str) {
    out.extend_from_slice(if first { b"" } else { b", " });
    write_plain(out, key);
    out.extend_from_slice(b": ");
}

/// A text, truth value or null, which PostgreSQL writes as everybody does.
fn write_plain(out: &mut Vec<u8>, plain: impl serde::Serialize) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, &plain);
}

/// Digests of rows, on the way to that of an answer.
#[derive(Default)]
pub(super) struct Answer {
    rows: Vec<[u8; digest::SHA256_OUTPUT_LEN]>,
    text: Vec<u8>,
}

impl Answer {
    /// Adds a row of these cells, which are in the order of [`key_order`].
    pub(super) fn add<'a>(&mut self, cells: impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)>) {
        self.text.clear();
        self.text.push(b'{');
        for (index, (column, text)) in cells.enumerate() {
            write_key(&mut self.text, index == 0, column);
            write_plain(&mut self.text, text);
        }
        self.text.push(b'}');
        let digest = digest::digest(&digest::SHA256, &self.text);
        // Always the output of SHA-256, which has this length.
        self.rows.push(digest.as_ref().try_into().unwrap_or_default());
    }

    /// The digest of the answer, whatever the rows' order.
    pub(super) fn digest(mut self) -> String {
        self.rows.sort_unstable();
        let lines: String = self.rows.iter().map(|row| hex::encode(row) + "\n").collect();
        sha256_hex(lines.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_written_as_postgresql_does() {
        for (value, text) in [
            (json!(null), None),
            (json!(true), Some("true")),
            (json!(-7), Some("-7")),
            (json!(u64::MAX), Some("18446744073709551615")),
            (json!("a\nb"), Some("a\nb")),
            (json!("\0"), Some("")),
            (
                json!(["a\"\\\u{1}\u{7f}é", null, 1]),
                Some("[\"a\\\"\\\\\\u0001\u{7f}é\", null, 1]"),
            ),
            (
                json!({"bb": [], "a": {}, "c": false}),
                Some("{\"a\": {}, \"c\": false, \"bb\": []}"),
            ),
            (json!("host=a password=b"), Some(SECRET)),
            (json!(["user=a", "Password = b"]), Some(SECRET)),
            (json!("scram-sha-256 password"), Some("scram-sha-256 password")),
        ] {
            assert_eq!(cell(&value), Ok(text.map(Cow::from)), "{value}");
        }
        for value in [
            json!(0.5),
            json!([1e300]),
            json!({"a": 1.5}),
            json!("2026-11-23T09:00:00.000000Z"),
        ] {
            assert!(cell(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn an_answers_digest_does_not_depend_on_the_order_of_rows_but_on_each_of_them() {
        let digest = |rows: &[&str]| {
            let mut answer = Answer::default();
            for row in rows {
                answer.add([("a", Some(Cow::from(*row)))].into_iter());
            }
            answer.digest()
        };
        assert_eq!(digest(&["a", "b"]), digest(&["b", "a"]));
        assert_ne!(digest(&["a"]), digest(&["a", "a"]));
        assert_ne!(digest(&[]), digest(&[""]));
        assert_eq!(digest(&[]), sha256_hex(b""));
    }
}
