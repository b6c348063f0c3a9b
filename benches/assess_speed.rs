//! What pgdossier adds to the time that the same queries take in psql, and how much memory it needs.
//!
//! `cargo bench --bench assess_speed` prints both, and their ratio, measured by turns in one run.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)] // a bench prints, and may stop on the first surprise

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;

const TABLES: usize = 20_000;
const DATABASES: usize = 20;
const ROLES: usize = 5_000;
const MEMBERSHIPS: usize = 9_900;

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let key = folder.path().join("key.pem");
    let guarded = folder.path().join("guarded.pem");
    run(program()
        .args(["keys", "new", "--no-passphrase", "--out"])
        .arg(&key));
    run(program()
        .args(["keys", "new", "--out"])
        .arg(&guarded)
        .env("PGDOSSIER_PASSPHRASE", "bench"));
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    println!("PostgreSQL {}", server_version(&cluster));
    let bench = Bench {
        folder: folder.path(),
        key: &key,
    };
    bench.compare("fresh cluster, host looked at", &cluster, "local", 25);
    bench.compare("fresh cluster, connections only", &cluster, "none", 25);
    Bench {
        key: &guarded,
        ..bench
    }
    .compare("the same, key with passphrase", &cluster, "none", 15);
    fill_roles(&cluster);
    fill_tables(&cluster, "postgres", TABLES);
    bench.compare(
        &format!("{TABLES} tables in one database, {ROLES} roles"),
        &cluster,
        "none",
        7,
    );
    drop(cluster);
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    fill_roles(&cluster);
    for number in 1..DATABASES {
        psql(&cluster, "postgres", &format!("CREATE DATABASE d{number}"));
        fill_tables(&cluster, &format!("d{number}"), TABLES / DATABASES);
    }
    fill_tables(&cluster, "postgres", TABLES / DATABASES);
    bench.compare(
        &format!("{TABLES} tables in {DATABASES} databases, {ROLES} roles"),
        &cluster,
        "none",
        7,
    );
}

/// What every comparison needs.
#[derive(Clone, Copy)]
struct Bench<'a> {
    folder: &'a Path,
    key: &'a Path,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgdossier"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success());
}

fn server_version(cluster: &Cluster) -> String {
    let output = Command::new("psql")
        .args(["-XAtc", "SHOW server_version", &cluster.conninfo("postgres")])
        .output();
    String::from_utf8(output.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

impl Bench<'_> {
    /// One comparison: assess and psql by turns; medians, ratio and peak memory.
    fn compare(&self, title: &str, cluster: &Cluster, host: &str, rounds: usize) {
        let out = self.folder.join("bundles");
        let script = self.folder.join("queries.sql");
        let bundle = assess(cluster, self.key, host, &out).2;
        let queries = write_script(&bundle, &script);
        let (mut ours, mut psql, mut memory) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            let (time, peak, _) = assess(cluster, self.key, host, &out);
            ours.push(time);
            memory = memory.max(peak);
            let begun = Instant::now();
            let mut command = Command::new("psql");
            command
                .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f"])
                .arg(&script);
            run(command.arg(cluster.conninfo("postgres")).stdin(Stdio::null()));
            psql.push(begun.elapsed());
        }
        let (ours, psql) = (median(ours), median(psql));
        println!("{title}: {queries} queries");
        println!(
            "  assess, report and signed bundle included  {:>7.1} ms",
            ours.as_secs_f64() * 1e3
        );
        println!(
            "  psql, the same queries in one session      {:>7.1} ms",
            psql.as_secs_f64() * 1e3
        );
        println!(
            "  ratio                                      {:>7.2}",
            ours.as_secs_f64() / psql.as_secs_f64()
        );
        println!(
            "  peak memory of assess                      {:>7.1} MB",
            memory as f64 / 1024.0
        );
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Time, peak memory in kB, and the bundle's folder.
fn assess(cluster: &Cluster, key: &Path, host: &str, out: &Path) -> (Duration, u64, PathBuf) {
    let _ = std::fs::remove_dir_all(out);
    let begun = Instant::now();
    let mut child = program()
        .args([
            "assess",
            "--period",
            "2026-Q4",
            "--organisation",
            "Bench",
            "--key",
        ])
        .arg(key)
        .arg("--out")
        .arg(out)
        .args(["--host-access", host])
        .arg(cluster.conninfo("postgres"))
        .env("PGDOSSIER_PASSPHRASE", "bench")
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
        peak = line
            .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
            .max(peak);
        std::thread::sleep(Duration::from_millis(2));
    };
    let time = begun.elapsed();
    assert!([0, 3, 4].contains(&code.code().unwrap()), "assess failed");
    let folder = std::fs::read_dir(out)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir());
    (time, peak, folder.unwrap())
}

/// The queries that the bundle names, each in the database where it ran, as one psql script.
fn write_script(bundle: &Path, script: &Path) -> usize {
    let target = std::fs::read_dir(bundle.join("targets"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut queries: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(target.join("evidence")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let provenance: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            for query in provenance["queries"].as_array().into_iter().flatten() {
                let text = |key: &str| query[key].as_str().unwrap().to_owned();
                queries.push((text("database"), text("sql")));
            }
        }
    }
    queries.sort();
    let mut text = String::new();
    let mut database = String::new();
    for (name, sql) in &queries {
        if *name != database {
            if !database.is_empty() {
                text.push_str("COMMIT;\n");
            }
            text.push_str(&format!("\\connect \"{name}\"\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET LOCAL search_path = pg_catalog, pg_temp;\nSET LOCAL jit = off;\n"));
            database.clone_from(name);
        }
        text.push_str(sql);
        text.push_str(";\n");
    }
    text.push_str("COMMIT;\n");
    std::fs::write(script, text).unwrap();
    queries.len()
}

/// Roles with memberships.
fn fill_roles(cluster: &Cluster) {
    psql(
        cluster,
        "postgres",
        &format!(
            "DO $$ BEGIN
               FOR i IN 1..{ROLES} LOOP EXECUTE format('CREATE ROLE r%s LOGIN', i); END LOOP;
               FOR i IN 1..{MEMBERSHIPS} LOOP
                 EXECUTE format('GRANT r%s TO r%s', 1 + (i + i / ({ROLES} - 100)) % 100, 101 + i % ({ROLES} - 100));
               END LOOP;
             END $$"
        ),
    );
}

/// Tables with grants, in ten schemas, in a hundred tables a transaction.
fn fill_tables(cluster: &Cluster, database: &str, tables: usize) {
    for schema in 0..10 {
        psql(cluster, database, &format!("CREATE SCHEMA s{schema}"));
        psql(
            cluster,
            database,
            &format!(
                "DO $$ BEGIN FOR i IN 1..{} LOOP
                   EXECUTE format('CREATE TABLE s{schema}.t%s (id int)', i);
                   EXECUTE format('GRANT SELECT ON s{schema}.t%s TO r%s', i, 1 + i % 50);
                   IF i % 100 = 0 THEN COMMIT; END IF;
                 END LOOP; END $$",
                tables / 10
            ),
        );
    }
    psql(cluster, database, "VACUUM ANALYZE");
}

fn psql(cluster: &Cluster, database: &str, sql: &str) {
    let mut command = Command::new("psql");
    command.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-c", sql]);
    run(command.arg(cluster.conninfo(database)).stdin(Stdio::null()));
}
