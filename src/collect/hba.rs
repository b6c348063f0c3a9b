//! `hba`: every rule that the server's HBA files hold, in order, and what it means.

mod address;
mod rule;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::rule::{Names, Rule};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Need, Row, Table};

/// The collector.
pub(super) struct Hba;

const COLUMNS: &[&str] = &[
    "rule_number",
    "file_name",
    "line_number",
    "type",
    "databases",
    "users",
    "address",
    "netmask",
    "auth_method",
    "options",
    "error",
    "address_kind",
    "reach",
    "tls_enforced",
    "encrypted",
    "remote",
    "shadowed_by",
    "superusers",
    "replication",
    "ambiguous",
    "catch_all",
    "rule",
];

const RAW: &[&str] = &[
    "rule_number",
    "file_name",
    "line_number",
    "type",
    "database",
    "user_name",
    "address",
    "netmask",
    "auth_method",
    "options",
    "error",
];

/// Options and errors, without the passwords that rules hold. An option that is cut by a blank leaves the rest of a
/// password in the error.
const OPTIONS_AND_ERROR: &str = "CASE WHEN options IS NOT NULL THEN ARRAY(
         SELECT CASE WHEN o.entry ~* '^(ldapbindpasswd|radiussecrets)=' THEN split_part(o.entry, '=', 1) || '=[withheld]'
                     ELSE o.entry END
           FROM unnest(options) WITH ORDINALITY AS o (entry, place) ORDER BY o.place) END AS options,
       regexp_replace(error, '(not in name=value format: ).*', '\\1[withheld]') AS error";

/// From 16 on the server numbers rules and names their files; before, there is one file.
fn rules_query(major: u32) -> String {
    if major >= 16 {
        format!(
            "SELECT rule_number, file_name, line_number, type, database, user_name, address, netmask,
       auth_method, {OPTIONS_AND_ERROR}
  FROM pg_hba_file_rules ORDER BY rule_number NULLS LAST, file_name, line_number"
        )
    } else {
        format!(
            "SELECT CASE WHEN error IS NULL
            THEN row_number() OVER (PARTITION BY error IS NULL ORDER BY line_number)::int END AS rule_number,
       coalesce((SELECT setting FROM pg_settings WHERE name = 'hba_file'), 'pg_hba.conf') AS file_name,
       line_number, type, database, user_name, address, netmask, auth_method, {OPTIONS_AND_ERROR}
  FROM pg_hba_file_rules ORDER BY line_number"
        )
    }
}

/// What patterns match, which only the server can tell: the superusers among others, and whether names that have not
/// one letter in common all match, as they do where a pattern stands for every name.
const PATTERNS: &str = "SELECT p.pattern,
       ARRAY(SELECT r.rolname::text FROM pg_roles r
              WHERE r.rolsuper AND r.rolcanlogin AND r.rolname ~ substr(p.pattern, 2) ORDER BY 1) AS superusers,
       'zxjvkunlikely' ~ substr(p.pattern, 2) AND 'wbfhgqname' ~ substr(p.pattern, 2)
         AND 'tdmrsapco' ~ substr(p.pattern, 2) AS catch_all
  FROM (SELECT DISTINCT n.name AS pattern
          FROM pg_hba_file_rules r CROSS JOIN LATERAL unnest(r.database || r.user_name) AS n (name)
         WHERE r.error IS NULL AND n.name LIKE '/%') p
 ORDER BY p.pattern";

