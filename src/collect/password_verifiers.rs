//! `password-verifiers`: what kind of password verifier each role has. The verifier itself never leaves the server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Asked, Collector, Deriving, Question, names, no_arguments};
use crate::control::{Catalog, Scope};
use crate::evidence::{Need, Table};

/// The collector.
pub(super) struct PasswordVerifiers;

/// The function that `pgdossier grants` creates: it classifies verifiers as its owner and returns only their kind.
const FUNCTION: &str = "pgdossier.password_verifiers()";

const COLUMNS: &[&str] = &["role", "can_login", "superuser", "kind", "valid_until", "expired"];

/// How a verifier is classified, in SQL; shared with the function that `pgdossier grants` creates.
pub const KIND: &str = "CASE WHEN rolpassword IS NULL THEN 'none'
            WHEN rolpassword ~ '^SCRAM-SHA-256\\$[0-9]+:' THEN
              CASE WHEN split_part(substr(rolpassword, 15), ':', 1)::numeric >= 4096 THEN 'scram-sha-256'
                   ELSE 'scram-sha-256 with few iterations' END
            WHEN rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5'
            ELSE 'unknown' END";

impl Collector for PasswordVerifiers {
    fn name(&self) -> &'static str {
        "password-verifiers"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn questions(&self, _arguments: &Value, _catalog: &Catalog, asked: &Asked<'_>) -> Vec<Question> {
        let (source, need) = if asked.verifier_function {
            (
                "pgdossier.password_verifiers()".to_owned(),
                Need::Execute(FUNCTION.to_owned()),
            )
        } else {
            (
                format!("(SELECT rolname, {KIND} AS kind FROM pg_authid)"),
                Need::Select("pg_catalog.pg_authid".to_owned()),
            )
        };
        vec![Question {
            table: "verifiers".to_owned(),
            scope: Scope::Cluster,
            sql: format!(
                "SELECT r.rolname AS role, r.rolcanlogin AS can_login, r.rolsuper AS superuser, v.kind,
       r.rolvaliduntil::text AS valid_until,
       coalesce(r.rolvaliduntil < now(), false) AS expired
  FROM pg_roles r JOIN {source} v ON v.rolname = r.rolname
 ORDER BY r.rolname"
            ),
            columns: names(COLUMNS),
            needs: vec![(need, Vec::new())],
        }]
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        raw.get("verifiers")
            .cloned()
            .ok_or_else(|| "the roles gave no answer".to_owned())
    }
}
