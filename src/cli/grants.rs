//! `pgdossier grants`: SQL for a role that can see everything needed and nothing more.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::arguments::CatalogArguments;
use super::output::Output;
use super::{Exit, Stop};
use crate::collect;
use crate::control::Catalog;
use crate::escape::{sql_identifier, sql_literal};
use crate::evidence::Need;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The role's name.
    #[arg(long, default_value = "pgdossier")]
    role: String,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let sql = script(&catalog, &arguments.role);
    output.result(&json!({"role": arguments.role, "sql": sql}), || sql.clone());
    Ok(Exit::Good)
}

/// Views that some supported version lacks, and their functions.
const SINCE_15: [&str; 2] = [
    "pg_catalog.pg_ident_file_mappings",
    "pg_catalog.pg_ident_file_mappings()",
];

/// The statement that gives what is needed; nothing where this version of the server has no such thing.
fn grant(need: &Need, role: &str) -> String {
    match need {
        Need::Select(object) | Need::Execute(object) if SINCE_15.contains(&object.as_str()) => format!(
            "DO $$ BEGIN IF pg_catalog.current_setting('server_version_num')::int >= 150000 THEN {} END IF; END $$;",
            need.grant(role)
        ),
        _ => need.grant(role),
    }
}

/// The script. Run it as a superuser in the database that assessments connect to.
pub(super) fn script(catalog: &Catalog, role: &str) -> String {
    let quoted = sql_identifier(role);
    let literal = sql_literal(role);
    let authid = Need::Select("pg_catalog.pg_authid".to_owned());
    let needs: BTreeSet<Need> = collect::needs(catalog);
    let mut lines = vec![
        "-- A role for pgdossier that can see everything it needs and change nothing.".to_owned(),
        "-- Run as a superuser, in the database that assessments connect to. Then set a password with"
            .to_owned(),
        format!("-- \\password {role}, or let it in by certificate or peer in pg_hba.conf."),
        "BEGIN;".to_owned(),
        format!(
            "CREATE ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 8;"
        ),
        format!("ALTER ROLE {quoted} SET default_transaction_read_only = on;"),
    ];
    lines.extend(
        needs
            .iter()
            .filter(|need| **need != authid)
            .map(|need| grant(need, &quoted)),
    );
    lines.push("-- Every database that allows connections is looked into.".to_owned());
    lines.push(format!(
        "DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT datname FROM pg_catalog.pg_database WHERE datallowconn LOOP
    EXECUTE pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', name, {literal});
  END LOOP;
END $$;"
    ));
    if needs.contains(&authid) {
        lines.push(
            "-- Tells what kind of password verifier each role has. The verifier itself stays in the server."
                .to_owned(),
        );
        lines.push(format!(
            "CREATE SCHEMA pgdossier;
REVOKE ALL ON SCHEMA pgdossier FROM PUBLIC;
CREATE FUNCTION pgdossier.password_verifiers() RETURNS TABLE (rolname name, kind text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT rolname, {} FROM pg_authid $$;
REVOKE ALL ON FUNCTION pgdossier.password_verifiers() FROM PUBLIC;
GRANT USAGE ON SCHEMA pgdossier TO {quoted};
GRANT EXECUTE ON FUNCTION pgdossier.password_verifiers() TO {quoted};",
            collect::VERIFIER_KIND
        ));
    }
    lines.push("COMMIT;".to_owned());
    lines.push(String::new());
    lines.join("\n")
}
