//! What the ways of 10,000 roles with 100,000 memberships cost: time and peak memory of a process that asks a real
//! server the questions of `role-reach` and derives all of it.
//!
//! `cargo bench --bench role_reach_speed` prints both; the server is filled by SQL.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)] // a bench prints, and may stop on the first surprise

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgdossier::cluster::{Cluster, ClusterOptions};

const ROLES: usize = 10_000;
const MEMBERSHIPS: usize = 100_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (controls, key) = (folder.path().join("controls"), folder.path().join("key.pem"));
    only_role_reach(&controls);
    let mut made = program();
    made.args(["keys", "new", "--no-passphrase", "--out"]).arg(&key);
    assert!(made.status().unwrap().success());
    let bin_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/servers/17/native/bin");
    let cluster = Cluster::start(ClusterOptions {
        bin_dir: bin_dir.exists().then_some(bin_dir),
        ..ClusterOptions::default()
    })
    .unwrap();
    fill(&cluster);
    let mut times: Vec<(Duration, u64)> = (0..5)
        .map(|_| assess(&cluster, &controls, &key, folder.path()))
        .collect();
    times.sort();
    println!(
        "{ROLES} roles, {MEMBERSHIPS} memberships: every control over role-reach, report and signed bundle included"
    );
    println!("  median time  {:>7.1} ms", times[2].0.as_secs_f64() * 1e3);
    println!("  slowest      {:>7.1} ms", times[4].0.as_secs_f64() * 1e3);
    let peak = times.iter().map(|(_, peak)| *peak).max().unwrap();
    println!("  peak memory  {:>7.1} MB", peak as f64 / 1024.0);
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgdossier"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A catalog with the controls over `role-reach` alone.
fn only_role_reach(into: &Path) {
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("controls");
    copy(&from, into);
}

fn copy(from: &Path, into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = into.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let is_control = text.contains("\nevidence:");
        if !is_control || text.contains("\"role-reach\"") {
            std::fs::write(&target, text).unwrap();
        }
    }
}

/// Time and peak memory in kB of one assessment.
fn assess(cluster: &Cluster, controls: &Path, key: &Path, folder: &Path) -> (Duration, u64) {
    let out = folder.join("bundles");
    let _ = std::fs::remove_dir_all(&out);
    let begun = Instant::now();
    let mut child = program()
        .args([
            "assess",
            "--period",
            "2026-Q4",
            "--organisation",
            "Bench",
            "--controls",
        ])
        .arg(controls)
        .arg("--key")
        .arg(key)
        .arg("--out")
        .arg(&out)
        .arg(cluster.conninfo("postgres"))
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = now.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    };
    let time = begun.elapsed();
    assert!([0, 3, 4].contains(&code.code().unwrap()), "assess failed: {code}");
    (time, peak)
}

/// Ten layers of a thousand roles, each with ten groups of the layer above, and a few powers at the top.
fn fill(cluster: &Cluster) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let conninfo = cluster.conninfo("postgres");
        let (client, connection) = tokio_postgres::connect(&conninfo, tokio_postgres::NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        // Written into the catalogue itself: a hundred thousand GRANTs check as many graphs for circles.
        let statement = format!(
            "DO $$ BEGIN
               FOR i IN 0..{ROLES} - 1 LOOP
                 EXECUTE format('CREATE ROLE r%s LOGIN', i);
               END LOOP;
             END $$;
             SET allow_system_table_mods = on;
             INSERT INTO pg_auth_members (oid, roleid, member, grantor, admin_option, inherit_option, set_option)
             SELECT 1000000 + i * 12 + k, g.oid, m.oid, 10, (i + k) % 10 = 0, (i + k) % 3 > 0, (i + k) % 5 > 0
               FROM generate_series(1000, {ROLES} - 1) i
              CROSS JOIN generate_series(0, 11) k
               JOIN pg_roles m ON m.rolname = 'r' || i
               JOIN pg_roles g ON g.rolname = 'r' || ((i / 1000 - 1) * 1000 + (i * 7 + k * 97) % 1000)
              LIMIT {MEMBERSHIPS};
             RESET allow_system_table_mods;
             GRANT pg_execute_server_program TO r1; GRANT postgres TO r2; ALTER ROLE r3 CREATEROLE BYPASSRLS;
             GRANT pg_read_all_data TO r4; ALTER ROLE r5 REPLICATION"
        );
        client.batch_execute(&statement).await.unwrap();
        let count: i64 = client
            .query_one("SELECT count(*) FROM pg_auth_members", &[])
            .await
            .unwrap()
            .get(0);
        println!("{count} memberships");
        drop(client);
        let _ = driver.await;
    });
}
