//! What is asked for `role-reach`: raw catalogues, so that all that follows from them is worked out afterwards.

use crate::collect::{Question, names, role_graph};
use crate::control::Scope;

pub(super) const SERVER: &str = "server";
pub(super) const OWNERS: &str = "owners";
pub(super) const DATABASES: &str = "databases";
pub(super) const SEARCH_PATHS: &str = "search-paths";
pub(super) const PARAMETERS: &str = "parameters";
pub(super) const SCHEMAS: &str = "schemas";
pub(super) const FUNCTIONS: &str = "functions";

const OWNERS_SQL: &str = "SELECT DISTINCT refobjid AS role FROM pg_shdepend
 WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' ORDER BY 1";

const DATABASES_SQL: &str = "SELECT datname AS name, datdba AS owner, to_json(datacl::text[]) AS acl
  FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname";

/// What the role that asks was given for itself says nothing of others: then the built-in value stands for the server's.
const SEARCH_PATHS_SQL: &str = "SELECT d.datname AS in_database, s.setrole AS role,
       substr(c.entry, length('search_path=') + 1) AS search_path
  FROM pg_db_role_setting s
 CROSS JOIN LATERAL unnest(s.setconfig) AS c (entry)
  LEFT JOIN pg_database d ON d.oid = s.setdatabase
 WHERE c.entry LIKE 'search\\_path=%'
 UNION ALL
SELECT NULL, NULL,
       CASE WHEN EXISTS (SELECT FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c (entry)
                          WHERE c.entry LIKE 'search\\_path=%'
                            AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
                            AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())))
            THEN boot_val ELSE reset_val END
  FROM pg_settings WHERE name = 'search_path'
 ORDER BY 1 NULLS FIRST, 2 NULLS FIRST";

const PARAMETERS_SQL: &str = "SELECT parname AS parameter, to_json(paracl::text[]) AS acl
  FROM pg_parameter_acl WHERE paracl IS NOT NULL ORDER BY parname";

const SCHEMAS_SQL: &str =
    "SELECT to_json(nspname::text) AS schema, nspowner AS owner, to_json(nspacl::text[]) AS acl
  FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY nspname";

/// `definer`: a superuser's function whose names are looked up when it is called. `untrusted`: one in a language that
/// no privilege of the database holds. `write`, `read`, `connect`: those of PostgreSQL and its extensions that reach the
/// host, which nobody but superusers may call unless somebody granted it.
const FUNCTIONS_SQL: &str = "SELECT w.why, to_json(n.nspname::text) AS schema, p.proname AS function,
       pg_get_function_identity_arguments(p.oid) AS arguments, p.proowner AS owner,
       to_json(p.proacl::text[]) AS acl, l.lanname AS language,
       (SELECT substr(s.entry, strpos(s.entry, '=') + 1) FROM unnest(p.proconfig) AS s (entry)
         WHERE s.entry LIKE 'search\\_path=%') AS search_path,
       to_json(n.nspacl::text[]) AS schema_acl, n.nspowner AS schema_owner
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_language l ON l.oid = p.prolang
  JOIN pg_roles o ON o.oid = p.proowner
 CROSS JOIN LATERAL (
   SELECT 'definer' AS why
    WHERE p.prosecdef AND o.rolsuper AND l.lanname NOT IN ('c', 'internal') AND p.oid >= 16384
      AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
      AND (to_jsonb(p) ->> 'prosqlbody') IS NULL
    UNION ALL
   SELECT 'untrusted'
    WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('c', 'internal')
      AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
    UNION ALL
   SELECT CASE WHEN p.proname = 'dblink_connect_u' THEN 'connect'
               WHEN p.proname IN ('lo_export', 'pg_file_write', 'pg_file_rename', 'pg_file_unlink') THEN 'write'
               ELSE 'read' END
    WHERE p.proacl IS NOT NULL AND l.lanname IN ('c', 'internal')
      AND p.proname IN ('lo_export', 'pg_file_write', 'pg_file_rename', 'pg_file_unlink', 'dblink_connect_u',
                        'lo_import', 'pg_read_file', 'pg_read_file_old', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file')
 ) w
 WHERE p.prosecdef OR p.prolang NOT IN (12, 13, 14) OR n.nspname = 'pg_catalog' AND p.proacl IS NOT NULL
 ORDER BY n.nspname, p.proname, p.oid, w.why";

/// Whether a raw table has rows of every database.
pub(super) fn of_databases(table: &str) -> bool {
    [SCHEMAS, FUNCTIONS].contains(&table)
}

/// Everything that is asked of a server of this major version.
pub(super) fn all(major: u32) -> Vec<Question> {
    let ask = |table: &str, sql: &str, columns: &[&str]| Question {
        table: table.to_owned(),
        scope: if of_databases(table) {
            Scope::Databases
        } else {
            Scope::Cluster
        },
        sql: sql.to_owned(),
        columns: names(columns),
        needs: Vec::new(),
    };
    let mut questions = role_graph::questions(major);
    questions.extend([
        ask(
            SERVER,
            "SELECT current_setting('server_version_num')::int AS version_num",
            &["version_num"],
        ),
        ask(OWNERS, OWNERS_SQL, &["role"]),
        ask(DATABASES, DATABASES_SQL, &["name", "owner", "acl"]),
        ask(
            SEARCH_PATHS,
            SEARCH_PATHS_SQL,
            &["in_database", "role", "search_path"],
        ),
        ask(SCHEMAS, SCHEMAS_SQL, &["schema", "owner", "acl"]),
        ask(
            FUNCTIONS,
            FUNCTIONS_SQL,
            &[
                "why",
                "schema",
                "function",
                "arguments",
                "owner",
                "acl",
                "language",
                "search_path",
                "schema_acl",
                "schema_owner",
            ],
        ),
    ]);
    if major >= 15 {
        questions.push(ask(PARAMETERS, PARAMETERS_SQL, &["parameter", "acl"]));
    }
    questions
}
