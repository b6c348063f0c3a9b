//! The text of a row that PostgreSQL and this program write alike, and the digest of an answer.
//!
//! A cell is what `jsonb_each_text(to_jsonb(row))` gives for it; a row is the text of the `jsonb` object of its cells; an
//! answer is the sorted digests of its rows.

use std::fmt::Write as _;

use serde_json::Value;

use crate::evidence::sha256_hex;

/// What stands for a cell that may hold a secret: evidence has it masked, the server would tell it.
pub(super) const SECRET: &str = "(may hold a secret)";
/// What stands for a cell that is about the moment.
pub(super) const MOMENT: &str = "(of the moment)";
/// [`may_hold_a_secret`] as a regular expression of PostgreSQL, without regard to case.
pub(super) const SECRET_PATTERN: &str = "(passw|passphrase|pwd|secret|token).*[=:]|://.*@";

const SECRET_WORDS: [&str; 5] = ["passw", "passphrase", "pwd", "secret", "token"];

/// Whether masking may have changed a text. The same for a text and for what masking leaves of it.
pub fn may_hold_a_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let after = |word: &str| text.split_once(word).map(|(_, rest)| rest);
    after("://").is_some_and(|rest| rest.contains('@'))
        || SECRET_WORDS
            .iter()
            .any(|word| after(word).is_some_and(|rest| rest.contains(['=', ':'])))
}

/// A cell's text, or why PostgreSQL may write it in another way.
pub(super) fn cell(value: &Value) -> Result<Option<String>, &'static str> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Bool(holds) => holds.to_string(),
        Value::Number(_) => integer(value)?,
        // The one value of "char" that no text can have.
        Value::String(text) if text == "\0" => String::new(),
        Value::String(text) if is_point_in_time(text) => {
            return Err("points in time are written in another way; a query can make them text");
        }
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            let mut text = String::new();
            write_jsonb(&mut text, value)?;
            text
        }
    };
    Ok(Some(if may_hold_a_secret(&text) {
        SECRET.to_owned()
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
fn write_jsonb(out: &mut String, value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Number(_) => out.push_str(&integer(value)?),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_jsonb(out, item)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut cells: Vec<_> = map.iter().collect();
            cells.sort_by_key(|(key, _)| (key.len(), key.as_str()));
            out.push('{');
            for (index, (key, value)) in cells.into_iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                let _ = write!(out, "{comma}{}: ", Value::from(key.as_str()));
                write_jsonb(out, value)?;
            }
            out.push('}');
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
    Ok(())
}

/// A row of these cells.
pub(super) fn row<'a>(cells: impl Iterator<Item = (&'a str, Option<String>)>) -> String {
    let map = cells.map(|(column, text)| (column.to_owned(), Value::from(text)));
    let mut out = String::new();
    // Texts and nulls are written in any case.
    let _ = write_jsonb(&mut out, &Value::Object(map.collect()));
    out
}

/// The digest of an answer with these rows, whatever their order.
pub(super) fn answer(rows: impl Iterator<Item = String>) -> String {
    let mut digests: Vec<String> = rows.map(|row| sha256_hex(row.as_bytes())).collect();
    digests.sort();
    let lines: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
    sha256_hex(lines.as_bytes())
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
            assert_eq!(cell(&value), Ok(text.map(str::to_owned)), "{value}");
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
        let digest = |rows: &[&str]| answer(rows.iter().map(|row| (*row).to_owned()));
        assert_eq!(digest(&["a", "b"]), digest(&["b", "a"]));
        assert_ne!(digest(&["a"]), digest(&["a", "a"]));
        assert_ne!(digest(&[]), digest(&[""]));
        assert_eq!(digest(&[]), sha256_hex(b""));
    }
}
