//! Objects through which a role comes to more power: what opens the way, and who holds it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::questions::{DATABASES, FUNCTIONS, PARAMETERS, SCHEMAS, SEARCH_PATHS};
use crate::collect::acl::{self, Holders};
use crate::collect::role_graph::{Roles, text};
use crate::evidence::{Row, Table};

/// What opens a way: everybody who holds all of it has it open.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) label: String,
    pub(super) held_by: Vec<Holders>,
}

/// Parameters that name a program, a library or a file of authentication: to set one is to run code as the server, or
/// to let oneself in as anybody.
const PARAMETERS_THAT_RUN: &[&str] = &[
    "archive_command",
    "archive_cleanup_command",
    "archive_library",
    "data_directory",
    "dynamic_library_path",
    "extension_control_path",
    "hba_file",
    "ident_file",
    "jit_provider",
    "local_preload_libraries",
    "oauth_validator_libraries",
    "recovery_end_command",
    "restore_command",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl_passphrase_command",
];

type Raw = BTreeMap<String, Table>;

/// The openings that a column of the population tells of.
///
/// # Errors
/// What the answers lack.
pub(super) fn openings(column: &str, raw: &Raw, roles: &Roles) -> Result<Vec<Opening>, String> {
    match column {
        "parameter_paths" => parameters(raw, roles),
        "schema_paths" => Cluster::read(raw, roles)?.schemas(raw),
        "definer_paths" => Cluster::read(raw, roles)?.functions(raw, &["definer"]),
        "untrusted_paths" => Cluster::read(raw, roles)?.functions(raw, &["untrusted"]),
        "function_paths" => Cluster::read(raw, roles)?.functions(raw, &["write", "read", "connect"]),
        _ => Ok(Vec::new()),
    }
}

/// Without superusers, who need no way, and whose members have a shorter one.
fn without_superusers(holders: Holders, roles: &Roles) -> Holders {
    match holders {
        Holders::Public => Holders::Public,
        Holders::Named(named) => Holders::Named(
            named
                .into_iter()
                .filter(|role| !roles.is_superuser(*role))
                .collect(),
        ),
    }
}

/// None when nobody holds some part of it.
fn opening(label: String, held_by: Vec<Holders>, roles: &Roles) -> Option<Opening> {
    let mut needed: Vec<Holders> = Vec::new();
    for holders in held_by {
        let holders = without_superusers(holders, roles);
        match &holders {
            Holders::Public => {}
            Holders::Named(named) if named.is_empty() => return None,
            Holders::Named(_) if needed.contains(&holders) => {}
            Holders::Named(_) => needed.push(holders),
        }
    }
    Some(Opening {
        label,
        held_by: needed,
    })
}

fn union(sets: impl IntoIterator<Item = Holders>) -> Holders {
    let mut all = BTreeSet::new();
    for set in sets {
        match set {
            Holders::Public => return Holders::Public,
            Holders::Named(named) => all.extend(named),
        }
    }
    Holders::Named(all)
}

fn parameters(raw: &Raw, roles: &Roles) -> Result<Vec<Opening>, String> {
    let rows = raw.get(PARAMETERS).into_iter().flat_map(|table| &table.rows);
    let mut found = Vec::new();
    for row in rows {
        let parameter = text(row, "parameter");
        if PARAMETERS_THAT_RUN.contains(&parameter) {
            let holders = acl::holders(row.get("acl"), 'A', "parameter", usize::MAX, roles)?;
            let label = format!("ALTER SYSTEM SET {parameter}");
            found.extend(opening(label, vec![holders], roles));
        }
    }
    Ok(found)
}

/// Databases by name, with who may do what in them.
struct Cluster<'a> {
    roles: &'a Roles,
    databases: BTreeMap<&'a str, Database<'a>>,
}

struct Database<'a> {
    owner: usize,
    acl: Option<&'a Value>,
    schemas: BTreeMap<&'a str, Schema<'a>>,
}

#[derive(Clone, Copy)]
struct Schema<'a> {
    owner: usize,
    acl: Option<&'a Value>,
}

