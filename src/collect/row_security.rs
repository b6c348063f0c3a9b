//! `row-security`: every table with row-level security or policies, and who logs in and is not held by it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::acl::{self, Holders};
use super::role_graph::{self, Hold, Roles, Ways, flag, text};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct RowSecurity;

const COLUMNS: &[&str] = &[
    "database",
    "table",
    "owner",
    "owner_superuser",
    "enabled",
    "forced",
    "policies",
    "exempt_as_owner",
    "exempt_by_attribute",
];

const TABLES: &str = "tables";

const RAW: &[&str] = &["table", "owner", "acl", "enabled", "forced", "policies"];

const SQL: &str = "SELECT n.nspname || '.' || c.relname AS \"table\", c.relowner AS owner, to_json(c.relacl::text[]) AS acl,
       c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       (SELECT count(*)::int FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p')
   AND (c.relrowsecurity OR c.oid IN (SELECT polrelid FROM pg_policy))
 ORDER BY n.nspname, c.relname";

/// How many roles are written out for one table.
const WRITTEN_OUT: usize = 5;

impl Collector for RowSecurity {
    fn name(&self) -> &'static str {
        "row-security"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, asked: &Asked<'_>) -> Vec<Question> {
        let mut questions = role_graph::questions(asked.server.major());
        questions.push(Question {
            table: TABLES.to_owned(),
            scope: Scope::Databases,
            sql: SQL.to_owned(),
            columns: names(RAW),
            needs: Vec::new(),
        });
        questions
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let roles = Roles::read(raw, false)?;
        let bypass = roles.those(|role| role.bypassrls && !role.superuser);
        let bypass = roles.ways(bypass.into_iter().map(|role| (role, Hold::Become)));
        let mut by_owner: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut rows = Vec::new();
        for table in raw.get(TABLES).into_iter().flat_map(|table| &table.rows) {
            let owner = roles.of(table, "owner").ok_or("a table has no owner")?;
            let mut as_owner = Vec::new();
            // Forced policies hold for the owner and for all who have the owner's rights.
            if flag(table, "enabled") && !flag(table, "forced") && !roles.is_superuser(owner) {
                let exempt = by_owner.entry(owner).or_insert_with(|| {
                    let ways = roles.ways([(owner, Hold::Rights)]);
                    told(&roles, &ways, |role| role != owner && ways.length(role).is_some())
                });
                as_owner.clone_from(exempt);
            }
            let by_attribute = if flag(table, "enabled") {
                let readers = readers(table, owner, &roles)?;
                told(&roles, &bypass, |role| {
                    bypass.length(role).is_some()
                        && readers
                            .as_ref()
                            .is_none_or(|readers| readers.length(bypass.end(role)).is_some())
                })
            } else {
                Vec::new()
            };
            let row = json!({
                "database": table.get("database"),
                "table": text(table, "table"),
                "owner": roles.name(owner),
                "owner_superuser": roles.is_superuser(owner),
                "enabled": flag(table, "enabled"),
                "forced": flag(table, "forced"),
                "policies": table.get("policies"),
                "exempt_as_owner": as_owner,
                "exempt_by_attribute": by_attribute,
            });
            if let Value::Object(row) = row {
                rows.push(row);
            }
        }
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// Ways to the right to read a table; none needed where PUBLIC has it.
fn readers(table: &Row, owner: usize, roles: &Roles) -> Result<Option<Ways>, String> {
    Ok(
        match acl::holders(table.get("acl"), 'r', "table", owner, roles)? {
            Holders::Public => None,
            Holders::Named(mut named) => {
                named.extend(roles.by_name("pg_read_all_data"));
                Some(roles.ways(named.into_iter().map(|role| (role, Hold::Rights))))
            }
        },
    )
}

/// The ways of roles that log in and are no superusers, for whom `meant` holds.
fn told(roles: &Roles, ways: &Ways, meant: impl Fn(usize) -> bool) -> Vec<String> {
    let mut found: Vec<(u32, String)> = roles
        .those(|role| role.can_login && !role.superuser)
        .into_iter()
        .filter(|role| meant(*role))
        .filter_map(|role| Some((ways.length(role)?, roles.told(ways, role)?)))
        .collect();
    found.sort();
    let more = found.len().saturating_sub(WRITTEN_OUT);
    let mut told: Vec<String> = found
        .into_iter()
        .take(WRITTEN_OUT)
        .map(|(_, told)| told)
        .collect();
    if more > 0 {
        told.push(format!("and {more} more"));
    }
    told
}
