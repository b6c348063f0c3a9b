//! The rows of a partly shown record: what is shown with its salts, and hashes for the rest.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};

use crate::bundle::commitment::{
    Committed, FileRoot, field_salt, row_hash, row_salt, rows_of, value_commitment,
};
use crate::bundle::digest::Digest;
use crate::bundle::json_parts::{Field, fields};
use crate::salt::{Salt, strip};
use crate::strict::from_json;
use crate::withholding::{Cut, Hidden};

/// One line of a partly shown record.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The hash of a row that is withheld as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withheld: Option<Digest>,
    /// The row's salt, when all of it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<Salt>,
    /// Its fields, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Shown>>,
}

/// One field of a row that is shown, at least in part.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    name: String,
    /// The value's JSON text, as a string: so it comes through any JSON parser as the bytes that it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// The value's salt, when the row's is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<Salt>,
    /// The commitment to a value that is withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    withheld: Option<Digest>,
}

/// A record with something cut out.
pub(super) struct ShownRecord {
    pub(super) bytes: Vec<u8>,
    pub(super) withheld_rows: u64,
    /// Names of the fields that are withheld in some row.
    pub(super) withheld_fields: Vec<String>,
}

/// The record without what is cut; absent when it is none or has no salt.
pub(super) fn shown(path: &str, bytes: &[u8], cut: &Cut) -> Option<ShownRecord> {
    let (content, salt) = strip(path, bytes)?;
    let mut record = ShownRecord {
        bytes: Vec::new(),
        withheld_rows: 0,
        withheld_fields: Vec::new(),
    };
    let mut names = BTreeSet::new();
    for (index, row) in rows_of(path, &content)?.into_iter().enumerate() {
        let fields = fields(row)?;
        let salt = row_salt(&salt, index);
        let line = match cut.rows.get(&index) {
            Some(Hidden::Row) => {
                record.withheld_rows += 1;
                Line {
                    withheld: Some(row_hash(&committed(&fields, &salt))),
                    ..Line::default()
                }
            }
            Some(Hidden::Fields(hidden))
                if fields.iter().any(|field| hidden.contains(field.name.as_ref())) =>
            {
                let own = fields.iter().map(|field| field.name.to_string());
                names.extend(own.filter(|name| hidden.contains(name)));
                Line {
                    fields: Some(in_part(&fields, &salt, hidden)?),
                    ..Line::default()
                }
            }
            _ => Line {
                salt: Some(salt),
                fields: Some(in_full(&fields)?),
                ..Line::default()
            },
        };
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut record.bytes, &line);
        record.bytes.push(b'\n');
    }
    record.withheld_fields = names.into_iter().collect();
    Some(record)
}

