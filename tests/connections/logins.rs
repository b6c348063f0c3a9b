//! Where passwords and parameters come from, and how sessions end.

use std::time::Duration;

use pgdossier::target::ConnectErrorKind;

use super::certificates::Authority;
use super::{agrees, ask, at_home, block_on, execute, local, open, server, write};

const WHO: &str = "SELECT current_user || ' in ' || current_database()";

#[test]
fn passwords_services_and_variables() {
    let home = tempfile::tempdir().unwrap();
    let bare = at_home(home.path());
    let certificate = Authority::new().issue("server", &["localhost"]);
    let cluster = server(
        "host all trusted all trust\nhost all all all scram-sha-256",
        Some(&certificate),
        None,
    );
    execute(
        &cluster,
        "CREATE ROLE auditor LOGIN PASSWORD 'o:p\\e n'; CREATE ROLE trusted LOGIN",
    );
    execute(&cluster, "CREATE DATABASE books");
    let port = cluster.port();
    let conninfo = format!("{} user=auditor dbname=books", local(&cluster));

    let error = agrees(&conninfo, &bare).unwrap_err();
    assert!(error.to_string().contains("none was found"), "{error}");
    let error = agrees(&format!("{conninfo} password=guess"), &bare).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Authentication);
    assert!(
        error.to_string().contains("check the password") && !error.to_string().contains("guess"),
        "{error}"
    );
    let uri = format!("postgresql://auditor:o%3Ap%5Ce%20n@127.0.0.1:{port}/books");
    let (_, warnings) = agrees(&uri, &bare).unwrap();
    assert!(warnings[0].contains("password file"), "{warnings:?}");
    assert_eq!(
        agrees(&format!(r"{conninfo} password='o:p\\e n'"), &bare).map(|(tls, _)| tls),
        Ok(true)
    );

    // The channel binding is there with TLS and a password, and only then.
    let mut environment = bare.clone();
    let set = |environment: &mut pgdossier::target::Environment, pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        environment.variables = pairs.collect();
    };
    set(
        &mut environment,
        &[("PGPASSWORD", r"o:p\e n"), ("PGCHANNELBINDING", "require")],
    );
    assert!(agrees(&format!("{conninfo} sslmode=require"), &environment).is_ok());
    let error = agrees(&format!("{conninfo} sslmode=disable"), &environment).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Authentication, "{error}");
    assert!(agrees(&format!("{conninfo} user=trusted sslmode=require"), &environment).is_err());

    // Every parameter from variables, and from a service.
    let port = port.to_string();
    let variables = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", port.as_str()),
        ("PGUSER", "auditor"),
        ("PGDATABASE", "books"),
        ("PGPASSWORD", r"o:p\e n"),
    ];
    set(&mut environment, &variables);
    assert!(agrees("", &environment).is_ok());
    assert_eq!(ask("", &environment, WHO).as_deref(), Ok("auditor in books"));
    assert_eq!(
        ask("dbname=postgres", &environment, WHO).as_deref(),
        Ok("auditor in postgres")
    );
    let service = format!("[audit]\nhost=127.0.0.1\nport={port}\nuser=auditor\ndbname=books\n");
    write(home.path(), ".pg_service.conf", &service, 0o644);
    set(
        &mut environment,
        &[("PGPASSWORD", r"o:p\e n"), ("PGUSER", "nobody")],
    );
    assert!(agrees("service=audit", &environment).is_ok());
    assert_eq!(
        ask("service=audit", &environment, WHO).as_deref(),
        Ok("auditor in books")
    );
    let error = agrees("service=other", &environment).unwrap_err();
    assert!(error.to_string().contains("no service `other`"), "{error}");

    // The password file, if nobody else can read it.
    let line = format!("# audit\nlocalhost:{port}:books:auditor:o\\:p\\\\e n\n");
    write(home.path(), ".pgpass", &line, 0o600);
    assert_eq!(agrees(&conninfo, &bare), Ok((true, vec![])));
    assert!(agrees(&format!("{conninfo} dbname=postgres"), &bare).is_err());
    let path = write(home.path(), ".pgpass", &line, 0o640);
    assert!(agrees(&conninfo, &bare).is_err());
    let (_, warnings) = agrees(&format!("{conninfo} user=trusted"), &bare).unwrap();
    assert!(
        warnings[0].contains(&format!("chmod 0600 {path}")),
        "{warnings:?}"
    );
}

#[test]
fn sessions_end_in_good_order() {
    let home = tempfile::tempdir().unwrap();
    let cluster = server("host all all all trust", None, None);
    let environment = at_home(home.path());
    block_on(async {
        let conninfo = format!("{} sslmode=disable", local(&cluster));
        let watcher = open(&conninfo, &environment).await.unwrap();
        let (closed, dropped) = (
            open(&conninfo, &environment).await.unwrap(),
            open(&conninfo, &environment).await.unwrap(),
        );
        for connection in [&closed, &dropped] {
            connection.client.batch_execute("BEGIN; SELECT 1").await.unwrap();
        }
        closed.close().await;
        drop(dropped);
        let others = "SELECT count(*) FROM pg_stat_activity \
            WHERE application_name = 'pgdossier' AND pid <> pg_backend_pid()";
        let row = || async {
            watcher
                .client
                .query_one(others, &[])
                .await
                .unwrap()
                .get::<_, i64>(0)
        };
        while row().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        watcher.close().await;
    });
    let log = cluster.log();
    assert!(
        !log.contains("unexpected EOF") && !log.contains("could not receive"),
        "{log}"
    );
}
