//! Servers and roles as they come: standbys, thousands of databases, broken ones, roles that see little, odd names.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, dead_code)] // a test may stop on the first surprise

mod support;

use std::collections::BTreeMap;

use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};
use serde_json::Value;
use support::{Assessed, Workspace, conninfo_as, files, pgdossier, server, sql, text};

/// Each control's status.
fn statuses(assessed: &Assessed) -> BTreeMap<String, String> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = assessed.findings().into_iter();
    findings
        .map(|finding| (text(&finding, "control"), text(&finding, "status")))
        .collect()
}

/// Findings that only people's statements are missing for are left out.
fn unseen(assessed: &Assessed) -> Vec<Value> {
    let findings = assessed.findings().into_iter();
    findings
        .filter(|finding| finding["status"] == "not-evaluated")
        .filter(|finding| !finding["missing"].to_string().contains("attestations/"))
        .filter(|finding| !finding["missing"].to_string().contains("host"))
        .filter(|finding| {
            !finding["reason"]
                .to_string()
                .contains("reached through a Unix socket")
        })
        .collect()
}

fn grant(cluster: &Cluster, role: &str) {
    let grants = pgdossier().args(["grants", "--role", role]).output().unwrap();
    assert!(grants.status.success(), "{}", text(&grants.stderr));
    sql(cluster, "postgres", &text(&grants.stdout));
}

#[test]
fn a_hot_standby_is_assessed_like_its_primary_and_says_what_it_is() {
    let cluster = Cluster::start(ClusterOptions {
        files: vec![ClusterFile {
            name: "standby.signal".to_owned(),
            contents: Vec::new(),
            mode: 0o600,
        }],
        settings: vec![(
            "primary_conninfo".to_owned(),
            "host=primary.invalid user=streamer password=planted-in-a-standby".to_owned(),
        )],
        ..ClusterOptions::default()
    })
    .unwrap();
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    assert_eq!(assessed.json["targets"][0]["server"]["standby"], true);
    let unseen = unseen(&assessed);
    assert!(unseen.is_empty(), "{unseen:#?}");
    let report = std::fs::read_to_string(assessed.folder().join("report/report.md")).unwrap();
    assert!(report.contains("standby"), "{report}");
    for (path, bytes) in files(&assessed.folder()) {
        assert!(!text(&bytes).contains("planted-"), "{}", path.display());
    }
}

#[test]
fn a_role_that_sees_less_never_gets_a_better_status() {
    let settings = include_str!("../src/demo/weak.conf").lines();
    let settings = settings.filter_map(|line| line.split_once(" = "));
    let cluster = server(&settings.collect::<Vec<_>>());
    let (first, shop) = include_str!("../src/demo/weak.sql")
        .split_once("\\connect shop")
        .unwrap();
    for statement in first.split_inclusive(";\n") {
        sql(&cluster, "postgres", statement);
    }
    sql(&cluster, "shop", shop);
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE sees_nothing LOGIN; CREATE ROLE sees_one LOGIN;
         REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
    );
    let rules = cluster.data_dir().join("pg_hba.conf");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("local all sees_nothing,sees_one trust\n{text}")).unwrap();
    cluster.reload().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let as_role = |role: &str| {
        let workspace = Workspace::new();
        let connection = cluster
            .conninfo("postgres")
            .replace("user=postgres", &format!("user={role}"));
        statuses(&workspace.assessed(&connection))
    };
    let truth = as_role("postgres");
    for role in ["sees_nothing", "sees_one"] {
        let seen = as_role(role);
        let better: Vec<_> = truth
            .iter()
            .filter(|(control, status)| *status == "not-satisfied" && seen[*control] != "not-satisfied")
            .filter(|(control, _)| seen[*control] != "not-evaluated")
            .map(|(control, _)| format!("{control}: {}", seen[control]))
            .collect();
        assert!(better.is_empty(), "{role}: {better:#?}");
    }
    assert!(truth.values().filter(|status| *status == "not-satisfied").count() > 20);
}

#[test]
fn a_role_of_one_database_is_told_which_others_it_must_enter() {
    let cluster = server(&[]);
    sql(&cluster, "postgres", "CREATE DATABASE mine");
    sql(&cluster, "postgres", "CREATE DATABASE \"odd \"\"name\"\"\"");
    sql(
        &cluster,
        "postgres",
        "REVOKE CONNECT ON DATABASE \"odd \"\"name\"\"\" FROM PUBLIC; CREATE ROLE tenant LOGIN",
    );
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&conninfo_as(&cluster, "tenant", "mine"));
    let finding = assessed.finding("tables-not-public");
    assert_eq!(finding["status"], "not-evaluated", "{finding}");
    let remedy = "GRANT CONNECT ON DATABASE \"odd \"\"name\"\"\" TO \"tenant\";";
    assert!(
        finding["missing"]
            .as_array()
            .unwrap()
            .iter()
            .any(|missing| missing == remedy),
        "{finding}"
    );
}

