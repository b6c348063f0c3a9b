//! What `role-reach` says of a role is what the role can really do: each way is gone on a real server, and where it
//! tells of none the attempt is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;
use support::Workspace;
use tokio_postgres::Client;

fn server(major: u32) -> Cluster {
    let bin_dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin"));
    assert!(bin_dir.join("postgres").exists(), "PostgreSQL {major} is missing");
    Cluster::start(ClusterOptions {
        bin_dir: Some(bin_dir),
        ..ClusterOptions::default()
    })
    .unwrap()
}

/// Runs something with a connection of the superuser to a database.
fn with_client<T>(cluster: &Cluster, database: &str, run: impl AsyncFnOnce(&Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let conninfo = cluster.conninfo(database);
        let (client, connection) = tokio_postgres::connect(&conninfo, tokio_postgres::NoTls)
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        let result = run(&client).await;
        drop(client);
        let _ = driver.await;
        result
    })
}

/// The rows of `role-reach` by role.
fn reach(cluster: &Cluster) -> BTreeMap<String, Value> {
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    let rows = assessed.rows("role-reach").into_iter();
    rows.map(|row| (row["role"].as_str().unwrap().to_owned(), row))
        .collect()
}

/// What is set up, the role that tries, what it tries, and what is told of it.
struct Attempt {
    setup: &'static str,
    role: &'static str,
    tries: &'static str,
    column: &'static str,
    /// A part of the way that is told; nothing when the attempt must be refused.
    told: Option<&'static str>,
}

const fn attempt(
    setup: &'static str,
    role: &'static str,
    tries: &'static str,
    column: &'static str,
    told: Option<&'static str>,
) -> Attempt {
    Attempt {
        setup,
        role,
        tries,
        column,
        told,
    }
}

fn every_attempt_goes_as_told(major: u32, attempts: &[Attempt]) {
    let cluster = server(major);
    support::sql(&cluster, "postgres", "CREATE DATABASE shop");
    support::sql(&cluster, "postgres", "CREATE DATABASE manor");
    with_client(&cluster, "shop", async |client| {
        for attempt in attempts {
            client
                .batch_execute(attempt.setup)
                .await
                .unwrap_or_else(|error| panic!("{error:?} in {}", attempt.setup));
        }
    });
    let told = reach(&cluster);
    let mut wrong = Vec::new();
    for attempt in attempts {
        let public = attempt.told.is_some_and(|told| told.starts_with("PUBLIC"));
        let row = &told[if public { "PUBLIC" } else { attempt.role }];
        let ways = row[attempt.column].to_string();
        let as_told = match attempt.told {
            Some(told) => ways.contains(told),
            None => ways == "[]",
        };
        if !as_told {
            wrong.push(format!(
                "{}: {} is {ways}, not {:?}",
                attempt.role, attempt.column, attempt.told
            ));
        }
        // Whoever authenticates as the superuser becomes another session user for as long as this connection lasts.
        let outcome = with_client(&cluster, "shop", async |client| {
            let become_it = format!("SET SESSION AUTHORIZATION {}", attempt.role);
            client.batch_execute(&become_it).await.unwrap();
            client.batch_execute(attempt.tries).await
        });
        if outcome.is_ok() != attempt.told.is_some() {
            wrong.push(format!("{}: {} gave {outcome:?}", attempt.role, attempt.tries));
        }
    }
    assert!(wrong.is_empty(), "PostgreSQL {major}\n{}", wrong.join("\n"));
}

