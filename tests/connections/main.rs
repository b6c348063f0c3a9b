//! Connections to real servers, compared with what psql does with the same connection string.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing test should panic where it fails"
)]

mod certificates;
mod hosts;
mod logins;
mod sslmodes;
mod verification;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};
use pgdossier::target::{ConnectError, Connection, ConnectionSettings, Environment, connect};

/// Surroundings that have nothing but this home folder.
fn at_home(home: &Path) -> Environment {
    Environment {
        home: Some(home.to_owned()),
        user: Some("nobody".to_owned()),
        ..Environment::default()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let limited = async { tokio::time::timeout(Duration::from_secs(20), future).await };
    runtime.block_on(limited).expect("it hung")
}

async fn open(conninfo: &str, environment: &Environment) -> Result<Connection, ConnectError> {
    connect(&ConnectionSettings::resolve(conninfo, environment)?).await
}

/// What became of an attempt to connect: whether it is encrypted and what one should know, or why there is none.
fn attempt(conninfo: &str, environment: &Environment) -> Result<(bool, Vec<String>), ConnectError> {
    block_on(async {
        let connection = open(conninfo, environment).await?;
        let seen = (connection.transport.tls.is_some(), connection.warnings.clone());
        connection.close().await;
        Ok(seen)
    })
}

/// One value, asked for over a connection of ours.
fn ask(conninfo: &str, environment: &Environment, sql: &str) -> Result<String, ConnectError> {
    block_on(async {
        let connection = open(conninfo, environment).await?;
        let value = connection.client.query_one(sql, &[]).await.unwrap().get(0);
        connection.close().await;
        Ok(value)
    })
}

/// What psql makes of the same: whether it is encrypted, or what it says.
fn psql(conninfo: &str, environment: &Environment) -> Result<bool, String> {
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let output = Command::new("psql")
        .args(["-X", "-w", "-A", "-t", "-c", sql, "-d", conninfo])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", environment.home.as_ref().unwrap())
        .envs(&environment.variables)
        .output()
        .expect("psql cannot be run; run scripts/install-test-needs");
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim() == "t")
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Asserts that we connect when psql does, encrypted when psql is; gives what we saw.
#[track_caller]
fn agrees(conninfo: &str, environment: &Environment) -> Result<(bool, Vec<String>), ConnectError> {
    let ours = attempt(conninfo, environment);
    let theirs = psql(conninfo, environment);
    let same = match (&ours, &theirs) {
        (Ok((encrypted, _)), Ok(theirs)) => encrypted == theirs,
        (ours, theirs) => ours.is_err() && theirs.is_err(),
    };
    assert!(same, "{conninfo}\n   we: {ours:?}\n psql: {theirs:?}");
    ours
}

/// A server with these rules and, where given, this certificate and key, and this authority for clients.
fn server(hba: &str, certificate: Option<&(String, String)>, clients_authority: Option<&str>) -> Cluster {
    let file = |name: &str, text: &str| ClusterFile {
        name: name.to_owned(),
        contents: text.as_bytes().to_vec(),
        mode: 0o600,
    };
    let mut options = ClusterOptions {
        hba: Some(format!("local all all trust\n{hba}\n")),
        ..ClusterOptions::default()
    };
    if let Some((certificate, key)) = certificate {
        options.settings.push(("ssl".into(), "on".into()));
        options.files.push(file("server.crt", certificate));
        options.files.push(file("server.key", key));
    }
    if let Some(authority) = clients_authority {
        options
            .settings
            .push(("ssl_ca_file".into(), "clients.crt".into()));
        options.files.push(file("clients.crt", authority));
    }
    Cluster::start(options).unwrap()
}

/// A connection string for the superuser to `localhost`, without a look-up.
fn local(cluster: &Cluster) -> String {
    format!(
        "host=localhost hostaddr=127.0.0.1 port={} user={} dbname=postgres",
        cluster.port(),
        cluster.superuser()
    )
}

/// Runs SQL as the superuser over the socket.
fn execute(cluster: &Cluster, sql: &str) {
    let environment = at_home(Path::new("/nonexistent"));
    block_on(async {
        let connection = open(&cluster.conninfo("postgres"), &environment).await.unwrap();
        connection.client.batch_execute(sql).await.unwrap();
        connection.close().await;
    });
}

fn write(directory: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&path, mode).unwrap();
    path.display().to_string()
}
