//! `role-reach`: for every role the ways by which it comes to more power than it shows, each written out as steps.

mod objects;
mod questions;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::objects::Opening;
use super::acl::Holders;
use super::role_graph::{Hold, Roles, Ways};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct RoleReach;

const COLUMNS: &[&str] = &[
    "role",
    "everyone",
    "can_login",
    "superuser",
    "createrole",
    "replication",
    "bypassrls",
    "member_of",
    "members",
    "owns",
    "acted_by",
    "superuser_paths",
    "host_paths",
    "data_paths",
    "createrole_paths",
    "replication_paths",
    "bypassrls_paths",
    "admin_paths",
    "parameter_paths",
    "definer_paths",
    "untrusted_paths",
    "function_paths",
    "schema_paths",
];

/// The columns that need an answer from every database.
const OF_DATABASES: &[&str] = &[
    "definer_paths",
    "untrusted_paths",
    "function_paths",
    "schema_paths",
];

/// Roles that act on the host as the server's own account.
const HOST_ROLES: &[&str] = &[
    "pg_execute_server_program",
    "pg_write_server_files",
    "pg_read_server_files",
];

/// Roles that reach data or sessions of others.
const DATA_ROLES: &[&str] = &[
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_maintain",
    "pg_create_subscription",
    "pg_signal_backend",
];

/// How many ways are written out in one column of one row.
const WRITTEN_OUT: usize = 5;

impl Collector for RoleReach {
    fn name(&self) -> &'static str {
        "role-reach"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn columns_from(&self, table: &str) -> Vec<String> {
        if questions::of_databases(table) {
            names(OF_DATABASES)
        } else {
            Vec::new()
        }
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, asked: &Asked<'_>) -> Vec<Question> {
        questions::all(asked.server.major())
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        // Only a server before 16 was asked nothing about the options of memberships.
        let before_16 = raw
            .get(questions::SERVER)
            .and_then(|table| table.rows.first())
            .and_then(|row| row.get("version_num")?.as_u64())
            .ok_or("the server did not tell its version")?
            < 160_000;
        let roles = Roles::read(raw, before_16)?;
        let mut reach = Reach::new(&roles);
        reach.by_memberships();
        for column in ["parameter_paths"].iter().chain(OF_DATABASES) {
            reach.by_openings(column, &objects::openings(column, raw, &roles)?);
        }
        let owners: BTreeSet<usize> = raw
            .get(questions::OWNERS)
            .ok_or("the owners gave no answer")?
            .rows
            .iter()
            .filter_map(|row| roles.of(row, "role"))
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows: reach.rows(&owners),
        })
    }
}

/// Paths of each role and of PUBLIC, by column.
struct Reach<'a> {
    roles: &'a Roles,
    paths: Vec<BTreeMap<&'static str, Paths>>,
    public: BTreeMap<&'static str, Paths>,
}

/// Ways in words with their number of steps, the shortest of them first.
#[derive(Default)]
struct Paths {
    told: Vec<(u32, String)>,
    more: usize,
}

impl Paths {
    fn add(&mut self, length: u32, told: String) {
        self.told.push((length, told));
        if self.told.len() > WRITTEN_OUT {
            self.told.sort();
            self.told.pop();
            self.more += 1;
        }
    }

    /// The same way to several openings.
    fn add_all(&mut self, way: &str, length: u32, labels: &BTreeSet<&str>) {
        for label in labels.iter().take(WRITTEN_OUT) {
            self.add(length, format!("{way} → {label}"));
        }
        self.more += labels.len().saturating_sub(WRITTEN_OUT);
    }

    fn into_value(mut self) -> Value {
        self.told.sort();
        let mut told: Vec<String> = self.told.into_iter().map(|(_, told)| told).collect();
        if self.more > 0 {
            told.push(format!("and {} more", self.more));
        }
        json!(told)
    }
}

impl<'a> Reach<'a> {
    fn new(roles: &'a Roles) -> Self {
        Self {
            roles,
            paths: roles.all.iter().map(|_| BTreeMap::new()).collect(),
            public: BTreeMap::new(),
        }
    }

    /// Targets that are roles themselves.
    fn by_memberships(&mut self) {
        let roles = self.roles;
        let rights = |of: Vec<usize>| roles.ways(of.into_iter().map(|role| (role, Hold::Rights)));
        let become_one = |of: Vec<usize>| roles.ways(of.into_iter().map(|role| (role, Hold::Become)));
        self.take("superuser_paths", &rights(roles.those(|role| role.superuser)), "");
        for (column, list) in [("host_paths", HOST_ROLES), ("data_paths", DATA_ROLES)] {
            for name in list {
                if let Some(role) = roles.by_name(name) {
                    self.take(column, &rights(vec![role]), "");
                }
            }
        }
        // Attributes are nobody's but their role's: one has to become it.
        let held = |test: fn(&super::role_graph::Role) -> bool| {
            become_one(roles.those(|role| !role.superuser && test(role)))
        };
        self.take("createrole_paths", &held(|role| role.createrole), " → CREATEROLE");
        self.take(
            "replication_paths",
            &held(|role| role.replication),
            " → REPLICATION",
        );
        self.take("bypassrls_paths", &held(|role| role.bypassrls), " → BYPASSRLS");
        for grant in &roles.grants {
            let by_admin_alone = grant.admin && !grant.set && !grant.inherit && !grant.automatic;
            if by_admin_alone && !roles.is_superuser(grant.granted) {
                let told = format!(
                    "{} → ADMIN on {}",
                    roles.name(grant.member),
                    roles.name(grant.granted)
                );
                if let Some(paths) = self.paths_of(grant.member, "admin_paths") {
                    paths.add(1, told);
                }
            }
        }
    }