/// Ways that are the same on every version.
const ANYWHERE: &[Attempt] = &[
    attempt(
        "CREATE ROLE dba NOLOGIN; GRANT postgres TO dba; CREATE ROLE climber LOGIN; GRANT dba TO climber",
        "climber",
        "SET ROLE postgres; CREATE ROLE made_by_climber SUPERUSER",
        "superuser_paths",
        Some("climber → member of dba → member of postgres (superuser)"),
    ),
    attempt(
        "CREATE ROLE nobody_special LOGIN",
        "nobody_special",
        "SET ROLE postgres",
        "superuser_paths",
        None,
    ),
    attempt(
        "CREATE ROLE etl NOLOGIN; GRANT pg_execute_server_program TO etl; CREATE ROLE loader LOGIN; GRANT etl TO loader",
        "loader",
        "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
        "host_paths",
        Some("loader → member of etl → member of pg_execute_server_program"),
    ),
    attempt(
        "CREATE ROLE stranger LOGIN",
        "stranger",
        "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
        "host_paths",
        None,
    ),
    attempt(
        "CREATE ROLE replicator NOLOGIN REPLICATION; CREATE ROLE copier LOGIN; GRANT replicator TO copier",
        "copier",
        "SET ROLE replicator; SELECT pg_create_physical_replication_slot('mine'); SELECT pg_drop_replication_slot('mine')",
        "replication_paths",
        Some("copier → member of replicator → REPLICATION"),
    ),
    attempt(
        "CREATE ROLE no_copier LOGIN",
        "no_copier",
        "SELECT pg_create_physical_replication_slot('mine')",
        "replication_paths",
        None,
    ),
    attempt(
        "CREATE TABLE held (id int); INSERT INTO held VALUES (1); ALTER TABLE held ENABLE ROW LEVEL SECURITY;
         CREATE ROLE sees_all NOLOGIN BYPASSRLS; GRANT SELECT ON held TO sees_all; CREATE ROLE peeker LOGIN;
         GRANT sees_all TO peeker",
        "peeker",
        "SET ROLE sees_all; SELECT 1 / count(*) FROM held",
        "bypassrls_paths",
        Some("peeker → member of sees_all → BYPASSRLS"),
    ),
    attempt(
        "CREATE ROLE filtered LOGIN; GRANT SELECT ON held TO filtered",
        "filtered",
        "SELECT 1 / count(*) FROM held",
        "bypassrls_paths",
        None,
    ),
    attempt(
        "CREATE ROLE reads_host LOGIN; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO reads_host",
        "reads_host",
        "SELECT pg_read_file('PG_VERSION')",
        "function_paths",
        Some("reads_host → EXECUTE of shop: pg_catalog.pg_read_file"),
    ),
    attempt(
        "CREATE ROLE reads_nothing LOGIN",
        "reads_nothing",
        "SELECT pg_read_file('PG_VERSION')",
        "function_paths",
        None,
    ),
    // A view of the caller stands before the table that the function means, and calls a function of the caller.
    attempt(
        "CREATE SCHEMA tools; CREATE ROLE caller LOGIN; GRANT USAGE ON SCHEMA tools TO caller;
         CREATE TABLE public.numbers (n int);
         CREATE FUNCTION tools.total() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
             AS $$ BEGIN RETURN (SELECT sum(n) FROM numbers); END $$;
         REVOKE EXECUTE ON FUNCTION tools.total() FROM PUBLIC; GRANT EXECUTE ON FUNCTION tools.total() TO caller",
        "caller",
        "CREATE FUNCTION pg_temp.own() RETURNS int LANGUAGE plpgsql
             AS $$ BEGIN CREATE ROLE made_by_caller SUPERUSER; RETURN 1; END $$;
         CREATE TEMP VIEW numbers AS SELECT pg_temp.own() AS n; SELECT tools.total(); SET ROLE NONE",
        "definer_paths",
        Some("caller → EXECUTE of shop: tools.total(), a superuser's SECURITY DEFINER function without a search path"),
    ),
    attempt(
        "CREATE ROLE no_caller LOGIN; GRANT USAGE ON SCHEMA tools TO no_caller",
        "no_caller",
        "SELECT tools.total()",
        "definer_paths",
        None,
    ),
    attempt(
        "CREATE SCHEMA closed; CREATE ROLE outside LOGIN;
         CREATE FUNCTION closed.total() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
             AS $$ BEGIN RETURN (SELECT sum(n) FROM numbers); END $$",
        "outside",
        "SELECT closed.total()",
        "definer_paths",
        None,
    ),
    attempt(
        "CREATE FUNCTION loose_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
         CREATE LANGUAGE loose HANDLER loose_call; CREATE ROLE runner LOGIN;
         CREATE FUNCTION runs() RETURNS int LANGUAGE loose AS 'BEGIN RETURN 1; END'",
        "runner",
        "SELECT runs()",
        "untrusted_paths",
        Some("PUBLIC → EXECUTE of shop: public.runs(), in the untrusted language loose"),
    ),
    attempt(
        "CREATE FUNCTION kept() RETURNS int LANGUAGE loose AS 'BEGIN RETURN 1; END';
         REVOKE EXECUTE ON FUNCTION kept() FROM PUBLIC; CREATE ROLE no_runner LOGIN",
        "no_runner",
        "SELECT kept()",
        "untrusted_paths",
        None,
    ),
    // The first schema on the superuser's path has its name and does not exist.
    attempt(
        "CREATE ROLE founder LOGIN; GRANT CREATE ON DATABASE shop TO founder",
        "founder",
        "CREATE SCHEMA postgres; CREATE FUNCTION postgres.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "schema_paths",
        Some("founder → CREATE of schema postgres of database shop, where superuser postgres looks for names"),
    ),
    attempt(
        "CREATE ROLE no_founder LOGIN",
        "no_founder",
        "CREATE SCHEMA postgres",
        "schema_paths",
        None,
    ),
    attempt(
        "CREATE ROLE lord LOGIN; ALTER DATABASE manor OWNER TO lord",
        "lord",
        "ALTER DATABASE manor SET search_path = traps, public",
        "schema_paths",
        Some("lord → owner of database manor, who sets the search path of superuser postgres there"),
    ),
    attempt(
        "CREATE ROLE no_lord LOGIN",
        "no_lord",
        "ALTER DATABASE manor SET search_path = traps, public",
        "schema_paths",
        None,
    ),
];