impl<'a> Cluster<'a> {
    fn read(raw: &'a Raw, roles: &'a Roles) -> Result<Self, String> {
        let mut databases = BTreeMap::new();
        for row in &raw.get(DATABASES).ok_or("the databases gave no answer")?.rows {
            let database = Database {
                owner: roles.of(row, "owner").ok_or("a database has no owner")?,
                acl: row.get("acl"),
                schemas: BTreeMap::new(),
            };
            databases.insert(text(row, "name"), database);
        }
        for row in raw.get(SCHEMAS).into_iter().flat_map(|table| &table.rows) {
            // A template is asked as well, and nobody works there.
            if let Some(database) = databases.get_mut(text(row, "database")) {
                let owner = roles.of(row, "owner").ok_or("a schema has no owner")?;
                database.schemas.insert(
                    text(row, "schema"),
                    Schema {
                        owner,
                        acl: row.get("acl"),
                    },
                );
            }
        }
        Ok(Self { roles, databases })
    }

    /// Who holds a privilege on an object in a database, whose owner is the one member of `pg_database_owner`.
    fn holders(
        &self,
        database: &Database<'_>,
        acl: Option<&Value>,
        letter: char,
        kind: &str,
        owner: usize,
    ) -> Result<Holders, String> {
        let mut holders = acl::holders(acl, letter, kind, owner, self.roles)?;
        if let Holders::Named(named) = &mut holders {
            // An owner may always give itself what it has taken from itself.
            named.insert(owner);
            if let Some(implicit) = self.roles.by_name("pg_database_owner")
                && named.remove(&implicit)
            {
                named.insert(database.owner);
            }
        }
        Ok(holders)
    }

    fn connect(&self, database: &Database<'_>) -> Result<Holders, String> {
        self.holders(database, database.acl, 'c', "database", database.owner)
    }

    /// Who may put something where a schema's name leads: in the schema, or by making it where there is none.
    fn create_in(&self, database: &Database<'_>, schema: &str) -> Result<Holders, String> {
        match database.schemas.get(schema) {
            Some(schema) => self.holders(database, schema.acl, 'C', "schema", schema.owner),
            None => self.holders(database, database.acl, 'C', "database", database.owner),
        }
    }

    /// Ways to put something where a superuser looks for names.
    fn schemas(&self, raw: &Raw) -> Result<Vec<Opening>, String> {
        let paths = raw.get(SEARCH_PATHS).ok_or("the search paths gave no answer")?;
        let superusers = self.roles.those(|role| role.superuser && role.can_login);
        let mut found = Vec::new();
        for (name, database) in &self.databases {
            let mut on_path: BTreeMap<String, &str> = BTreeMap::new();
            let mut swayed: Option<&str> = None;
            for superuser in &superusers {
                let (path, own) = effective_path(&paths.rows, name, *superuser, self.roles);
                let superuser = self.roles.name(*superuser);
                if !own {
                    swayed.get_or_insert(superuser);
                }
                for schema in entries(path) {
                    let schema = if schema == "$user" {
                        superuser.to_owned()
                    } else {
                        schema
                    };
                    if !schema.starts_with("pg_") && schema != "information_schema" {
                        on_path.entry(schema).or_insert(superuser);
                    }
                }
            }
            let connect = self.connect(database)?;
            for (schema, superuser) in on_path {
                let exists = database.schemas.contains_key(schema.as_str());
                let what = if exists { "CREATE in" } else { "CREATE of" };
                let label = format!(
                    "{what} schema {schema} of database {name}, where superuser {superuser} looks for names"
                );
                let holders = self.create_in(database, &schema)?;
                found.extend(opening(label, vec![holders, connect.clone()], self.roles));
            }
            if let Some(superuser) = swayed {
                let label = format!(
                    "owner of database {name}, who sets the search path of superuser {superuser} there"
                );
                let owner = Holders::Named(BTreeSet::from([database.owner]));
                found.extend(opening(label, vec![owner], self.roles));
            }
        }
        Ok(found)
    }

    /// Ways through functions of these kinds.
    fn functions(&self, raw: &Raw, kinds: &[&str]) -> Result<Vec<Opening>, String> {
        let rows = raw.get(FUNCTIONS).into_iter().flat_map(|table| &table.rows);
        let mut found = Vec::new();
        for row in rows.filter(|row| kinds.contains(&text(row, "why"))) {
            let Some(database) = self.databases.get(text(row, "database")) else {
                continue;
            };
            let owner = self.roles.of(row, "owner").ok_or("a function has no owner")?;
            let schema_owner = self
                .roles
                .of(row, "schema_owner")
                .ok_or("a schema has no owner")?;
            let mut held_by = vec![
                self.holders(database, row.get("acl"), 'X', "function", owner)?,
                self.holders(database, row.get("schema_acl"), 'U', "schema", schema_owner)?,
                self.connect(database)?,
            ];
            if text(row, "why") == "definer" {
                match self.path_is_open(database, row)? {
                    Some(holders) => held_by.push(holders),
                    None => continue,
                }
            }
            found.extend(opening(told(row), held_by, self.roles));
        }
        Ok(found)
    }

