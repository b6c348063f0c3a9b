//! The re-performance kit, run with psql alone on real servers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use pgdossier::cluster::{Cluster, ClusterOptions};
use support::{Assessed, Workspace, conninfo_as, files, pgdossier, server, sql, text};

/// The script's lines by their verdict.
struct Run {
    lines: Vec<String>,
    stderr: String,
}

impl Run {
    fn with(&self, verdict: &str) -> Vec<&str> {
        let lines = self.lines.iter().map(String::as_str);
        lines
            .filter_map(|line| line.strip_prefix(verdict))
            .map(str::trim)
            .collect()
    }

    fn finished(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

fn kit(assessed: &Assessed) -> PathBuf {
    let target = assessed.json["targets"][0]["id"].as_str().unwrap();
    assessed.folder().join(format!("kit/{target}.sql"))
}

/// psql of whatever version, or the one that PSQL names.
fn psql() -> Command {
    let mut command = Command::new(std::env::var_os("PSQL").unwrap_or_else(|| "psql".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command
}

fn run(script: &Path, conninfo: &str) -> Run {
    let mut command = psql();
    command.current_dir(script.parent().unwrap()).args(["-X", "-f"]);
    let output = command.arg(script).arg(conninfo).output().unwrap();
    Run {
        lines: text(&output.stdout).lines().map(str::to_owned).collect(),
        stderr: text(&output.stderr),
    }
}

fn prepared(major: Option<u32>, settings: &[(&str, &str)]) -> Cluster {
    let cluster = match major {
        None => server(settings),
        Some(major) => Cluster::start(ClusterOptions {
            bin_dir: Some(
                PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin")),
            ),
            ..ClusterOptions::default()
        })
        .unwrap(),
    };
    let grants = pgdossier()
        .args(["grants", "--role", "auditor"])
        .output()
        .unwrap();
    sql(&cluster, "postgres", &text(&grants.stdout));
    sql(&cluster, "postgres", "CREATE ROLE app LOGIN; CREATE ROLE team");
    sql(&cluster, "postgres", "CREATE DATABASE shop");
    sql(
        &cluster,
        "shop",
        "CREATE TABLE orders (id int, note text); CREATE TABLE parcels (id int);
         CREATE FUNCTION total() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
         ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON orders USING (note = current_user);
         ALTER ROLE app SET work_mem = '8MB';
         ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO team;
         GRANT team TO app",
    );
    cluster
}

/// Nothing that writes was given a transaction id since.
fn next_transaction(cluster: &Cluster) -> String {
    let shown = psql()
        .args(["-XAtc", "SELECT pg_snapshot_xmax(pg_current_snapshot())"])
        .arg(cluster.conninfo("postgres"))
        .output()
        .unwrap();
    text(&shown.stdout)
}

fn unchanged_matches(major: u32) {
    let cluster = prepared(Some(major), &[]);
    let workspace = Workspace::new();
    let auditor = conninfo_as(&cluster, "auditor", "postgres");
    let assessed = workspace.assessed(&auditor);
    let before = next_transaction(&cluster);
    let run = run(&kit(&assessed), &conninfo_as(&cluster, "auditor", "shop"));
    assert_eq!(next_transaction(&cluster), before);
    assert_eq!(run.stderr, "");
    assert_eq!(run.with("drift"), Vec::<&str>::new(), "{:#?}", run.lines);
    assert_eq!(run.with("not comparable"), Vec::<&str>::new());
    let matching = run.with("match");
    assert!(matching.len() > 40, "{:#?}", run.lines);
    assert_eq!(
        run.finished(),
        format!("finished: {} match, 0 drift, 0 not comparable", matching.len())
    );
    assert!(matching.iter().any(|line| line.contains("(database shop)")));
    let replayed = pgdossier().arg("replay").arg(assessed.folder()).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
}

#[test]
fn an_unchanged_server_matches_13() {
    unchanged_matches(13);
}

#[test]
fn an_unchanged_server_matches_14() {
    unchanged_matches(14);
}

#[test]
fn an_unchanged_server_matches_15() {
    unchanged_matches(15);
}

#[test]
fn an_unchanged_server_matches_16() {
    unchanged_matches(16);
}

#[test]
fn an_unchanged_server_matches_17() {
    unchanged_matches(17);
}

#[test]
fn an_unchanged_server_matches_18() {
    unchanged_matches(18);
}

#[test]
fn what_was_changed_drifts_and_nothing_else() {
    let cluster = prepared(None, &[]);
    let workspace = Workspace::new();
    let auditor = conninfo_as(&cluster, "auditor", "postgres");
    let assessed = workspace.assessed(&auditor);
    let script = kit(&assessed);
    let drifting = |after: &str, database: &str, before: &str| {
        sql(&cluster, database, after);
        let seen = run(&script, &auditor);
        sql(&cluster, database, before);
        let drifting: Vec<String> = seen.with("drift").into_iter().map(str::to_owned).collect();
        assert_eq!(seen.with("not comparable"), Vec::<&str>::new());
        (drifting, seen.finished().to_owned())
    };
    let (drift, finished) = drifting(
        "GRANT SELECT ON parcels TO team",
        "shop",
        "UPDATE pg_class SET relacl = NULL WHERE relname = 'parcels'",
    );
    assert_eq!(drift.len(), 1, "{drift:#?}");
    assert!(
        drift[0].starts_with("object-privileges: objects (database shop) "),
        "{drift:?}"
    );
    assert!(finished.contains(" 1 drift, 0 not comparable"), "{finished}");
    let (drift, _) = drifting(
        "ALTER ROLE app SET work_mem = '9MB'",
        "postgres",
        "ALTER ROLE app SET work_mem = '8MB'",
    );
    assert!(!drift.is_empty());
    assert!(drift.iter().all(|line| line.contains("overrides")), "{drift:#?}");
    let (drift, _) = drifting("ALTER ROLE app CREATEDB", "postgres", "ALTER ROLE app NOCREATEDB");
    assert!(drift.iter().any(|line| line.contains("roles")), "{drift:#?}");
    let after = run(&script, &auditor);
    assert_eq!(after.with("drift"), Vec::<&str>::new());
}

#[test]
fn another_role_or_server_is_no_drift() {
    let cluster = prepared(None, &[]);
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&conninfo_as(&cluster, "auditor", "postgres"));
    let script = kit(&assessed);
    let seen = run(&script, &conninfo_as(&cluster, "app", "postgres"));
    assert_eq!(seen.with("drift"), Vec::<&str>::new(), "{:#?}", seen.lines);
    assert!(
        seen.lines
            .iter()
            .any(|line| line.starts_with("note: the role that asked then was auditor"))
    );
    let refused = seen.with("not comparable");
    assert!(
        refused
            .iter()
            .any(|line| line.ends_with("the question failed: see the message")),
        "{refused:#?}"
    );
    assert!(seen.stderr.contains("permission denied"), "{}", seen.stderr);
    assert!(seen.with("match").len() > 20);

    let other = server(&[]);
    let seen = run(&script, &other.conninfo("postgres"));
    assert_eq!(
        seen.lines.last().unwrap(),
        "this is another server than the one that was assessed; nothing was compared"
    );
    assert!(!seen.lines.iter().any(|line| line.starts_with("match")));
}

#[test]
fn a_database_that_is_gone_or_closed_is_told_and_the_rest_goes_on() {
    let cluster = prepared(None, &[]);
    let workspace = Workspace::new();
    let auditor = conninfo_as(&cluster, "auditor", "postgres");
    let assessed = workspace.assessed(&auditor);
    sql(&cluster, "postgres", "DROP DATABASE shop");
    let seen = run(&kit(&assessed), &auditor);
    let gone = seen.with("not comparable");
    assert!(gone.len() > 5, "{:#?}", seen.lines);
    assert!(
        gone.iter()
            .all(|line| line.contains("(database shop)  the database is gone")),
        "{gone:#?}"
    );
    assert!(
        seen.with("drift")
            .iter()
            .all(|line| line.contains("(database postgres)"))
    );
    assert!(seen.finished().starts_with("finished: "));
}

#[test]
fn hostile_names_and_secrets_do_nothing() {
    let cluster = prepared(None, &[]);
    let hostile = "x'; \\! touch mark \n\\q `touch mark` :pgd_match \u{202e}";
    let quoted = format!("\"{hostile}\"");
    sql(&cluster, "postgres", &format!("CREATE DATABASE {quoted}"));
    sql(
        &cluster,
        "postgres",
        &format!("CREATE ROLE {quoted} LOGIN PASSWORD 'hunter2'"),
    );
    sql(
        &cluster,
        "postgres",
        &format!("GRANT CONNECT ON DATABASE {quoted} TO auditor"),
    );
    sql(
        &cluster,
        "shop",
        "CREATE EXTENSION postgres_fdw;
         CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far');
         CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'u', password 'hunter2');
         ALTER ROLE app SET my.setting = 'host=a password=hunter2'; ALTER ROLE app SET vault.token = 'hunter2'",
    );
    let workspace = Workspace::new();
    let auditor = conninfo_as(&cluster, "auditor", "postgres");
    let assessed = workspace.assessed(&auditor);
    let seen = run(&kit(&assessed), &auditor);
    assert!(!kit(&assessed).with_file_name("mark").exists());
    assert_eq!(seen.stderr, "");
    assert_eq!(seen.with("drift"), Vec::<&str>::new(), "{:#?}", seen.lines);
    assert_eq!(seen.with("not comparable"), Vec::<&str>::new());
    assert!(
        seen.with("match").iter().any(|line| line.contains("\\u{202e}")),
        "{:#?}",
        seen.lines
    );
    for (path, bytes) in files(&assessed.folder()) {
        assert!(!text(&bytes).contains("hunter2"), "{}", path.display());
    }
    assert!(
        !seen.lines.iter().any(|line| line.contains("it holds secrets")),
        "{:#?}",
        seen.lines
    );
    // A change of what is masked is not seen, and a change beside it is.
    let again = || run(&kit(&assessed), &auditor);
    sql(
        &cluster,
        "postgres",
        "ALTER ROLE app SET my.setting = 'host=a password=other'",
    );
    assert_eq!(again().with("drift"), Vec::<&str>::new());
    sql(&cluster, "postgres", "ALTER ROLE app SET my.other = 'x'");
    assert!(
        again()
            .with("drift")
            .iter()
            .any(|line| line.contains("overrides"))
    );
}

#[test]
fn names_stay_names_whatever_becomes_of_the_connection() {
    // Without a connection, or where a server says so, psql reads backslashes in quotes as it did long ago.
    let cluster = prepared(None, &[]);
    let hostile = "\\' \\! touch mark --";
    sql(&cluster, "postgres", "CREATE DATABASE \"AAA\"");
    sql(&cluster, "postgres", &format!("CREATE DATABASE \"{hostile}\""));
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE \"$(touch mark)\" LOGIN; GRANT pg_monitor TO \"$(touch mark)\"",
    );
    let workspace = Workspace::new();
    let auditor = conninfo_as(&cluster, "$(touch mark)", "postgres");
    let assessed = workspace.assessed(&auditor);
    let old_strings = "ALTER SYSTEM SET standard_conforming_strings = off";
    sql(&cluster, "postgres", old_strings);
    sql(&cluster, "postgres", "SELECT pg_reload_conf()");
    let seen = run(&kit(&assessed), &auditor);
    assert!(seen.finished().starts_with("finished: "), "{}", seen.stderr);
    assert!(!kit(&assessed).with_file_name("mark").exists());
    sql(&cluster, "postgres", "ALTER DATABASE \"AAA\" CONNECTION LIMIT 0");
    let seen = run(&kit(&assessed), &auditor);
    assert!(seen.stderr.contains("AAA"), "{}", seen.stderr);
    assert!(!kit(&assessed).with_file_name("mark").exists());
    // Nor does the line that people copy into a shell.
    let script = std::fs::read_to_string(kit(&assessed)).unwrap();
    let copied = script.lines().find(|line| line.contains("psql -X -f")).unwrap();
    assert!(copied.contains("user=… dbname=postgres"), "{copied}");
}

#[test]
fn a_query_that_psql_would_misread_is_not_asked() {
    let cluster = prepared(None, &[]);
    let workspace = Workspace::new();
    let controls = workspace.path("controls");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("controls");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(&shipped)
        .arg(&controls)
        .status()
        .unwrap();
    assert!(copied.success());
    let control = |id: &str, columns: &str, sql: &str, momentary: &str| {
        let expect = "row.a != null";
        let text = format!(
            "id: {id}\ntitle: t\nsection: operations/versions\nseverity: low\nrationale: r\nremediation: r\n\
             references: {{}}\nevidence:\n  - collector: sql\n    with:\n      rows: r\n      scope: cluster\n      columns: {columns}\n      {momentary}\n      sql: |\n        {sql}\n\
             population: p\nexpect: '{expect}'\nexception: e\nwhen_empty: satisfied\nexamples:\n  - {{ note: n, row: {{a: 1}}, meets: true }}\n  - {{ note: n, row: {{a: null}}, meets: false }}\n"
        );
        std::fs::write(controls.join(format!("operations/versions/{id}.yaml")), text).unwrap();
    };
    control(
        "odd-slice",
        "[a]",
        "SELECT ((ARRAY[1,2])[1:n])::text AS a FROM (SELECT 1 AS n) s",
        "",
    );
    control("odd-float", "[a, b]", "SELECT 0.5::float8 AS a, now() AS b", "");
    control(
        "odd-moment",
        "[a, b]",
        "SELECT clock_timestamp()::text AS a, 1 AS b;",
        "momentary: {a: the time}",
    );
    control(
        "odd-types",
        "[a, b, c, d, e]",
        "SELECT '\\a\"'::text AS a, 5::oid AS b, '{\"bb\":1,\"a\":[null,\"x\"]}'::json AS c, ARRAY['q',NULL,'\"é']::name[] AS d, 'r'::\"char\" AS e",
        "",
    );
    let assessed = {
        let output = workspace
            .assess()
            .arg("--controls")
            .arg(&controls)
            .arg(conninfo_as(&cluster, "auditor", "postgres"))
            .output()
            .unwrap();
        assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
        Assessed::new(output)
    };
    let seen = run(&kit(&assessed), &conninfo_as(&cluster, "auditor", "postgres"));
    let line = |name: &str| {
        let found = seen.lines.iter().find(|line| line.contains(name));
        found
            .unwrap_or_else(|| panic!("{name}: {:#?}", seen.lines))
            .clone()
    };
    assert!(
        line("odd-slice").starts_with("not comparable"),
        "{}",
        line("odd-slice")
    );
    assert!(line("odd-slice").contains("psql would see one of its variables"));
    assert!(line("odd-float").starts_with("not comparable"));
    assert!(line("odd-moment").starts_with("match"), "{}", line("odd-moment"));
    assert!(line("odd-moment").ends_with("; without a: the time"));
    assert!(line("odd-types").starts_with("match"), "{}", line("odd-types"));
    assert!(
        seen.finished().ends_with(" 0 drift, 2 not comparable"),
        "{}",
        seen.finished()
    );
}