impl Collector for Hba {
    fn name(&self) -> &'static str {
        "hba"
    }

    fn version(&self) -> u32 {
        3
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, asked: &Asked<'_>) -> Vec<Question> {
        let ask = |table: &str, sql: &str, columns: &[&str], needs| Question {
            table: table.to_owned(),
            scope: Scope::Cluster,
            sql: sql.to_owned(),
            columns: names(columns),
            needs,
        };
        let needs = vec![
            (
                Need::Select("pg_catalog.pg_hba_file_rules".to_owned()),
                Vec::new(),
            ),
            (
                Need::Execute("pg_catalog.pg_hba_file_rules()".to_owned()),
                Vec::new(),
            ),
        ];
        let mut questions = vec![
            ask("rules", &rules_query(asked.server.major()), RAW, needs.clone()),
            ask(
                "superusers",
                "SELECT rolname AS role FROM pg_roles WHERE rolsuper AND rolcanlogin ORDER BY rolname",
                &["role"],
                Vec::new(),
            ),
            ask(
                "memberships",
                "SELECT DISTINCT m.rolname AS member, g.rolname AS \"group\" FROM pg_auth_members a
  JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid ORDER BY 1, 2",
                &["member", "group"],
                Vec::new(),
            ),
            ask(
                "keyword-names",
                "SELECT datname AS name, 'database' AS kind FROM pg_database
 WHERE datname IN ('all', 'sameuser', 'samerole', 'samegroup', 'replication')
 UNION ALL SELECT rolname, 'role' FROM pg_roles WHERE rolname = 'all' ORDER BY 1, 2",
                &["name", "kind"],
                Vec::new(),
            ),
        ];
        if asked.server.major() >= 16 {
            let columns = &["pattern", "superusers", "catch_all"];
            questions.push(ask("patterns", PATTERNS, columns, needs));
        }
        questions
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let table = raw.get("rules").ok_or("the HBA rules gave no answer")?;
        let superusers: Vec<String> = texts(raw.get("superusers"), "role");
        let names_known = Names::known(
            raw.get("memberships")
                .into_iter()
                .flat_map(|table| &table.rows)
                .filter_map(|row| {
                    Some((
                        row.get("member")?.as_str()?.to_owned(),
                        row.get("group")?.as_str()?.to_owned(),
                    ))
                }),
            raw.get("patterns"),
        );
        let keywords: BTreeSet<(String, String)> = texts(raw.get("keyword-names"), "kind")
            .into_iter()
            .zip(texts(raw.get("keyword-names"), "name"))
            .collect();
        let rules: Vec<Option<Rule>> = table.rows.iter().map(Rule::parse).collect();
        let rows = table
            .rows
            .iter()
            .enumerate()
            .map(|(index, row)| {
                let earlier: Vec<(&Rule, &Row)> = rules
                    .iter()
                    .zip(&table.rows)
                    .take(index)
                    .filter_map(|(rule, row)| Some((rule.as_ref()?, row)))
                    .collect();
                describe(
                    row,
                    rules.get(index).and_then(Option::as_ref),
                    &earlier,
                    &superusers,
                    &names_known,
                    &keywords,
                )
            })
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

fn texts(table: Option<&Table>, column: &str) -> Vec<String> {
    table
        .into_iter()
        .flat_map(|table| &table.rows)
        .filter_map(|row| row.get(column)?.as_str().map(str::to_owned))
        .collect()
}

/// The row of the population for a raw rule.
fn describe(
    raw: &Row,
    rule: Option<&Rule>,
    earlier: &[(&Rule, &Row)],
    superusers: &[String],
    names: &Names,
    keywords: &BTreeSet<(String, String)>,
) -> Row {
    let mut row = Row::new();
    for (from, to) in [("database", "databases"), ("user_name", "users")] {
        row.insert(to.to_owned(), raw.get(from).cloned().unwrap_or_default());
    }
    for column in [
        "rule_number",
        "file_name",
        "line_number",
        "type",
        "address",
        "netmask",
        "auth_method",
        "error",
    ] {
        row.insert(column.to_owned(), raw.get(column).cloned().unwrap_or_default());
    }
    let options = match raw.get("options") {
        Some(Value::Array(options)) => Value::Array(options.clone()),
        _ => Value::Array(Vec::new()),
    };
    row.insert("options".to_owned(), options);
    row.insert("rule".to_owned(), json!(written::as_written(raw)));
    let meaning = rule.map(|rule| {
        let shadow = earlier
            .iter()
            .find(|(other, _)| other.covers(rule, names))
            .map(|(_, row)| place(row));
        let admitted: Vec<&String> = superusers
            .iter()
            .filter(|name| {
                !rule.rejects()
                    && names.user_matches(rule, name)
                    && !earlier
                        .iter()
                        .any(|(other, _)| other.takes_user_from(rule, name, names))
            })
            .collect();
        json!({
            "address_kind": rule.address.kind(),
            "reach": rule.address.reach(),
            "tls_enforced": rule.enforces_tls(),
            "encrypted": rule.enforces_encryption(),
            "remote": rule.is_remote(),
            "shadowed_by": shadow,
            "superusers": admitted,
            "replication": rule.admits_replication(),
            "ambiguous": rule.is_ambiguous(keywords),
            "catch_all": names.catch_all_patterns(rule),
        })
    });
    if let Some(Value::Object(meaning)) = meaning {
        row.extend(meaning);
    }
    for column in COLUMNS {
        row.entry((*column).to_owned()).or_insert(Value::Null);
    }
    row
}

fn place(row: &Row) -> String {
    let file = row.get("file_name").and_then(Value::as_str).unwrap_or_default();
    format!("{file}:{}", row.get("line_number").cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests;
