//! JSON texts taken apart one level deep, by their bytes as they stand there. What they are given is known to be JSON.

use std::borrow::Cow;

/// A field of an object: its name with escapes resolved, and its value as it is written.
pub(super) struct Field<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) value: &'a [u8],
}

/// The elements of a list.
pub(super) fn items(list: &[u8]) -> Option<Vec<&[u8]>> {
    let inner = list.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    split(inner)
}

/// The fields of an object.
pub(super) fn fields(object: &[u8]) -> Option<Vec<Field<'_>>> {
    let inner = object.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
    split(inner)?.into_iter().map(field).collect()
}

fn field(text: &[u8]) -> Option<Field<'_>> {
    let end = string_end(text, 0)?;
    let (name, rest) = text.split_at_checked(end)?;
    let plain = name.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let name = if plain.contains(&b'\\') {
        Cow::Owned(serde_json::from_slice::<String>(name).ok()?)
    } else {
        Cow::Borrowed(std::str::from_utf8(plain).ok()?)
    };
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii();
    Some(Field { name, value })
}

/// The parts between commas that are in no string, list or object.
fn split(inner: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut at) = (0_usize, 0, 0);
    while let Some(byte) = inner.get(at) {
        match byte {
            b'"' => {
                at = string_end(inner, at)?;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                parts.push(inner.get(start..at)?.trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = inner.get(start..)?.trim_ascii();
    if depth != 0 || (last.is_empty() && !parts.is_empty()) {
        return None;
    }
    if !last.is_empty() {
        parts.push(last);
    }
    Some(parts)
}

/// Where the string that begins at `start` is over.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_apart(object: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = fields(object.as_bytes()).unwrap();
        fields
            .iter()
            .map(|field| (field.name.to_string(), text(field.value)))
            .collect()
    }

    #[test]
    fn values_are_the_bytes_that_stand_there() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            let own = pairs.iter();
            own.map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert_eq!(
            taken_apart(r#"{"a":1.0,"b":{"c":[1,"}"]},"d\u0022,":"x\\\"y"}"#),
            pairs(&[("a", "1.0"), ("b", r#"{"c":[1,"}"]}"#), ("d\",", r#""x\\\"y""#)])
        );
        assert_eq!(
            taken_apart("{\n  \"a\" : [ ],\n \"\": null }"),
            pairs(&[("a", "[ ]"), ("", "null")])
        );
        assert_eq!(taken_apart("{}"), pairs(&[]));
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for text in ["", "[]", "1", "{", "{\"a\"}", "{\"a\":1,}", "{\"a", "{\"a\":[}"] {
            assert!(fields(text.as_bytes()).is_none(), "{text}");
        }
        assert_eq!(items(b"[ {} , \"a,]\" , [1,2] ]").unwrap().len(), 3);
        assert!(items(b"[]").unwrap().is_empty());
        assert!(items(b"{}").is_none());
    }
}
