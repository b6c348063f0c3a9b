//! `settings-files`: every line of the configuration files that sets something or cannot be read, and what became of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::settings::{FILE_COLUMNS, by_alter_system, files_query, last_configured, shown, text};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Need, Row, Table};

/// The collector.
pub(super) struct SettingsFiles;

const COLUMNS: &[&str] = &[
    "number",
    "file",
    "line",
    "name",
    "value",
    "applied",
    "error",
    "alter_system",
    "outranked_by",
    "outranked_value",
    "known",
    "pending_restart",
];

impl Collector for SettingsFiles {
    fn name(&self) -> &'static str {
        "settings-files"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        vec![
            Question {
                table: "files".to_owned(),
                scope: Scope::Cluster,
                sql: files_query(),
                columns: names(FILE_COLUMNS),
                needs: vec![
                    (Need::Select("pg_catalog.pg_file_settings".to_owned()), Vec::new()),
                    (
                        Need::Execute("pg_catalog.pg_show_all_file_settings()".to_owned()),
                        Vec::new(),
                    ),
                ],
            },
            // Asked after the files: reading them makes the server note which changes wait for a restart.
            Question {
                table: "known".to_owned(),
                scope: Scope::Cluster,
                sql: "SELECT name, pending_restart FROM pg_settings ORDER BY name".to_owned(),
                columns: names(&["name", "pending_restart"]),
                needs: vec![(
                    Need::Member("pg_read_all_settings".to_owned()),
                    names(&["known", "pending_restart"]),
                )],
            },
        ]
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let files = raw.get("files").ok_or("the configuration files gave no answer")?;
        let known: BTreeMap<String, &Value> = raw
            .get("known")
            .ok_or("the settings gave no answer")?
            .rows
            .iter()
            .filter_map(|row| Some((text(row, "name")?.to_lowercase(), row.get("pending_restart")?)))
            .collect();
        let last = last_configured(Some(files), |_| true);
        let rows = files.rows.iter().map(|row| line(row, &last, &known)).collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

fn line(row: &Row, last: &BTreeMap<&str, &Row>, known: &BTreeMap<String, &Value>) -> Row {
    let name = text(row, "name");
    let cell = |column: &str| row.get(column).cloned().unwrap_or_default();
    let winner = name
        .as_deref()
        .and_then(|name| last.get(name))
        .filter(|winner| winner.get("seqno") != row.get("seqno"));
    let setting = name.as_ref().map(|name| known.get(&name.to_lowercase()));
    let value = |row: &Row| shown(name.as_deref().unwrap_or_default(), text(row, "setting"));
    let mut out = Row::new();
    for (column, cell) in [
        ("number", cell("seqno")),
        ("file", cell("sourcefile")),
        ("line", cell("sourceline")),
        ("name", cell("name")),
        ("value", value(row)),
        ("applied", cell("applied")),
        ("error", cell("error")),
        ("alter_system", json!(by_alter_system(row))),
        ("outranked_by", json!(winner.map(|winner| place(winner)))),
        (
            "outranked_value",
            winner.map(|winner| value(winner)).unwrap_or_default(),
        ),
        ("known", json!(setting.map(|setting| setting.is_some()))),
        (
            "pending_restart",
            json!(
                setting
                    .flatten()
                    .is_some_and(|pending| **pending == Value::Bool(true))
            ),
        ),
    ] {
        out.insert(column.to_owned(), cell);
    }
    out
}

fn place(row: &Row) -> String {
    let file = text(row, "sourcefile").unwrap_or_default();
    format!("{file}:{}", row.get("sourceline").cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Value) -> Table {
        let rows = rows.as_array().unwrap().iter();
        Table {
            columns: Vec::new(),
            rows: rows.map(|row| row.as_object().unwrap().clone()).collect(),
        }
    }

    #[test]
    fn each_line_tells_what_became_of_it() {
        let files = table(json!([
            {"seqno": 1, "name": "work_mem", "setting": "4MB", "sourcefile": "/d/postgresql.conf", "sourceline": 3, "applied": false, "error": null},
            {"seqno": 2, "name": "pgaudit.log", "setting": "all", "sourcefile": "/d/postgresql.conf", "sourceline": 9, "applied": true, "error": null},
            {"seqno": 3, "name": "vault.token", "setting": "hunter2", "sourcefile": "/d/postgresql.conf", "sourceline": 10, "applied": true, "error": null},
            {"seqno": 4, "name": "work_mem", "setting": "8MB", "sourcefile": "/d/postgresql.auto.conf", "sourceline": 2, "applied": true, "error": null},
        ]));
        let known = table(json!([{"name": "work_mem", "pending_restart": false}]));
        let rows: Vec<Row> = {
            let known = known
                .rows
                .iter()
                .map(|row| (text(row, "name").unwrap(), row.get("pending_restart").unwrap()))
                .collect();
            let last = last_configured(Some(&files), |_| true);
            files.rows.iter().map(|row| line(row, &last, &known)).collect()
        };
        assert_eq!(rows[0]["outranked_by"], json!("/d/postgresql.auto.conf:2"));
        assert_eq!(rows[0]["outranked_value"], json!("8MB"));
        assert_eq!(rows[1]["known"], json!(false));
        assert_eq!(rows[2]["value"], json!("[masked]"));
        assert_eq!(
            (&rows[3]["alter_system"], &rows[3]["outranked_by"]),
            (&json!(true), &Value::Null)
        );
    }
}