/// CREATEROLE reaches every role that is no superuser, those that came with the server included; everybody creates in
/// schema public; the ADMIN option is a membership like any other.
const BEFORE_16: &[Attempt] = &[
    attempt(
        "CREATE ROLE maker LOGIN CREATEROLE",
        "maker",
        "GRANT pg_execute_server_program TO maker; COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
        "host_paths",
        Some("maker → CREATEROLE → pg_execute_server_program"),
    ),
    attempt(
        "CREATE ROLE user_admin NOLOGIN CREATEROLE; CREATE ROLE climbs LOGIN; GRANT user_admin TO climbs;
         CREATE ROLE has_postgres NOLOGIN; GRANT postgres TO has_postgres",
        "climbs",
        "SET ROLE user_admin; GRANT has_postgres TO climbs; SET ROLE postgres; CREATE ROLE made_by_climbs SUPERUSER",
        "superuser_paths",
        Some("climbs → member of user_admin → CREATEROLE → "),
    ),
    attempt(
        "CREATE ROLE reluctant LOGIN NOINHERIT; GRANT pg_read_server_files TO reluctant",
        "reluctant",
        "SET ROLE pg_read_server_files; SELECT pg_read_file('PG_VERSION')",
        "function_paths",
        None,
    ),
];

const BEFORE_15: &[Attempt] = &[attempt(
    "CREATE ROLE anybody LOGIN",
    "anybody",
    "CREATE FUNCTION public.lower(int) RETURNS text LANGUAGE sql AS 'SELECT $1::text'",
    "schema_paths",
    Some("PUBLIC → CREATE in schema public of database shop, where superuser postgres looks for names"),
)];

/// Each option is a right of its own.
const SINCE_16: &[Attempt] = &[
    attempt(
        "CREATE ROLE heir LOGIN; GRANT postgres TO heir WITH ADMIN FALSE, INHERIT TRUE, SET FALSE",
        "heir",
        "CREATE OR REPLACE FUNCTION pg_catalog.pg_relation_size(regclass) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
             AS $$ BEGIN CREATE ROLE made_by_heir SUPERUSER; RETURN 1; END $$;
         SELECT pg_relation_size('pg_class'::regclass)",
        "superuser_paths",
        Some("heir → inherits from postgres (superuser)"),
    ),
    // Nobody but superusers gives the role of a superuser.
    attempt(
        "CREATE ROLE giver LOGIN; GRANT postgres TO giver WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
        "giver",
        "GRANT postgres TO giver WITH SET TRUE",
        "superuser_paths",
        None,
    ),
    attempt(
        "CREATE ROLE ops NOLOGIN; GRANT pg_execute_server_program TO ops; CREATE ROLE staff NOLOGIN;
         GRANT ops TO staff WITH ADMIN TRUE, INHERIT FALSE, SET FALSE; CREATE ROLE bob LOGIN; GRANT staff TO bob",
        "bob",
        "GRANT ops TO bob; COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
        "host_paths",
        Some("bob → member of staff → ADMIN on ops → member of pg_execute_server_program"),
    ),
    attempt(
        "CREATE ROLE gives_itself LOGIN; GRANT ops TO gives_itself WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
        "gives_itself",
        "GRANT ops TO gives_itself; SET ROLE ops",
        "admin_paths",
        Some("gives_itself → ADMIN on ops"),
    ),
    // SET ROLE asks the session's own memberships: what is inherited from another does not help.
    attempt(
        "CREATE ROLE far NOLOGIN BYPASSRLS; CREATE ROLE near NOLOGIN; GRANT far TO near WITH INHERIT FALSE, SET TRUE;
         CREATE ROLE stuck LOGIN; GRANT near TO stuck WITH INHERIT TRUE, SET FALSE",
        "stuck",
        "SET ROLE far",
        "bypassrls_paths",
        None,
    ),
    attempt(
        "CREATE ROLE maker LOGIN CREATEROLE",
        "maker",
        "GRANT pg_execute_server_program TO maker",
        "host_paths",
        None,
    ),
    attempt(
        "GRANT ALTER SYSTEM ON PARAMETER archive_command TO climbs_by_parameter",
        "climbs_by_parameter",
        "ALTER SYSTEM SET archive_command = 'true'",
        "parameter_paths",
        Some("climbs_by_parameter → ALTER SYSTEM SET archive_command"),
    ),
    attempt(
        "GRANT ALTER SYSTEM ON PARAMETER work_mem TO sets_memory",
        "sets_memory",
        "ALTER SYSTEM SET archive_command = 'true'",
        "parameter_paths",
        None,
    ),
    // Since 15 schema public belongs to the database's owner.
    attempt(
        "CREATE ROLE no_creator LOGIN",
        "no_creator",
        "CREATE FUNCTION public.lower(int) RETURNS text LANGUAGE sql AS 'SELECT $1::text'",
        "schema_paths",
        None,
    ),
];