fn committed<'a>(fields: &'a [Field<'_>], salt: &Salt) -> Vec<Committed<'a>> {
    let fields = fields.iter().enumerate();
    fields
        .map(|(index, field)| Committed {
            name: &field.name,
            value: value_commitment(&field_salt(salt, index), field.value),
        })
        .collect()
}

fn in_full(fields: &[Field<'_>]) -> Option<Vec<Shown>> {
    let shown = fields.iter().map(|field| {
        Some(Shown {
            name: field.name.to_string(),
            value: Some(std::str::from_utf8(field.value).ok()?.to_owned()),
            salt: None,
            withheld: None,
        })
    });
    shown.collect()
}

fn in_part(fields: &[Field<'_>], row: &Salt, hidden: &BTreeSet<String>) -> Option<Vec<Shown>> {
    let mut all = in_full(fields)?;
    for (index, (shown, field)) in all.iter_mut().zip(fields).enumerate() {
        let salt = field_salt(row, index);
        if hidden.contains(&shown.name) {
            shown.value = None;
            shown.withheld = Some(value_commitment(&salt, field.value));
        } else {
            shown.salt = Some(salt);
        }
    }
    Some(all)
}

/// The root to which the lines of a partly shown record lead.
pub(in crate::bundle) fn root_of_shown(reader: impl Read, line_limit: u64) -> Result<Digest, String> {
    let mut reader = BufReader::new(reader);
    let mut root = FileRoot::new();
    let mut text = Vec::new();
    for number in 1_u64.. {
        text.clear();
        let mut one = reader.by_ref().take(line_limit);
        one.read_until(b'\n', &mut text)
            .map_err(|error| error.to_string())?;
        if text.is_empty() {
            break;
        }
        if text.pop() != Some(b'\n') {
            return Err(format!(
                "line {number} is longer than {line_limit} bytes or lacks its line feed"
            ));
        }
        let line: Line = from_json(&text).map_err(|error| format!("line {number}: {error}"))?;
        let hash = hash_of_line(&line).ok_or_else(|| {
            format!("line {number} neither shows a row nor says that it is withheld, in the one way for each")
        })?;
        root.add(&hash);
    }
    Ok(root.finish())
}

fn hash_of_line(line: &Line) -> Option<Digest> {
    let fields = match line {
        Line {
            withheld: Some(hash),
            salt: None,
            fields: None,
        } => return Some(*hash),
        Line {
            withheld: None,
            fields: Some(fields),
            ..
        } => fields,
        _ => return None,
    };
    let committed: Option<Vec<Committed<'_>>> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| {
            let value = match (field, line.salt) {
                (
                    Shown {
                        value: Some(value),
                        salt: None,
                        withheld: None,
                        ..
                    },
                    Some(row),
                ) => value_commitment(&field_salt(&row, index), value.as_bytes()),
                (
                    Shown {
                        value: Some(value),
                        salt: Some(salt),
                        withheld: None,
                        ..
                    },
                    None,
                ) => value_commitment(salt, value.as_bytes()),
                (
                    Shown {
                        value: None,
                        salt: None,
                        withheld: Some(commitment),
                        ..
                    },
                    None,
                ) => *commitment,
                _ => return None,
            };
            Some(Committed {
                name: &field.name,
                value,
            })
        })
        .collect();
    Some(row_hash(&committed?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::commitment::root;
    use crate::salt::Seed;

    const ROWS: &str = "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n{\"a\":3}\n";

    fn cut(rows: &[(usize, Hidden)]) -> Cut {
        Cut {
            rows: rows.iter().cloned().collect(),
            ..Cut::default()
        }
    }

    #[test]
    fn whatever_is_hidden_the_rest_leads_to_the_same_root() {
        let bytes = Seed::known([3; 32]).append("a.ndjson", ROWS.as_bytes().to_vec());
        let expected = root("a.ndjson", &bytes).unwrap();
        let b = || Hidden::Fields(BTreeSet::from(["b".to_owned()]));
        for hidden in [
            vec![],
            vec![(0, Hidden::Row)],
            vec![(1, b()), (2, b())],
            vec![(0, Hidden::Row), (1, Hidden::Row), (2, Hidden::Row)],
        ] {
            let shown = shown("a.ndjson", &bytes, &cut(&hidden)).unwrap();
            assert_eq!(
                root_of_shown(shown.bytes.as_slice(), 1000),
                Ok(expected),
                "{hidden:?}"
            );
        }
    }

    #[test]
    fn a_line_has_one_of_three_forms() {
        let digest = "00".repeat(32);
        for wrong in [
            "{}".to_owned(),
            "{\"fields\":[{\"name\":\"a\"}]}".to_owned(),
            format!("{{\"salt\":\"{digest}\"}}"),
            format!("{{\"withheld\":\"{digest}\",\"fields\":[]}}"),
            "{\"fields\":[{\"name\":\"a\",\"value\":\"1\"}]}".to_owned(),
            format!("{{\"fields\":[{{\"name\":\"a\",\"value\":\"1\",\"withheld\":\"{digest}\"}}]}}"),
            format!("{{\"salt\":\"{digest}\",\"fields\":[{{\"name\":\"a\",\"withheld\":\"{digest}\"}}]}}"),
            format!("{{\"withheld\":\"{digest}\",\"withheld\":\"{digest}\"}}"),
            format!("{{\"withheld\":\"{digest}\",\"more\":1}}"),
        ] {
            assert!(
                root_of_shown(format!("{wrong}\n").as_bytes(), 1000).is_err(),
                "{wrong}"
            );
        }
        let good = format!("{{\"withheld\":\"{digest}\"}}");
        assert!(root_of_shown(format!("{good}\n").as_bytes(), 1000).is_ok());
        assert!(root_of_shown(good.as_bytes(), 1000).is_err(), "no line feed");
    }
}
