//! `pgdossier controls coverage --framework`: which items of a benchmark are answered, by machine or by people.

use serde_json::{Value, json};

use super::output::Output;
use super::{Exit, Stop};
use crate::control::{Catalog, Control, Framework, Item};

pub(super) fn run(catalog: &Catalog, name: &str, output: &Output) -> Result<Exit, Stop> {
    let known = || {
        catalog
            .frameworks
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let framework = catalog
        .frameworks
        .get(name)
        .ok_or_else(|| Stop::usage(format!("there is no framework `{name}`; there are {}", known())))?;
    let items = items(catalog, framework)?;
    let rows: Vec<Row<'_>> = items
        .iter()
        .map(|item| Row::new(catalog, framework, item))
        .collect();
    let json = json!({
        "framework": name, "title": framework.title, "note": framework.note,
        "items": rows.iter().map(Row::json).collect::<Vec<_>>(),
    });
    output.result(&json, || text(framework, &rows));
    Ok(Exit::Good)
}

fn items<'a>(catalog: &'a Catalog, framework: &'a Framework) -> Result<&'a [Item], Stop> {
    match &framework.items_of {
        None => Ok(&framework.items),
        Some(other) => catalog
            .frameworks
            .get(other)
            .map(|other| other.items.as_slice())
            .ok_or_else(|| Stop::usage(format!("there is no framework `{other}`"))),
    }
}

/// One item and the controls that answer it.
struct Row<'a> {
    item: &'a Item,
    automated: Vec<&'a str>,
    attested: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn new(catalog: &'a Catalog, framework: &Framework, item: &'a Item) -> Self {
        let answers = |control: &&Control| {
            let numbers = control.references.get(&framework.references);
            numbers.is_some_and(|numbers| numbers.contains(&item.id))
        };
        let ids = |by_people: bool| -> Vec<&'a str> {
            let own = catalog.controls.iter().filter(answers);
            own.filter(|control| control.by_people() == by_people)
                .map(|control| control.id.as_str())
                .collect()
        };
        Self {
            item,
            automated: ids(false),
            attested: ids(true),
        }
    }

    fn word(&self) -> &'static str {
        match (self.automated.is_empty(), self.attested.is_empty()) {
            (false, true) => "automated",
            (false, false) => "automated and attested",
            (true, false) => "attested",
            (true, true) => "not covered",
        }
    }

    fn json(&self) -> Value {
        json!({"id": self.item.id, "about": self.item.about, "coverage": self.word(),
               "automated": self.automated, "attested": self.attested})
    }
}

fn text(framework: &Framework, rows: &[Row<'_>]) -> String {
    let mut text = format!("{}\n\n", framework.title);
    let wide = |cell: &dyn Fn(&Row<'_>) -> usize| rows.iter().map(cell).max().unwrap_or(0);
    let (id, about) = (
        wide(&|row| row.item.id.len()),
        wide(&|row| row.item.about.chars().count()),
    );
    for row in rows {
        let controls: Vec<&str> = row.automated.iter().chain(&row.attested).copied().collect();
        let line = format!(
            "{:<id$}  {:<about$}  {:<22}  {}",
            row.item.id,
            row.item.about,
            row.word(),
            controls.join(", ")
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let count = |test: &dyn Fn(&&Row<'_>) -> bool| rows.iter().filter(test).count();
    text.push_str(&format!(
        "\n{} items: {} automated, {} attested only, {} not covered\n{}\n",
        rows.len(),
        count(&|row| !row.automated.is_empty()),
        count(&|row| row.automated.is_empty() && !row.attested.is_empty()),
        count(&|row| row.automated.is_empty() && row.attested.is_empty()),
        framework.note
    ));
    text
}
