//! Values that rules withhold and that stand in files which are kept: no structure tells of them, only their text.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use serde_json::Value;

use super::records::Records;
use crate::evidence::{Row, Table};
use crate::record;
use crate::salt::strip;
use crate::withholding::{Cut, Hidden, Withholding};

/// Shorter texts are words and numbers that stand everywhere.
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

/// Texts that are withheld, each with the population and the field that it is withheld from.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<String, (String, String)>);

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
                if text.len() >= SHORTEST && !open.contains(&(name, text.clone())) {
                    self.0.insert(text, (path.to_owned(), name.clone()));
                }
            }
        }
    }

    /// Where they stand in what is kept.
    pub(super) fn found_in(&self, records: &Records<'_>, withholding: &Withholding) -> Vec<Copies> {
        let values: Vec<(&String, &(String, String))> = self.0.iter().collect();
        let written = |text: &str| {
            serde_json::to_string(text)
                .unwrap_or_default()
                .trim_matches('"')
                .to_owned()
        };
        let patterns: Vec<String> = values
            .iter()
            .flat_map(|(text, _)| [(*text).clone(), written(text)])
            .collect();
        let Ok(search) = AhoCorasick::new(&patterns) else {
            return Vec::new();
        };
        let mut found: BTreeMap<(&(String, String), &String), BTreeSet<usize>> = BTreeMap::new();
        for path in records.paths {
            if !holds_data(path) || withholding.files.contains_key(path) {
                continue;
            }
            let Some(bytes) = (records.read)(path) else {
                continue;
            };
            let text = match withholding.cuts.get(path) {
                Some(cut) => shown_part(path, &bytes, cut),
                None => bytes,
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

/// All texts in a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => entries.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
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