    /// Every role's way, but not that of a role that is the target itself.
    fn take(&mut self, column: &'static str, ways: &Ways, behind: &str) {
        for role in 0..self.roles.all.len() {
            if let Some(length) = ways.length(role).filter(|length| *length > 0)
                && let Some(told) = self.roles.told(ways, role)
            {
                let suffix = if self.roles.is_superuser(ways.end(role)) {
                    " (superuser)"
                } else {
                    behind
                };
                if let Some(paths) = self.paths_of(role, column) {
                    paths.add(length, told + suffix);
                }
            }
        }
    }

    /// Targets that are privileges on objects: ways to all the roles that together hold what is needed.
    fn by_openings(&mut self, column: &'static str, openings: &[Opening]) {
        let mut alike: BTreeMap<&Vec<Holders>, BTreeSet<&str>> = BTreeMap::new();
        for opening in openings {
            alike.entry(&opening.held_by).or_default().insert(&opening.label);
        }
        for (held_by, labels) in alike {
            let ways: Vec<Ways> = held_by
                .iter()
                .filter_map(|holders| match holders {
                    Holders::Public => None,
                    Holders::Named(named) => Some(named),
                })
                .map(|named| self.roles.ways(named.iter().map(|role| (*role, Hold::Rights))))
                .collect();
            let Some((first, others)) = ways.split_first() else {
                self.public
                    .entry(column)
                    .or_default()
                    .add_all("PUBLIC", 0, &labels);
                continue;
            };
            for role in 0..self.roles.all.len() {
                if let Some(length) = first.length(role)
                    && others.iter().all(|way| way.length(role).is_some())
                    && let Some(told) = self.roles.told(first, role)
                    && let Some(paths) = self.paths_of(role, column)
                {
                    paths.add_all(&told, length, &labels);
                }
            }
        }
    }

    /// Where a role's ways are noted: a superuser needs none, and roles that came with the server are nobody's own.
    fn paths_of(&mut self, role: usize, column: &'static str) -> Option<&mut Paths> {
        let meant = self.roles.all.get(role)?;
        if meant.superuser || meant.predefined() {
            return None;
        }
        Some(self.paths.get_mut(role)?.entry(column).or_default())
    }

    /// One row for PUBLIC and one for each role that did not come with the server.
    fn rows(self, owners: &BTreeSet<usize>) -> Vec<Row> {
        let count = self.roles.all.len();
        let (mut member_of, mut members) = (vec![0_u32; count], vec![0_u32; count]);
        let mut acted_by: Vec<Vec<&str>> = vec![Vec::new(); count];
        for grant in &self.roles.grants {
            let raise = |counts: &mut Vec<u32>, role| {
                if let Some(count) = counts.get_mut(role) {
                    *count += 1;
                }
            };
            raise(&mut member_of, grant.member);
            raise(&mut members, grant.granted);
            if grant.set
                && let Some(others) = acted_by.get_mut(grant.granted)
            {
                others.push(self.roles.name(grant.member));
            }
        }
        let counted = |counts: &[u32], role: usize| json!(counts.get(role));
        let mut rows = vec![row(
            self.public,
            &json!({"role": "PUBLIC", "everyone": true, "can_login": true, "superuser": false, "createrole": false,
                    "replication": false, "bypassrls": false, "member_of": 0, "members": null, "owns": false,
                    "acted_by": []}),
        )];
        for ((at, role), paths) in self.roles.all.iter().enumerate().zip(self.paths) {
            if role.predefined() {
                continue;
            }
            let mut others = acted_by.get(at).cloned().unwrap_or_default();
            others.sort_unstable();
            others.truncate(WRITTEN_OUT);
            let own = json!({"role": role.name, "everyone": false, "can_login": role.can_login,
                "superuser": role.superuser, "createrole": role.createrole, "replication": role.replication,
                "bypassrls": role.bypassrls, "member_of": counted(&member_of, at),
                "members": counted(&members, at), "owns": owners.contains(&at), "acted_by": others});
            rows.push(row(paths, &own));
        }
        rows
    }
}

fn row(mut paths: BTreeMap<&'static str, Paths>, own: &Value) -> Row {
    COLUMNS
        .iter()
        .map(|column| {
            let value = match own.get(*column) {
                Some(value) => value.clone(),
                None => paths.remove(column).map_or_else(|| json!([]), Paths::into_value),
            };
            ((*column).to_owned(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests;