fn on(major: u32) {
    let mut attempts: Vec<Attempt> = vec![attempt(
        "CREATE ROLE climbs_by_parameter LOGIN; CREATE ROLE sets_memory LOGIN",
        "sets_memory",
        "SET ROLE postgres",
        "superuser_paths",
        None,
    )];
    let parts: &[&[Attempt]] = match major {
        ..15 => &[ANYWHERE, BEFORE_16, BEFORE_15],
        15 => &[ANYWHERE, BEFORE_16],
        _ => &[ANYWHERE, SINCE_16],
    };
    for part in parts {
        attempts.extend(
            part.iter()
                .map(|a| attempt(a.setup, a.role, a.tries, a.column, a.told)),
        );
    }
    every_attempt_goes_as_told(major, &attempts);
}

#[test]
fn ways_are_as_told_on_postgresql_13() {
    on(13);
}

#[test]
fn ways_are_as_told_on_postgresql_14() {
    on(14);
}

#[test]
fn ways_are_as_told_on_postgresql_15() {
    on(15);
}

#[test]
fn ways_are_as_told_on_postgresql_16() {
    on(16);
}

#[test]
fn ways_are_as_told_on_postgresql_17() {
    on(17);
}

#[test]
fn ways_are_as_told_on_postgresql_18() {
    on(18);
}

/// A generator of numbers that gives the same sequence each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn truth(&mut self) -> &'static str {
        if self.below(2) == 0 { "TRUE" } else { "FALSE" }
    }
}

/// Tries everything for one role until nothing new is gained, undoes it, and tells what it came to.
const BRUTE_FORCE: &str = "DO $$
DECLARE everybody text[] := ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname LIKE '{scope}' ORDER BY 1);
        became text[] := ARRAY['{role}']; before int := 0; target text; goal text; rights bool := false; held bool;
BEGIN
  SET SESSION AUTHORIZATION {role};
  WHILE before < array_length(became, 1) LOOP
    before := array_length(became, 1);
    FOREACH target IN ARRAY became LOOP
      EXECUTE format('SET ROLE %I', target);
      FOREACH goal IN ARRAY everybody LOOP
        BEGIN EXECUTE format('GRANT %I TO {role} {options}', goal); EXCEPTION WHEN OTHERS THEN NULL; END;
      END LOOP;
    END LOOP;
    FOREACH goal IN ARRAY everybody LOOP
      BEGIN
        EXECUTE format('SET ROLE %I', goal);
        IF NOT goal = ANY (became) THEN became := became || goal; END IF;
      EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
  END LOOP;
  FOREACH target IN ARRAY became LOOP
    EXECUTE format('SET ROLE %I', target);
    SELECT has_function_privilege('pg_read_file(text)', 'EXECUTE') INTO held;
    rights := rights OR held;
  END LOOP;
  RAISE EXCEPTION 'became % rights %', became, rights;
END $$";

