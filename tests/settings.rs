//! Settings as an assessment shows them: what runs, what some session gets, what files say, and no secret.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::path::Path;

use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;
use support::{Assessed, Workspace, sql};

fn setting(assessed: &Assessed, name: &str) -> Value {
    let all = assessed.rows("settings");
    all.into_iter()
        .find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

fn holds(folder: &Path, secret: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holds(&path, secret)
        } else {
            let bytes = std::fs::read(&path).unwrap();
            bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        }
    })
}

#[test]
fn every_value_that_some_session_gets_is_shown_and_every_line_of_the_files() {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let cluster = Cluster::start(ClusterOptions {
        settings: [
            ("log_statement", "ddl"),
            ("log_lock_waits", "off"),
            ("primary_conninfo", "host=10.0.0.5 password=hunter2"),
            ("vault.token", "hunter2"),
        ]
        .map(pair)
        .to_vec(),
        ..ClusterOptions::default()
    })
    .unwrap();
    for statement in [
        "CREATE ROLE quiet",
        "ALTER ROLE quiet SET log_statement = 'none'",
        "ALTER ROLE quiet IN DATABASE postgres SET log_statement = 'all'",
        "ALTER ROLE quiet SET session_preload_libraries = 'auth_delay'",
        "ALTER DATABASE template1 SET work_mem = '64MB'",
        "ALTER SYSTEM SET log_lock_waits = on",
        "ALTER SYSTEM SET max_connections = 50",
    ] {
        sql(&cluster, "postgres", statement);
    }
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));

    let statement = setting(&assessed, "log_statement");
    assert_eq!(statement["value"], "ddl");
    assert_eq!(statement["values"], serde_json::json!(["ddl", "all", "none"]));
    assert_eq!(statement["overrides"].as_array().unwrap().len(), 2, "{statement}");
    assert_eq!(statement["in_effect"], true);
    let memory = setting(&assessed, "work_mem");
    assert_eq!(memory["values"], serde_json::json!(["4096", "65536"]));
    let libraries = setting(&assessed, "session_preload_libraries");
    assert_eq!(libraries["items"], serde_json::json!(["auth_delay"]));
    // written by ALTER SYSTEM and not read yet
    let waits = setting(&assessed, "log_lock_waits");
    assert_eq!(
        (&waits["value"], &waits["alter_system"]),
        (&"off".into(), &"on".into())
    );
    assert_eq!(waits["in_effect"], false);
    assert_eq!(setting(&assessed, "log_statement")["alter_system"], Value::Null);

    let lines = assessed.rows("settings-files");
    let line = |name: &str, value: &str| {
        let found = lines
            .iter()
            .find(|row| row["name"] == name && row["value"] == value);
        found.unwrap_or_else(|| panic!("no {name} = {value} in {lines:#?}"))
    };
    let outranked = line("log_lock_waits", "off");
    assert!(
        outranked["outranked_by"]
            .as_str()
            .unwrap()
            .contains("postgresql.auto.conf:")
    );
    assert_eq!(outranked["outranked_value"], "on");
    assert_eq!(line("log_lock_waits", "on")["alter_system"], true);
    assert_eq!(line("vault.token", "[masked]")["known"], false);
    assert_eq!(line("max_connections", "50")["pending_restart"], true);
    let settings: Vec<&Value> = lines
        .iter()
        .filter(|row| row["name"] == "log_statement")
        .collect();
    assert_eq!((settings.len(), &settings[0]["known"]), (1, &Value::Bool(true)));

    assert!(!holds(&assessed.folder(), "hunter2"));
    assert_eq!(assessed.finding("configuration-readable")["status"], "satisfied");
}

#[test]
fn a_role_that_cannot_read_files_concludes_nothing_about_them_and_still_sees_what_runs() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE watcher LOGIN; GRANT pg_read_all_settings TO watcher",
    );
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&support::conninfo_as(&cluster, "watcher", "postgres"));
    for control in [
        "configuration-readable",
        "configured-values-run",
        "defence-settings-known",
    ] {
        let finding = assessed.finding(control);
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
    }
    assert_eq!(assessed.finding("damage-not-ignored")["status"], "satisfied");
}
