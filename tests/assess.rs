//! Assessing a live server: what is found, what is not seen, and what never happens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use pgdossier::cluster::{Cluster, ClusterOptions};
use support::{Workspace, conninfo_as, files, pgdossier, server, sql, text};

#[test]
fn a_bundle_verifies_and_its_report_and_findings_come_out_again_byte_for_byte() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.tcp_conninfo("postgres"));
    assert_eq!(
        assessed.code(),
        3,
        "a fresh server trusts everybody: {}",
        assessed.stderr()
    );
    let trust = assessed.finding("hba-no-trust");
    assert_eq!(trust["status"], "not-satisfied");
    assert!(!trust["exceptions"].as_array().unwrap().is_empty());
    assert!(
        trust["decided_by"]
            .as_str()
            .unwrap()
            .starts_with("controls/authentication/client-authentication/")
    );
    let policy = workspace.policy();
    for bundle in [assessed.folder(), assessed.archive()] {
        let verified = pgdossier()
            .arg("verify")
            .arg(&bundle)
            .arg("--trust")
            .arg(&policy)
            .output()
            .unwrap();
        assert_eq!(
            verified.status.code(),
            Some(0),
            "{}{}",
            text(&verified.stdout),
            text(&verified.stderr)
        );
        for verb in ["replay", "report"] {
            let again = pgdossier()
                .args(["--format", "json", verb])
                .arg(&bundle)
                .output()
                .unwrap();
            assert_eq!(
                again.status.code(),
                Some(0),
                "{}{}",
                text(&again.stdout),
                text(&again.stderr)
            );
            let json: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
            assert_eq!(json["identical"], true, "{json}");
        }
    }
    // The same inputs and the same clock give the same findings; a bundle is never overwritten.
    let again = workspace.assessed(&cluster.tcp_conninfo("postgres"));
    assert_eq!(again.code(), 2);
    assert!(again.stderr().contains("never overwritten"), "{}", again.stderr());
}

#[test]
fn a_role_without_rights_gets_no_pass_but_the_grants_that_are_missing() {
    let cluster = server(&[]);
    sql(&cluster, "postgres", "CREATE ROLE nobody_special LOGIN");
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&conninfo_as(&cluster, "nobody_special", "postgres"));
    let hba = assessed.finding("hba-no-trust");
    assert_eq!(hba["status"], "not-evaluated", "{hba}");
    let missing = hba["missing"].to_string();
    assert!(
        missing.contains("GRANT SELECT ON pg_catalog.pg_hba_file_rules TO"),
        "{missing}"
    );
    for finding in assessed.findings() {
        let evidence = finding["evidence"].as_str().unwrap_or_default();
        if ["hba", "settings", "password-verifiers"].contains(&evidence) {
            assert_ne!(finding["status"], "satisfied", "{finding}");
        }
    }
}

#[test]
fn the_role_of_pgdossier_grants_sees_everything() {
    let cluster = server(&[]);
    sql(&cluster, "postgres", "CREATE DATABASE closed");
    sql(
        &cluster,
        "postgres",
        "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
    );
    let grants = pgdossier()
        .args(["grants", "--role", "Auditor \"1\""])
        .output()
        .unwrap();
    sql(&cluster, "postgres", &text(&grants.stdout));
    let workspace = Workspace::new();
    let connection = cluster
        .tcp_conninfo("postgres")
        .replace("user=postgres", "user='Auditor \"1\"'");
    let assessed = workspace.assessed(&connection);
    let unseen: Vec<_> = assessed
        .findings()
        .into_iter()
        .filter(|finding| finding["status"] == "not-evaluated")
        .filter(|finding| !finding["missing"].to_string().contains("attestations/"))
        // The host is left out here.
        .filter(|finding| !finding["evidence"].to_string().contains("host-"))
        .collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
    // The verifiers themselves stay out of reach.
    sql(
        &cluster,
        "postgres",
        "DO $$ BEGIN ASSERT NOT has_table_privilege('Auditor \"1\"', 'pg_authid', 'SELECT'); END $$",
    );
}