    /// Who can put objects of their own before those that a superuser's function means; none when nobody can.
    fn path_is_open(&self, database: &Database<'_>, function: &Row) -> Result<Option<Holders>, String> {
        let mut open = Vec::new();
        match function.get("search_path").and_then(Value::as_str) {
            // The caller's path: any schema will do, and temporary objects come first in any case.
            None => {
                for schema in database.schemas.keys() {
                    open.push(self.create_in(database, schema)?);
                }
                for letter in ['C', 'T'] {
                    open.push(self.holders(database, database.acl, letter, "database", database.owner)?);
                }
            }
            Some(path) => {
                let owner = self.roles.of(function, "owner").unwrap_or(usize::MAX);
                for schema in entries(path) {
                    let schema = if schema == "$user" {
                        self.roles.name(owner).to_owned()
                    } else {
                        schema
                    };
                    if !schema.starts_with("pg_") && schema != "information_schema" {
                        open.push(self.create_in(database, &schema)?);
                    }
                }
            }
        }
        Ok((!open.is_empty()).then(|| union(open)))
    }
}

fn told(row: &Row) -> String {
    let function = format!(
        "{}: {}.{}({})",
        text(row, "database"),
        text(row, "schema"),
        text(row, "function"),
        text(row, "arguments")
    );
    match text(row, "why") {
        "definer" => {
            let path = row.get("search_path").and_then(Value::as_str);
            let path = path.map_or_else(
                || "without a search path".to_owned(),
                |path| format!("with the search path {path}"),
            );
            format!("EXECUTE of {function}, a superuser's SECURITY DEFINER function {path}")
        }
        "untrusted" => format!(
            "EXECUTE of {function}, in the untrusted language {}",
            text(row, "language")
        ),
        "connect" => format!("EXECUTE of {function}, which connects with the rights of the server's account"),
        "write" => format!("EXECUTE of {function}, which writes files of the host"),
        _ => format!("EXECUTE of {function}, which reads files of the host"),
    }
}

/// The search path of a role in a database, and whether the role's own setting makes it so.
fn effective_path<'r>(settings: &'r [Row], database: &str, role: usize, roles: &Roles) -> (&'r str, bool) {
    let oid = roles.all.get(role).map_or(0, |role| role.oid);
    let rank = |row: &Row| {
        let in_database = row.get("in_database").and_then(Value::as_str);
        let of_role = row.get("role").and_then(Value::as_u64);
        match (in_database, of_role) {
            (Some(name), Some(of)) if name == database && of == oid => Some(4),
            (None, Some(of)) if of == oid => Some(3),
            (Some(name), Some(0)) if name == database => Some(2),
            (None, Some(0)) => Some(1),
            (None, None) => Some(0),
            _ => None,
        }
    };
    settings
        .iter()
        .filter_map(|row| Some((rank(row)?, text(row, "search_path"))))
        .max_by_key(|(rank, _)| *rank)
        .map_or(("\"$user\", public", false), |(rank, path)| (path, rank >= 3))
}

/// The names of a search path.
fn entries(path: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut rest = path.trim_start();
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(mut quoted) = rest.strip_prefix('"') {
            while let Some((part, behind)) = quoted.split_once('"') {
                name.push_str(part);
                rest = behind;
                match behind.strip_prefix('"') {
                    Some(more) => {
                        name.push('"');
                        quoted = more;
                    }
                    None => break,
                }
            }
        }
        let (bare, behind) = rest.split_once(',').unwrap_or((rest, ""));
        if name.is_empty() {
            name = bare.trim().trim_matches('"').to_lowercase();
        }
        if !name.is_empty() {
            entries.push(name);
        }
        rest = behind.trim_start();
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn a_search_path_is_read_as_the_server_reads_it() {
        assert_eq!(entries("\"$user\", public"), ["$user", "public"]);
        assert_eq!(
            entries("App,\"My, \"\"Schema\"\"\" , pg_temp"),
            ["app", "My, \"Schema\"", "pg_temp"]
        );
        assert!(entries("\"\"").is_empty());
        assert!(entries("").is_empty());
    }
}
