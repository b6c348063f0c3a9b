//! JSON that others wrote, read so strictly that another verifier comes to the same: only an object is an object, and a
//! time is RFC 3339.

use chrono::{DateTime, Utc};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Reads a value of a type whose fields are all known. Serde takes a list for an object, and an object for a word, where
/// the type fits; this does not.
///
/// # Errors
/// Why the text is none.
pub fn from_json<T: Serialize + DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let read: T = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let given: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    if are_of_one_kind(&given, &written) {
        Ok(read)
    } else {
        Err("a list or an object stands where something else has to".to_owned())
    }
}

/// Whether lists and objects stand at the same places; what may be absent may be null.
fn are_of_one_kind(given: &Value, written: &Value) -> bool {
    match (given, written) {
        (Value::Object(given), Value::Object(written)) => given.iter().all(|(name, value)| {
            let same = written.get(name).map(|other| are_of_one_kind(value, other));
            same.unwrap_or(value.is_null())
        }),
        (Value::Array(given), Value::Array(written)) => {
            given.len() == written.len()
                && given
                    .iter()
                    .zip(written)
                    .all(|(one, other)| are_of_one_kind(one, other))
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        _ => true,
    }
}

/// A time in RFC 3339, for serde.
///
/// # Errors
/// When it is none.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    DateTime::parse_from_rfc3339(&text)
        .map(|time| time.to_utc())
        .map_err(|_| D::Error::custom(format!("`{}` is not a time of RFC 3339", text.escape_default())))
}

/// The same for a field that may be null.
///
/// # Errors
/// When it is something else.
pub fn time_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    #[derive(Deserialize)]
    struct Time(#[serde(deserialize_with = "time")] DateTime<Utc>);
    Ok(Option::<Time>::deserialize(deserializer)?.map(|Time(time)| time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Yes,
    }

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        names: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        word: Option<Word>,
        #[serde(default, deserialize_with = "time_or_none")]
        at: Option<DateTime<Utc>>,
    }

    #[test]
    fn only_what_is_written_as_an_object_is_one() {
        let read = |json: &str| from_json::<Vec<Inner>>(json.as_bytes()).is_ok();
        for good in [
            r#"[{"names": []}]"#,
            r#"[{"names": ["a"], "word": null, "at": null}]"#,
            r#"[{"names": ["a", "b"], "word": "yes", "at": "2026-10-01T00:00:00+02:00"}]"#,
        ] {
            assert!(read(good), "{good}");
        }
        for bad in [
            r#"[[["a"], "yes", null]]"#,
            r#"[{"names": ["a"], "word": {"yes": null}}]"#,
            r#"[{"names": ["a"], "at": "2026-10-01 00:00:00 UTC"}]"#,
            r#"[{"names": ["a"], "at": ["2026-10-01T00:00:00Z"]}]"#,
            r#"[{"names": ["a"], "names": ["a"]}]"#,
            r#"[{"names": ["a"], "more": null}]"#,
        ] {
            assert!(!read(bad), "{bad}");
        }
    }
}