fn random_graphs_lead_where_brute_force_leads(major: u32, graphs: u64) {
    let cluster = server(major);
    let mut dice = Dice(20_261_123);
    let size = 6;
    let mut roles: Vec<String> = Vec::new();
    with_client(&cluster, "postgres", async |client| {
        for graph in 0..graphs {
            for role in 0..size {
                let name = format!("g{graph:02}_{role}");
                let inherit = if dice.below(3) == 0 {
                    "NOINHERIT"
                } else {
                    "INHERIT"
                };
                let createrole = if role > 0 && dice.below(8) == 0 {
                    "CREATEROLE"
                } else {
                    ""
                };
                let bypass = if role == 0 { "BYPASSRLS" } else { "" };
                client
                    .batch_execute(&format!(
                        "CREATE ROLE {name} LOGIN {inherit} {createrole} {bypass}"
                    ))
                    .await
                    .unwrap();
                roles.push(name);
            }
            for _ in 0..size + dice.below(size) {
                let (granted, member) = (dice.below(size), dice.below(size));
                let options = if major >= 16 {
                    format!(
                        "WITH ADMIN {}, INHERIT {}, SET {}",
                        // Seldom: whoever has it needs none of the others.
                        if dice.below(6) == 0 { "TRUE" } else { "FALSE" },
                        dice.truth(),
                        dice.truth()
                    )
                } else if dice.below(2) == 0 {
                    "WITH ADMIN OPTION".to_owned()
                } else {
                    String::new()
                };
                // A circle is refused, and that is no matter.
                let _ = client
                    .batch_execute(&format!(
                        "GRANT g{graph:02}_{granted} TO g{graph:02}_{member} {options}"
                    ))
                    .await;
            }
            client
                .batch_execute(&format!(
                    "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO g{graph:02}_1"
                ))
                .await
                .unwrap();
        }
    });
    let told = reach(&cluster);
    let mut wrong = Vec::new();
    let (mut yes, mut no) = (BTreeSet::new(), BTreeSet::new());
    with_client(&cluster, "postgres", async |client| {
        for role in &roles {
            // With CREATEROLE a role reaches into other graphs, before 16.
            let scope = if major < 16 {
                "g%".to_owned()
            } else {
                format!("{}%", &role[..3])
            };
            let script = BRUTE_FORCE
                .replace("{role}", role)
                .replace("{scope}", &scope)
                .replace(
                    "{options}",
                    if major >= 16 {
                        "WITH INHERIT TRUE, SET TRUE"
                    } else {
                        ""
                    },
                );
            let error = client.batch_execute(&script).await.unwrap_err();
            let message = error.as_db_error().unwrap().message().to_owned();
            assert!(message.starts_with("became"), "{message}");
            let rights = message.ends_with("rights t");
            // The target itself is no way: it has what it has.
            let becomes = role.ends_with("_0") || message.contains("_0,") || message.contains("_0}");
            let row = &told[role];
            let says = |column: &str| row[column] != serde_json::json!([]);
            let says_becomes = role.ends_with("_0") || says("bypassrls_paths");
            if says_becomes != becomes || says("function_paths") != rights {
                wrong.push(format!("{role}: {message}; told {row}"));
            }
            if becomes || rights {
                yes.insert(role);
            } else {
                no.insert(role);
            }
        }
    });
    assert!(wrong.is_empty(), "PostgreSQL {major}\n{}", wrong.join("\n"));
    assert!(
        yes.len() > 5 && no.len() > 2,
        "the graphs show nothing: {yes:?} {no:?}"
    );
}

#[test]
fn random_graphs_before_16() {
    random_graphs_lead_where_brute_force_leads(15, 4);
}

#[test]
fn random_graphs_since_16() {
    random_graphs_lead_where_brute_force_leads(17, 60);
}

#[test]
fn random_graphs_of_the_newest() {
    random_graphs_lead_where_brute_force_leads(18, 60);
}

/// What stands in a database that lets nobody in cannot be believed; what the roles say of themselves can.
#[test]
fn a_closed_database_leaves_memberships_believable() {
    let cluster = server(17);
    support::sql(&cluster, "postgres", "CREATE DATABASE closed");
    support::sql(
        &cluster,
        "postgres",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC; CREATE ROLE auditor LOGIN",
    );
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&support::conninfo_as(&cluster, "auditor", "postgres"));
    for (control, status) in [
        ("superuser-not-reachable", "satisfied"),
        ("member-of-host-access-roles", "satisfied"),
        ("parameters-run-no-programs", "satisfied"),
        ("definer-not-a-way-to-superuser", "not-evaluated"),
        ("superuser-search-path-closed", "not-evaluated"),
        ("system-objects-not-public", "not-evaluated"),
        ("rls-holds-for-members-of-owner", "not-evaluated"),
    ] {
        let finding = assessed.finding(control);
        assert_eq!(finding["status"], status, "{finding}");
    }
}
