//! An exception in words: a template over one row.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use tera::{Context, Tera};

use crate::evidence::Row;

const NAME: &str = "exception";

/// A parsed template.
pub struct ExceptionTemplate {
    source: String,
    tera: Tera,
}

impl fmt::Debug for ExceptionTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ExceptionTemplate")
            .field(&self.source)
            .finish()
    }
}

impl ExceptionTemplate {
    /// Parses it.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(source: &str) -> Result<Self, String> {
        let mut tera = Tera::new();
        tera.add_raw_template(NAME, source.trim())
            .map_err(|error| one_line(&error))?;
        Ok(Self {
            source: source.trim().to_owned(),
            tera,
        })
    }

    /// As it is written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The sentence for a row. Hostile text: escape it wherever it is shown.
    ///
    /// # Errors
    /// What failed, such as a column that the row lacks.
    pub fn render(&self, row: &Row, parameters: &Map<String, Value>) -> Result<String, String> {
        let mut context = Context::new();
        context.insert("row", &shown(row));
        context.insert("params", parameters);
        self.tera.render(NAME, &context).map_err(|error| one_line(&error))
    }
}

/// Values as they read in a sentence: nothing for NULL, lists joined by commas, sentences by semicolons.
fn shown(row: &Row) -> BTreeMap<&str, Value> {
    row.iter()
        .map(|(name, value)| {
            let value = match value {
                Value::Null => Value::String(String::new()),
                Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
                    let items: Vec<String> = items
                        .iter()
                        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                        .collect();
                    // Sentences are told apart by more than names are.
                    let sentences = items.iter().any(|item| item.contains(' '));
                    Value::String(items.join(if sentences { "; " } else { "," }))
                }
                other => other.clone(),
            };
            (name.as_str(), value)
        })
        .collect()
}

fn one_line(error: &tera::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_in_a_sentence() {
        let template =
            ExceptionTemplate::parse("line {{ row.line }}: {{ row.users }} {{ row.mask }}.").unwrap();
        let row = json!({"line": 3, "users": ["a", "b"], "mask": null})
            .as_object()
            .unwrap()
            .clone();
        assert_eq!(template.render(&row, &Map::new()).unwrap(), "line 3: a,b .");
        let row = json!({"line": 4, "users": ["a is wrong", "b, too"], "mask": null});
        let row = row.as_object().unwrap().clone();
        assert_eq!(
            template.render(&row, &Map::new()).unwrap(),
            "line 4: a is wrong; b, too ."
        );
        assert!(
            template.render(&Row::new(), &Map::new()).is_err(),
            "a missing column is an error"
        );
        assert!(ExceptionTemplate::parse("{{ row.line ").is_err());
    }
}
