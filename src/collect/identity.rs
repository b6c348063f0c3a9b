//! Who a server says it is, what the role may see, and which databases there are: the first question to every server.

use serde_json::Value;

use crate::escape::sql_literal;
use crate::evidence::{Need, Row, ServerIdentity, Table};

/// What the first question tells.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) server: ServerIdentity,
    pub(super) verifier_function: bool,
    pub(super) databases: Vec<Database>,
}

/// A database of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Database {
    pub(super) name: String,
    pub(super) allows_connections: bool,
    pub(super) invalid: bool,
    pub(super) may_connect: bool,
}

/// Identity and what decides which questions are asked.
pub(super) const IDENTITY: &str = "SELECT version() AS version,
       current_setting('server_version_num')::int AS version_num,
       current_database()::text AS database, current_user::text AS role,
       pg_is_in_recovery() AS standby,
       CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
            THEN (SELECT system_identifier::text FROM pg_control_system()) END AS system_identifier,
       (SELECT array_agg(rolname::text ORDER BY rolname) FROM pg_roles
         WHERE rolname IN ('rdsadmin', 'rds_superuser', 'cloudsqladmin', 'azure_pg_admin')) AS platform_roles,
       EXISTS (SELECT FROM pg_settings WHERE name LIKE 'aurora%') AS aurora,
       (SELECT array_agg(DISTINCT split_part(name, '.', 1)) FROM pg_settings
         WHERE name LIKE 'rds.%' OR name LIKE 'cloudsql.%' OR name LIKE 'azure.%') AS platform_settings,
       coalesce((SELECT p.prosecdef AND o.rolsuper AND has_function_privilege(p.oid, 'EXECUTE')
                        AND has_schema_privilege(p.pronamespace, 'USAGE')
                   FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
                   JOIN pg_namespace n ON n.oid = p.pronamespace
                  WHERE n.nspname = 'pgdossier' AND p.proname = 'password_verifiers' AND p.pronargs = 0), false)
         AND NOT has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS verifier_function";

/// All databases, and whether the role may connect.
pub(super) const DATABASES: &str = "SELECT datname AS name, datallowconn AS allows_connections,
       datconnlimit = -2 AS invalid, has_database_privilege(oid, 'CONNECT') AS may_connect
  FROM pg_database ORDER BY datname";

/// When and in what snapshot: asked in every database.
pub(super) const SNAPSHOT: &str =
    "SELECT pg_current_snapshot()::text AS snapshot, clock_timestamp() AS server_time";

/// Whether privileges are held: one column for each, in order.
pub(super) fn needs_query(needs: &[Need]) -> String {
    let columns: Vec<String> = needs
        .iter()
        .enumerate()
        .map(|(index, need)| {
            let test = match need {
                Need::Select(relation) => {
                    format!(
                        "has_table_privilege(to_regclass({})::oid, 'SELECT')",
                        sql_literal(relation)
                    )
                }
                Need::Execute(function) => {
                    format!(
                        "has_function_privilege(to_regprocedure({})::oid, 'EXECUTE')",
                        sql_literal(function)
                    )
                }
                Need::Member(role) => format!(
                    "(SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.rolname = {})",
                    sql_literal(role)
                ),
            };
            format!("coalesce({test}, false) AS n{index}")
        })
        .collect();
    if columns.is_empty() {
        "SELECT true AS n".to_owned()
    } else {
        format!("SELECT {}", columns.join(", "))
    }
}

/// Which of the needs were held, in order.
pub(super) fn needs_held(table: &Table, count: usize) -> Vec<bool> {
    let row = table.rows.first();
    (0..count)
        .map(|index| row.and_then(|row| row.get(&format!("n{index}"))) == Some(&Value::Bool(true)))
        .collect()
}

/// Reads the answers to [`IDENTITY`] and [`DATABASES`].
///
/// # Errors
/// What an answer lacks.
pub(super) fn opening(
    identity: &Table,
    databases: &Table,
    address: String,
    transport: String,
) -> Result<Opening, String> {
    let row = identity.rows.first().ok_or("the server did not say who it is")?;
    let text = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
    let server = ServerIdentity {
        system_identifier: text("system_identifier"),
        version: text("version").ok_or("the server did not tell its version")?,
        version_num: row
            .get("version_num")
            .and_then(Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
            .ok_or("the server did not tell its version")?,
        database: text("database").unwrap_or_default(),
        role: text("role").unwrap_or_default(),
        standby: flag(row, "standby"),
        platform: platform(row).to_owned(),
        address,
        transport,
    };
    let databases = databases
        .rows
        .iter()
        .filter_map(|row| {
            Some(Database {
                name: row.get("name")?.as_str()?.to_owned(),
                allows_connections: flag(row, "allows_connections"),
                invalid: flag(row, "invalid"),
                may_connect: flag(row, "may_connect"),
            })
        })
        .collect();
    Ok(Opening {
        server,
        verifier_function: flag(row, "verifier_function"),
        databases,
    })
}

fn flag(row: &Row, column: &str) -> bool {
    row.get(column) == Some(&Value::Bool(true))
}

/// The managed platform that the server shows by a role of the provider's and by settings that the provider's own build
/// defines; `self-managed` otherwise. A role alone proves nothing: anyone can make one, and it would take the host out
/// of the assessment.
fn platform(row: &Row) -> &'static str {
    let holds = |column: &str, text: &str| {
        let list = row.get(column).and_then(Value::as_array);
        list.into_iter().flatten().any(|item| item == text)
    };
    let shows =
        |role: &str, settings: &str| holds("platform_roles", role) && holds("platform_settings", settings);
    if shows("rdsadmin", "rds") {
        if flag(row, "aurora") { "aurora" } else { "rds" }
    } else if shows("cloudsqladmin", "cloudsql") {
        "cloud-sql"
    } else if shows("azure_pg_admin", "azure") {
        "azure"
    } else {
        "self-managed"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_platform_is_believed_by_role_and_settings_together() {
        let of = |roles: Value, settings: Value, aurora: bool| {
            let row = json!({"platform_roles": roles, "platform_settings": settings, "aurora": aurora});
            platform(row.as_object().unwrap())
        };
        assert_eq!(
            of(json!(["rds_superuser", "rdsadmin"]), json!(["rds"]), false),
            "rds"
        );
        assert_eq!(of(json!(["rdsadmin"]), json!(["rds"]), true), "aurora");
        assert_eq!(
            of(json!(["cloudsqladmin"]), json!(["cloudsql"]), false),
            "cloud-sql"
        );
        assert_eq!(of(json!(["azure_pg_admin"]), json!(["azure"]), false), "azure");
        assert_eq!(of(json!(["rdsadmin"]), json!(null), false), "self-managed");
        assert_eq!(of(json!(null), json!(["rds"]), false), "self-managed");
    }
}
