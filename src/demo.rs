//! The demo: two clusters, one weak and one hardened, assessed as one assessment.

mod certificates;
mod statements;

use std::path::{Path, PathBuf};
use std::thread;

use tokio_postgres::NoTls;

use crate::cluster::{Cluster, ClusterError, ClusterFile, ClusterOptions};

pub use statements::write_statements;

/// The role that the hardened server is assessed with.
pub const AUDITOR: &str = "auditor";

/// Why the demo could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A cluster did not start.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file could not be written.
    #[error("cannot write `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make the demo's certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A server did not take the demo's SQL.
    #[error("the demo's server did not take its SQL: {0}")]
    Sql(String),
}

/// Two running servers; they and their files are gone when this is dropped.
pub struct Servers {
    /// As many installations are: trusting, unencrypted, unlogged.
    pub weak: Cluster,
    /// As the guide asks.
    pub hardened: Cluster,
    files: tempfile::TempDir,
}

impl Servers {
    /// Starts both at the same time and gives them something to find. `grants` is the script of `pgdossier grants` for
    /// [`AUDITOR`].
    ///
    /// # Errors
    /// [`DemoError`].
    pub fn start(grants: &str) -> Result<Self, DemoError> {
        let files = tempfile::tempdir().map_err(|source| DemoError::File {
            path: std::env::temp_dir(),
            source,
        })?;
        let authority = certificates::make()?;
        let password = random_password();
        write(&files.path().join("root.crt"), authority.root.as_bytes(), 0o644)?;
        write(
            &files.path().join("pgpass"),
            format!("*:*:*:{AUDITOR}:{password}\n").as_bytes(),
            0o600,
        )?;
        let (weak, hardened) = thread::scope(|scope| {
            let weak = scope.spawn(|| -> Result<Cluster, DemoError> {
                let cluster = Cluster::start(ClusterOptions {
                    settings: settings(WEAK),
                    ..ClusterOptions::default()
                })?;
                run_sql(&cluster, "postgres", include_str!("demo/weak.sql"))?;
                Ok(cluster)
            });
            let hardened = start_hardened(&authority, grants, &password);
            (weak.join(), hardened)
        });
        let gone =
            |_| DemoError::Sql("a part of the demo panicked; this is a defect, please report it".to_owned());
        Ok(Self {
            weak: weak.map_err(gone)??,
            hardened: hardened?,
            files,
        })
    }

    /// The inventory of both, with connection strings.
    pub fn inventory(&self) -> Vec<(&'static str, String)> {
        let folder = self.files.path().display();
        let hardened = format!(
            "host=localhost port={} user={AUDITOR} dbname=postgres sslmode=verify-full sslrootcert='{folder}/root.crt' passfile='{folder}/pgpass'",
            self.hardened.port()
        );
        vec![
            ("hardened", hardened),
            ("weak", self.weak.tcp_conninfo("postgres")),
        ]
    }

    /// Stops both and removes their files.
    ///
    /// # Errors
    /// Files that cannot be removed.
    pub fn stop(self) -> Result<(), DemoError> {
        self.weak.stop()?;
        self.hardened.stop()?;
        Ok(())
    }
}

const WEAK: &str = include_str!("demo/weak.conf");
const HARDENED: &str = include_str!("demo/hardened.conf");

fn start_hardened(
    authority: &certificates::Authority,
    grants: &str,
    password: &str,
) -> Result<Cluster, DemoError> {
    let file = |name: &str, text: &str, mode| ClusterFile {
        name: name.to_owned(),
        contents: text.as_bytes().to_vec(),
        mode,
    };
    let cluster = Cluster::start(ClusterOptions {
        settings: settings(HARDENED),
        // Open to its owner alone, until it is set up.
        hba: Some("local all all trust\n".to_owned()),
        files: vec![
            file("server.crt", &authority.certificate, 0o600),
            file("server.key", &authority.key, 0o600),
        ],
        initdb_arguments: vec!["--data-checksums".to_owned()],
        ..ClusterOptions::default()
    })?;
    run_sql(&cluster, "postgres", include_str!("demo/hardened.sql"))?;
    run_sql(&cluster, "postgres", grants)?;
    let secrets: String = [AUDITOR, "postgres", "app_login", "shop_owner"]
        .iter()
        .map(|role| {
            let password = if *role == AUDITOR { password.to_owned() } else { random_password() };
            format!("DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN ALTER ROLE {role} PASSWORD '{password}'; END IF; END $$;")
        })
        .collect();
    run_sql(
        &cluster,
        "postgres",
        &format!("SET log_statement = none; {secrets}"),
    )?;
    let hba = cluster.data_dir().join("pg_hba.conf");
    std::fs::write(&hba, include_str!("demo/hardened_hba.conf"))
        .map_err(|source| DemoError::File { path: hba, source })?;
    cluster.reload()?;
    wait_until_local_is_closed(&cluster);
    Ok(cluster)
}

/// A reload takes a moment: wait until the rules that let us set up are gone, for they are not what is assessed.
fn wait_until_local_is_closed(cluster: &Cluster) {
    for _ in 0..200 {
        if run_sql(cluster, "postgres", "SELECT 1").is_err() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Lines `name = value` of a configuration file.
fn settings(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches('\'').to_owned()))
        .collect()
}

/// Runs SQL as the superuser over the private socket; what follows a line `\connect NAME` runs in that database.
fn run_sql(cluster: &Cluster, database: &str, sql: &str) -> Result<(), DemoError> {
    let failed = |error: &dyn std::error::Error| DemoError::Sql(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    runtime.block_on(async {
        for (database, batches) in scripts(database, sql) {
            let (client, connection) = tokio_postgres::connect(&cluster.conninfo(&database), NoTls)
                .await
                .map_err(|error| failed(&error))?;
            let driver = tokio::spawn(connection);
            for batch in batches {
                client
                    .batch_execute(&batch)
                    .await
                    .map_err(|error| match error.as_db_error() {
                        Some(db) => DemoError::Sql(db.message().to_owned()),
                        None => failed(&error),
                    })?;
            }
            drop(client);
            let _ = driver.await;
        }
        Ok(())
    })
}

/// Each database with the batches to run in it. CREATE DATABASE may share a batch with nothing, and stands on one line.
fn scripts(database: &str, sql: &str) -> Vec<(String, Vec<String>)> {
    let mut scripts = vec![(database.to_owned(), vec![String::new()])];
    for line in sql.lines() {
        if let Some(name) = line.strip_prefix("\\connect ") {
            scripts.push((name.trim().to_owned(), vec![String::new()]));
            continue;
        }
        let Some((_, batches)) = scripts.last_mut() else {
            continue;
        };
        if line.starts_with("CREATE DATABASE") {
            batches.push(line.to_owned());
            batches.push(String::new());
        } else if let Some(batch) = batches.last_mut() {
            batch.push_str(line);
            batch.push('\n');
        }
    }
    scripts
}

fn random_password() -> String {
    use ring::rand::{SecureRandom as _, SystemRandom};
    let mut bytes = [0; 18];
    // Without randomness the demo's passwords would all be zeros; the key made next fails then, and with it the demo.
    let _ = SystemRandom::new().fill(&mut bytes);
    hex::encode(bytes)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DemoError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let opened = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path);
    opened
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|source| DemoError::File {
            path: path.to_owned(),
            source,
        })
}
