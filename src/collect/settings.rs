//! `settings`: every setting as it runs, as it is configured, and as roles and databases override it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mask::{MASK, is_secret_setting};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Need, Row, Table};

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

impl Collector for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        let files = names(&["configured", "configured_file", "configured_line", "in_effect"]);
        vec![
            Question {
                table: "running".to_owned(),
                scope: Scope::Cluster,
                sql: "SELECT name, setting, unit, vartype, context, source, boot_val, reset_val, pending_restart
  FROM pg_settings ORDER BY name"
                    .to_owned(),
                columns: names(RUNNING),
                needs: vec![(Need::Member("pg_read_all_settings".to_owned()), Vec::new())],
            },
            Question {
                table: "files".to_owned(),
                scope: Scope::Cluster,
                sql: "SELECT seqno, name, setting, sourcefile, sourceline, applied, error
  FROM pg_file_settings ORDER BY seqno"
                    .to_owned(),
                columns: names(&["seqno", "name", "setting", "sourcefile", "sourceline", "applied", "error"]),
                needs: vec![
                    (Need::Select("pg_catalog.pg_file_settings".to_owned()), files.clone()),
                    (Need::Execute("pg_catalog.pg_show_all_file_settings()".to_owned()), files),
                ],
            },
            Question {
                table: "overrides".to_owned(),
                scope: Scope::Cluster,
                sql: "SELECT r.rolname::text AS role, d.datname::text AS database, c.entry,
       (r.rolname = current_user OR s.setrole = 0)
         AND (d.datname = current_database() OR s.setdatabase = 0) AS ours
  FROM pg_db_role_setting s
  LEFT JOIN pg_roles r ON r.oid = s.setrole
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
 CROSS JOIN LATERAL unnest(s.setconfig) AS c(entry)
 ORDER BY c.entry, r.rolname NULLS FIRST, d.datname NULLS FIRST"
                    .to_owned(),
                columns: names(&["role", "database", "entry", "ours"]),
                needs: Vec::new(),
            },
        ]
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let running = raw.get("running").ok_or("the settings gave no answer")?;
        let configured = last_configured(raw.get("files"));
        let overrides = overrides(raw.get("overrides"));
        let rows = running
            .rows
            .iter()
            .map(|row| {
                let name = text(row, "name").unwrap_or_default();
                let overrides = overrides.get(name.as_str()).cloned().unwrap_or_default();
                setting(row, configured.get(name.as_str()).copied(), &overrides)
            })
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// An entry of `ALTER ROLE … SET` or `ALTER DATABASE … SET`.
#[derive(Clone)]
struct Override {
    shown: Value,
    ours: bool,
}

fn text(row: &Row, column: &str) -> Option<String> {
    row.get(column)?.as_str().map(str::to_owned)
}

/// The entry of the files that counts for each setting: the last one.
fn last_configured(files: Option<&Table>) -> BTreeMap<&str, &Row> {
    files
        .into_iter()
        .flat_map(|table| &table.rows)
        .filter_map(|row| Some((row.get("name")?.as_str()?, row)))
        .collect()
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
            ours: row.get("ours") == Some(&Value::Bool(true)),
        });
    }
    overrides
}

fn setting(row: &Row, configured: Option<&Row>, overrides: &[Override]) -> Row {
    let name = text(row, "name").unwrap_or_default();
    let secret = is_secret_setting(&name);
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
        (Some(file), Some(value)) => Value::Bool(normalised(file, unit.as_deref(), &vartype) == *value),
        _ => Value::Null,
    };
    let number = value
        .as_deref()
        .filter(|_| vartype == "integer" || vartype == "real")
        .map(number);
    let shown = |value: Option<String>| match value {
        Some(_) if secret => json!(MASK),
        value => json!(value),
    };
    let file = |column: &str| {
        configured
            .and_then(|file| file.get(column))
            .cloned()
            .unwrap_or_default()
    };
    let mut out = Row::new();
    for (column, cell) in [
        ("name", json!(name)),
        ("value", shown(value)),
        ("number", number.unwrap_or_default()),
        ("unit", json!(unit)),
        ("vartype", json!(vartype)),
        ("context", row.get("context").cloned().unwrap_or_default()),
        ("source", json!(source)),
        ("default", shown(text(row, "boot_val"))),
        ("configured", shown(in_file)),
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
    ] {
        out.insert(column.to_owned(), cell);
    }
    out
}

