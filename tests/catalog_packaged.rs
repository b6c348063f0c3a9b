//! Controls of what only packaged servers have: pgaudit, LDAP and Kerberos; and of what changes every role's name.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod catalog;
mod support;

use std::path::PathBuf;

use catalog::{Block, blocks_in};
use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;
use support::{Assessed, Workspace, sql};

/// The blocks of a file of the folder `packaged`.
fn packaged(file: &str, first: &str) -> Vec<Block> {
    let mut blocks = blocks_in("packaged", first);
    blocks.retain(|block| block.file == file && block.one(first).is_some());
    blocks
}

/// The system's PostgreSQL 15 with everything the blocks say, by every control that there is.
fn assessed(workspace: &Workspace, blocks: &[Block]) -> Assessed {
    let folder = PathBuf::from("/usr/lib/postgresql/15/bin");
    assert!(
        folder.join("../lib/pgaudit.so").exists(),
        "PostgreSQL 15 with pgaudit is missing: run scripts/install-test-needs"
    );
    let blocks: Vec<&Block> = blocks.iter().collect();
    let cluster = catalog::start_in(folder, &[], &blocks);
    let mut command = workspace.assess();
    command.args(["--profile", "strict", &cluster.conninfo("postgres")]);
    Assessed::new(command.output().unwrap())
}

fn texts(finding: &Value) -> Vec<&str> {
    let exceptions = finding["exceptions"].as_array().unwrap().iter();
    exceptions
        .map(|exception| exception["text"].as_str().unwrap())
        .collect()
}

#[test]
fn every_defect_of_a_packaged_server_is_raised() {
    let (workspace, blocks) = (Workspace::new(), packaged("defects.sql", "control"));
    let assessed = assessed(&workspace, &blocks);
    for block in &blocks {
        let finding = assessed.finding(block.one("control").unwrap());
        let texts = texts(&finding);
        assert_eq!(texts.len(), 1, "{finding}");
        assert!(texts[0].contains(block.one("expect").unwrap()), "{texts:?}");
    }
}

#[test]
fn nothing_good_on_a_packaged_server_is_raised() {
    let (workspace, blocks) = (Workspace::new(), packaged("good.sql", "never"));
    let assessed = assessed(&workspace, &blocks);
    for block in &blocks {
        let finding = assessed.finding(block.one("never").unwrap());
        assert_eq!(finding["status"], "satisfied", "{finding}");
    }
}

#[test]
fn role_names_that_depend_on_the_database_are_raised() {
    let cluster = Cluster::start(ClusterOptions {
        bin_dir: Some(catalog::bin_dir(13)),
        ..ClusterOptions::default()
    })
    .unwrap();
    let workspace = Workspace::new();
    let found = |name: &str| {
        let _ = std::fs::remove_dir_all(workspace.path("bundles"));
        let assessed = workspace.assessed(&cluster.conninfo("postgres"));
        let finding = assessed.finding("db-user-namespace-off");
        assert_eq!(finding["status"], name, "{finding}");
        finding
    };
    found("satisfied");
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE \"postgres@postgres\" LOGIN SUPERUSER",
    );
    sql(&cluster, "postgres", "ALTER SYSTEM SET db_user_namespace = on");
    sql(&cluster, "postgres", "SELECT pg_reload_conf()");
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(texts(&found("not-satisfied")), ["db_user_namespace = on"]);
}
