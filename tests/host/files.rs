//! Files: owners, modes, access lists, and directories above them.

use std::collections::BTreeSet;
use std::process::Command;

use pgdossier::finding::Status;

use super::{Host, give, mode, run};
use crate::support;

#[test]
fn each_file_out_of_order_raises_its_control_alone() {
    let host = Host::start();
    let (etc, lib, log) = (host.path("etc"), host.path("lib"), host.path("log"));
    let looked = host.look();
    assert_eq!(looked.raised(), BTreeSet::new(), "{}", looked.told());
    for control in [
        "data-directories-private",
        "files-owned-by-server",
        "configuration-not-writable",
        "configuration-not-readable",
        "files-not-replaceable",
        "files-without-access-lists",
        "tls-key-private",
        "tls-certificates-not-writable",
        "log-files-private",
        "programs-owned-by-root",
        "socket-files-reviewed",
        "sockets-segregated",
    ] {
        assert_eq!(
            looked.finding(control).status,
            Status::Satisfied,
            "{control}: {}",
            looked.told()
        );
    }

    let data = host.cluster.data_dir();
    host.defect(
        "data-directories-private",
        "mode 0755",
        || mode(&data, 0o755),
        || mode(&data, 0o700),
    );
    host.defect(
        "files-owned-by-server",
        "PG_VERSION belongs to daemon",
        || give(&host.data("PG_VERSION"), "daemon"),
        || give(&host.data("PG_VERSION"), "postgres"),
    );
    let extra = etc.join("extra.conf");
    host.defect(
        "configuration-not-writable",
        "extra.conf has mode 0660",
        || mode(&extra, 0o660),
        || mode(&extra, 0o640),
    );
    let script = lib.join("clean");
    host.defect(
        "configuration-not-writable",
        "lib/clean has mode 0757",
        || mode(&script, 0o757),
        || mode(&script, 0o755),
    );
    let hba = etc.join("pg_hba.conf");
    host.defect(
        "configuration-not-readable",
        "pg_hba.conf has mode 0644",
        || mode(&hba, 0o644),
        || mode(&hba, 0o640),
    );
    host.defect(
        "files-not-replaceable",
        "etc (everybody may write)",
        || mode(&etc, 0o777),
        || mode(&etc, 0o755),
    );
    host.defect(
        "files-without-access-lists",
        "user 1: r--",
        || drop(run(Command::new("setfacl").args(["-m", "u:1:r"]).arg(&hba))),
        || drop(run(Command::new("setfacl").arg("-b").arg(&hba))),
    );
    let key = host.data("server.key");
    host.defect(
        "tls-key-private",
        "server.key has mode 0640",
        || mode(&key, 0o640),
        || mode(&key, 0o600),
    );
    let certificate = host.data("server.crt");
    host.defect(
        "tls-certificates-not-writable",
        "mode 0666",
        || mode(&certificate, 0o666),
        || mode(&certificate, 0o600),
    );
    host.defect(
        "log-files-private",
        "mode 0755",
        || mode(&log, 0o755),
        || mode(&log, 0o700),
    );
    std::fs::write(lib.join("x.so"), "").unwrap();
    host.defect(
        "programs-owned-by-root",
        "x.so has mode 0644 and belongs to postgres",
        || give(&lib.join("x.so"), "postgres"),
        || give(&lib.join("x.so"), "root"),
    );
    let app = host.path("app");
    let socket = app.join(format!(".s.PGSQL.{}", host.cluster.port()));
    mode(&socket, 0o770);
    host.defect(
        "socket-files-reviewed",
        "mode 1777",
        || mode(&app, 0o1777),
        || mode(&app, 0o750),
    );
    assert_eq!(host.look().raised(), BTreeSet::new());
}

#[test]
fn a_socket_in_an_open_directory_admits_everybody() {
    let host = Host::start();
    let app = host.path("app");
    host.defect(
        "sockets-segregated",
        "lets everybody connect",
        || mode(&app, 0o755),
        || mode(&app, 0o750),
    );
    let looked = host.look();
    let row = &looked.evidence["host-sockets"].table.rows[0];
    assert_eq!(
        row["who_may_connect"],
        format!("group {}", row["directory_group"].as_str().unwrap())
    );
}

#[test]
fn a_tablespace_in_the_data_directory_is_raised() {
    let host = Host::start();
    let inside = host.data("inside");
    std::fs::create_dir(&inside).unwrap();
    mode(&inside, 0o700);
    give(&inside, "postgres");
    let create = format!("CREATE TABLESPACE inside LOCATION '{}'", inside.display());
    host.defect(
        "tablespaces-outside-data-directory",
        "lies in the data directory",
        || support_sql(&host, &create),
        || support_sql(&host, "DROP TABLESPACE inside"),
    );
}

fn support_sql(host: &Host, text: &str) {
    let tcp = host.cluster.tcp_conninfo("postgres");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(&tcp, tokio_postgres::NoTls)
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        client.batch_execute(text).await.unwrap();
        drop(client);
        let _ = driver.await;
    });
}

#[test]
fn a_name_that_pretends_to_be_more_stays_a_name() {
    let host = Host::start();
    let name = "a\tb'; touch x\u{202e}\n\"$(id)";
    std::fs::write(host.data(name), "").unwrap();
    let looked = host.look();
    let finding = looked.finding("files-owned-by-server");
    assert_eq!(finding.status, Status::NotSatisfied);
    assert!(
        finding.exceptions[0].text.contains("belongs to root"),
        "{finding:?}"
    );
    let rows = &looked.evidence["host-files"].table.rows;
    let path = host.data(name).display().to_string();
    assert!(
        rows.iter().any(|row| row["path"] == path.as_str()),
        "{}",
        support::AS_OF
    );
}
