//! `object-privileges`: every privilege that somebody other than an object's owner holds, in every database.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::acl::{self, Entry};
use super::role_graph::{self, Hold, Roles, flag, text};
use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Row, Table};

/// The collector.
pub(super) struct ObjectPrivileges;

const COLUMNS: &[&str] = &[
    "database",
    "kind",
    "object",
    "owner",
    "grantee",
    "public",
    "login",
    "superuser",
    "privileges",
    "grantable",
    "built_in",
    "system",
    "extension",
    "schema_open",
    "logins",
];

const OBJECTS: &str = "objects";
const SHARED: &str = "shared";
const PARAMETERS: &str = "parameters";

const RAW: &[&str] = &[
    "kind",
    "object",
    "owner",
    "acl",
    "initial",
    "system",
    "extension",
    "schema_open",
];

/// What `initdb` and extensions gave is read beside each list, so that only what was added since is told. Functions
/// are listed without a list as well: then everybody may call them.
const OBJECTS_SQL: &str = "WITH open AS (
  SELECT n.oid, n.nspname, n.nspname IN ('pg_catalog', 'information_schema') AS system,
         EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = 0 AND a.privilege_type = 'USAGE') AS schema_open
    FROM pg_namespace n WHERE n.nspname NOT LIKE 'pg\\_t%'
), objects (kind, object, owner, acl, classid, objid, subid, system, schema_open) AS (
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view' WHEN 'f' THEN 'foreign table'
                        WHEN 'S' THEN 'sequence' ELSE 'table' END,
         o.nspname || '.' || c.relname, c.relowner, c.relacl, 'pg_class'::regclass, c.oid, 0, o.system, o.schema_open
    FROM pg_class c JOIN open o ON o.oid = c.relnamespace
   WHERE c.relacl IS NOT NULL AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
   UNION ALL
  SELECT 'column', o.nspname || '.' || c.relname || '.' || a.attname, c.relowner, a.attacl, 'pg_class'::regclass, c.oid,
         a.attnum, o.system, o.schema_open
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN open o ON o.oid = c.relnamespace
   WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
   UNION ALL
  SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
         o.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner, p.proacl,
         'pg_proc'::regclass, p.oid, 0, o.system, o.schema_open
    FROM pg_proc p JOIN open o ON o.oid = p.pronamespace
   WHERE (p.proacl IS NOT NULL OR NOT o.system)
     AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
     -- a range type's constructors are made by PostgreSQL, and do nothing else
     AND NOT (p.oid >= 16384 AND EXISTS (
       SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid
                                 AND i.refclassid = 'pg_type'::regclass AND i.deptype = 'i'))
   UNION ALL
  SELECT 'schema', nspname, nspowner, nspacl, 'pg_namespace'::regclass, oid, 0,
         nspname IN ('pg_catalog', 'information_schema'), true
    FROM pg_namespace WHERE nspacl IS NOT NULL AND nspname NOT LIKE 'pg\\_t%'
   UNION ALL
  SELECT 'type', o.nspname || '.' || t.typname, t.typowner, t.typacl, 'pg_type'::regclass, t.oid, 0, o.system, o.schema_open
    FROM pg_type t JOIN open o ON o.oid = t.typnamespace WHERE t.typacl IS NOT NULL
   UNION ALL
  SELECT 'language', lanname, lanowner, lanacl, 'pg_language'::regclass, oid, 0, oid < 16384, true
    FROM pg_language WHERE lanacl IS NOT NULL
   UNION ALL
  SELECT 'foreign server', srvname, srvowner, srvacl, 'pg_foreign_server'::regclass, oid, 0, false, true
    FROM pg_foreign_server WHERE srvacl IS NOT NULL
   UNION ALL
  SELECT 'foreign-data wrapper', fdwname, fdwowner, fdwacl, 'pg_foreign_data_wrapper'::regclass, oid, 0, false, true
    FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
   UNION ALL
  SELECT 'large object', oid::text, lomowner, lomacl, 'pg_largeobject'::regclass, oid, 0, false, true
    FROM pg_largeobject_metadata WHERE lomacl IS NOT NULL
)
SELECT b.kind, b.object::text AS object, b.owner, to_json(b.acl::text[]) AS acl, 
       -- information_schema is made after those lists are written down
       CASE WHEN i.initprivs IS NOT NULL THEN to_json(i.initprivs::text[])
            WHEN b.object LIKE 'information\\_schema%' AND b.objid < 16384 THEN array_to_json(ARRAY['=rU/postgres']) END AS initial,
       b.system, e.extname AS extension, b.schema_open
  FROM objects b
  LEFT JOIN pg_init_privs i ON i.classoid = b.classid AND i.objoid = b.objid AND i.objsubid = b.subid
  LEFT JOIN pg_depend d ON d.classid = b.classid AND d.objid = b.objid AND d.objsubid = 0
                       AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  LEFT JOIN pg_extension e ON e.oid = d.refobjid
 WHERE CASE WHEN i.initprivs IS NOT NULL THEN b.acl::text <> i.initprivs::text
            WHEN b.object LIKE 'information\\_schema%' AND b.objid < 16384
            THEN NOT (cardinality(b.acl) = 2 AND b.acl[2]::text ~ '^=[rU]/')
            ELSE true END
 ORDER BY b.kind, b.object, b.objid, b.subid";

const SHARED_SQL: &str = "SELECT 'database' AS kind, datname::text AS object, datdba AS owner, to_json(datacl::text[]) AS acl
  FROM pg_database WHERE datallowconn AND NOT datistemplate
 UNION ALL
SELECT 'tablespace', spcname::text, spcowner, to_json(spcacl::text[]) FROM pg_tablespace WHERE spcacl IS NOT NULL
 ORDER BY 1, 2";

