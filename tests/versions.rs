//! The whole catalog on every supported major version of PostgreSQL.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::path::PathBuf;

use pgdossier::cluster::{Cluster, ClusterOptions};
use support::{Workspace, pgdossier, sql, text};

fn assess_on(major: u32) {
    let bin_dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin"));
    assert!(
        bin_dir.join("postgres").exists(),
        "PostgreSQL {major} is missing: run scripts/install-servers"
    );
    let cluster = Cluster::start(ClusterOptions {
        bin_dir: Some(bin_dir),
        ..ClusterOptions::default()
    })
    .unwrap();
    let grants = pgdossier()
        .args(["grants", "--role", "auditor"])
        .output()
        .unwrap();
    sql(&cluster, "postgres", &text(&grants.stdout));
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&support::conninfo_as(&cluster, "auditor", "postgres"));
    let version = assessed.json["targets"][0]["server"]["version_num"]
        .as_u64()
        .unwrap();
    assert_eq!(version / 10_000, u64::from(major));
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    // What people attest, and the host, which is left out here (tests/host looks at it), are not in sight.
    let (elsewhere, seen): (Vec<_>, Vec<_>) = assessed.findings().into_iter().partition(|finding| {
        let missing = finding["missing"].to_string();
        missing.contains("attestations/") || missing.contains("host: { access:")
    });
    assert!(
        elsewhere
            .iter()
            .all(|finding| finding["status"] == "not-evaluated")
    );
    assert!(seen.len() > 120, "{} findings", seen.len());
    let unseen: Vec<_> = seen
        .iter()
        .filter(|finding| finding["status"] == "not-evaluated")
        .collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
    let replayed = pgdossier().arg("replay").arg(assessed.folder()).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
}

#[test]
fn postgresql_13() {
    assess_on(13);
}

#[test]
fn postgresql_14() {
    assess_on(14);
}

#[test]
fn postgresql_15() {
    assess_on(15);
}

#[test]
fn postgresql_16() {
    assess_on(16);
}

#[test]
fn postgresql_17() {
    assess_on(17);
}

#[test]
fn postgresql_18() {
    assess_on(18);
}

/// Before 15 no view shows the lines of a map: one that a rule uses is unknown, and one that none uses lets nobody in.
#[test]
fn a_map_that_cannot_be_read_is_unknown_only_where_it_is_used() {
    let used = |major: u32, rule: &str| {
        let bin_dir =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin"));
        let cluster = Cluster::start(ClusterOptions {
            bin_dir: Some(bin_dir),
            hba: Some(format!("local all postgres trust\n{rule}\n")),
            ..ClusterOptions::default()
        })
        .unwrap();
        let map = cluster.data_dir().join("pg_ident.conf");
        std::fs::write(map, "people bob postgres\n").unwrap();
        cluster.reload().unwrap();
        let workspace = Workspace::new();
        let assessed = workspace.assessed(&cluster.conninfo("postgres"));
        let finding = assessed.finding("ident-no-superuser");
        (
            finding["status"].as_str().unwrap().to_owned(),
            finding["reason"].as_str().unwrap().to_owned(),
        )
    };
    let rule = "local all all peer map=people";
    for major in [13, 14] {
        let (status, reason) = used(major, rule);
        assert_eq!(status, "not-evaluated", "{reason}");
        assert!(reason.contains("the lines of map people"), "{reason}");
        assert_eq!(used(major, "local all all peer").0, "satisfied");
    }
    assert_eq!(used(15, rule).0, "not-satisfied");
}