#[test]
fn nothing_is_written_to_the_audited_server() {
    let cluster = server(&[("log_statement", "all"), ("log_line_prefix", "%a|")]);
    sql(&cluster, "postgres", "CREATE DATABASE other");
    let workspace = Workspace::new();
    let before = cluster.log().len();
    let assessed = workspace.assessed(&cluster.tcp_conninfo("postgres"));
    assert_eq!(assessed.code(), 3);
    let log = cluster.log();
    let statements: Vec<String> = log[before..]
        .split("pgdossier|")
        .skip(1)
        .filter_map(|entry| entry.split_once(": ").map(|(_, text)| text.trim().to_lowercase()))
        .filter(|entry| !entry.is_empty())
        .collect();
    assert!(
        statements.len() > 50,
        "the log shows what was asked: {}",
        statements.len()
    );
    for statement in statements {
        // What a read-only transaction would let pass.
        let acts = [
            "pg_reload_conf(",
            "pg_rotate_logfile(",
            "pg_terminate_backend(",
            "pg_cancel_backend(",
            "set_config(",
            "nextval(",
            "setval(",
            "pg_switch_wal(",
            "pg_promote(",
            "pg_stat_reset",
            "pg_create_restore_point(",
            "pg_create_physical",
            "pg_drop_replication_slot(",
            "pg_advisory_",
            "pg_notify(",
            "pg_logical_emit",
            "pg_export_snapshot(",
            "txid_current(",
            "pg_current_xact_id(",
            "lo_export(",
            "lo_import(",
            "lo_put(",
            "dblink(",
            "pg_file_write(",
            "pg_backup_",
            "pg_start_backup(",
        ];
        let acts: Vec<_> = acts.iter().filter(|act| statement.contains(*act)).collect();
        assert!(acts.is_empty(), "{acts:?} in {statement}");
        let start = statement
            .split_once(": ")
            .map_or(statement.as_str(), |(_, text)| text)
            .trim_start();
        let allowed = [
            "select",
            "with",
            "begin",
            "savepoint",
            "rollback to",
            "show",
            "set local",
            "release",
            "disconnection",
            "connection",
        ];
        assert!(
            allowed
                .iter()
                .any(|word| start.starts_with(word) || statement.starts_with(word)),
            "{statement}"
        );
    }
    assert!(log.contains("ISOLATION LEVEL REPEATABLE READ READ ONLY"));
}

#[test]
fn a_refused_target_has_a_finding_for_every_control_and_exit_code_4() {
    let workspace = Workspace::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut command = workspace.assess();
    command.args(["--profile", "strict"]);
    command.arg(format!("host=127.0.0.1 port={port} user=a dbname=b"));
    let assessed = support::Assessed::new(command.output().unwrap());
    assert_eq!(assessed.code(), 4, "{}", assessed.stderr());
    assert!(
        assessed.stderr().contains("cannot reach 127.0.0.1"),
        "{}",
        assessed.stderr()
    );
    let listed = pgdossier()
        .args(["--format", "json", "controls", "list"])
        .output()
        .unwrap();
    let controls: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(assessed.findings().len(), controls.len());
    assert_eq!(assessed.with_status("not-evaluated").len(), controls.len());
}

#[test]
fn a_hanging_target_ends_within_the_connect_time_limit() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let workspace = Workspace::new();
    let begun = std::time::Instant::now();
    let assessed = workspace.assessed(&format!(
        "host=127.0.0.1 port={port} user=a dbname=b connect_timeout=2 sslmode=disable"
    ));
    assert_eq!(assessed.code(), 4);
    assert!(
        assessed.stderr().contains("did not answer within 2 s"),
        "{}",
        assessed.stderr()
    );
    assert!(
        begun.elapsed().as_secs() < 20,
        "the limit is 2 s, and it took {:?}",
        begun.elapsed()
    );
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let cluster = Cluster::start(ClusterOptions {
        hba: Some("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n".to_owned()),
        ..ClusterOptions::default()
    })
    .unwrap();
    sql(&cluster, "postgres", "CREATE ROLE guarded LOGIN PASSWORD 'right'");
    let workspace = Workspace::new();
    let mut command = workspace.assess();
    command
        .env("PGPASSWORD", "wrong-and-secret")
        .arg(conninfo_as(&cluster, "guarded", "postgres"));
    let assessed = support::Assessed::new(command.output().unwrap());
    assert_eq!(assessed.code(), 4);
    assert!(
        assessed.stderr().contains("check the password"),
        "{}",
        assessed.stderr()
    );
    assert!(!assessed.stderr().contains("wrong-and-secret"));
    // None at all is another message.
    let assessed = Workspace::new().assessed(&conninfo_as(&cluster, "guarded", "postgres"));
    assert!(
        assessed.stderr().contains("none was found"),
        "{}",
        assessed.stderr()
    );
}

/// A catalog with one control whose query takes long.
fn slow_catalog(workspace: &Workspace) -> std::path::PathBuf {
    workspace.write(
        "controls/guide.yaml",
        "title: G\nchapters:\n  - id: a\n    title: A\n    sections:\n      - { id: a/b, title: B, summary: S, origin: guide }\n",
    );
    workspace.write(
        "controls/a/b/slow.yaml",
        "id: slow\ntitle: Slow\nsection: a/b\nseverity: low\nrationale: r\nremediation: r\nevidence:\n  - collector: sql\n    with: { rows: one, scope: cluster, columns: [n], sql: \"SELECT 1 AS n FROM pg_sleep(60)\" }\npopulation: p\nexpect: row.n == 1\nexception: \"{{ row.n }}\"\nwhen_empty: not-satisfied\nexamples:\n  - { note: good, row: { n: 1 }, meets: true }\n  - { note: bad, row: { n: 2 }, meets: false }\n",
    );
    workspace.path("controls")
}

