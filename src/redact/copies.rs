//! Values that rules withhold and that stand in files which are kept: no structure tells of them, only their text.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use serde_json::Value;

use super::records::Records;
use crate::evidence::{Row, Table};
use crate::record;
use crate::salt::strip;
use crate::withholding::{Cut, Hidden, Withholding};

/// Shorter texts are words and numbers that stand everywhere: they are looked for where they are all of a value.
const SHORTEST: usize = 4;

/// Withheld values of one file that another one holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copies {
    /// Where they are withheld.
    pub withheld_from: String,
    /// The field that they are withheld in.
    pub field: String,
    /// Where they stand.
    pub kept_in: String,
    /// How many different ones.
    pub values: usize,
}

/// What is withheld, each with the population and the field that it is withheld from.
#[derive(Debug, Default)]
pub(super) struct Values {
    texts: BTreeMap<String, (String, String)>,
    /// Columns, by their target's folder and their name, in which a value is one of a few and no text tells it: another table
    /// that has one of the same name tells it too.
    columns: BTreeMap<(String, String), String>,
}

impl Values {
    /// Adds what is hidden of these rows: these fields, or all.
    pub(super) fn add(
        &mut self,
        path: &str,
        table: &Table,
        chosen: &BTreeSet<usize>,
        fields: Option<&BTreeSet<String>>,
    ) {
        let hides = |name: &String| fields.is_none_or(|fields| fields.contains(name));
        let rows = || table.rows.iter().enumerate();
        let shown = rows().filter(|(index, _)| !chosen.contains(index));
        // What other rows show in the same column is no secret of these.
        let open: BTreeSet<(&String, String)> = shown
            .flat_map(|(_, row)| row.iter())
            .flat_map(|(name, value)| texts(value).into_iter().map(move |text| (name, text)))
            .collect();
        let hidden = rows().filter(|(index, _)| chosen.contains(index));
        for (name, value) in hidden
            .flat_map(|(_, row)| row.iter())
            .filter(|(name, _)| hides(name))
        {
            for text in texts(value) {
                if !text.is_empty() && !open.contains(&(name, text.clone())) {
                    self.texts.insert(text, (path.to_owned(), name.clone()));
                }
            }
            if fields.is_some() && is_one_of_few(value) {
                let column = (evidence_folder(path).to_owned(), name.clone());
                self.columns.insert(column, path.to_owned());
            }
        }
    }

    /// Where they stand in what is kept.
    pub(super) fn found_in(&self, records: &Records<'_>, withholding: &Withholding) -> Vec<Copies> {
        let mut copies = self.texts_in(records, withholding);
        for path in records.paths {
            let columns = self.columns.iter().filter(|((folder, _), from)| {
                path.ends_with(".ndjson") && path.starts_with(folder.as_str()) && path != *from
            });
            let columns: Vec<(&String, &String)> = columns.map(|((_, name), from)| (name, from)).collect();
            if columns.is_empty() || withholding.files.contains_key(path) {
                continue;
            }
            let rows = rows_shown(path, records, withholding);
            for (name, from) in columns {
                let values = rows.iter().filter(|row| row.contains_key(name)).count();
                if values > 0 {
                    copies.push(Copies {
                        withheld_from: from.clone(),
                        field: name.clone(),
                        kept_in: path.clone(),
                        values,
                    });
                }
            }
        }
        copies
    }

