//! `settings`: every setting as it runs, as it is configured, and as roles and databases override it.

mod value;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::value::{items, normalised, number, says_the_same};
use super::mask::{MASK, is_secret_setting, masked_entry, masked_in_file, masked_setting};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Momentary, Need, Row, Table};

/// The collector.
pub(super) struct Settings;

const COLUMNS: &[&str] = &[
    "name",
    "value",
    "number",
    "unit",
    "vartype",
    "context",
    "source",
    "default",
    "configured",
    "configured_file",
    "configured_line",
    "in_effect",
    "pending_restart",
    "overrides",
    "values",
    "items",
    "alter_system",
];

const RUNNING: &[&str] = &[
    "name",
    "setting",
    "unit",
    "vartype",
    "context",
    "source",
    "boot_val",
    "reset_val",
    "pending_restart",
];

/// Settings that whoever asks gives to their own session, so that they say nothing of the server's.
const OF_SESSION: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "idle_in_transaction_session_timeout",
    "jit",
    "lock_timeout",
    "row_security",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "TimeZone",
];

pub(super) const FILE_COLUMNS: &[&str] = &[
    "seqno",
    "name",
    "setting",
    "sourcefile",
    "sourceline",
    "applied",
    "error",
];

impl Collector for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn version(&self) -> u32 {
        2
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        let files = names(&[
            "configured",
            "configured_file",
            "configured_line",
            "in_effect",
            "alter_system",
        ]);
        vec![
            Question {
                table: "running".to_owned(),
                scope: Scope::Cluster,
                sql: format!(
                    "SELECT name, {}, unit, vartype, context, source,
       {}, {}, pending_restart
  FROM pg_settings ORDER BY name",
                    masked_setting("setting"),
                    masked_setting("boot_val"),
                    masked_setting("reset_val")
                ),
                columns: names(RUNNING),
                needs: vec![(Need::Member("pg_read_all_settings".to_owned()), Vec::new())],
            },
            Question {
                table: "files".to_owned(),
                scope: Scope::Cluster,
                sql: files_query(),
                columns: names(FILE_COLUMNS),
                needs: vec![
                    (
                        Need::Select("pg_catalog.pg_file_settings".to_owned()),
                        files.clone(),
                    ),
                    (
                        Need::Execute("pg_catalog.pg_show_all_file_settings()".to_owned()),
                        files,
                    ),
                ],
            },
            Question {
                table: "overrides".to_owned(),
                scope: Scope::Cluster,
                sql: format!(
                    "SELECT r.rolname::text AS role, d.datname::text AS database, {},
       (r.rolname = current_user OR s.setrole = 0)
         AND (d.datname = current_database() OR s.setdatabase = 0) AS ours
  FROM pg_db_role_setting s
  LEFT JOIN pg_roles r ON r.oid = s.setrole
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
 CROSS JOIN LATERAL unnest(s.setconfig) AS c(entry)
 ORDER BY c.entry, r.rolname NULLS FIRST, d.datname NULLS FIRST",
                    masked_entry("c.entry")
                ),
                columns: names(&["role", "database", "entry", "ours"]),
                needs: Vec::new(),
            },
        ]
    }

    fn momentary(&self, table: &str, _arguments: &Value, _catalog: &Catalog) -> Vec<Momentary> {
        let of_session = Momentary::in_rows(
            &["setting", "source", "reset_val"],
            ("name", OF_SESSION),
            "what a session gives itself",
        );
        if table == "running" {
            vec![of_session]
        } else {
            Vec::new()
        }
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let running = raw.get("running").ok_or("the settings gave no answer")?;
        let configured = last_configured(raw.get("files"), |_| true);
        let by_sql = last_configured(raw.get("files"), by_alter_system);
        let overrides = overrides(raw.get("overrides"));
        let rows = running
            .rows
            .iter()
            .map(|row| {
                let name = text(row, "name").unwrap_or_default();
                let overrides = overrides.get(name.as_str()).cloned().unwrap_or_default();
                let mut row = setting(row, configured.get(name.as_str()).copied(), &overrides);
                let by_sql = by_sql.get(name.as_str()).and_then(|entry| text(entry, "setting"));
                row.insert("alter_system".to_owned(), shown(&name, by_sql));
                row
            })
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// Every line of the configuration files that sets something or cannot be read.
pub(super) fn files_query() -> String {
    format!(
        "SELECT seqno, name, {}, sourcefile, sourceline, applied, error
  FROM pg_file_settings f ORDER BY seqno",
        masked_in_file()
    )
}

/// An entry of `ALTER ROLE … SET` or `ALTER DATABASE … SET`.
#[derive(Clone)]
struct Override {
    shown: Value,
    value: String,
    ours: bool,
}

pub(super) fn text(row: &Row, column: &str) -> Option<String> {
    row.get(column)?.as_str().map(str::to_owned)
}

/// The entry that counts for each setting, among those of the files that are asked for: the last one.
pub(super) fn last_configured(files: Option<&Table>, which: fn(&Row) -> bool) -> BTreeMap<&str, &Row> {
    files
        .into_iter()
        .flat_map(|table| &table.rows)
        .filter(|row| which(row))
        .filter_map(|row| Some((row.get("name")?.as_str()?, row)))
        .collect()
}

/// Whether a line of the files was written by ALTER SYSTEM.
pub(super) fn by_alter_system(entry: &Row) -> bool {
    text(entry, "sourcefile").is_some_and(|file| file.ends_with("postgresql.auto.conf"))
}

pub(super) fn shown(name: &str, value: Option<String>) -> Value {
    match value {
        Some(_) if is_secret_setting(name) => json!(MASK),
        value => json!(value),
    }
}

fn overrides(table: Option<&Table>) -> BTreeMap<String, Vec<Override>> {
    let mut overrides: BTreeMap<String, Vec<Override>> = BTreeMap::new();
    for row in table.into_iter().flat_map(|table| &table.rows) {
        let entry = text(row, "entry").unwrap_or_default();
        let Some((name, value)) = entry.split_once('=') else {
            continue;
        };
        let value = if is_secret_setting(name) { MASK } else { value };
        overrides.entry(name.to_lowercase()).or_default().push(Override {
            shown: json!({"role": row.get("role"), "database": row.get("database"), "value": value}),
            value: value.to_owned(),
            ours: row.get("ours") == Some(&Value::Bool(true)),
        });
    }
    overrides
}

fn setting(row: &Row, configured: Option<&Row>, overrides: &[Override]) -> Row {
    let name = text(row, "name").unwrap_or_default();
    let unit = text(row, "unit");
    let vartype = text(row, "vartype").unwrap_or_default();
    let in_file = configured.and_then(|file| text(file, "setting"));
    let source = text(row, "source").unwrap_or_default();
    // What this very session was given differs from what others get: leave it out.
    let only_ours = overrides.iter().any(|entry| entry.ours)
        || ["client", "user", "database", "database user"].contains(&source.as_str());
    let value = if only_ours {
        in_file
            .as_deref()
            .map(|file| normalised(file, unit.as_deref(), &vartype))
            .or_else(|| text(row, "boot_val"))
    } else if source == "session" {
        text(row, "reset_val")
    } else {
        text(row, "setting")
    };
    let in_effect = match (&in_file, &value) {
        (Some(file), Some(value)) => json!(says_the_same(&name, file, value, unit.as_deref(), &vartype)),
        _ => Value::Null,
    };
    let number = value
        .as_deref()
        .filter(|_| vartype == "integer" || vartype == "real")
        .map(number);
    let values = values(value.as_deref(), unit.as_deref(), &vartype, overrides);
    let elements: BTreeSet<&str> = values
        .iter()
        .filter(|_| vartype == "string" && !is_secret_setting(&name))
        .flat_map(|value| items(value))
        .collect();
    let file = |column: &str| {
        configured
            .and_then(|file| file.get(column))
            .cloned()
            .unwrap_or_default()
    };
    let mut out = Row::new();
    for (column, cell) in [
        ("name", json!(name)),
        ("value", shown(&name, value)),
        ("number", number.unwrap_or_default()),
        ("unit", json!(unit)),
        ("vartype", json!(vartype)),
        ("context", row.get("context").cloned().unwrap_or_default()),
        ("source", json!(source)),
        ("default", shown(&name, text(row, "boot_val"))),
        ("configured", shown(&name, in_file)),
        ("configured_file", file("sourcefile")),
        ("configured_line", file("sourceline")),
        ("in_effect", in_effect),
        (
            "pending_restart",
            row.get("pending_restart").cloned().unwrap_or_default(),
        ),
        (
            "overrides",
            overrides.iter().map(|entry| entry.shown.clone()).collect(),
        ),
        (
            "values",
            values
                .iter()
                .map(|value| shown(&name, Some(value.clone())))
                .collect(),
        ),
        ("items", json!(elements)),
    ] {
        out.insert(column.to_owned(), cell);
    }
    out
}

/// Every value that some session starts with: the server's own first, then what roles and databases are given.
fn values(value: Option<&str>, unit: Option<&str>, vartype: &str, overrides: &[Override]) -> Vec<String> {
    let mut values: Vec<String> = value.map(str::to_owned).into_iter().collect();
    for entry in overrides {
        let given = normalised(&entry.value, unit, vartype);
        let same =
            |known: &String| *known == given || vartype == "enum" && known.eq_ignore_ascii_case(&given);
        if !values.iter().any(same) {
            values.push(given);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: &str, setting: &str, reset: &str) -> Row {
        json!({"name": "log_statement", "setting": setting, "unit": null, "vartype": "enum", "context": "superuser",
               "source": source, "boot_val": "none", "reset_val": reset, "pending_restart": false})
        .as_object()
        .unwrap()
        .clone()
    }

    #[test]
    fn what_only_our_session_got_is_not_the_servers_value() {
        let file = json!({"name": "log_statement", "setting": "ddl", "sourcefile": "/f", "sourceline": 3});
        let ours = [Override {
            shown: json!({"role": "auditor", "database": null, "value": "all"}),
            value: "all".to_owned(),
            ours: true,
        }];
        let derived = setting(&row("user", "all", "all"), file.as_object(), &ours);
        assert_eq!(derived.get("value"), Some(&json!("ddl")));
        assert_eq!(
            derived.get("overrides"),
            Some(&json!([{"role": "auditor", "database": null, "value": "all"}]))
        );
        assert_eq!(derived.get("values"), Some(&json!(["ddl", "all"])));
        let derived = setting(&row("session", "none", "ddl"), None, &[]);
        assert_eq!(derived.get("value"), Some(&json!("ddl")));
    }

    #[test]
    fn a_file_that_was_changed_and_not_reloaded_is_not_in_effect() {
        let file = json!({"name": "log_statement", "setting": "all", "sourcefile": "/f", "sourceline": 3});
        let derived = setting(&row("configuration file", "none", "none"), file.as_object(), &[]);
        assert_eq!(derived.get("in_effect"), Some(&json!(false)));
    }
}