fn number(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::from)
        .or_else(|_| text.parse::<f64>().map(Value::from))
        .unwrap_or_default()
}

/// A configured value as `pg_settings` shows it: booleans as on/off, numbers in the setting's unit.
fn normalised(value: &str, unit: Option<&str>, vartype: &str) -> String {
    match vartype {
        "bool" => match value.to_ascii_lowercase().as_str() {
            "on" | "true" | "tru" | "tr" | "t" | "yes" | "ye" | "y" | "1" => "on".to_owned(),
            "off" | "of" | "false" | "fals" | "fal" | "fa" | "f" | "no" | "n" | "0" => "off".to_owned(),
            _ => value.to_owned(),
        },
        "enum" => value.to_ascii_lowercase(),
        "integer" | "real" => in_unit(value, unit).unwrap_or_else(|| value.to_owned()),
        _ => value.to_owned(),
    }
}

/// A number with a unit, expressed in `unit`, as the server rounds it.
fn in_unit(value: &str, unit: Option<&str>) -> Option<String> {
    let value = value.trim();
    let hexadecimal = value.starts_with("0x");
    let end = value
        .find(|c: char| {
            !(c.is_ascii_digit() || "+-.".contains(c) || hexadecimal && (c == 'x' || c.is_ascii_hexdigit()))
        })
        .unwrap_or(value.len());
    let (digits, suffix) = value.split_at_checked(end)?;
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok()? as f64,
        None if digits.len() > 1 && digits.starts_with('0') && digits.chars().all(|c| c.is_digit(8)) => {
            i64::from_str_radix(digits, 8).ok()? as f64
        }
        None => digits.parse::<f64>().ok()?,
    };
    let factor = match (suffix.trim(), unit) {
        ("", _) => 1.0,
        (suffix, Some(unit)) => scale(suffix)? / scale(unit)?,
        _ => return None,
    };
    let scaled = number * factor;
    Some(if scaled.fract() == 0.0 || unit.is_some() && factor != 1.0 {
        format!("{}", scaled.round() as i64)
    } else {
        format!("{scaled}")
    })
}

/// A unit in bytes or in microseconds. `8kB` and the like are the server's own block-sized units.
fn scale(unit: &str) -> Option<f64> {
    let count: String = unit.chars().take_while(char::is_ascii_digit).collect();
    let base = match unit.strip_prefix(count.as_str())? {
        "B" => 1.0,
        "kB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        "TB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "min" => 60e6,
        "h" => 3_600e6,
        "d" => 86_400e6,
        _ => return None,
    };
    Some(count.parse::<f64>().unwrap_or(1.0) * base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_values_are_compared_in_the_servers_units() {
        for (configured, unit, vartype, running) in [
            ("1min", Some("s"), "integer", "60"),
            ("5min", Some("ms"), "integer", "300000"),
            ("128MB", Some("8kB"), "integer", "16384"),
            ("1d", Some("min"), "integer", "1440"),
            ("0.5s", Some("ms"), "integer", "500"),
            ("0600", None, "integer", "384"),
            ("0x1F", None, "integer", "31"),
            ("0.9", None, "real", "0.9"),
            ("-1", Some("kB"), "integer", "-1"),
            ("yes", None, "bool", "on"),
            ("SCRAM-SHA-256", None, "enum", "scram-sha-256"),
            ("Abc", None, "string", "Abc"),
        ] {
            assert_eq!(normalised(configured, unit, vartype), running, "{configured}");
        }
    }

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
            ours: true,
        }];
        let derived = setting(&row("user", "all", "all"), file.as_object(), &ours);
        assert_eq!(derived.get("value"), Some(&json!("ddl")));
        assert_eq!(
            derived.get("overrides"),
            Some(&json!([{"role": "auditor", "database": null, "value": "all"}]))
        );
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