const PARAMETERS_SQL: &str =
    "SELECT 'parameter' AS kind, parname AS object, 10::oid AS owner, to_json(paracl::text[]) AS acl
  FROM pg_parameter_acl WHERE paracl IS NOT NULL ORDER BY parname";

impl Collector for ObjectPrivileges {
    fn name(&self) -> &'static str {
        "object-privileges"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, asked: &Asked<'_>) -> Vec<Question> {
        let ask = |table: &str, scope: Scope, sql: &str, columns: &[&str]| Question {
            table: table.to_owned(),
            scope,
            sql: sql.to_owned(),
            columns: names(columns),
            needs: Vec::new(),
        };
        let shared = &["kind", "object", "owner", "acl"];
        let mut questions = role_graph::questions(asked.server.major());
        questions.push(ask(OBJECTS, Scope::Databases, OBJECTS_SQL, RAW));
        questions.push(ask(SHARED, Scope::Cluster, SHARED_SQL, shared));
        if asked.server.major() >= 15 {
            questions.push(ask(PARAMETERS, Scope::Cluster, PARAMETERS_SQL, shared));
        }
        questions
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let shared = raw.get(SHARED).ok_or("the databases gave no answer")?;
        let mut grants = Grants {
            roles: &Roles::read(raw, false)?,
            logins: BTreeMap::new(),
            rows: Vec::new(),
        };
        let parameters = raw.get(PARAMETERS);
        for object in shared
            .rows
            .iter()
            .chain(parameters.into_iter().flat_map(|t| &t.rows))
        {
            grants.of(object)?;
        }
        for object in raw.get(OBJECTS).into_iter().flat_map(|table| &table.rows) {
            grants.of(object)?;
        }
        Ok(Table {
            columns: names(COLUMNS),
            rows: grants.rows,
        })
    }
}

struct Grants<'a> {
    roles: &'a Roles,
    /// For each grantee how many roles that log in hold its rights.
    logins: BTreeMap<usize, usize>,
    rows: Vec<Row>,
}

/// Letters, and those of them that may be passed on.
type Held = (BTreeSet<char>, BTreeSet<char>);

impl Grants<'_> {
    /// One row for each grantee of an object.
    fn of(&mut self, object: &Row) -> Result<(), String> {
        let kind = text(object, "kind");
        let owner = self.roles.of(object, "owner");
        let entries = acl::list(object.get("acl"))?;
        let built_in = entries.is_none();
        let entries = entries.unwrap_or_else(|| given_by_postgresql(kind));
        // A grant writes down beside itself what everybody had before.
        let before = || {
            if flag(object, "system") {
                given_by_postgresql(kind)
            } else {
                Default::default()
            }
        };
        let mut initial = by_grantee(acl::list(object.get("initial"))?.unwrap_or_else(before));
        // What initdb or an extension gave is no decision of those who run the server.
        for (grantee, (held, grantable)) in by_grantee(entries) {
            let (given, _) = initial.remove(&grantee).unwrap_or_default();
            let added: Vec<&str> = held.difference(&given).map(|letter| acl::word(*letter)).collect();
            let role = grantee.as_deref().and_then(|name| self.roles.by_name(name));
            if added.is_empty() || role.is_some() && role == owner {
                continue;
            }
            let grantable: Vec<&str> = grantable.iter().map(|letter| acl::word(*letter)).collect();
            let known = role.and_then(|role| self.roles.all.get(role));
            let row = json!({
                "database": object.get("database"),
                "kind": kind,
                "object": text(object, "object"),
                "owner": owner.map(|owner| self.roles.name(owner)),
                "grantee": grantee.as_deref().unwrap_or("PUBLIC"),
                "public": grantee.is_none(),
                "login": known.is_none_or(|role| role.can_login) && (known.is_some() || grantee.is_none()),
                "superuser": known.is_some_and(|role| role.superuser),
                "privileges": added,
                "grantable": grantable,
                "built_in": built_in,
                "system": flag(object, "system"),
                "extension": object.get("extension"),
                "schema_open": object.get("schema_open").is_none_or(|open| *open == Value::Bool(true)),
                "logins": self.logins(role, grantee.is_none()),
            });
            if let Value::Object(row) = row {
                self.rows.push(row);
            }
        }
        Ok(())
    }

    /// How many roles that log in and are no superusers hold a grantee's rights.
    fn logins(&mut self, role: Option<usize>, public: bool) -> usize {
        let plain = |role: &role_graph::Role| role.can_login && !role.superuser;
        match role {
            None if public => self.roles.those(plain).len(),
            None => 0,
            Some(grantee) => *self.logins.entry(grantee).or_insert_with(|| {
                let ways = self.roles.ways([(grantee, Hold::Rights)]);
                let holders = self.roles.those(plain).into_iter();
                holders.filter(|role| ways.length(*role).is_some()).count()
            }),
        }
    }
}

/// What everybody has while no list is written.
fn given_by_postgresql(kind: &str) -> Vec<Entry> {
    let letters = acl::public_default(kind).chars();
    vec![Entry {
        grantee: None,
        privileges: letters.map(|letter| (letter, false)).collect(),
    }]
}

/// Grants of several grantors are one grantee's all the same.
fn by_grantee(entries: Vec<Entry>) -> BTreeMap<Option<String>, Held> {
    let mut merged: BTreeMap<Option<String>, Held> = BTreeMap::new();
    for entry in entries {
        let (held, grantable) = merged.entry(entry.grantee).or_default();
        for (letter, may_pass_on) in entry.privileges {
            held.insert(letter);
            if may_pass_on {
                grantable.insert(letter);
            }
        }
    }
    merged
}