#[test]
fn roles_with_odd_names_see_as_much_as_plain_ones() {
    let cluster = server(&[]);
    let long = "ä".repeat(31) + "x"; // 63 bytes
    let mut before: Option<BTreeMap<String, String>> = None;
    for role in [
        "plain",
        "O'Brien \"the\" auditor",
        "审计\u{202e}员",
        long.as_str(),
    ] {
        grant(&cluster, role);
        let workspace = Workspace::new();
        let quoted = role.replace('\\', "\\\\").replace('\'', "\\'");
        let connection = cluster
            .tcp_conninfo("postgres")
            .replace("user=postgres", &format!("user='{quoted}'"));
        let assessed = workspace.assessed(&connection);
        assert_eq!(
            assessed.json["targets"][0]["server"]["role"],
            role,
            "{}",
            assessed.stderr()
        );
        let now = statuses(&assessed);
        assert_eq!(before.get_or_insert_with(|| now.clone()), &now, "{role}");
        // Its schema and function are the next one's too.
        let dropped = role.replace('"', "\"\"");
        sql(
            &cluster,
            "postgres",
            &format!("DROP SCHEMA pgdossier CASCADE; DROP OWNED BY \"{dropped}\"; DROP ROLE \"{dropped}\""),
        );
    }
}

#[test]
fn broken_and_closed_databases_are_named_and_hide_nothing() {
    let cluster = server(&[("allow_system_table_mods", "on")]);
    for name in ["open", "shut", "invalid", "mould"] {
        sql(&cluster, "postgres", &format!("CREATE DATABASE {name}"));
    }
    sql(
        &cluster,
        "mould",
        "CREATE TABLE in_template (id int); GRANT SELECT ON in_template TO PUBLIC",
    );
    sql(
        &cluster,
        "postgres",
        "UPDATE pg_database SET datallowconn = false WHERE datname = 'shut';
         UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'invalid';
         UPDATE pg_database SET datistemplate = true WHERE datname = 'mould'",
    );
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    let finding = assessed.finding("tables-not-public");
    assert_eq!(finding["status"], "not-satisfied", "{finding}");
    assert!(
        finding["exceptions"]
            .to_string()
            .contains("mould: public.in_template"),
        "{finding}"
    );
    let evidence = finding["evidence"].as_str().unwrap();
    let everything = files(&assessed.folder());
    let (_, provenance) = everything
        .iter()
        .find(|(path, _)| path.ends_with(format!("evidence/{evidence}.json")))
        .unwrap();
    let provenance = text(provenance);
    assert!(
        provenance.contains("database `invalid` is invalid"),
        "{provenance}"
    );
    assert!(
        provenance.contains("database `shut` does not allow connections"),
        "{provenance}"
    );
}

#[test]
fn two_thousand_databases_are_all_looked_into() {
    const DATABASES: usize = 2_000;
    let cluster = server(&[("max_connections", "50"), ("autovacuum", "off")]);
    sql(
        &cluster,
        "postgres",
        "CREATE TABLE marked (id int); GRANT SELECT ON marked TO PUBLIC; CHECKPOINT",
    );
    // Two thousand copies would take 15 GB: all of them are the same files, which nobody writes.
    let columns = "datdba, encoding, datlocprovider, datistemplate, datallowconn, datconnlimit, datfrozenxid, datminmxid, \
                   dattablespace, datcollate, datctype";
    sql(
        &cluster,
        "postgres",
        &format!(
            "INSERT INTO pg_database (oid, datname, {columns})
             SELECT 100000 + n, 'd' || n, {columns} FROM pg_database, generate_series(1, {DATABASES}) n
              WHERE datname = 'postgres'"
        ),
    );
    let base = cluster.data_dir().join("base");
    let postgres = std::fs::read_dir(&base)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok()?.parse::<u32>().ok())
        .max()
        .unwrap();
    for number in 1..=DATABASES {
        let link = base.join((100_000 + number).to_string());
        std::os::unix::fs::symlink(postgres.to_string(), link).unwrap();
    }
    let workspace = Workspace::new();
    let mut command = workspace.assess();
    let output = command
        .args(["--connections-per-server", "16", &cluster.conninfo("postgres")])
        .output()
        .unwrap();
    let assessed = Assessed::new(output);
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let finding = assessed.finding("tables-not-public");
    assert_eq!(
        finding["exceptions"].as_array().unwrap().len(),
        DATABASES + 1,
        "{}",
        finding["reason"]
    );
}

#[test]
fn no_row_of_any_system_catalogue_changes() {
    let cluster = server(&[("autovacuum", "off")]);
    sql(
        &cluster,
        "postgres",
        "CREATE TABLE t (id int); CREATE EXTENSION postgres_fdw; CREATE ROLE someone",
    );
    sql(&cluster, "postgres", "CREATE DATABASE other");
    grant(&cluster, "auditor");
    let all = || ["postgres", "other", "template1"].map(|database| digests(&cluster, database));
    let before = all();
    assert!(before.iter().all(|tables| tables.len() > 60));
    let workspace = Workspace::new();
    for connection in [
        cluster.conninfo("postgres"),
        conninfo_as(&cluster, "auditor", "postgres"),
    ] {
        let _ = std::fs::remove_dir_all(workspace.path("bundles"));
        let assessed = workspace.assessed(&connection);
        assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    }
    assert_eq!(all(), before);
}

/// A digest of every catalogue's rows, with their system columns, so that a row that was written back as it was shows.
fn digests(cluster: &Cluster, database: &str) -> BTreeMap<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&cluster.conninfo(database), tokio_postgres::NoTls)
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        let tables = client
            .query(
                "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'pg_catalog'::regnamespace",
                &[],
            )
            .await
            .unwrap();
        let mut digests = BTreeMap::new();
        for table in tables {
            let name: String = table.get(0);
            let digest = client
                .query_one(
                    &format!("SELECT md5(coalesce(string_agg(xmin::text || ctid::text || t::text, '|' ORDER BY ctid), '')) FROM pg_catalog.{name} t"),
                    &[],
                )
                .await
                .unwrap();
            digests.insert(name, digest.get(0));
        }
        drop(client);
        let _ = driver.await;
        digests
    })
}