fn wait_for_sleep(cluster: &Cluster) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&cluster.conninfo("postgres"), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..1000 {
            let rows = client
                .query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgdossier' AND wait_event = 'PgSleep'", &[])
                .await
                .unwrap();
            if !rows.is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the query never ran");
    });
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_query_is_not_evaluated() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let catalog = slow_catalog(&workspace);
    let child = workspace
        .assess()
        .arg("--controls")
        .arg(catalog)
        .arg(cluster.tcp_conninfo("postgres"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_sleep(&cluster);
    drop(cluster);
    let assessed = support::Assessed::new(child.wait_with_output().unwrap());
    assert_eq!(assessed.code(), 4, "{}", assessed.stderr());
    let finding = assessed.finding("slow");
    assert_eq!(finding["status"], "not-evaluated");
    assert!(
        finding["reason"].as_str().unwrap().contains("connection"),
        "{finding}"
    );
}

#[test]
fn a_query_over_its_time_limit_is_not_evaluated() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let catalog = slow_catalog(&workspace);
    let mut command = workspace.assess();
    command
        .args(["--statement-timeout", "1", "--controls"])
        .arg(catalog)
        .arg(cluster.tcp_conninfo("postgres"));
    let assessed = support::Assessed::new(command.output().unwrap());
    assert_eq!(assessed.code(), 4);
    let reason = assessed.finding("slow")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("statement timeout"), "{reason}");
}

#[test]
fn ctrl_c_ends_it_at_once_and_leaves_nothing() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let catalog = slow_catalog(&workspace);
    let child = workspace
        .assess()
        .arg("--controls")
        .arg(catalog)
        .arg(cluster.tcp_conninfo("postgres"))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_sleep(&cluster);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("interrupted; nothing was written"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(workspace.bundles(), Vec::<String>::new());
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let assess = workspace.assess();
    // A limit on file size with its signal ignored makes writes fail as on a full disk.
    let arguments: Vec<String> = assess
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let output = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""])
        .arg(assess.get_program())
        .args(arguments)
        .arg(cluster.tcp_conninfo("postgres"))
        .env("HOME", workspace.folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("cannot write"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(workspace.bundles(), Vec::<String>::new());
}

#[test]
fn every_database_is_looked_into_and_skipped_ones_are_named() {
    let cluster = server(&[]);
    sql(&cluster, "postgres", "CREATE DATABASE shop");
    sql(
        &cluster,
        "postgres",
        "CREATE DATABASE shut ALLOW_CONNECTIONS false",
    );
    sql(
        &cluster,
        "shop",
        "CREATE TABLE open_to_all (id int); GRANT SELECT ON open_to_all TO PUBLIC",
    );
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.tcp_conninfo("postgres"));
    let everything = files(&assessed.folder());
    let relations = |suffix: &str| {
        let found = everything
            .iter()
            .find(|(path, _)| path.ends_with(format!("evidence/relations.{suffix}")));
        text(&found.unwrap().1)
    };
    assert!(relations("ndjson").contains("\"database\":\"shop\""));
    assert!(relations("json").contains("skipped: database `shut` does not allow connections"));
    let finding = assessed.finding("tables-not-public");
    assert!(
        finding["exceptions"].to_string().contains("open_to_all"),
        "{finding}"
    );
}

#[test]
fn hostile_names_do_no_harm_in_any_report() {
    let cluster = server(&[]);
    let hostile = "<script>alert(1)</script>|`x`\u{1b}[31m\u{202e}\n# h";
    sql(
        &cluster,
        "postgres",
        &format!("CREATE ROLE \"{hostile}\" LOGIN SUPERUSER"),
    );
    let workspace = Workspace::new();
    let mut command = workspace.assess();
    let assessed = support::Assessed::new(command.arg(cluster.tcp_conninfo("postgres")).output().unwrap());
    let read = |name: &str| text(&std::fs::read(assessed.folder().join("report").join(name)).unwrap());
    let (html, markdown) = (read("index.html"), read("report.md"));
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;|&#96;x&#96;\\u{1b}[31m\\u{202e}"));
    assert!(markdown.contains("\\<script\\>alert(1)\\</script\\>\\|\\`x\\`\\\\u{1b}\\[31m\\\\u{202e} \\# h"));
    for report in [&html, &markdown] {
        assert!(!report.replace("\\<", "").contains("<script"));
        assert!(!report.contains('\u{1b}') && !report.contains('\u{202e}'));
    }
    let shown = pgdossier()
        .args(["controls", "show", "no\u{1b}[31m\u{202e}such"])
        .output()
        .unwrap();
    assert!(
        text(&shown.stderr).contains("no\\u{1b}[31m\\u{202e}such"),
        "{}",
        text(&shown.stderr)
    );
}