    fn texts_in(&self, records: &Records<'_>, withholding: &Withholding) -> Vec<Copies> {
        let values: Vec<(&String, &(String, String))> = self.texts.iter().collect();
        let written = |text: &str| {
            serde_json::to_string(text)
                .unwrap_or_default()
                .trim_matches('"')
                .to_owned()
        };
        let patterns: Vec<String> = values
            .iter()
            .flat_map(|(text, _)| {
                let written = written(text);
                if text.len() < SHORTEST {
                    [format!("\"{text}\""), format!("\"{written}\"")]
                } else {
                    [(*text).clone(), written]
                }
            })
            .collect();
        let Ok(search) = AhoCorasick::new(&patterns) else {
            return Vec::new();
        };
        let mut found: BTreeMap<(&(String, String), &String), BTreeSet<usize>> = BTreeMap::new();
        for path in records.paths {
            if !holds_data(path) || withholding.files.contains_key(path) {
                continue;
            }
            let Some(text) = shown(path, records, withholding) else {
                continue;
            };
            for hit in search.find_overlapping_iter(&text) {
                let index = hit.pattern().as_usize() / 2;
                if let Some((_, from)) = values.get(index)
                    && stands_alone(&text, hit.start(), hit.end())
                {
                    found.entry((*from, path)).or_default().insert(index);
                }
            }
        }
        let copies = found
            .into_iter()
            .map(|(((withheld_from, field), kept_in), values)| Copies {
                withheld_from: withheld_from.clone(),
                field: field.clone(),
                kept_in: kept_in.clone(),
                values: values.len(),
            });
        copies.collect()
    }
}

/// Files whose content is somebody's data, and not definitions of ours or a document of others.
fn holds_data(path: &str) -> bool {
    path == record::SUMMARY
        || ["targets/", "attestations/", "waivers"]
            .iter()
            .any(|start| path.starts_with(start))
}

/// Whether no letter or digit goes on at either end.
fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let goes_on = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    !goes_on(start.checked_sub(1).and_then(|before| text.get(before))) && !goes_on(text.get(end))
}

/// All texts in a value, names of fields too, and numbers that are long enough to be told from others.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => {
            let text = number.to_string();
            if text.len() >= SHORTEST {
                vec![text]
            } else {
                Vec::new()
            }
        }
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => {
            let names = entries.keys().cloned();
            names.chain(entries.values().flat_map(texts)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a value has so few possibilities that no search for its text finds it.
fn is_one_of_few(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.len() < SHORTEST,
        Value::Array(items) => items.iter().any(is_one_of_few),
        Value::Null | Value::Object(_) => false,
    }
}

/// The folder of a target's evidence, with its slash.
fn evidence_folder(path: &str) -> &str {
    path.rfind('/')
        .and_then(|end| path.get(..=end))
        .unwrap_or_default()
}

/// What a copy has of a file.
fn shown(path: &str, records: &Records<'_>, withholding: &Withholding) -> Option<Vec<u8>> {
    let bytes = (records.read)(path)?;
    Some(match withholding.cuts.get(path) {
        Some(cut) => shown_part(path, &bytes, cut),
        None => bytes,
    })
}

/// What a copy has of the rows of a table. A salt that stands among them is no field of anybody's.
fn rows_shown(path: &str, records: &Records<'_>, withholding: &Withholding) -> Vec<Row> {
    let bytes = shown(path, records, withholding).unwrap_or_default();
    let rows = serde_json::Deserializer::from_slice(&bytes).into_iter::<Row>();
    rows.filter_map(Result::ok).collect()
}

/// What a cut leaves of a record.
fn shown_part(path: &str, bytes: &[u8], cut: &Cut) -> Vec<u8> {
    let Some((content, _)) = strip(path, bytes) else {
        return bytes.to_vec();
    };
    let rows: Vec<Row> = if path.ends_with(".ndjson") {
        let lines = content.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    } else {
        let one = || serde_json::from_slice::<Row>(&content).map(|row| vec![row]);
        serde_json::from_slice(&content)
            .or_else(|_| one())
            .unwrap_or_default()
    };
    let shown = rows.into_iter().enumerate().filter_map(|(index, mut row)| {
        match cut.rows.get(&index) {
            Some(Hidden::Row) => return None,
            Some(Hidden::Fields(hidden)) => row.retain(|name, _| !hidden.contains(name)),
            None => {}
        }
        serde_json::to_vec(&row).ok()
    });
    shown.flatten().collect()
}
